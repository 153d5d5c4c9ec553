//! Revenue service: rules and queries. The database computes the sums. The only writer of the `revenues`
//! table.
use std::collections::BTreeMap;

use entity::{
    invoice::{self, InvoiceStatus},
    revenue,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, Func, SimpleExpr},
};

use super::types::{Revenue, RevenueQuery, RevenueSource};
use crate::{
    domain::{
        date::Month,
        locale::{Locale, LocaleCurrency, Locales},
        money::Currency,
        timestamp::Timestamp,
    },
    http::{
        cursor::{CursorKey, PageQuery, SortValue},
        etag::ETag,
        pagination::Page,
        problem::{Error, Result},
    },
    infra::{clock::Clock, db::Db},
    resources::billing::rates::{ExchangeRates, RateSnapshot, Rates},
};

/// The least number of months in a list, and the number of months on the dashboard.
const YEAR_MONTHS: u32 = 12;

#[derive(Clone)]
pub struct Revenues {
    pub(super) db: Db,
    pub(super) clock: Clock,
    cursors: CursorKey,
    pub(super) rates: Rates,
    pub(super) locales: Locales,
}

#[derive(Debug, FromQueryResult)]
struct MonthSum {
    month: String,
    currency: String,
    amount: i64,
}

impl Revenues {
    /// Returns the currencies of all stored figures.
    pub async fn currencies(&self) -> Result<Vec<Currency>> {
        let find = revenue::Entity::find().select_only().column(revenue::Column::Currency).distinct();
        let names: Vec<String> = find.into_tuple().all(self.db.read()).await?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }

    pub fn new(db: Db, clock: Clock, cursors: CursorKey, rates: Rates, locales: Locales) -> Self {
        Revenues { db, clock, cursors, rates, locales }
    }

    /// Returns the locale with its currency.
    ///
    /// # Errors
    /// [`Error::UnknownLocale`] if the locale is not configured.
    pub fn resolve_locale(&self, locale: Locale) -> Result<LocaleCurrency> {
        Ok(self.locales.resolve(locale)?)
    }

    /// Returns the configured locales.
    pub fn locales(&self) -> &Locales {
        &self.locales
    }

    /// Returns the current month in UTC.
    pub fn current_month(&self) -> Month {
        Month::from_date(Timestamp(self.clock.now()).date())
    }

    /// Returns the ETag of a list in this locale.
    pub async fn list_etag(&self, display: &LocaleCurrency, target: &str) -> Result<ETag> {
        let version = self.db.versions(&["invoices", "revenues", "rates"]).await?;
        // The state of a rate and the current month change with time, without a write.
        let (ages, now) = (self.rates.age_tag().await?, self.current_month().to_string());
        Ok(ETag::weak_from_parts(&[
            "revenues",
            display.currency.as_str(),
            &version.to_string(),
            &ages,
            &now,
            target,
        ]))
    }

    pub async fn list(&self, display: &LocaleCurrency, query: &RevenueQuery) -> Result<Page<Revenue>> {
        let now = self.current_month();
        let first = self
            .first_month()
            .await?
            .map_or(now, |first| first.min(now))
            .min(now.minus_months(YEAR_MONTHS - 1));
        let ascending = query.sort.as_deref() == Some("month");
        let mut months: Vec<Month> = std::iter::successors(Some(first), |month| Some(month.next()))
            .take(usize::try_from(first.months_through(now)).unwrap_or_default())
            .collect();
        if !ascending {
            months.reverse();
        }
        let paging = query.paging();
        let slice = PageQuery {
            cursor_key: &self.cursors,
            list_id: format!("revenues {ascending}"),
            order: Vec::new(),
            params: &paging,
        };
        let (months, pagination) =
            slice.paginate(months, |month| vec![SortValue::Text(month.to_string())])?;
        let (Some(from), Some(to)) = (months.iter().min(), months.iter().max()) else {
            return Ok(Page { data: Vec::new(), pagination });
        };
        let rates = self.rates.snapshot().await?;
        let mut months_with_revenue = self.load_months(self.db.read(), display, *from, *to, &rates).await?;
        Ok(Page {
            data: months
                .iter()
                .map(|month| take_or_zero(&mut months_with_revenue, *month, display))
                .collect(),
            pagination,
        })
    }

    /// Returns the last twelve months in ascending order.
    pub async fn last_twelve_months(
        &self,
        display: &LocaleCurrency,
        rates: &RateSnapshot,
    ) -> Result<Vec<Revenue>> {
        let now = self.current_month();
        let mut months_with_revenue =
            self.load_months(self.db.read(), display, now.minus_months(YEAR_MONTHS - 1), now, rates).await?;
        Ok((0..YEAR_MONTHS)
            .rev()
            .map(|back| take_or_zero(&mut months_with_revenue, now.minus_months(back), display))
            .collect())
    }

    /// Returns one month, in the same form as in the list.
    pub async fn get(&self, display: &LocaleCurrency, month: Month) -> Result<Revenue> {
        self.month(self.db.read(), display, month).await
    }

    pub(super) async fn month<C: ConnectionTrait>(
        &self,
        db: &C,
        display: &LocaleCurrency,
        month: Month,
    ) -> Result<Revenue> {
        let rates = self.rates.snapshot_in(db).await?;
        Ok(take_or_zero(&mut self.load_months(db, display, month, month, &rates).await?, month, display))
    }

    /// Returns the first month with an invoice that is paid or with a figure.
    async fn first_month(&self) -> Result<Option<Month>> {
        let paid = invoice::Entity::find()
            .select_only()
            .expr(invoice::Column::Date.min())
            .filter(invoice::Column::Status.eq(InvoiceStatus::Paid));
        let paid: Option<Option<String>> = paid.into_tuple().one(self.db.read()).await?;
        let paid = paid.flatten().and_then(|date| date.parse().ok()).map(Month::from_date);
        let figure = revenue::Entity::find().order_by_asc(revenue::Column::Month).one(self.db.read()).await?;
        let figure = figure.and_then(|row| row.month.parse().ok());
        Ok(paid.into_iter().chain(figure).min())
    }

    /// Loads the revenues of a range of months, by month. Months without revenue are missing.
    async fn load_months<C: ConnectionTrait>(
        &self,
        db: &C,
        display: &LocaleCurrency,
        from: Month,
        to: Month,
        rates: &RateSnapshot,
    ) -> Result<BTreeMap<String, Revenue>> {
        let mut sums: BTreeMap<String, (RevenueSource, Vec<(i64, Currency)>)> = BTreeMap::new();
        for sum in paid_sums(db, from, to).await? {
            let currency = sum.currency.parse().map_err(Error::Internal)?;
            let month = sums.entry(sum.month).or_insert((RevenueSource::Invoices, Vec::new()));
            month.1.push((sum.amount, currency));
        }
        let figures = revenue::Entity::find()
            .filter(revenue::Column::Month.between(from.to_string(), to.to_string()))
            .all(db)
            .await?;
        for row in figures {
            let currency = row.currency.parse().map_err(Error::Internal)?;
            sums.insert(row.month, (RevenueSource::Imported, vec![(row.amount, currency)]));
        }
        let currencies: Vec<Currency> =
            sums.values().flat_map(|(_, sums)| sums.iter().map(|(_, currency)| *currency)).collect();
        let exchange_rates = rates.exchange_rates(&currencies, display.currency)?;
        sums.into_iter()
            .map(|(month, (source, sums))| {
                let revenue = revenue(&month, source, &sums, &exchange_rates, display)?;
                Ok((month, revenue))
            })
            .collect()
    }
}

/// Returns the sums of paid invoices by month and currency.
async fn paid_sums<C: ConnectionTrait>(db: &C, from: Month, to: Month) -> Result<Vec<MonthSum>> {
    let date = || Expr::col((invoice::Entity, invoice::Column::Date));
    let month: SimpleExpr = Func::cust("substr").arg(date()).arg(1).arg(7).into();
    let find = invoice::Entity::find()
        .select_only()
        .expr_as(month, "month")
        .column(invoice::Column::Currency)
        .expr_as(Func::cast_as(invoice::Column::Amount.sum(), "bigint"), "amount")
        .filter(invoice::Column::Status.eq(InvoiceStatus::Paid))
        .filter(invoice::Column::Date.gte(from.first_day().to_string()))
        .filter(invoice::Column::Date.lt(to.next().first_day().to_string()))
        .group_by(Expr::cust("1"))
        .group_by(invoice::Column::Currency)
        .order_by_asc(invoice::Column::Currency);
    Ok(find.into_model::<MonthSum>().all(db).await?)
}

/// Converts the sums of a month to one currency and adds them.
fn revenue(
    month: &str,
    source: RevenueSource,
    sums: &[(i64, Currency)],
    exchange_rates: &ExchangeRates,
    display: &LocaleCurrency,
) -> Result<Revenue> {
    let (amount, originals) = exchange_rates.total(sums)?;
    let month = month.parse().map_err(|_| Error::Internal(format!("{month} is not a month")))?;
    let locale = display.locale.clone();
    Ok(Revenue { month, amount, currency: exchange_rates.quote(), source, originals, locale })
}

/// Removes a month from the loaded months and returns it; a missing month has the amount 0.
fn take_or_zero(months: &mut BTreeMap<String, Revenue>, month: Month, display: &LocaleCurrency) -> Revenue {
    months.remove(&month.to_string()).unwrap_or(Revenue {
        month,
        amount: 0,
        currency: display.currency,
        source: RevenueSource::Invoices,
        originals: Vec::new(),
        locale: display.locale.clone(),
    })
}
