//! How rates look on the wire.
use poem_openapi::{Object, types::Example};
use serde::Serialize;

use super::exchange::{Known, RateState};
use crate::contract::{
    answer::Resource, cache::Cache, date::Date, etag::ETag, money::Currency, time::Timestamp,
};

/// What one unit of a currency is in every other that is known.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct RateTable {
    /// The currency of which one unit is meant.
    pub base: Currency,
    /// The others, by their letters.
    #[oai(validator(min_items = "0", max_items = "500"))]
    pub rates: Vec<Rate>,
}

/// What one unit of a currency is in another, and who says so.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Rate {
    /// The currency of which one unit is meant.
    pub base: Currency,
    /// The currency in which it is told.
    pub currency: Currency,
    #[oai(flatten)]
    #[serde(flatten)]
    pub quoted: Quoted,
    /// When the source told it; left out for the operator's own figure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetched_at: Option<Timestamp>,
}

/// A rate, and how far it can be trusted: in the same words wherever one stands.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
#[serde(rename_all = "camelCase")]
pub struct Quoted {
    /// What one unit of the one currency is in the other, as a decimal number.
    #[oai(validator(pattern = "^[0-9]+([.][0-9]+)?$", min_length = "1", max_length = "40"))]
    pub rate: String,
    /// The day for which the rate holds; left out for the operator's own figure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_date: Option<Date>,
    /// The host that told it; `fallback` is the operator's own figure.
    #[oai(validator(min_length = "1", max_length = "100"))]
    pub rate_source: String,
    /// How far the rate can be trusted.
    pub rate_state: RateState,
}

impl From<&Known> for Quoted {
    fn from(known: &Known) -> Self {
        Quoted {
            rate: known.rate.to_string(),
            rate_date: known.date,
            rate_source: known.source.clone(),
            rate_state: known.state,
        }
    }
}

impl Quoted {
    /// What a version of an answer depends on.
    pub fn tag(&self) -> String {
        let Quoted { rate, rate_date, rate_source, rate_state } = self;
        let date = rate_date.map(|date| date.to_string()).unwrap_or_default();
        format!("{rate} {date} {rate_source} {}", rate_state.as_str())
    }
}

impl Rate {
    pub fn of(base: Currency, currency: Currency, known: &Known) -> Self {
        Rate { base, currency, quoted: known.into(), fetched_at: known.fetched_at }
    }
}

impl Resource for RateTable {
    fn etag(&self) -> ETag {
        let rates = self.rates.iter().map(|rate| {
            let Rate { base: _, currency, quoted, fetched_at } = rate;
            format!("{currency} {} {fetched_at:?}", quoted.tag())
        });
        let parts: Vec<String> = std::iter::once(self.base.to_string()).chain(rates).collect();
        ETag::of_parts(&parts.iter().map(String::as_str).collect::<Vec<_>>())
    }
    fn location(&self) -> String {
        format!("/api/rates?base={}", self.base)
    }
    fn cache(&self) -> Cache {
        Cache::PUBLIC
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
            rate: "0.8612".to_owned(),
            rate_date: "2026-11-20".parse().ok(),
            rate_source: "open.er-api.com".to_owned(),
            rate_state: RateState::Fresh,
        }
    }
}

/// Which rates are asked for.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct RateQuery {
    /// The currency of which one unit is meant; the US dollar if none is named.
    pub base: Option<Currency>,
}

impl Example for RateQuery {
    fn example() -> Self {
        RateQuery { base: Some(Currency::USD) }
    }
}
