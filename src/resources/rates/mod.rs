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
pub use exchange::{ExchangeRate, Fallback, RateState, SourcedRate, sane};
pub use fetcher::{Refresh, Source, Untold};
pub use service::{Jumps, Rates, RejectedRate, Taken};
pub use snapshot::RateSnapshot;
pub use types::{Quoted, Rate};
