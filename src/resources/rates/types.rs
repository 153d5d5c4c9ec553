//! How rates look on the wire.
use poem_openapi::{Object, types::Example};
use serde::Serialize;

use super::exchange::RateState;
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

/// What one unit of the base is in a currency, and who says so.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Rate {
    /// The currency.
    pub currency: Currency,
    /// What one unit of the base is in it, as a decimal number.
    #[oai(validator(pattern = "^[0-9]+([.][0-9]+)?$", min_length = "1", max_length = "40"))]
    pub rate: String,
    /// The day for which the rate holds; left out for the operator's own figure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<Date>,
    /// The host that told it; `fallback` is the operator's own figure.
    #[oai(validator(min_length = "1", max_length = "100"))]
    pub source: String,
    /// How far the rate can be trusted.
    pub state: RateState,
    /// When the source told it; left out for the operator's own figure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetched_at: Option<Timestamp>,
}

impl Resource for RateTable {
    fn etag(&self) -> ETag {
        let rates = self.rates.iter().map(|rate| {
            let Rate { currency, rate, date, source, state, fetched_at } = rate;
            format!("{currency} {rate} {date:?} {source} {state:?} {fetched_at:?}")
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
            currency: Currency::EUR,
            rate: "0.8612".to_owned(),
            date: "2026-11-20".parse().ok(),
            source: "open.er-api.com".to_owned(),
            state: RateState::Fresh,
            fetched_at: "2026-11-21T06:00:00.000Z".parse().ok(),
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
