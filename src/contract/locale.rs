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
