//! What sources of rates say, read with distrust: a document is taken as a whole or not at all.
use std::{borrow::Cow, collections::BTreeMap};

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::exchange::sane;
use crate::contract::{date::Date, money::Currency, time::Timestamp};

const DAY: i64 = 86_400_000;

/// A bank may close for a long weekend; what is older than this is forgotten by its source.
const OLDEST: i64 = 7 * DAY;

/// No source knows more currencies, and none of its documents is longer.
const MOST: usize = 400;
const MOST_EVENTS: usize = 10_000;

/// As many digits of a quotient count.
const DIGITS: u32 = 12;

/// What a dollar is, on a day, in the words of a source.
#[derive(Debug, PartialEq)]
pub struct Sheet {
    pub date: Date,
    /// Without the dollar itself.
    pub rates: BTreeMap<Currency, Decimal>,
}

/// Why a document is not believed.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum Absurd {
    #[error("it is neither a JSON document with rates nor the XML of the European Central Bank: {0}")]
    Form(Cow<'static, str>),
    #[error("the rate of {0} is {1}")]
    Rate(String, String),
    #[error("the day of its rates is {0}")]
    Day(Date),
    #[error("it has no rate of the dollar")]
    NoDollar,
}

type Result<T, E = Absurd> = std::result::Result<T, E>;

fn form<T>(what: impl Into<Cow<'static, str>>) -> Result<T> {
    Err(Absurd::Form(what.into()))
}

/// Reads a document of whichever shape it has.
pub fn read(body: &[u8], now: i64) -> Result<Sheet> {
    let Ok(text) = std::str::from_utf8(body) else { return form("it is no text") };
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let (base, date, told) = match text.as_bytes().first() {
        Some(b'{') => from_json(text)?,
        Some(b'<') => from_xml(text)?,
        _ => return form("it begins with something else"),
    };
    let age = now - date.0.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis();
    if !(-DAY..OLDEST).contains(&age) {
        return Err(Absurd::Day(date));
    }
    Ok(Sheet { date, rates: in_dollars(base, told)? })
}

type Told = BTreeMap<Currency, Decimal>;

/// Turns what one unit of `base` is into what a dollar is.
fn in_dollars(base: Currency, mut told: Told) -> Result<Told> {
    if told.insert(base, Decimal::ONE).is_some_and(|own| own != Decimal::ONE) {
        return form("its base is not one of itself");
    }
    let dollar = told.remove(&Currency::USD).ok_or(Absurd::NoDollar)?;
    if base == Currency::USD {
        return Ok(told);
    }
    told.into_iter()
        .map(|(currency, rate)| {
            let rate = rate.checked_div(dollar);
            let short =
                |rate: Decimal| rate.round_sf_with_strategy(DIGITS, RoundingStrategy::MidpointNearestEven);
            let rate = rate.and_then(short).map(|rate| rate.normalize());
            let rate = rate.filter(|rate| sane(*rate));
            rate.map(|rate| (currency, rate)).ok_or_else(|| absurd(currency.as_str(), "none of a dollar"))
        })
        .collect()
}

fn absurd(currency: &str, rate: &str) -> Absurd {
    Absurd::Rate(excerpt(currency), excerpt(rate))
}

/// What a stranger wrote, fit for a line in the log.
fn excerpt(text: &str) -> String {
    text.chars().take(40).filter(|c| !c.is_control()).collect()
}

/// From the digits as they stand there: a float would make others of them.
fn rate(currency: &str, text: &str) -> Result<Decimal> {
    let number = match text.contains(['e', 'E']) {
        true => Decimal::from_scientific(text).ok(),
        false => text.parse().ok(),
    };
    number.map(|number| number.normalize()).filter(|n| sane(*n)).ok_or_else(|| absurd(currency, text))
}

fn insert(told: &mut Told, currency: &str, text: &str) -> Result<()> {
    // Some sources have units of their own beside those of countries.
    let Ok(name) = currency.parse() else { return Ok(()) };
    if told.insert(name, rate(currency, text)?).is_some() {
        return form(format!("it has two rates of {currency}"));
    }
    match told.len() > MOST {
        true => form("it has too many rates"),
        false => Ok(()),
    }
}

#[derive(Deserialize)]
struct Latest<'a> {
    result: String,
    base_code: String,
    time_last_update_unix: i64,
    #[serde(borrow)]
    rates: Members<'a>,
}

/// The members of `rates` in their order, so that none hides another of the same name.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        struct InOrder;
        impl<'de> serde::de::Visitor<'de> for InOrder {
            type Value = Vec<(String, &'de RawValue)>;
            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        from.deserialize_map(InOrder).map(Members)
    }
}

/// The form of open.er-api.com.
fn from_json(text: &str) -> Result<(Currency, Date, Told)> {
    let latest: Latest = match serde_json::from_str(text) {
        Ok(latest) => latest,
        Err(error) => return form(excerpt(&error.to_string())),
    };
    if latest.result != "success" {
        return form("its result is no success");
    }
    let Ok(base) = latest.base_code.parse() else { return form("its base is no currency") };
    let Some(time) = latest.time_last_update_unix.checked_mul(1000) else { return form("its time is none") };
    let mut told = Told::new();
    for (currency, number) in latest.rates.0 {
        insert(&mut told, &currency, number.get())?;
    }
    Ok((base, Timestamp(time).day(), told))
}

/// The daily form of the European Central Bank: what a euro is, in `Cube`s within a dated one.
fn from_xml(text: &str) -> Result<(Currency, Date, Told)> {
    let mut reader = Reader::from_str(text);
    let (mut day, mut told, mut open) = (None, Told::new(), 0);
    for _ in 0..MOST_EVENTS {
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
            Ok(Event::DocType(_)) => return form("it has a document type"),
            Ok(Event::Eof) if open != 0 => return form("it breaks off"),
            Ok(Event::Eof) => {
                let Some(day) = day else { return form("it has no day") };
                return Ok((Currency::EUR, day, told));
            }
            Ok(_) => continue,
            Err(error) => return form(excerpt(&error.to_string())),
        };
        if element.local_name().as_ref() != b"Cube" {
            continue;
        }
        if let Some(time) = attribute(&element, "time")? {
            let Ok(time) = time.parse() else { return form("its day is none") };
            if day.replace(time).is_some() {
                return form("it has several days");
            }
        }
        if let (Some(currency), Some(rate)) = (attribute(&element, "currency")?, attribute(&element, "rate")?)
        {
            insert(&mut told, &currency, &rate)?;
        }
    }
    form("it is too long")
}

fn attribute<'a>(element: &'a BytesStart, name: &str) -> Result<Option<Cow<'a, str>>> {
    match element.try_get_attribute(name) {
        Ok(found) => Ok(found.and_then(|found| match found.value {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
        })),
        Err(error) => form(excerpt(&error.to_string())),
    }
}

#[cfg(test)]
mod tests;
