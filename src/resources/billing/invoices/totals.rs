//! Totals of invoices for the billing dashboard.
use entity::invoice;
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, QueryOrder, QuerySelect, sea_query::Func};

use super::{
    localized::{InvoiceRow, Localizer, select_rows, with_customers},
    service::Invoices,
    types::{InvoiceStatus, InvoiceSummary},
};
use crate::{
    domain::{locale::LocaleCurrency, money::Currency},
    http::problem::{Error, Result},
    resources::billing::rates::RateSnapshot,
};

/// The number of latest invoices.
const LATEST: u64 = 5;

/// The invoices of one status and currency.
#[derive(Debug, FromQueryResult)]
struct StatusSum {
    status: InvoiceStatus,
    currency: String,
    count: i64,
    amount: i64,
}

impl Invoices {
    /// Returns the original currencies of all invoices.
    pub async fn currencies(&self) -> Result<Vec<Currency>> {
        let find = invoice::Entity::find().select_only().column(invoice::Column::Currency).distinct();
        let names: Vec<String> = find.into_tuple().all(self.db.read()).await?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }

    /// Returns the sum of all paid invoices, the sum of all pending invoices, and the number of all invoices.
    /// Sums are in minor units of the currency of `display`.
    pub async fn totals(&self, display: &LocaleCurrency, rates: &RateSnapshot) -> Result<(i64, i64, i64)> {
        let find = invoice::Entity::find()
            .select_only()
            .columns([invoice::Column::Status, invoice::Column::Currency])
            .expr_as(invoice::Column::Id.count(), "count")
            // On PostgreSQL, `SUM` of a `bigint` is a `numeric`.
            .expr_as(Func::cast_as(invoice::Column::Amount.sum(), "bigint"), "amount")
            .group_by(invoice::Column::Status)
            .group_by(invoice::Column::Currency);
        let sums = find.into_model::<StatusSum>().all(self.db.read()).await?;
        let mut amounts = Vec::with_capacity(sums.len());
        for StatusSum { status, currency, amount, .. } in &sums {
            let currency: Currency = currency.parse().map_err(Error::Internal)?;
            amounts.push((*status, (*amount, currency)));
        }
        let currencies: Vec<Currency> = amounts.iter().map(|(_, (_, currency))| *currency).collect();
        let exchange_rates = rates.exchange_rates(&currencies, display.currency)?;
        let total = |wanted: InvoiceStatus| {
            let matching: Vec<(i64, Currency)> =
                amounts.iter().filter(|(status, _)| *status == wanted).map(|(_, amount)| *amount).collect();
            exchange_rates.total(&matching).map(|(total, _)| total)
        };
        let count = sums.iter().map(|sum| sum.count).sum();
        Ok((total(InvoiceStatus::Paid)?, total(InvoiceStatus::Pending)?, count))
    }

    /// Returns the latest invoices by date, with their customers.
    pub async fn latest(
        &self,
        display: &LocaleCurrency,
        rates: &RateSnapshot,
    ) -> Result<Vec<InvoiceSummary>> {
        let find = with_customers()
            .order_by_desc(invoice::Column::Date)
            .order_by_desc(invoice::Column::Id)
            .limit(LATEST);
        let found = select_rows(find).into_model::<InvoiceRow>().all(self.db.read()).await?;
        let localizer = Localizer::with_snapshot(rates, display, &found)?;
        found.into_iter().map(|row| localizer.summary(row, None, true)).collect()
    }
}
