//! Streaming exports of invoices as CSV and NDJSON.
use std::fmt::{self, Write};

use futures_util::stream;
use sea_orm::{ActiveEnum, DbErr, Order, QueryOrder};
use uuid::Uuid;

use super::{
    list::{filtered, sort_keys},
    localized::{InvoiceRow, Localizer, select_rows},
    service::Invoices,
    types::{InvoiceFields, InvoiceFilter, InvoiceSummary},
};
use crate::{
    domain::{audit::AuditAction, locale::LocaleCurrency, timestamp::Timestamp},
    http::{
        export::{Column, CsvTable},
        problem::{Error, Result},
        row_stream::BatchStream,
    },
    infra::{
        audit_log::NewEntry,
        export::{RowBatches, TooManyExports},
    },
    resources::billing::rates::Rates,
};

impl Invoices {
    /// Streams the invoices that match a filter, in the currency of the locale.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] if all export slots are in use or if the caller has a running export.
    pub async fn export(
        &self,
        caller: Uuid,
        display: LocaleCurrency,
        filter: &InvoiceFilter,
        fields: Option<InvoiceFields>,
        with_customer: bool,
    ) -> Result<BatchStream<InvoiceSummary>> {
        let slot = self.db.export(caller).map_err(|full| {
            Error::Unavailable(match full {
                TooManyExports::Total => "the limit of concurrent exports is reached: retry later",
                TooManyExports::PerCaller => "you already have a running export: retry when it has ended",
            })
        })?;
        let entry = NewEntry::new(AuditAction::InvoicesExported, "", self.clock.now());
        self.db.record(vec![entry]).await?;
        let mut find = select_rows(filtered(filter));
        for key in sort_keys(filter).1 {
            find = find.order_by(key.column, if key.descending { Order::Desc } else { Order::Asc });
        }
        let export = InvoiceExport {
            batches: slot.rows(find),
            localizer: Localizer::load(self.db.read(), display, &self.rates, &[]).await?,
            rates: self.rates.clone(),
            fields,
            with_customer,
        };
        BatchStream::start(stream::unfold(export, |mut export| async {
            let batch = export.batches.recv().await?;
            Some((export.localize(batch).await, export))
        }))
        .await
    }

    /// Returns the file name of an export, with the locale and the current date.
    pub fn file_name(&self, display: &LocaleCurrency, extension: &str) -> String {
        format!("invoices-{}-{}.{extension}", display.locale, Timestamp(self.clock.now()).date())
    }
}

/// A running export.
struct InvoiceExport {
    batches: RowBatches<InvoiceRow>,
    localizer: Localizer,
    rates: Rates,
    fields: Option<InvoiceFields>,
    with_customer: bool,
}

impl InvoiceExport {
    async fn localize(&mut self, batch: Result<Vec<InvoiceRow>, DbErr>) -> Result<Vec<InvoiceSummary>> {
        let batch = batch?;
        self.localizer.load_missing_rates(&self.rates, &batch).await?;
        let summary = |row| self.localizer.summary(row, self.fields.as_deref(), self.with_customer);
        batch.into_iter().map(summary).collect()
    }
}

fn write(cell: &mut String, value: Option<impl fmt::Display>) {
    if let Some(value) = value {
        // Writing to a string does not fail.
        let _ = write!(cell, "{value}");
    }
}

macro_rules! columns {
    (|$invoice:ident| $($name:literal of $field:literal: $meaning:literal, $cell:expr;)*) => {
        &[$(Column {
            name: $name,
            field: $field,
            description: $meaning,
            write: |$invoice, cell| write(cell, $cell),
        }),*]
    };
}

impl CsvTable for InvoiceSummary {
    const COLUMNS: &'static [Column<Self>] = columns! {
        |it|
        "id" of "id": "the id of the invoice", Some(it.id);
        "number" of "number": "the number of the invoice, from 1", it.number;
        "date" of "date": "the date of the invoice, `YYYY-MM-DD`", it.date;
        "status" of "status": "draft, pending, paid or void", it.status.map(|it| it.to_value());
        "amount" of "amount": "the amount in minor units of the currency, an integer", it.amount;
        "currency" of "amount": "the currency of the locale", it.currency;
        "customerId" of "customerId": "the id of the customer", it.customer_id;
        "customer.name" of "customer": "the name of the customer", it.customer.as_ref().map(|it| it.name.as_str());
        "customer.email" of "customer": "the e-mail address of the customer",
            it.customer.as_ref().map(|it| it.email.as_str());
        "original.amount" of "amount": "the amount before conversion, empty if not converted",
            it.original.as_ref().map(|it| it.amount);
        "original.currency" of "amount": "the currency before conversion", it.original.as_ref().map(|it| it.currency);
        "original.rate" of "amount": "the value of one unit of the original currency in the currency of the locale",
            it.original.as_ref().map(|it| &it.quoted.rate);
        "original.rateDate" of "amount": "the date of the rate, `YYYY-MM-DD`",
            it.original.as_ref().and_then(|it| it.quoted.rate_date);
        "original.rateSource" of "amount": "the host of the rate source, or fallback",
            it.original.as_ref().map(|it| &it.quoted.rate_source);
        "original.rateState" of "amount": "fresh, lastKnown or fallback",
            it.original.as_ref().map(|it| it.quoted.rate_state.as_str());
    };
    const EXAMPLE: &'static str = "id,date,status,customer.name,customer.email\r\n\
        0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f,2025-11-21,pending,Evil Rabbit,evil@rabbit.acme.test\r\n";
}
