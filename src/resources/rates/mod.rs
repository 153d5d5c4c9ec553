//! What one currency is in another: known rates while they are young enough, and else what the operator has
//! written down. No request waits for anybody outside.
mod exchange;
mod service;
mod shown;

pub use exchange::{Exchange, Fallback, Known, RateState, sane};
pub use service::Rates;
pub use shown::{Exchanges, Original};
