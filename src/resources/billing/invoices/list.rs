//! Lists of invoices.
use entity::{customer, invoice};
use sea_orm::{ColumnTrait, IntoSimpleExpr, QueryFilter, Select, sea_query::ExprTrait};

use super::{
    localized::{InvoiceRow, Localizer, select_rows, with_customers},
    service::Invoices,
    types::{InvoiceFilter, InvoiceLinesQuery, InvoiceQuery, InvoiceSummary},
};
use crate::{
    domain::{locale::LocaleCurrency, search::search_key},
    http::{
        cursor::{PageQuery, SortKey, SortValue},
        pagination::{Page, PageParams},
        problem::Result,
        search::like_contains,
        sort::Sort,
    },
};

/// Returns the sort order of a filter, and its sort keys.
pub(super) fn sort_keys(filter: &InvoiceFilter) -> (Sort, Vec<SortKey>) {
    let sort = Sort::parse(filter.sort.as_deref().unwrap_or("-date"));
    let key = |name: &str| {
        SortKey::ascending(match name {
            "date" => invoice::Column::Date,
            "number" => invoice::Column::Number,
            _ => invoice::Column::CreatedAt,
        })
    };
    let keys = sort.keys(key, SortKey::ascending(invoice::Column::Id));
    (sort, keys)
}

impl Invoices {
    pub async fn list(&self, display: LocaleCurrency, query: &InvoiceQuery) -> Result<Page<InvoiceSummary>> {
        let InvoiceLinesQuery { filter, fields, .. } = &query.lines;
        let with_customer = query.lines.with_customer();
        let Page { data, pagination } = self.page(&query.paging, filter).await?;
        let localizer = Localizer::load(self.db.read(), display, &self.rates, &data).await?;
        let summary = |row| localizer.summary(row, fields.as_deref(), with_customer);
        Ok(Page { data: data.into_iter().map(summary).collect::<Result<_>>()?, pagination })
    }

    /// Returns a page of invoices in their original currencies.
    pub async fn list_unconverted(
        &self,
        paging: &PageParams,
        filter: &InvoiceFilter,
    ) -> Result<Page<InvoiceSummary>> {
        let Page { data, pagination } = self.page(paging, filter).await?;
        Ok(Page { data: data.into_iter().map(InvoiceRow::unconverted).collect::<Result<_>>()?, pagination })
    }

    async fn page(&self, paging: &PageParams, filter: &InvoiceFilter) -> Result<Page<InvoiceRow>> {
        let (sort, order) = sort_keys(filter);
        let sort_key = |row: &InvoiceRow| {
            let value = |name: &str| match name {
                "date" => SortValue::Text(row.date.clone()),
                "number" => SortValue::Number(row.number),
                _ => SortValue::Number(row.created_at),
            };
            sort.position(value, row.id)
        };
        let slice = PageQuery {
            cursor_key: &self.cursors,
            list_id: format!("invoices {filter:?}"),
            order,
            params: paging,
        };
        let (data, pagination) = slice.fetch(self.db.read(), filtered(filter), select_rows, sort_key).await?;
        Ok(Page { data, pagination })
    }
}

/// Selects the invoices that match a filter.
pub(super) fn filtered(filter: &InvoiceFilter) -> Select<invoice::Entity> {
    let InvoiceFilter { status, customer, currency, date_from, date_before, q, sort: _ } = filter;
    let mut find = with_customers();
    if let Some(status) = status {
        find = find.filter(invoice::Column::Status.eq(*status));
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
    for term in q.as_deref().map(search_key).unwrap_or_default().split_whitespace() {
        find = find.filter(customer::Column::Search.into_simple_expr().like(like_contains(term)));
    }
    find
}
