//! Currencies. Amounts are integers in minor units, never floats.
use std::{fmt, str::FromStr};

use poem_openapi::registry::MetaSchema;
use rust_decimal::{Decimal, prelude::ToPrimitive};

use super::{pattern, scalar::string_scalar};

/// A currency code (ISO 4217).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// Currencies whose minor unit is not 1/100 (ISO 4217, list one).
const DIGITS: [(u32, &[&str]); 2] = [
    (
        0,
        &[
            "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV",
            "XAF", "XOF", "XPF",
        ],
    ),
    (3, &["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]),
];

impl Currency {
    pub const USD: Currency = Currency(*b"USD");
    pub const EUR: Currency = Currency(*b"EUR");

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Returns the number of decimal digits of the minor unit.
    pub fn digits(&self) -> u32 {
        let known = DIGITS.iter().find(|(_, names)| names.contains(&self.as_str()));
        known.map_or(2, |(digits, _)| *digits)
    }
}

/// The largest integer that every JSON parser represents exactly (RFC 8259, section 6).
pub const MAX_INTEGER: i64 = (1 << 53) - 1;

/// An amount in minor units of its currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    minor: i64,
    currency: Currency,
}

impl Amount {
    /// Returns an amount; `None` if it is negative or more than 2^53 - 1.
    pub fn new(minor: i64, currency: Currency) -> Option<Self> {
        (0..=MAX_INTEGER).contains(&minor).then_some(Amount { minor, currency })
    }

    /// Parses a decimal number of major units, such as `7.47`. Returns `None` if it has more decimal digits than the
    /// currency.
    pub fn parse_decimal(text: &str, currency: Currency) -> Option<Self> {
        let is_plain =
            (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let major: Decimal = text.parse().ok().filter(|_| is_plain)?;
        let minor = major.checked_mul(Decimal::from(10_i64.pow(currency.digits())))?;
        Amount::new(minor.to_i64().filter(|_| minor.fract().is_zero())?, currency)
    }

    pub fn minor(self) -> i64 {
        self.minor
    }

    pub fn currency(self) -> Currency {
        self.currency
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", Decimal::new(self.minor, self.currency.digits()), self.currency)
    }
}

/// Returns whether a number is plausible as an exchange rate: greater than 1e-9 and less than 1e9.
pub fn is_plausible_rate(rate: Decimal) -> bool {
    rate > Decimal::new(1, 9) && rate < Decimal::from(1_000_000_000u32)
}

impl FromStr for Currency {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(letters) if letters.iter().all(u8::is_ascii_uppercase) => Ok(Currency(letters)),
            _ => Err(format!("must be three capital letters, such as EUR, got {text}")),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

string_scalar!([] Currency, "currency", MetaSchema {
    pattern: Some(pattern::CURRENCY.regex.to_owned()),
    min_length: Some(3),
    max_length: Some(3),
    example: Some("EUR".into()),
    ..MetaSchema::new("string")
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_the_digits_of_the_minor_unit() {
        for (name, digits) in [("USD", 2), ("EUR", 2), ("JPY", 0), ("KWD", 3)] {
            assert_eq!(name.parse::<Currency>().map(|currency| currency.digits()), Ok(digits));
        }
        for name in ["", "EU", "eur", "EURO", "E€"] {
            assert!(name.parse::<Currency>().is_err(), "{name}");
        }
    }

    #[test]
    fn amounts_are_in_minor_units() {
        let parse = |text: &str, currency: &str| {
            let amount = Amount::parse_decimal(text, currency.parse().expect("a currency"));
            amount.map(|amount| (amount.minor(), amount.to_string()))
        };
        for (text, currency, minor, printed) in [
            ("7.47", "USD", 747, "7.47 USD"),
            ("7", "USD", 700, "7.00 USD"),
            ("7.470", "USD", 747, "7.47 USD"),
            ("100", "JPY", 100, "100 JPY"),
            ("100.00", "JPY", 100, "100 JPY"),
            ("1.234", "KWD", 1234, "1.234 KWD"),
            ("0", "EUR", 0, "0.00 EUR"),
        ] {
            assert_eq!(parse(text, currency), Some((minor, printed.to_owned())), "{text} {currency}");
        }
        for (text, currency) in [
            ("", "USD"),
            ("-1.00", "USD"),
            ("1e3", "USD"),
            ("1,000.00", "USD"),
            ("7.475", "USD"),
            ("100.5", "JPY"),
            ("99999999999999999", "USD"),
            ("999999999999999999999", "USD"),
        ] {
            assert_eq!(parse(text, currency), None, "{text} {currency}");
        }
        assert!(Amount::new(-1, Currency::USD).is_none() && Amount::new(1 << 53, Currency::USD).is_none());
    }

    #[test]
    fn rejects_implausible_rates() {
        for rate in ["0", "-1", "0.0000000001", "1000000000"] {
            assert!(!is_plausible_rate(rate.parse().unwrap()), "{rate}");
        }
    }
}
