//! Revenues, summed by the database. The only writer of the `revenues` table.
use std::collections::BTreeMap;

use entity::{invoice, revenue};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, Func, SimpleExpr},
};

use super::types::{Revenue, RevenueQuery, RevenueSource};
use crate::{
    contract::{
        cursor::{CursorKey, Key, Slice},
        date::Month,
        etag::ETag,
        locale::{Locale, Locales, Place},
        money::Currency,
        page::Page,
        problem::{Error, Result},
        time::Timestamp,
    },
    ports::{clock::Clock, db::Db},
    resources::rates::{Book, Exchanges, Rates},
};

/// What a year has of months, and a chart of bars.
const YEAR: u32 = 12;

#[derive(Clone)]
pub struct Revenues {
    pub(super) db: Db,
    pub(super) clock: Clock,
    cursors: CursorKey,
    pub(super) rates: Rates,
    pub(super) locales: Locales,
}

#[derive(Debug, FromQueryResult)]
struct Sum {
    month: String,
    currency: String,
    amount: i64,
}

impl Revenues {
    /// The currencies in which revenues were written.
    pub async fn currencies(&self) -> Result<Vec<Currency>> {
        let find = revenue::Entity::find().select_only().column(revenue::Column::Currency).distinct();
        let names: Vec<String> = find.into_tuple().all(self.db.read()).await?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }

    pub fn new(db: Db, clock: Clock, cursors: CursorKey, rates: Rates, locales: Locales) -> Self {
        Revenues { db, clock, cursors, rates, locales }
    }

    /// The locale with its currency, if the service has it.
    pub fn place(&self, locale: Locale) -> Result<Place> {
        self.locales.place(locale)
    }

    /// Every locale that the service has.
    pub fn locales(&self) -> &Locales {
        &self.locales
    }

    /// The present month, in UTC.
    pub fn now(&self) -> Month {
        Month::of(Timestamp(self.clock.now()).day())
    }

    /// The version of every list of revenues in this place.
    pub async fn list_etag(&self, place: &Place, target: &str) -> Result<ETag> {
        let version = self.db.versions(&["invoices", "revenues", "rates"]).await?;
        // Rates grow old by themselves, and months come by themselves.
        let (ages, now) = (self.rates.ages().await?, self.now().to_string());
        Ok(ETag::weak(&["revenues", place.currency.as_str(), &version.to_string(), &ages, &now, target]))
    }

    pub async fn list(&self, place: &Place, query: &RevenueQuery) -> Result<Page<Revenue>> {
        let now = self.now();
        let first = self.first().await?.map_or(now, |first| first.min(now)).min(now.back(YEAR - 1));
        let rising = query.sort.as_deref() == Some("month");
        let mut months: Vec<Month> = std::iter::successors(Some(first), |month| Some(month.next()))
            .take(usize::try_from(first.until(now)).unwrap_or_default())
            .collect();
        if !rising {
            months.reverse();
        }
        let paging = query.paging();
        let slice = Slice {
            key: &self.cursors,
            list: format!("revenues {rising}"),
            order: Vec::new(),
            paging: &paging,
        };
        let (months, pagination) = slice.cut(months, |month| vec![Key::Text(month.to_string())])?;
        let (Some(from), Some(to)) = (months.iter().min(), months.iter().max()) else {
            return Ok(Page { data: Vec::new(), pagination });
        };
        let rates = self.rates.book().await?;
        let mut known = self.known(self.db.read(), place, *from, *to, &rates).await?;
        Ok(Page { data: months.iter().map(|month| taken(&mut known, *month, place)).collect(), pagination })
    }

    /// The last twelve months, oldest first.
    pub async fn year(&self, place: &Place, rates: &Book) -> Result<Vec<Revenue>> {
        let now = self.now();
        let mut known = self.known(self.db.read(), place, now.back(YEAR - 1), now, rates).await?;
        Ok((0..YEAR).rev().map(|back| taken(&mut known, now.back(back), place)).collect())
    }

    /// The month, as the list shows it.
    pub async fn read(&self, place: &Place, month: Month) -> Result<Revenue> {
        self.month(self.db.read(), place, month).await
    }

    pub(super) async fn month<C: ConnectionTrait>(
        &self,
        db: &C,
        place: &Place,
        month: Month,
    ) -> Result<Revenue> {
        let rates = self.rates.book_in(db).await?;
        Ok(taken(&mut self.known(db, place, month, month, &rates).await?, month, place))
    }

    /// The first month with any revenue.
    async fn first(&self) -> Result<Option<Month>> {
        let paid = invoice::Entity::find()
            .select_only()
            .expr(invoice::Column::Date.min())
            .filter(invoice::Column::Status.eq("paid"));
        let paid: Option<Option<String>> = paid.into_tuple().one(self.db.read()).await?;
        let paid = paid.flatten().and_then(|date| date.parse().ok()).map(Month::of);
        let told = revenue::Entity::find().order_by_asc(revenue::Column::Month).one(self.db.read()).await?;
        let told = told.and_then(|row| row.month.parse().ok());
        Ok(paid.into_iter().chain(told).min())
    }

    /// The months between these two that brought anything in.
    async fn known<C: ConnectionTrait>(
        &self,
        db: &C,
        place: &Place,
        from: Month,
        to: Month,
        rates: &Book,
    ) -> Result<BTreeMap<String, Revenue>> {
        let mut sums: BTreeMap<String, (RevenueSource, Vec<(i64, Currency)>)> = BTreeMap::new();
        for sum in sums_of(db, from, to).await? {
            let currency = sum.currency.parse().map_err(Error::Internal)?;
            let month = sums.entry(sum.month).or_insert((RevenueSource::Invoices, Vec::new()));
            month.1.push((sum.amount, currency));
        }
        let told = revenue::Entity::find()
            .filter(revenue::Column::Month.between(from.to_string(), to.to_string()))
            .all(db)
            .await?;
        for row in told {
            let currency = row.currency.parse().map_err(Error::Internal)?;
            sums.insert(row.month, (RevenueSource::Imported, vec![(row.amount, currency)]));
        }
        let currencies: Vec<Currency> =
            sums.values().flat_map(|(_, sums)| sums.iter().map(|(_, currency)| *currency)).collect();
        let exchanges = rates.exchanges(&currencies, place.currency)?;
        sums.into_iter()
            .map(|(month, (source, sums))| {
                let shown = revenue(&month, source, &sums, &exchanges, place)?;
                Ok((month, shown))
            })
            .collect()
    }
}

/// What was paid, by month and currency.
async fn sums_of<C: ConnectionTrait>(db: &C, from: Month, to: Month) -> Result<Vec<Sum>> {
    let date = || Expr::col((invoice::Entity, invoice::Column::Date));
    let month: SimpleExpr = Func::cust("substr").arg(date()).arg(1).arg(7).into();
    let find = invoice::Entity::find()
        .select_only()
        .expr_as(month, "month")
        .column(invoice::Column::Currency)
        .expr_as(Func::cast_as(invoice::Column::Amount.sum(), "bigint"), "amount")
        .filter(invoice::Column::Status.eq("paid"))
        .filter(invoice::Column::Date.gte(from.first_day().to_string()))
        .filter(invoice::Column::Date.lt(to.next().first_day().to_string()))
        .group_by(Expr::cust("1"))
        .group_by(invoice::Column::Currency)
        .order_by_asc(invoice::Column::Currency);
    Ok(find.into_model::<Sum>().all(db).await?)
}

/// The sums of a month in one currency.
fn revenue(
    month: &str,
    source: RevenueSource,
    sums: &[(i64, Currency)],
    exchanges: &Exchanges,
    place: &Place,
) -> Result<Revenue> {
    let (amount, originals) = exchanges.total(sums)?;
    let month = month.parse().map_err(|_| Error::Internal(format!("{month} is no month")))?;
    let locale = place.locale.clone();
    Ok(Revenue { month, amount, currency: exchanges.quote(), source, originals, locale })
}

/// The month out of those that brought anything in, or none of it.
fn taken(known: &mut BTreeMap<String, Revenue>, month: Month, place: &Place) -> Revenue {
    known.remove(&month.to_string()).unwrap_or(Revenue {
        month,
        amount: 0,
        currency: place.currency,
        source: RevenueSource::Invoices,
        originals: Vec::new(),
        locale: place.locale.clone(),
    })
}
