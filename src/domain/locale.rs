//! Locales in paths, each with the currency of its amounts, and their negotiation by `Accept-Language`.
use std::{convert::Infallible, fmt, str::FromStr};

use poem_openapi::registry::MetaSchema;

use super::{money::Currency, pattern, scalar::string_scalar};

/// A language with an optional country, as in paths: `en-gb`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Locale(pub String);

impl FromStr for Locale {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Locale(text.to_owned()))
    }
}

impl Locale {
    /// Returns the language tag (RFC 5646): `en-GB`.
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
    pattern: Some(pattern::LOCALE.regex.to_owned()),
    min_length: Some(2),
    max_length: Some(5),
    example: Some("en-us".into()),
    ..MetaSchema::new("string")
});

/// A locale that is not configured. The message lists the configured ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnknownLocale(pub String);

/// A locale and the currency of its amounts.
#[derive(Debug, Clone)]
pub struct LocaleCurrency {
    pub locale: Locale,
    pub currency: Currency,
}

/// The configured locales. The first one is the default.
#[derive(Debug, Clone)]
pub struct Locales(pub Vec<(Locale, Currency)>);

impl Locales {
    /// Returns the currency of each locale.
    pub fn currencies(&self) -> Vec<Currency> {
        self.0.iter().map(|(_, currency)| *currency).collect()
    }

    /// Returns the first locale with this currency, or the default locale.
    pub fn for_currency(&self, currency: Currency) -> Option<LocaleCurrency> {
        let found = self.0.iter().find(|(_, known)| *known == currency).or(self.0.first());
        found.map(|(locale, currency)| LocaleCurrency { locale: locale.clone(), currency: *currency })
    }

    /// Returns the locale that matches `Accept-Language` best, by lookup (RFC 4647, section 3.4).
    ///
    /// A language without a country matches the first locale of that language. Without a match, the result is
    /// the first locale that the header does not exclude with `q=0`, or the default locale.
    pub fn negotiate(&self, languages: &str) -> Option<&Locale> {
        let (accepted, excluded): (Vec<_>, Vec<_>) =
            languages.split(',').filter_map(parse_language_range).partition(|(_, weight)| *weight > 0);
        let mut accepted = accepted;
        // The sort is stable: ranges of equal weight stay in the order of the header.
        accepted.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
        let named = |locale: &Locale| accepted.iter().any(|(range, _)| *range == locale.0);
        // `en;q=0` excludes all locales of the language, except for those that the header accepts by name.
        let excludes = |range: &str, locale: &Locale| {
            range == locale.0 || (range == locale.language() && !named(locale))
        };
        let allowed = |locale: &Locale| !excluded.iter().any(|(range, _)| excludes(range, locale));
        let all = || self.0.iter().map(|(locale, _)| locale).filter(|locale| allowed(locale));
        let exact = |range: &str| all().find(|locale| locale.0 == range);
        let lookup = |range: &str| {
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
        accepted.iter().find_map(|(range, _)| lookup(range)).or_else(first)
    }

    /// Returns the locale with its currency.
    ///
    /// # Errors
    ///
    /// [`UnknownLocale`] if the locale is not configured.
    pub fn resolve(&self, locale: Locale) -> Result<LocaleCurrency, UnknownLocale> {
        match self.0.iter().find(|(known, _)| *known == locale) {
            Some((_, currency)) => Ok(LocaleCurrency { locale, currency: *currency }),
            None => {
                let names: Vec<&str> = self.0.iter().map(|(known, _)| known.0.as_str()).collect();
                Err(UnknownLocale(format!("locale: must be one of {}, got {locale}", names.join(", "))))
            }
        }
    }
}

/// Parses a language range and its weight in thousandths (RFC 9110, section 12.4.2). Returns `None` if
/// malformed.
pub fn parse_language_range(text: &str) -> Option<(String, u16)> {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next().filter(|range| !range.is_empty() && range.len() <= 35)?.to_ascii_lowercase();
    let weight = match parts.next() {
        None => 1000,
        Some(weight) => parse_weight(weight.strip_prefix(['q', 'Q'])?.trim().strip_prefix('=')?.trim())?,
    };
    parts.next().is_none().then_some((range, weight))
}

fn parse_weight(weight: &str) -> Option<u16> {
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
    fn selects_the_locale_with_the_highest_weight() {
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
            assert_eq!(locales.negotiate(languages).map(|best| best.0.as_str()), Some(best), "{languages}");
        }
        assert_eq!(Locales(vec![]).negotiate("fr"), None);
    }

    #[test]
    fn converts_locales_to_language_tags() {
        for (locale, tag) in [("fr", "fr"), ("en-gb", "en-GB")] {
            assert_eq!(Locale(locale.to_owned()).tag(), tag);
        }
    }
}
