//! Invoices by the million: as a table and as lines.
use std::borrow::Cow;

use futures_util::stream;
use sea_orm::{DbErr, Order, QueryOrder};
use uuid::Uuid;

use super::{
    list::{filtered, sorted},
    service::Invoices,
    types::{InvoiceFilter, InvoiceSummary},
    view::{Row, Shown, rows},
};
use crate::{
    contract::{
        download::{Column, Table},
        locale::Place,
        problem::{Error, Result},
        rows::Rows,
        time::Timestamp,
    },
    ports::export::{Batches, Full},
    resources::rates::{Original, Rates},
};

impl Invoices {
    /// What is left of the invoices under a filter, as they are now, in the currency of the place.
    pub async fn export(
        &self,
        caller: Uuid,
        place: Place,
        filter: &InvoiceFilter,
        fields: Option<String>,
        with_customer: bool,
    ) -> Result<Rows<InvoiceSummary>> {
        let export = self.db.export(caller).map_err(|full| {
            Error::Unavailable(match full {
                Full::All => "as many exports run already as may: try again",
                Full::Own => "an export of yours runs already: try again when it has ended",
            })
        })?;
        let mut find = rows(filtered(filter));
        for key in sorted(filter).1 {
            find = find.order_by(key.column, if key.descending { Order::Desc } else { Order::Asc });
        }
        let told = Told {
            batches: export.rows(find),
            shown: Shown::of(self.db.read(), place, &self.rates, &[]).await?,
            rates: self.rates.clone(),
            fields,
            with_customer,
        };
        Rows::begin(stream::unfold(told, |mut told| async {
            let batch = told.batches.recv().await?;
            Some((told.told(batch).await, told))
        }))
        .await
    }

    /// The name of a file of invoices: what, where and when.
    pub fn file_name(&self, place: &Place, extension: &str) -> String {
        format!("invoices-{}-{}.{extension}", place.locale, Timestamp(self.clock.now()).day())
    }
}

/// What is read, and how it is told.
struct Told {
    batches: Batches<Row>,
    shown: Shown,
    rates: Rates,
    fields: Option<String>,
    with_customer: bool,
}

impl Told {
    async fn told(&mut self, batch: Result<Vec<Row>, DbErr>) -> Result<Vec<InvoiceSummary>> {
        let batch = batch?;
        self.shown.learn(&self.rates, &batch).await?;
        let summary = |row| self.shown.summary(row, self.fields.as_deref(), self.with_customer);
        batch.into_iter().map(summary).collect()
    }
}

fn text<T: ToString>(value: Option<T>) -> Cow<'static, str> {
    Cow::Owned(value.map(|value| value.to_string()).unwrap_or_default())
}

fn original(invoice: &InvoiceSummary, member: fn(&Original) -> String) -> Cow<'static, str> {
    text(invoice.original.as_ref().map(member))
}

macro_rules! columns {
    ($($name:literal of $field:literal: $meaning:literal, $cell:expr;)*) => {
        &[$(Column { name: $name, field: $field, meaning: $meaning, cell: $cell }),*]
    };
}

impl Table for InvoiceSummary {
    const COLUMNS: &'static [Column<Self>] = columns! {
        "id" of "id": "what the invoice is known by for good", |it| text(Some(it.id));
        "number" of "number": "its number, counted upwards from 1", |it| text(it.number);
        "date" of "date": "the day on it, `YYYY-MM-DD`", |it| text(it.date);
        "status" of "status": "draft, pending, paid or void", |it| it.status.map_or("", |it| it.as_str()).into();
        "amount" of "amount": "in minor units of the currency, a whole number", |it| text(it.amount);
        "currency" of "amount": "the currency of the locale", |it| text(it.currency);
        "customerId" of "customerId": "whose invoice it is", |it| text(it.customer_id);
        "customer.name" of "customer": "the name that stands on it",
            |it| it.customer.as_ref().map_or("", |it| it.name.as_str()).into();
        "customer.email" of "customer": "the e-mail address",
            |it| it.customer.as_ref().map_or("", |it| it.email.as_str()).into();
        "original.amount" of "amount": "the amount before it was converted, else empty",
            |it| original(it, |it| it.amount.to_string());
        "original.currency" of "amount": "the currency in which it was made out",
            |it| original(it, |it| it.currency.to_string());
        "original.rate" of "amount": "what one unit of that is in the currency of the locale",
            |it| original(it, |it| it.quoted.rate.clone());
        "original.rateDate" of "amount": "the day for which the rate holds",
            |it| text(it.original.as_ref().and_then(|it| it.quoted.rate_date));
        "original.rateSource" of "amount": "who says so", |it| original(it, |it| it.quoted.rate_source.clone());
        "original.rateState" of "amount": "fresh, lastKnown or fallback",
            |it| original(it, |it| it.quoted.rate_state.as_str().to_owned());
    };
    const EXAMPLE: &'static str = "id,date,status,customer.name,customer.email\r\n\
        0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f,2025-11-21,pending,Evil Rabbit,evil@rabbit.acme.test\r\n";
}
