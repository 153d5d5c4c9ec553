//! The rates as they are at one moment.
use std::collections::BTreeSet;

use entity::rate;
use rust_decimal::Decimal;

use super::{
    exchange::{Exchange, Fallback, Known, RateState, sane},
    shown::Exchanges,
    types::{Rate, RateTable},
};
use crate::contract::{
    check::{ErrorCode, Place, Violation},
    money::Currency,
    problem::{Error, Result},
    time::Timestamp,
};

const HOUR: i64 = 3_600_000;

/// How long a rate is as good as new, and how long it is better than none, in milliseconds.
pub(super) const FRESH: i64 = 36 * HOUR;
pub(super) const USEFUL: i64 = 7 * 24 * HOUR;

/// What was read of the rates, and when.
#[derive(Debug, Clone)]
pub struct Book {
    pub(super) rows: Vec<rate::Model>,
    pub(super) fallback: Fallback,
    pub(super) now: i64,
}

impl Book {
    /// Of rates that could not be read: it knows what needs none.
    pub fn unread() -> Self {
        Book { rows: Vec::new(), fallback: Fallback(Vec::new()), now: 0 }
    }

    /// What some currencies are in one.
    pub fn exchanges(&self, bases: &[Currency], quote: Currency) -> Result<Exchanges> {
        let wanted: BTreeSet<Currency> = bases.iter().copied().filter(|base| *base != quote).collect();
        if wanted.is_empty() {
            return Ok(Exchanges { quote, known: Vec::new() });
        }
        let quoted = self.dollar(quote)?;
        let exchange = |base| Ok((base, Exchange::between(self.dollar(base)?, quoted.clone())?));
        Ok(Exchanges { quote, known: wanted.into_iter().map(exchange).collect::<Result<_>>()? })
    }

    /// Everything that is known, told by what one unit of `base` is.
    pub fn table(&self, base: Currency) -> Result<RateTable> {
        let mut known = BTreeSet::from([Currency::USD]);
        known.extend(self.fallback.0.iter().map(|(currency, _)| *currency));
        known.extend(self.rows.iter().filter_map(|row| row.quote.parse::<Currency>().ok()));
        if !known.remove(&base) {
            let message = format!("there is no rate of {base}");
            let place = Place::Parameter("base".to_owned());
            return Err(Error::Invalid(vec![Violation::new(place, ErrorCode::NotInEnum, message)]));
        }
        let based = self.dollar(base)?;
        let rate = |currency| {
            let known = Exchange::between(based.clone(), self.dollar(currency)?)?.0;
            Ok(Rate::of(base, currency, &known))
        };
        Ok(RateTable { base, rates: known.into_iter().map(rate).collect::<Result<_>>()? })
    }

    fn age(&self, row: &rate::Model) -> i64 {
        self.now - row.fetched_at
    }

    /// What a dollar is in a currency: the stored rate while it is young, else the operator's.
    fn dollar(&self, currency: Currency) -> Result<Known> {
        let known = |rate, source: &str, state| Known {
            rate,
            date: None,
            source: source.to_owned(),
            state,
            fetched_at: None,
        };
        if currency == Currency::USD {
            return Ok(known(Decimal::ONE, "identity", RateState::Fresh));
        }
        let own = self.fallback.0.iter().find(|(known, _)| *known == currency);
        let row = self.rows.iter().find(|row| row.quote == currency.as_str());
        // Where the operator has no figure, an old rate is better than none.
        if let Some(row) = row.filter(|row| self.age(row) < USEFUL || own.is_none())
            && let Some(rate) = row.rate.parse().ok().filter(|rate| sane(*rate))
        {
            let state = if self.age(row) < FRESH { RateState::Fresh } else { RateState::LastKnown };
            let (date, fetched_at) = (row.date.parse().ok(), Some(Timestamp(row.fetched_at)));
            return Ok(Known { date, fetched_at, ..known(rate, &row.source, state) });
        }
        let (_, rate) = own.ok_or(Error::Unrated(currency))?;
        Ok(known(*rate, "fallback", RateState::Fallback))
    }
}
