//! Parsers for the documents of rate sources. The input is untrusted: one invalid rate rejects the whole
//! document.
use std::{borrow::Cow, collections::BTreeMap};

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::{
    date::Date,
    money::{Currency, is_plausible_rate},
    timestamp::Timestamp,
};

const DAY: i64 = 86_400_000;

/// The largest age of a document in milliseconds. Banks publish no rates on long weekends.
const MAX_AGE: i64 = 7 * DAY;

/// Limits on the number of rates and of XML events: more than any known source sends.
const MAX_RATES: usize = 400;
const MAX_EVENTS: usize = 10_000;

/// The significant digits of a quotient.
const DIGITS: u32 = 12;

/// The value of one US dollar in other currencies on one day.
#[derive(Debug, PartialEq)]
pub struct FetchedRates {
    pub date: Date,
    /// Without the US dollar.
    pub rates: BTreeMap<Currency, Decimal>,
}

/// An error of parsing a document.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum InvalidRates {
    #[error(
        "expected the JSON format of open.er-api.com or the XML format of the European Central Bank: {0}"
    )]
    Format(Cow<'static, str>),
    #[error("the rate of {0} must be between 1e-9 and 1e9, got {1}")]
    Rate(String, String),
    #[error("the date of the rates is {0}, which is more than 1 day ahead or at least 7 days old")]
    Date(Date),
    #[error("the rate of USD is missing")]
    MissingUsd,
}

type Result<T, E = InvalidRates> = std::result::Result<T, E>;

fn invalid_format<T>(reason: impl Into<Cow<'static, str>>) -> Result<T> {
    Err(InvalidRates::Format(reason.into()))
}

/// Parses a document in one of the supported formats.
pub fn parse(body: &[u8], now: i64) -> Result<FetchedRates> {
    let Ok(text) = std::str::from_utf8(body) else { return invalid_format("it is not UTF-8") };
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let (base, date, rates) = match text.as_bytes().first() {
        Some(b'{') => from_json(text)?,
        Some(b'<') => from_xml(text)?,
        _ => return invalid_format("it must begin with { or <"),
    };
    let age = now - date.0.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis();
    if !(-DAY..MAX_AGE).contains(&age) {
        return Err(InvalidRates::Date(date));
    }
    Ok(FetchedRates { date, rates: per_usd(base, rates)? })
}

type RatesByCurrency = BTreeMap<Currency, Decimal>;

/// Converts rates of one unit of `base` to rates of one US dollar.
fn per_usd(base: Currency, mut rates: RatesByCurrency) -> Result<RatesByCurrency> {
    if rates.insert(base, Decimal::ONE).is_some_and(|rate| rate != Decimal::ONE) {
        return invalid_format("the rate of the base must be 1");
    }
    let usd = rates.remove(&Currency::USD).ok_or(InvalidRates::MissingUsd)?;
    if base == Currency::USD {
        return Ok(rates);
    }
    rates
        .into_iter()
        .map(|(currency, rate)| {
            let rate = rate.checked_div(usd);
            let round =
                |rate: Decimal| rate.round_sf_with_strategy(DIGITS, RoundingStrategy::MidpointNearestEven);
            let rate = rate.and_then(round).map(|rate| rate.normalize());
            let rate = rate.filter(|rate| is_plausible_rate(*rate));
            rate.map(|rate| (currency, rate))
                .ok_or_else(|| invalid_rate(currency.as_str(), "a quotient out of range"))
        })
        .collect()
}

fn invalid_rate(currency: &str, rate: &str) -> InvalidRates {
    InvalidRates::Rate(excerpt(currency), excerpt(rate))
}

/// Returns untrusted text without control characters and cut to 40 characters, for the log.
fn excerpt(text: &str) -> String {
    text.chars().take(40).filter(|c| !c.is_control()).collect()
}

/// Parses the digits of a number exactly: a float would change them.
fn parse_rate(currency: &str, text: &str) -> Result<Decimal> {
    let number = match text.contains(['e', 'E']) {
        true => Decimal::from_scientific(text).ok(),
        false => text.parse().ok(),
    };
    number
        .map(|number| number.normalize())
        .filter(|n| is_plausible_rate(*n))
        .ok_or_else(|| invalid_rate(currency, text))
}

fn insert(rates: &mut RatesByCurrency, currency: &str, text: &str) -> Result<()> {
    // Sources also send codes that are no currencies, such as precious metals.
    let Ok(name) = currency.parse() else { return Ok(()) };
    if rates.insert(name, parse_rate(currency, text)?).is_some() {
        return invalid_format(format!("{currency} occurs twice"));
    }
    match rates.len() > MAX_RATES {
        true => invalid_format(format!("it has more than {MAX_RATES} rates")),
        false => Ok(()),
    }
}

#[derive(Deserialize)]
struct LatestRates<'a> {
    result: String,
    base_code: String,
    time_last_update_unix: i64,
    #[serde(borrow)]
    rates: Fields<'a>,
}

/// The fields of `rates` in their order. A map would hide duplicate names.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        struct FieldVisitor;
        impl<'de> serde::de::Visitor<'de> for FieldVisitor {
            type Value = Vec<(String, &'de RawValue)>;
            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(fields)
            }
        }
        from.deserialize_map(FieldVisitor).map(Fields)
    }
}

/// Parses the JSON format of open.er-api.com.
fn from_json(text: &str) -> Result<(Currency, Date, RatesByCurrency)> {
    let latest: LatestRates = match serde_json::from_str(text) {
        Ok(latest) => latest,
        Err(error) => return invalid_format(excerpt(&error.to_string())),
    };
    if latest.result != "success" {
        return invalid_format("`result` must be success");
    }
    let Ok(base) = latest.base_code.parse() else { return invalid_format("`base_code` must be a currency") };
    let Some(time) = latest.time_last_update_unix.checked_mul(1000) else {
        return invalid_format("`time_last_update_unix` is out of range");
    };
    let mut rates = RatesByCurrency::new();
    for (currency, number) in latest.rates.0 {
        insert(&mut rates, &currency, number.get())?;
    }
    Ok((base, Timestamp(time).date(), rates))
}

/// Parses the daily XML format of the European Central Bank: the value of one euro, in `Cube` elements inside
/// a `Cube` with a date.
fn from_xml(text: &str) -> Result<(Currency, Date, RatesByCurrency)> {
    let mut reader = Reader::from_str(text);
    let (mut day, mut rates, mut open) = (None, RatesByCurrency::new(), 0);
    for _ in 0..MAX_EVENTS {
        let element = match reader.read_event() {
            Ok(Event::Start(element)) => {
                open += 1;
                element
            }
            Ok(Event::Empty(element)) => element,
            Ok(Event::End(_)) => {
                open -= 1;
                continue;
            }
            Ok(Event::DocType(_)) => return invalid_format("document types are not allowed"),
            Ok(Event::Eof) if open != 0 => return invalid_format("it is truncated"),
            Ok(Event::Eof) => {
                let Some(day) = day else { return invalid_format("the attribute `time` is missing") };
                return Ok((Currency::EUR, day, rates));
            }
            Ok(_) => continue,
            Err(error) => return invalid_format(excerpt(&error.to_string())),
        };
        if element.local_name().as_ref() != b"Cube" {
            continue;
        }
        if let Some(time) = attribute(&element, "time")? {
            let Ok(time) = time.parse() else { return invalid_format("the attribute `time` must be a date") };
            if day.replace(time).is_some() {
                return invalid_format("the attribute `time` occurs twice");
            }
        }
        if let (Some(currency), Some(rate)) = (attribute(&element, "currency")?, attribute(&element, "rate")?)
        {
            insert(&mut rates, &currency, &rate)?;
        }
    }
    invalid_format(format!("it has more than {MAX_EVENTS} XML events"))
}

fn attribute<'a>(element: &'a BytesStart, name: &str) -> Result<Option<Cow<'a, str>>> {
    match element.try_get_attribute(name) {
        Ok(found) => Ok(found.and_then(|found| match found.value {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
        })),
        Err(error) => invalid_format(excerpt(&error.to_string())),
    }
}

#[cfg(test)]
mod tests;
