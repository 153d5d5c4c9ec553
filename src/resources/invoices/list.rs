//! Pages of invoices.
use entity::{customer, invoice};
use sea_orm::{ColumnTrait, IntoSimpleExpr, QueryFilter, Select, sea_query::ExprTrait};

use super::{
    service::Invoices,
    types::{InvoiceQuery, InvoiceSummary},
    view::{Row, Shown, joined, rows},
};
use crate::contract::{
    cursor::{Key, Slice, SortKey},
    locale::Place,
    page::Page,
    problem::Result,
    text::{containing, folded},
};

impl Invoices {
    pub async fn list(&self, place: Place, query: &InvoiceQuery) -> Result<Page<InvoiceSummary>> {
        let Page { data, pagination } = self.page(query).await?;
        let shown = Shown::at(place, &self.rates, &data).await?;
        let summary = |row| shown.summary(row, query.fields.as_deref(), query.expand.is_some());
        Ok(Page { data: data.into_iter().map(summary).collect::<Result<_>>()?, pagination })
    }

    /// The same in the currencies in which they were made out.
    pub async fn made_out(&self, query: &InvoiceQuery) -> Result<Page<InvoiceSummary>> {
        let Page { data, pagination } = self.page(query).await?;
        Ok(Page { data: data.into_iter().map(Row::made_out).collect::<Result<_>>()?, pagination })
    }

    async fn page(&self, query: &InvoiceQuery) -> Result<Page<Row>> {
        let sort = query.sort.as_deref().unwrap_or("-date");
        let (name, descending) = (sort.trim_start_matches('-'), sort.starts_with('-'));
        let column = match name {
            "date" => invoice::Column::Date,
            "number" => invoice::Column::Number,
            _ => invoice::Column::CreatedAt,
        };
        let key = |column: invoice::Column| SortKey { column: column.into_simple_expr(), descending };
        let InvoiceQuery { status, customer, currency, date_from, date_before, q, .. } = query;
        let slice = Slice {
            key: &self.cursors,
            list: format!(
                "invoices {status:?} {customer:?} {currency:?} {date_from:?} {date_before:?} {q:?} {sort}"
            ),
            order: vec![key(column), key(invoice::Column::Id)],
            paging: &query.paging,
        };
        let place_of = |row: &Row| {
            let first = match name {
                "date" => Key::Text(row.date.clone()),
                "number" => Key::Number(row.number),
                _ => Key::Number(row.created_at),
            };
            vec![first, Key::Id(row.id)]
        };
        let (data, pagination) = slice.page(self.db.read(), filtered(query), rows, place_of).await?;
        Ok(Page { data, pagination })
    }
}

fn filtered(query: &InvoiceQuery) -> Select<invoice::Entity> {
    let mut find = joined();
    if let Some(status) = query.status {
        find = find.filter(invoice::Column::Status.eq(status.as_str()));
    }
    if let Some(customer) = query.customer {
        find = find.filter(invoice::Column::CustomerId.eq(customer.0));
    }
    if let Some(currency) = query.currency {
        find = find.filter(invoice::Column::Currency.eq(currency.as_str()));
    }
    if let Some(from) = query.date_from {
        find = find.filter(invoice::Column::Date.gte(from.to_string()));
    }
    if let Some(before) = query.date_before {
        find = find.filter(invoice::Column::Date.lt(before.to_string()));
    }
    for word in query.q.as_deref().map(folded).unwrap_or_default().split_whitespace() {
        find = find.filter(customer::Column::Search.into_simple_expr().like(containing(word)));
    }
    find
}
