//! Rate service: rules and queries. The only reader and writer of the `rates` table.
use std::fmt;

use entity::rate;
use rust_decimal::Decimal;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set,
    sea_query::OnConflict,
};

use super::{
    conversion::ExchangeRates,
    snapshot::{FRESH_AGE, MAX_AGE, RateSnapshot},
    source::FetchedRates,
};
use crate::{
    config::FallbackRates,
    domain::{
        date::Date,
        event::{Audience, EventType},
        money::{Currency, is_plausible_rate},
    },
    http::problem::Result,
    infra::{
        clock::Clock,
        db::{Db, Tx},
    },
};

/// The largest accepted factor (1.5) between a fetched rate and a stored rate that is younger than 7 days.
const MAX_FACTOR: Decimal = Decimal::from_parts(15, 0, 0, false, 1);
/// The largest accepted factor (5) between a fetched rate and the fallback rate, which may be old. Used if no
/// stored rate is recent.
const MAX_FACTOR_FROM_FALLBACK: Decimal = Decimal::from_parts(5, 0, 0, false, 0);

/// Whether fetched rates that differ too much from the known rates are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxChange {
    /// They are rejected: the last known rates stay in use.
    Enforced,
    /// They are stored: an operator has checked them.
    Ignored,
}

/// The result of storing fetched rates.
#[derive(Debug)]
pub struct FetchSummary {
    pub source: String,
    pub date: Date,
    /// The stored rates: the value of one US dollar in each currency.
    pub rates: Vec<(Currency, Decimal)>,
    /// The rejected rates.
    pub rejected: Vec<RejectedRate>,
    /// Whether a rate, a date, a source or a state changed.
    pub changed: bool,
}

/// A fetched rate that differs too much from the known rate.
#[derive(Debug, Clone, PartialEq)]
pub struct RejectedRate {
    pub currency: Currency,
    pub known: Decimal,
    pub fetched: Decimal,
}

impl fmt::Display for RejectedRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {} to {}", self.currency, self.known, self.fetched)
    }
}

#[derive(Clone)]
pub struct Rates {
    db: Db,
    clock: Clock,
    fallback: FallbackRates,
}

impl Rates {
    pub fn new(db: Db, clock: Clock, fallback: FallbackRates) -> Self {
        Rates { db, clock, fallback }
    }

    /// Returns the exchange rate from each currency in `bases` to `quote`.
    ///
    /// # Errors
    /// Returns [`Error::MissingExchangeRate`](crate::http::problem::Error::MissingExchangeRate) if a currency
    /// has no rate.
    pub async fn exchange_rates(&self, bases: &[Currency], quote: Currency) -> Result<ExchangeRates> {
        self.exchange_rates_in(self.db.read(), bases, quote).await
    }

    /// Like [`Rates::exchange_rates`], within a transaction.
    pub async fn exchange_rates_in<C: ConnectionTrait>(
        &self,
        db: &C,
        bases: &[Currency],
        quote: Currency,
    ) -> Result<ExchangeRates> {
        let mut others: Vec<Currency> = bases.iter().copied().filter(|base| *base != quote).collect();
        others.sort_unstable();
        others.dedup();
        if others.is_empty() {
            return Ok(ExchangeRates { quote, rates: Vec::new() });
        }
        let names: Vec<String> = others.iter().chain([&quote]).map(Currency::to_string).collect();
        let rows = usd_rates().filter(rate::Column::Quote.is_in(names)).all(db).await?;
        self.snapshot_of(rows).exchange_rates(&others, quote)
    }

    fn snapshot_of(&self, rows: Vec<rate::Model>) -> RateSnapshot {
        RateSnapshot { rows, fallback: self.fallback.clone(), now: self.clock.now() }
    }

    /// Returns a part of the ETag of converted amounts: the number of stored rates in each state, and the
    /// fallback rates. The state of a rate depends on its age, so it changes without a write. The version of
    /// the collection `rates` covers the writes.
    pub async fn age_tag(&self) -> Result<String> {
        let rows: Vec<(i64, i64)> = usd_rates()
            .select_only()
            .column(rate::Column::FetchedAt)
            .column_as(rate::Column::Quote.count(), "count")
            .group_by(rate::Column::FetchedAt)
            .order_by_asc(rate::Column::FetchedAt)
            .into_tuple()
            .all(self.db.read())
            .await?;
        let mut counts = [0; 3];
        for (fetched_at, count) in rows {
            let age = self.clock.now() - fetched_at;
            counts[usize::from(age >= FRESH_AGE) + usize::from(age >= MAX_AGE)] += count;
        }
        Ok(format!("{counts:?} {:?}", self.fallback))
    }

    /// Reads all rates. Use one snapshot for all amounts of a response, so that they are converted by the
    /// same rates.
    pub async fn snapshot(&self) -> Result<RateSnapshot> {
        self.snapshot_in(self.db.read()).await
    }

    /// Like [`Rates::snapshot`], within a transaction.
    pub async fn snapshot_in<C: ConnectionTrait>(&self, db: &C) -> Result<RateSnapshot> {
        Ok(self.snapshot_of(usd_rates().all(db).await?))
    }

    /// Stores fetched rates, except those that are older than the stored rates or differ too much from them.
    pub async fn store(
        &self,
        fetched: FetchedRates,
        source: String,
        max_change: MaxChange,
    ) -> Result<FetchSummary> {
        let rates = self.clone();
        self.db
            .write(async move |tx: Tx| {
                let rows = usd_rates().all(&*tx).await?;
                let (summary, new_rows) = rates.check(fetched, source, max_change, &rows);
                upsert(&tx, new_rows).await?;
                if summary.changed {
                    tx.touch("rates").await?;
                    let (href, now) = ("/api/rates".to_owned(), rates.clock.now());
                    tx.emit(EventType::RatesUpdated, "rates", href, 0, Audience::Public, now);
                }
                Ok(summary)
            })
            .await
    }

    /// Validates fetched rates against the stored `rows`. Returns the summary and the rows to store.
    fn check(
        &self,
        fetched: FetchedRates,
        source: String,
        max_change: MaxChange,
        rows: &[rate::Model],
    ) -> (FetchSummary, Vec<rate::ActiveModel>) {
        let (day, fetched_at) = (fetched.date.to_string(), self.clock.now());
        let date = fetched.date;
        let mut summary =
            FetchSummary { source, date, rates: Vec::new(), rejected: Vec::new(), changed: false };
        let mut new_rows = Vec::new();
        for (currency, new) in fetched.rates {
            let row = rows.iter().find(|row| row.quote == currency.as_str());
            let exceeded_rate = self.exceeded_rate(currency, new, row);
            if let Some(known) = exceeded_rate.filter(|_| max_change == MaxChange::Enforced) {
                summary.rejected.push(RejectedRate { currency, known, fetched: new });
                continue;
            }
            // A source may return older rates than before, for example from a cache.
            if row.is_some_and(|row| row.source == summary.source && row.date > day) {
                continue;
            }
            let rate = new.to_string();
            summary.changed |= row.is_none_or(|row| {
                (&row.rate, &row.date, &row.source) != (&rate, &day, &summary.source)
                    || self.age(row) >= FRESH_AGE
            });
            new_rows.push(rate::ActiveModel {
                base: Set(Currency::USD.to_string()),
                quote: Set(currency.to_string()),
                rate: Set(rate),
                date: Set(day.clone()),
                source: Set(summary.source.clone()),
                fetched_at: Set(fetched_at),
            });
            summary.rates.push((currency, new));
        }
        (summary, new_rows)
    }

    /// Returns the known rate if `new` differs too much from it. The known rate is the stored rate if it is
    /// recent, otherwise the fallback rate, which has a larger limit.
    fn exceeded_rate(&self, currency: Currency, new: Decimal, row: Option<&rate::Model>) -> Option<Decimal> {
        let recent = row.filter(|row| self.age(row) < MAX_AGE).and_then(|row| row.rate.parse().ok());
        let fallback = || self.fallback.0.iter().find(|(known, _)| *known == currency).map(|(_, rate)| *rate);
        let (known, max_factor) = match recent {
            Some(recent) => (recent, MAX_FACTOR),
            None => (fallback()?, MAX_FACTOR_FROM_FALLBACK),
        };
        differs(known, new, max_factor).then_some(known)
    }

    fn age(&self, row: &rate::Model) -> i64 {
        self.clock.now() - row.fetched_at
    }
}

fn usd_rates() -> sea_orm::Select<rate::Entity> {
    rate::Entity::find().filter(rate::Column::Base.eq(Currency::USD.as_str()))
}

fn differs(known: Decimal, new: Decimal, max_factor: Decimal) -> bool {
    is_plausible_rate(known) && (new > known * max_factor || new * max_factor < known)
}

async fn upsert(tx: &Tx, rows: Vec<rate::ActiveModel>) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let upsert = OnConflict::columns([rate::Column::Base, rate::Column::Quote])
        .update_columns([
            rate::Column::Rate,
            rate::Column::Date,
            rate::Column::Source,
            rate::Column::FetchedAt,
        ])
        .to_owned();
    rate::Entity::insert_many(rows).on_conflict(upsert).exec_without_returning(&**tx).await?;
    Ok(())
}
