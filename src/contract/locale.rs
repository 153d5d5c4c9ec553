//! Locales in paths, each with the currency in which it shows money.
use std::{convert::Infallible, fmt, str::FromStr};

use poem_openapi::registry::MetaSchema;

use super::{
    money::Currency,
    problem::{Error, Result},
    scalar::string_scalar,
};

/// A language, and where it matters a country, as they stand in paths: `en-gb`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Locale(pub String);

impl FromStr for Locale {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Locale(text.to_owned()))
    }
}

impl Locale {
    /// The language tag (RFC 5646): `en-GB`.
    pub fn tag(&self) -> String {
        match self.0.split_once('-') {
            Some((language, region)) => format!("{language}-{}", region.to_uppercase()),
            None => self.0.clone(),
        }
    }

    fn language(&self) -> &str {
        self.0.split('-').next().unwrap_or_default()
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

string_scalar!([] Locale, "locale", MetaSchema {
    pattern: Some("^[a-z]{2}(-[a-z]{2})?$".to_owned()),
    min_length: Some(2),
    max_length: Some(5),
    example: Some("en-us".into()),
    ..MetaSchema::new("string")
});

/// Where money is shown: the locale with its currency.
#[derive(Debug, Clone)]
pub struct Place {
    pub locale: Locale,
    pub currency: Currency,
}

/// The locales of this service.
#[derive(Debug, Clone)]
pub struct Locales(pub Vec<(Locale, Currency)>);

impl Locales {
    pub fn currencies(&self) -> Vec<Currency> {
        self.0.iter().map(|(_, currency)| *currency).collect()
    }

    /// Where an amount of this currency is at home: the first locale that has it, or the first of all.
    pub fn home(&self, currency: Currency) -> Option<Place> {
        let known = self.0.iter().find(|(_, known)| *known == currency).or(self.0.first());
        known.map(|(locale, currency)| Place { locale: locale.clone(), currency: *currency })
    }

    /// The locale that suits `Accept-Language` best: by lookup (RFC 4647, 3.4), and where a language is wished
    /// without its country, the first of that language. The first of all where nothing fits.
    pub fn best(&self, languages: &str) -> Option<&Locale> {
        let (wished, refused): (Vec<_>, Vec<_>) =
            languages.split(',').filter_map(wish).partition(|(_, weight)| *weight > 0);
        let mut wished = wished;
        // Those of one weight stay in the order in which they were sent.
        wished.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
        let named = |locale: &Locale| wished.iter().any(|(range, _)| *range == locale.0);
        let refuses = |range: &str, locale: &Locale| {
            range == locale.0 || (range == locale.language() && !named(locale))
        };
        let allowed = |locale: &Locale| !refused.iter().any(|(range, _)| refuses(range, locale));
        let all = || self.0.iter().map(|(locale, _)| locale).filter(|locale| allowed(locale));
        let exact = |range: &str| all().find(|locale| locale.0 == range);
        let fits = |range: &str| {
            let mut range = range;
            loop {
                match (exact(range), range.rsplit_once('-')) {
                    (Some(locale), _) => return Some(locale),
                    (None, Some((shorter, _))) => range = shorter,
                    (None, None) => return all().find(|locale| locale.language() == range),
                }
            }
        };
        let first = || all().next().or_else(|| self.0.first().map(|(locale, _)| locale));
        wished.iter().find_map(|(range, _)| fits(range)).or_else(first)
    }

    /// The locale with its currency; there is nothing at the addresses of others.
    pub fn place(&self, locale: Locale) -> Result<Place> {
        match self.0.iter().find(|(known, _)| *known == locale) {
            Some((_, currency)) => Ok(Place { locale, currency: *currency }),
            None => {
                let names: Vec<&str> = self.0.iter().map(|(known, _)| known.0.as_str()).collect();
                Err(Error::NoLocale(format!("there is no locale {locale}: use {}", names.join(", "))))
            }
        }
    }
}

/// A range of languages with its weight in thousandths (RFC 9110, 12.4.2); none if it cannot be read.
fn wish(text: &str) -> Option<(String, u16)> {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next().filter(|range| !range.is_empty() && range.len() <= 35)?.to_ascii_lowercase();
    let weight = match parts.next() {
        None => 1000,
        Some(weight) => thousandths(weight.strip_prefix(['q', 'Q'])?.trim().strip_prefix('=')?.trim())?,
    };
    parts.next().is_none().then_some((range, weight))
}

fn thousandths(weight: &str) -> Option<u16> {
    let (whole, rest) = weight.split_once('.').unwrap_or((weight, ""));
    let digits = rest.len() <= 3 && rest.bytes().all(|digit| digit.is_ascii_digit());
    let rest: u16 = format!("{rest:0<3}").parse().ok().filter(|_| digits)?;
    match whole {
        "0" => Some(rest),
        "1" if rest == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_is_the_one_that_is_wished_most() {
        let all = ["en-us", "fr", "de", "en-gb", "ja"].map(|name| (Locale(name.to_owned()), Currency::USD));
        let locales = Locales(all.into());
        for (languages, best) in [
            ("", "en-us"),
            ("fr", "fr"),
            ("FR-ca", "fr"),
            ("fr-CA, fr;q=0.9, en;q=0.5", "fr"),
            ("de-Latn-AT", "de"),
            ("en", "en-us"),
            ("en-GB", "en-gb"),
            ("en-AU", "en-us"),
            ("en;q=0.5, en-gb;q=0.9", "en-gb"),
            ("en-us;q=0, en", "en-gb"),
            ("de;q=0.1, ja;q=0.111, fr;q=0.11", "ja"),
            ("de, fr", "de"),
            ("es, it;q=0.9, de;q=0.1", "de"),
            ("es", "en-us"),
            ("*", "en-us"),
            ("*, ja;q=0.1", "ja"),
            ("fr;q=0", "en-us"),
            ("en;q=0", "fr"),
            ("en;q=0, en-gb;q=0.1", "en-gb"),
            ("*, fr;q=0", "en-us"),
            ("fr;q=0.000, de;q=0.001", "de"),
            ("fr;q=2, de;q=0.1", "de"),
            ("fr;q=0.1234, de;q=0.1", "de"),
            ("fr;q=x, de;q=", "en-us"),
            ("fr;level=1, de ; q = 1.000", "de"),
            (",,;q=1,-,--,fr", "fr"),
        ] {
            assert_eq!(locales.best(languages).map(|best| best.0.as_str()), Some(best), "{languages}");
        }
        assert_eq!(Locales(vec![]).best("fr"), None);
    }

    #[test]
    fn a_locale_has_a_tag() {
        for (locale, tag) in [("fr", "fr"), ("en-gb", "en-GB")] {
            assert_eq!(Locale(locale.to_owned()).tag(), tag);
        }
    }
}
