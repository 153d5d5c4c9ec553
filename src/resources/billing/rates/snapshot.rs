//! All rates at one time.
use std::collections::BTreeSet;

use entity::rate;
use rust_decimal::Decimal;

use super::{
    conversion::ExchangeRates,
    exchange::{ExchangeRate, RateState, SourcedRate},
    types::{Rate, RateTable},
};
use crate::{
    config::FallbackRates,
    domain::{
        money::{Currency, is_plausible_rate},
        timestamp::Timestamp,
    },
    http::problem::{Error, Result},
};

const HOUR: i64 = 3_600_000;

/// The age in milliseconds up to which a rate is fresh, and up to which it precedes the fallback rate.
pub(super) const FRESH_AGE: i64 = 36 * HOUR;
pub(super) const MAX_AGE: i64 = 7 * 24 * HOUR;

/// The stored rates and the fallback rates, as read at one time. Amounts that are shown together use one
/// snapshot, so that they are converted by the same rates.
#[derive(Debug, Clone)]
pub struct RateSnapshot {
    pub(super) rows: Vec<rate::Model>,
    pub(super) fallback: FallbackRates,
    pub(super) now: i64,
}

impl RateSnapshot {
    /// Returns a snapshot without rates. It can only serve amounts that need no conversion.
    pub fn empty() -> Self {
        RateSnapshot { rows: Vec::new(), fallback: FallbackRates(Vec::new()), now: 0 }
    }

    /// Returns the exchange rate from each currency in `bases` to `quote`.
    pub fn exchange_rates(&self, bases: &[Currency], quote: Currency) -> Result<ExchangeRates> {
        let others: BTreeSet<Currency> = bases.iter().copied().filter(|base| *base != quote).collect();
        if others.is_empty() {
            return Ok(ExchangeRates { quote, rates: Vec::new() });
        }
        let quoted = self.usd_rate(quote)?;
        let exchange = |base| Ok((base, ExchangeRate::between(self.usd_rate(base)?, quoted.clone())?));
        Ok(ExchangeRates { quote, rates: others.into_iter().map(exchange).collect::<Result<_>>()? })
    }

    /// Returns the rates from `base` to every other known currency.
    pub fn table(&self, base: Currency) -> Result<RateTable> {
        let mut known = BTreeSet::from([Currency::USD]);
        known.extend(self.fallback.0.iter().map(|(currency, _)| *currency));
        known.extend(self.rows.iter().filter_map(|row| row.quote.parse::<Currency>().ok()));
        if !known.remove(&base) {
            return Err(Error::NotFound("exchange rate of the currency in `base`"));
        }
        let based = self.usd_rate(base)?;
        let rate = |currency| {
            let rate = ExchangeRate::between(based.clone(), self.usd_rate(currency)?)?.0;
            Ok(Rate::of(base, currency, &rate))
        };
        Ok(RateTable { base, rates: known.into_iter().map(rate).collect::<Result<_>>()? })
    }

    fn age(&self, row: &rate::Model) -> i64 {
        self.now - row.fetched_at
    }

    /// Returns the rate of one US dollar in a currency: the stored rate while it is recent, otherwise the
    /// fallback rate.
    fn usd_rate(&self, currency: Currency) -> Result<SourcedRate> {
        let sourced = |rate, source: &str, state| SourcedRate {
            rate,
            date: None,
            source: source.to_owned(),
            state,
            fetched_at: None,
        };
        if currency == Currency::USD {
            return Ok(sourced(Decimal::ONE, "identity", RateState::Fresh));
        }
        let fallback = self.fallback.0.iter().find(|(known, _)| *known == currency);
        let row = self.rows.iter().find(|row| row.quote == currency.as_str());
        // Without a fallback rate, an old rate is better than none.
        if let Some(row) = row.filter(|row| self.age(row) < MAX_AGE || fallback.is_none())
            && let Some(rate) = row.rate.parse().ok().filter(|rate| is_plausible_rate(*rate))
        {
            let state = if self.age(row) < FRESH_AGE { RateState::Fresh } else { RateState::LastKnown };
            let (date, fetched_at) = (row.date.parse().ok(), Some(Timestamp(row.fetched_at)));
            return Ok(SourcedRate { date, fetched_at, ..sourced(rate, &row.source, state) });
        }
        let (_, rate) = fallback.ok_or(Error::MissingExchangeRate(currency))?;
        Ok(sourced(*rate, "fallback", RateState::Fallback))
    }
}
