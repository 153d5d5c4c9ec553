//! What one currency is in another: known rates while they are young enough, and else what the operator has
//! written down. A source is asked in the background; no request waits for anybody outside.
mod api;
mod book;
mod exchange;
mod refresh;
mod service;
mod shown;
mod source;
mod types;

pub use api::RatesApi;
pub use book::Book;
pub use exchange::{Exchange, Fallback, Known, RateState, sane};
pub use refresh::{Refresh, Source, Untold};
pub use service::{Jump, Jumps, Rates, Taken};
pub use shown::{Exchanges, Original};
pub use types::{Quoted, Rate};
