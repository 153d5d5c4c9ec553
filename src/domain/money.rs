//! Currencies. Amounts are integers in minor units, never floats.
use std::{fmt, str::FromStr};

use poem_openapi::registry::MetaSchema;
use rust_decimal::Decimal;

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
    fn rejects_implausible_rates() {
        for rate in ["0", "-1", "0.0000000001", "1000000000"] {
            assert!(!is_plausible_rate(rate.parse().unwrap()), "{rate}");
        }
    }
}
