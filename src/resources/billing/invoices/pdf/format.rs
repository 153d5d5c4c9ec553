//! Locale formats of amounts, numbers and dates.
use chrono::Datelike;

use super::labels::{Language, LocaleStyle};
use crate::domain::{date::Date, money::Currency};

/// A no-break space between an amount and its currency.
const NO_BREAK_SPACE: char = '\u{a0}';

/// Returns the separator of thousands, and the decimal separator.
fn separators(style: LocaleStyle) -> (char, char) {
    match style.language {
        Language::English | Language::Japanese => (',', '.'),
        Language::German if style.swiss => ('’', '.'),
        Language::German => ('.', ','),
        Language::French => ('\u{202f}', ','),
    }
}

/// Returns the symbol of a currency, if it is unambiguous in this locale.
fn symbol(currency: Currency, style: LocaleStyle) -> Option<&'static str> {
    match currency.as_str() {
        "EUR" => Some("€"),
        "GBP" => Some("£"),
        "USD" if style.american => Some("$"),
        "JPY" if style.language == Language::Japanese => Some("¥"),
        _ => None,
    }
}

/// Formats an amount in minor units.
pub fn money(amount: i64, currency: Currency, style: LocaleStyle) -> String {
    let (group, decimal) = separators(style);
    let unit = 10_u64.pow(currency.digits());
    let (whole, minor) = (amount.unsigned_abs() / unit, amount.unsigned_abs() % unit);
    let mut text = if amount < 0 { String::from("\u{2212}") } else { String::new() };
    let digits = whole.to_string();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push(group);
        }
        text.push(digit);
    }
    if currency.digits() > 0 {
        text.push(decimal);
        text.push_str(&format!("{minor:0width$}", width = currency.digits() as usize));
    }
    let symbol_last = matches!(style.language, Language::French | Language::German) && !style.swiss;
    match (symbol(currency, style), symbol_last) {
        (Some(symbol), true) => format!("{text}{NO_BREAK_SPACE}{symbol}"),
        (Some(symbol), false) => format!("{symbol}{text}"),
        (None, true) => format!("{text}{NO_BREAK_SPACE}{currency}"),
        (None, false) => format!("{currency}{NO_BREAK_SPACE}{text}"),
    }
}

/// Formats a decimal number such as `0.86`.
pub fn decimal(number: &str, style: LocaleStyle) -> String {
    number.replace('.', &separators(style).1.to_string())
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

/// Formats a date with the name of the month.
pub fn date(date: Date, style: LocaleStyle) -> String {
    let (year, month, day) = (date.0.year(), date.0.month(), date.0.day());
    let name = |names: [&'static str; 12]| names[date.0.month0() as usize % 12];
    match style.language {
        Language::English if style.american => format!("{} {day}, {year}", name(ENGLISH)),
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
    fn formats_amounts_by_locale() {
        for (locale, amount, currency, expected) in [
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
            assert_eq!(money(amount, currency, LocaleStyle::of(locale)), expected, "{locale}");
        }
    }

    #[test]
    fn formats_dates_by_locale() {
        for (locale, day, text) in [
            ("en-us", "2022-12-06", "December 6, 2022"),
            ("en-gb", "2022-12-06", "6 December 2022"),
            ("fr", "2022-12-01", "1er décembre 2022"),
            ("de", "2022-03-06", "6. März 2022"),
            ("ja", "2022-12-06", "2022年12月6日"),
        ] {
            let day: Date = day.parse().unwrap_or_else(|_| panic!("{day}"));
            assert_eq!(date(day, LocaleStyle::of(locale)), text);
        }
    }
}
