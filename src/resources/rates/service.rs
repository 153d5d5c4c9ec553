//! Rates as they are known. The only reader of the `rates` table.
use entity::rate;
use rust_decimal::Decimal;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::{
    exchange::{Exchange, Fallback, Known, RateState, sane},
    shown::Exchanges,
};
use crate::{
    contract::{
        money::Currency,
        problem::{Error, Result},
    },
    ports::{clock::Clock, db::Db},
};

const HOUR: i64 = 3_600_000;

/// How long a rate is as good as new, and how long it is better than none, in milliseconds.
const FRESH: i64 = 36 * HOUR;
const USEFUL: i64 = 7 * 24 * HOUR;

#[derive(Clone)]
pub struct Rates {
    db: Db,
    clock: Clock,
    fallback: Fallback,
}

impl Rates {
    pub fn new(db: Db, clock: Clock, fallback: Fallback) -> Self {
        Rates { db, clock, fallback }
    }

    /// What one currency is in others.
    pub async fn exchanges(&self, bases: &[Currency], quote: Currency) -> Result<Exchanges> {
        let mut wanted: Vec<Currency> = bases.iter().copied().filter(|base| *base != quote).collect();
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.is_empty() {
            return Ok(Exchanges { quote, known: Vec::new() });
        }
        let names: Vec<String> = wanted.iter().chain([&quote]).map(Currency::to_string).collect();
        let rows = rate::Entity::find()
            .filter(rate::Column::Base.eq(Currency::USD.as_str()))
            .filter(rate::Column::Quote.is_in(names))
            .all(self.db.read())
            .await?;
        let quoted = self.dollar(quote, &rows)?;
        let exchange = |base| Ok((base, Exchange::between(self.dollar(base, &rows)?, quoted.clone())?));
        Ok(Exchanges { quote, known: wanted.into_iter().map(exchange).collect::<Result<_>>()? })
    }

    /// What a dollar is in a currency: the stored rate while it is young, else the operator's.
    fn dollar(&self, currency: Currency, rows: &[rate::Model]) -> Result<Known> {
        if currency == Currency::USD {
            let state = RateState::Fresh;
            return Ok(Known { rate: Decimal::ONE, date: None, source: "identity".to_owned(), state });
        }
        let age = |row: &rate::Model| self.clock.now() - row.fetched_at;
        let row = rows.iter().find(|row| row.quote == currency.as_str() && age(row) < USEFUL);
        if let Some(row) = row
            && let Some(rate) = row.rate.parse().ok().filter(|rate| sane(*rate))
        {
            let state = if age(row) < FRESH { RateState::Fresh } else { RateState::LastKnown };
            return Ok(Known { rate, date: Some(row.date.clone()), source: row.source.clone(), state });
        }
        let own = self.fallback.0.iter().find(|(known, _)| *known == currency);
        let (_, rate) = own.ok_or(Error::Conflict("there is no rate for the currency of an invoice"))?;
        let state = RateState::Fallback;
        Ok(Known { rate: *rate, date: None, source: "fallback".to_owned(), state })
    }
}
