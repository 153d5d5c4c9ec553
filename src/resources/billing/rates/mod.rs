//! Exchange rates: stored rates while they are recent, otherwise the rates of the setting `rates_fallback`. A
//! background task fetches rates from the configured source; no request waits for the source.
mod api;
mod conversion;
mod exchange;
mod fetcher;
mod service;
mod snapshot;
mod source;
mod types;

pub use api::RatesApi;
pub use conversion::{ExchangeRates, Original};
pub use exchange::{ExchangeRate, RateState, SourcedRate};
pub use fetcher::{FetchError, RateFetcher};
pub use service::{FetchSummary, MaxChange, Rates, RejectedRate};
pub use snapshot::RateSnapshot;
pub use types::{Quoted, Rate};

use crate::http::operation::Tag;

pub const TAG: Tag = Tag { name: "Rates", description: "Rates: exchange rates and their sources." };
