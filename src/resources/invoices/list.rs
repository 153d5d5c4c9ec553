//! Pages of invoices.
use entity::{customer, invoice};
use sea_orm::{ColumnTrait, IntoSimpleExpr, QueryFilter, Select, sea_query::ExprTrait};

use super::{
    service::Invoices,
    types::{InvoiceFilter, InvoiceLinesQuery, InvoiceQuery, InvoiceSummary},
    view::{Row, Shown, joined, rows},
};
use crate::contract::{
    cursor::{Key, Slice, SortKey},
    locale::Place,
    page::{Page, Paging},
    problem::Result,
    sort::Sort,
    text::{containing, folded},
};

/// The order that a filter asks for, with its keys.
pub(super) fn sorted(filter: &InvoiceFilter) -> (Sort, Vec<SortKey>) {
    let sort = Sort::by(filter.sort.as_deref().unwrap_or("-date"));
    let key = |name: &str| {
        SortKey::rising(match name {
            "date" => invoice::Column::Date,
            "number" => invoice::Column::Number,
            _ => invoice::Column::CreatedAt,
        })
    };
    let keys = sort.keys(key, SortKey::rising(invoice::Column::Id));
    (sort, keys)
}

impl Invoices {
    pub async fn list(&self, place: Place, query: &InvoiceQuery) -> Result<Page<InvoiceSummary>> {
        let InvoiceLinesQuery { filter, fields, .. } = &query.lines;
        let with_customer = query.lines.with_customer();
        let Page { data, pagination } = self.page(&query.paging, filter).await?;
        let shown = Shown::of(self.db.read(), place, &self.rates, &data).await?;
        let summary = |row| shown.summary(row, fields.as_deref(), with_customer);
        Ok(Page { data: data.into_iter().map(summary).collect::<Result<_>>()?, pagination })
    }

    /// A page in the currencies in which the invoices were made out.
    pub async fn made_out(&self, paging: &Paging, filter: &InvoiceFilter) -> Result<Page<InvoiceSummary>> {
        let Page { data, pagination } = self.page(paging, filter).await?;
        Ok(Page { data: data.into_iter().map(Row::made_out).collect::<Result<_>>()?, pagination })
    }

    async fn page(&self, paging: &Paging, filter: &InvoiceFilter) -> Result<Page<Row>> {
        let (sort, order) = sorted(filter);
        let place = |row: &Row| {
            let value = |name: &str| match name {
                "date" => Key::Text(row.date.clone()),
                "number" => Key::Number(row.number),
                _ => Key::Number(row.created_at),
            };
            sort.place(value, row.id)
        };
        let slice = Slice { key: &self.cursors, list: format!("invoices {filter:?}"), order, paging };
        let (data, pagination) = slice.page(self.db.read(), filtered(filter), rows, place).await?;
        Ok(Page { data, pagination })
    }
}

pub(super) fn filtered(filter: &InvoiceFilter) -> Select<invoice::Entity> {
    let InvoiceFilter { status, customer, currency, date_from, date_before, q, sort: _ } = filter;
    let mut find = joined();
    if let Some(status) = status {
        find = find.filter(invoice::Column::Status.eq(status.as_str()));
    }
    if let Some(customer) = customer {
        find = find.filter(invoice::Column::CustomerId.eq(customer.0));
    }
    if let Some(currency) = currency {
        find = find.filter(invoice::Column::Currency.eq(currency.as_str()));
    }
    if let Some(from) = date_from {
        find = find.filter(invoice::Column::Date.gte(from.to_string()));
    }
    if let Some(before) = date_before {
        find = find.filter(invoice::Column::Date.lt(before.to_string()));
    }
    for word in q.as_deref().map(folded).unwrap_or_default().split_whitespace() {
        find = find.filter(customer::Column::Search.into_simple_expr().like(containing(word)));
    }
    find
}
