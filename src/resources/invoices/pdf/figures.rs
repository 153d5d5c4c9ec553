//! Amounts and days as each place writes them.
use chrono::Datelike;

use super::words::{Language, Manner};
use crate::contract::{date::Date, money::Currency};

/// Between an amount and its currency: no line ends there.
const GAP: char = '\u{a0}';

/// The mark between thousands, and the one before the minor digits.
fn marks(manner: Manner) -> (char, char) {
    match manner.language {
        Language::English | Language::Japanese => (',', '.'),
        Language::German if manner.swiss => ('’', '.'),
        Language::German => ('.', ','),
        Language::French => ('\u{202f}', ','),
    }
}

/// A sign, where nobody there takes it for that of another currency.
fn sign(currency: Currency, manner: Manner) -> Option<&'static str> {
    match currency.as_str() {
        "EUR" => Some("€"),
        "GBP" => Some("£"),
        "USD" if manner.american => Some("$"),
        "JPY" if manner.language == Language::Japanese => Some("¥"),
        _ => None,
    }
}

/// An amount of minor units.
pub fn money(amount: i64, currency: Currency, manner: Manner) -> String {
    let (group, point) = marks(manner);
    let unit = 10_u64.pow(currency.digits());
    let (whole, minor) = (amount.unsigned_abs() / unit, amount.unsigned_abs() % unit);
    let mut figure = if amount < 0 { String::from("\u{2212}") } else { String::new() };
    let digits = whole.to_string();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            figure.push(group);
        }
        figure.push(digit);
    }
    if currency.digits() > 0 {
        figure.push(point);
        figure.push_str(&format!("{minor:0width$}", width = currency.digits() as usize));
    }
    let behind = matches!(manner.language, Language::French | Language::German) && !manner.swiss;
    match (sign(currency, manner), behind) {
        (Some(sign), true) => format!("{figure}{GAP}{sign}"),
        (Some(sign), false) => format!("{sign}{figure}"),
        (None, true) => format!("{figure}{GAP}{currency}"),
        (None, false) => format!("{currency}{GAP}{figure}"),
    }
}

/// A decimal number such as `0.86`.
pub fn decimal(number: &str, manner: Manner) -> String {
    number.replace('.', &marks(manner).1.to_string())
}

const ENGLISH: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const FRENCH: [&str; 12] = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
];
const GERMAN: [&str; 12] = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
];

/// A day in words.
pub fn date(date: Date, manner: Manner) -> String {
    let (year, month, day) = (date.0.year(), date.0.month(), date.0.day());
    let name = |names: [&'static str; 12]| names[date.0.month0() as usize % 12];
    match manner.language {
        Language::English if manner.american => format!("{} {day}, {year}", name(ENGLISH)),
        Language::English => format!("{day} {} {year}", name(ENGLISH)),
        Language::French if day == 1 => format!("1er {} {year}", name(FRENCH)),
        Language::French => format!("{day} {} {year}", name(FRENCH)),
        Language::German => format!("{day}. {} {year}", name(GERMAN)),
        Language::Japanese => format!("{year}年{month}月{day}日"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_writes_amounts_its_own_way() {
        for (locale, amount, currency, text) in [
            ("en-us", 123_456, "USD", "$1,234.56"),
            ("en-gb", 123_456, "GBP", "£1,234.56"),
            ("de", 123_456, "EUR", "1.234,56\u{a0}€"),
            ("de-ch", 1_234_567, "CHF", "CHF\u{a0}12’345.67"),
            ("fr", 123_456_789, "EUR", "1\u{202f}234\u{202f}567,89\u{a0}€"),
            ("ja", 1234, "JPY", "¥1,234"),
            ("fr", 15795, "USD", "157,95\u{a0}USD"),
            ("en-gb", 1234, "JPY", "JPY\u{a0}1,234"),
            ("it", 5, "EUR", "€0.05"),
            ("en-us", 1_234_567, "KWD", "KWD\u{a0}1,234.567"),
            ("en-us", 0, "USD", "$0.00"),
            ("en-us", i64::MIN, "JPY", "JPY\u{a0}\u{2212}9,223,372,036,854,775,808"),
        ] {
            let currency = currency.parse().unwrap_or(Currency::USD);
            assert_eq!(money(amount, currency, Manner::of(locale)), text, "{locale}");
        }
    }

    #[test]
    fn each_place_writes_days_its_own_way() {
        for (locale, day, text) in [
            ("en-us", "2022-12-06", "December 6, 2022"),
            ("en-gb", "2022-12-06", "6 December 2022"),
            ("fr", "2022-12-01", "1er décembre 2022"),
            ("de", "2022-03-06", "6. März 2022"),
            ("ja", "2022-12-06", "2022年12月6日"),
        ] {
            let day: Date = day.parse().unwrap_or_else(|_| panic!("{day}"));
            assert_eq!(date(day, Manner::of(locale)), text);
        }
    }
}
