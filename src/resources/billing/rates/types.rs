//! Response bodies of exchange rates.
use poem_openapi::{Object, types::Example};
use serde::Serialize;

use super::exchange::{RateState, SourcedRate};
use crate::{
    domain::{
        date::Date,
        money::Currency,
        pattern,
        text::{Text, text_type},
        timestamp::Timestamp,
    },
    http::{cache_control::CacheControl, etag::ETag, response::Resource},
};

text_type! {
    /// A positive decimal number.
    pub struct Decimal {
        length: 1..=40,
        pattern: pattern::DECIMAL,
        example: "0.8612",
    }
}

/// The value of one unit of a currency in every other known currency.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct RateTable {
    /// The base currency: every rate is the value of one unit of it.
    pub base: Currency,
    /// The rates, in ascending order of currency codes.
    #[oai(validator(min_items = "0", max_items = "500"))]
    pub rates: Vec<Rate>,
}

/// The value of one unit of a currency in another currency, with its source.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Rate {
    /// The base currency: the rate is the value of one unit of it.
    pub base: Currency,
    /// The quote currency: the rate is in this currency.
    pub currency: Currency,
    #[oai(flatten)]
    #[serde(flatten)]
    pub quoted: Quoted,
    /// When the rate was fetched. Omitted for a fallback rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetched_at: Option<Timestamp>,
}

/// A rate with its date, source and state. All resources that contain a rate use these fields.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
#[serde(rename_all = "camelCase")]
pub struct Quoted {
    /// The value of one unit of the base currency in the quote currency, as a decimal number.
    pub rate: Decimal,
    /// The day that the rate is for. Omitted for a fallback rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_date: Option<Date>,
    /// The host that the rate was fetched from; `fallback` for the setting `rates_fallback`.
    pub rate_source: Text<100>,
    /// The age and origin of the rate.
    pub rate_state: RateState,
}

impl From<&SourcedRate> for Quoted {
    fn from(sourced: &SourcedRate) -> Self {
        Quoted {
            rate: sourced.rate.to_string().into(),
            rate_date: sourced.date,
            rate_source: sourced.source.clone().into(),
            rate_state: sourced.state,
        }
    }
}

impl Quoted {
    /// Returns the text that the ETag of a response with this rate depends on.
    pub fn tag(&self) -> String {
        let Quoted { rate, rate_date, rate_source, rate_state } = self;
        let date = rate_date.map(|date| date.to_string()).unwrap_or_default();
        format!("{rate} {date} {rate_source} {}", rate_state.as_str())
    }
}

impl Rate {
    pub fn of(base: Currency, currency: Currency, sourced: &SourcedRate) -> Self {
        Rate { base, currency, quoted: sourced.into(), fetched_at: sourced.fetched_at }
    }
}

impl Resource for RateTable {
    fn etag(&self) -> ETag {
        let rates = self.rates.iter().map(|rate| {
            let Rate { base: _, currency, quoted, fetched_at } = rate;
            format!("{currency} {} {fetched_at:?}", quoted.tag())
        });
        let parts: Vec<String> = std::iter::once(self.base.to_string()).chain(rates).collect();
        ETag::from_parts(&parts.iter().map(String::as_str).collect::<Vec<_>>())
    }
    fn location(&self) -> String {
        format!("/api/rates?base={}", self.base)
    }
    fn cache(&self) -> CacheControl {
        CacheControl::PUBLIC
    }
}

impl Example for RateTable {
    fn example() -> Self {
        RateTable { base: Currency::USD, rates: vec![Rate::example()] }
    }
}

impl Example for Rate {
    fn example() -> Self {
        Rate {
            base: Currency::USD,
            currency: Currency::EUR,
            quoted: Quoted::example(),
            fetched_at: "2026-11-21T06:00:00.000Z".parse().ok(),
        }
    }
}

impl Example for Quoted {
    fn example() -> Self {
        Quoted {
            rate: "0.8612".into(),
            rate_date: "2026-11-20".parse().ok(),
            rate_source: "open.er-api.com".into(),
            rate_state: RateState::Fresh,
        }
    }
}

/// The base currency of the requested rates.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct RateQuery {
    /// The base currency. The default is the US dollar.
    pub base: Option<Currency>,
}

impl Example for RateQuery {
    fn example() -> Self {
        RateQuery { base: Some(Currency::USD) }
    }
}
