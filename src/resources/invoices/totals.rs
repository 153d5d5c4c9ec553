//! Invoices as an office sums them up.
use entity::invoice;
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, QueryOrder, QuerySelect, sea_query::Func};

use super::{
    service::Invoices,
    types::{InvoiceStatus, InvoiceSummary},
    view::{Row, Shown, joined, rows},
};
use crate::{
    contract::{
        locale::Place,
        money::Currency,
        problem::{Error, Result},
    },
    resources::rates::Book,
};

const LATEST: u64 = 5;

/// What there is of one state and currency.
#[derive(Debug, FromQueryResult)]
struct Sum {
    status: String,
    currency: String,
    count: i64,
    amount: i64,
}

impl Invoices {
    /// The currencies in which invoices were made out.
    pub async fn currencies(&self) -> Result<Vec<Currency>> {
        let find = invoice::Entity::find().select_only().column(invoice::Column::Currency).distinct();
        let names: Vec<String> = find.into_tuple().all(self.db.read()).await?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }

    /// The sums of all paid and of all pending invoices, and the number of all invoices.
    pub async fn totals(&self, place: &Place, rates: &Book) -> Result<(i64, i64, i64)> {
        let find = invoice::Entity::find()
            .select_only()
            .columns([invoice::Column::Status, invoice::Column::Currency])
            .expr_as(invoice::Column::Id.count(), "count")
            .expr_as(Func::cast_as(invoice::Column::Amount.sum(), "bigint"), "amount")
            .group_by(invoice::Column::Status)
            .group_by(invoice::Column::Currency);
        let sums = find.into_model::<Sum>().all(self.db.read()).await?;
        let mut known = Vec::with_capacity(sums.len());
        for Sum { status, currency, amount, .. } in &sums {
            let currency: Currency = currency.parse().map_err(Error::Internal)?;
            known.push((InvoiceStatus::parse(status), (*amount, currency)));
        }
        let currencies: Vec<Currency> = known.iter().map(|(_, (_, currency))| *currency).collect();
        let exchanges = rates.exchanges(&currencies, place.currency)?;
        let total = |wanted: InvoiceStatus| {
            let amounts: Vec<(i64, Currency)> =
                known.iter().filter(|(status, _)| *status == wanted).map(|(_, amount)| *amount).collect();
            exchanges.total(&amounts).map(|(total, _)| total)
        };
        let count = sums.iter().map(|sum| sum.count).sum();
        Ok((total(InvoiceStatus::Paid)?, total(InvoiceStatus::Pending)?, count))
    }

    /// The invoices of the latest days, with their customers.
    pub async fn latest(&self, place: &Place, rates: &Book) -> Result<Vec<InvoiceSummary>> {
        let find =
            joined().order_by_desc(invoice::Column::Date).order_by_desc(invoice::Column::Id).limit(LATEST);
        let found = rows(find).into_model::<Row>().all(self.db.read()).await?;
        let shown = Shown::by(rates, place, &found)?;
        found.into_iter().map(|row| shown.summary(row, None, true)).collect()
    }
}
