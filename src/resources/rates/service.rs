//! Rates as they are known. The only reader and writer of the `rates` table.
use std::fmt;

use entity::rate;
use rust_decimal::Decimal;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set,
    sea_query::OnConflict,
};

use super::{
    book::{Book, FRESH, USEFUL},
    exchange::{Fallback, sane},
    shown::Exchanges,
    source::Sheet,
};
use crate::{
    contract::{
        date::Date,
        event::{Audience, EventType, of},
        money::Currency,
        problem::Result,
    },
    ports::{
        clock::Clock,
        db::{Db, Tx},
    },
};

/// A rate that moves by a larger factor while the last one is young is not believed: half as much again.
const FURTHEST: Decimal = Decimal::from_parts(15, 0, 0, false, 1);
/// Where there is none, it is held against the operator's figure, which may be old: five times as much.
const FURTHEST_FROM_OWN: Decimal = Decimal::from_parts(5, 0, 0, false, 0);

/// What becomes of a rate that moved too far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jumps {
    /// The last known one stays.
    Refused,
    /// Somebody has looked at it.
    Accepted,
}

/// What came of the words of a source.
#[derive(Debug)]
pub struct Taken {
    pub source: String,
    pub date: Date,
    /// What a dollar is from now on.
    pub rates: Vec<(Currency, Decimal)>,
    /// What stays as it was.
    pub jumped: Vec<Jump>,
    /// Whether anything is shown differently now.
    pub changed: bool,
}

/// A rate that moved too far.
#[derive(Debug, Clone, PartialEq)]
pub struct Jump {
    pub currency: Currency,
    pub known: Decimal,
    pub told: Decimal,
}

impl fmt::Display for Jump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {} to {}", self.currency, self.known, self.told)
    }
}

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

    /// What some currencies are in one.
    pub async fn exchanges(&self, bases: &[Currency], quote: Currency) -> Result<Exchanges> {
        self.exchanges_in(self.db.read(), bases, quote).await
    }

    /// The same, seen from within a transaction.
    pub async fn exchanges_in<C: ConnectionTrait>(
        &self,
        db: &C,
        bases: &[Currency],
        quote: Currency,
    ) -> Result<Exchanges> {
        let mut wanted: Vec<Currency> = bases.iter().copied().filter(|base| *base != quote).collect();
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.is_empty() {
            return Ok(Exchanges { quote, known: Vec::new() });
        }
        let names: Vec<String> = wanted.iter().chain([&quote]).map(Currency::to_string).collect();
        let rows = of_the_dollar().filter(rate::Column::Quote.is_in(names)).all(db).await?;
        self.told(rows).exchanges(&wanted, quote)
    }

    fn told(&self, rows: Vec<rate::Model>) -> Book {
        Book { rows, fallback: self.fallback.clone(), now: self.clock.now() }
    }

    /// Changes whenever anything that is shown by rates may look different: with the collection `rates`, or when
    /// rates grow old.
    pub async fn ages(&self) -> Result<String> {
        let rows: Vec<(i64, i64)> = of_the_dollar()
            .select_only()
            .column(rate::Column::FetchedAt)
            .column_as(rate::Column::Quote.count(), "count")
            .group_by(rate::Column::FetchedAt)
            .order_by_asc(rate::Column::FetchedAt)
            .into_tuple()
            .all(self.db.read())
            .await?;
        let mut ages = [0; 3];
        for (fetched_at, count) in rows {
            let age = self.clock.now() - fetched_at;
            ages[usize::from(age >= FRESH) + usize::from(age >= USEFUL)] += count;
        }
        Ok(format!("{ages:?} {:?}", self.fallback))
    }

    /// Everything that is known, at one moment: whoever shows amounts in several places shows them by the same.
    pub async fn book(&self) -> Result<Book> {
        self.book_in(self.db.read()).await
    }

    /// The same, seen from within a transaction.
    pub async fn book_in<C: ConnectionTrait>(&self, db: &C) -> Result<Book> {
        Ok(self.told(of_the_dollar().all(db).await?))
    }

    /// Stores what a source tells, as far as it can be believed beside what is known.
    pub async fn take(&self, sheet: Sheet, source: String, jumps: Jumps) -> Result<Taken> {
        let own = self.clone();
        self.db
            .write(async move |tx: Tx| {
                let rows = of_the_dollar().all(&*tx).await?;
                let (taken, news) = own.weighed(sheet, source, jumps, &rows);
                store(&tx, news).await?;
                if taken.changed {
                    tx.touch("rates").await?;
                    let (href, now) = ("/api/rates".to_owned(), own.clock.now());
                    tx.tell(of(EventType::RatesUpdated, "rates", href, 0, Audience::Public, now));
                }
                Ok(taken)
            })
            .await
    }

    fn weighed(
        &self,
        sheet: Sheet,
        source: String,
        jumps: Jumps,
        rows: &[rate::Model],
    ) -> (Taken, Vec<rate::ActiveModel>) {
        let (day, fetched_at) = (sheet.date.to_string(), self.clock.now());
        let date = sheet.date;
        let mut taken = Taken { source, date, rates: Vec::new(), jumped: Vec::new(), changed: false };
        let mut news = Vec::new();
        for (currency, told) in sheet.rates {
            let row = rows.iter().find(|row| row.quote == currency.as_str());
            if let Some(known) = self.against(currency, told, row).filter(|_| jumps == Jumps::Refused) {
                taken.jumped.push(Jump { currency, known, told });
                continue;
            }
            // What a source tells late is no news.
            if row.is_some_and(|row| row.source == taken.source && row.date > day) {
                continue;
            }
            let rate = told.to_string();
            taken.changed |= row.is_none_or(|row| {
                (&row.rate, &row.date, &row.source) != (&rate, &day, &taken.source) || self.age(row) >= FRESH
            });
            news.push(rate::ActiveModel {
                base: Set(Currency::USD.to_string()),
                quote: Set(currency.to_string()),
                rate: Set(rate),
                date: Set(day.clone()),
                source: Set(taken.source.clone()),
                fetched_at: Set(fetched_at),
            });
            taken.rates.push((currency, told));
        }
        (taken, news)
    }

    /// What speaks against a rate: the last known one while it is young, else the operator's own, from which it may
    /// be much further.
    fn against(&self, currency: Currency, told: Decimal, row: Option<&rate::Model>) -> Option<Decimal> {
        let young = row.filter(|row| self.age(row) < USEFUL).and_then(|row| row.rate.parse().ok());
        let own = || self.fallback.0.iter().find(|(known, _)| *known == currency).map(|(_, rate)| *rate);
        let (known, furthest) = match young {
            Some(young) => (young, FURTHEST),
            None => (own()?, FURTHEST_FROM_OWN),
        };
        moved(known, told, furthest).then_some(known)
    }

    fn age(&self, row: &rate::Model) -> i64 {
        self.clock.now() - row.fetched_at
    }
}

fn of_the_dollar() -> sea_orm::Select<rate::Entity> {
    rate::Entity::find().filter(rate::Column::Base.eq(Currency::USD.as_str()))
}

fn moved(known: Decimal, told: Decimal, furthest: Decimal) -> bool {
    sane(known) && (told > known * furthest || told * furthest < known)
}

async fn store(tx: &Tx, news: Vec<rate::ActiveModel>) -> Result<()> {
    if news.is_empty() {
        return Ok(());
    }
    let known = OnConflict::columns([rate::Column::Base, rate::Column::Quote])
        .update_columns([
            rate::Column::Rate,
            rate::Column::Date,
            rate::Column::Source,
            rate::Column::FetchedAt,
        ])
        .to_owned();
    rate::Entity::insert_many(news).on_conflict(known).exec_without_returning(&**tx).await?;
    Ok(())
}
