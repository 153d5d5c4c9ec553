//! Import of invoices from files.
use entity::invoice;
use sea_orm::{ActiveModelTrait, EntityTrait, Set};
use uuid::Uuid;

use super::{
    service::{CLOSED, Invoices, check_patch, location, lock_customer, next_number},
    status::{is_closed, paid_at},
    types::{InvoiceInput, InvoicePatch},
};
use crate::{
    domain::{
        event::{Audience, EventType},
        locale::LocaleCurrency,
        money::Currency,
        timestamp::Timestamp,
    },
    http::problem::{Error, Result},
    infra::db::Tx,
    resources::shared::import_log::{ImportEffect, ImportItem, PreviousImport},
};

/// An invoice from a file, in its original currency.
#[derive(Debug)]
pub struct ImportedInvoice {
    /// The identity of the invoice in the file: the id, if the file has one.
    pub source: String,
    pub id: Option<Uuid>,
    pub currency: Currency,
    pub new: InvoiceInput,
}

impl Invoices {
    /// Creates an invoice from a file, or updates the invoice that an earlier import of this file created.
    pub async fn import(&self, tx: &Tx, invoice: ImportedInvoice) -> Result<ImportEffect> {
        let item = ImportItem::new("invoice", &invoice.source, &(&invoice.currency, &invoice.new))?;
        let before = item.previous(tx).await?;
        if before.as_ref().is_some_and(|before| before.is_unchanged()) {
            return Ok(ImportEffect::Unchanged);
        }
        let InvoiceInput { customer_id, amount, status, date } = &invoice.new;
        lock_customer(tx, customer_id.0).await?;
        // Rejects a currency without a rate: the amount could not be converted for other locales.
        self.rates.exchange_rates_in(&**tx, &[invoice.currency], Currency::USD).await?;
        let now = self.clock.now();
        let mut row = invoice::ActiveModel {
            customer_id: Set(customer_id.0),
            amount: Set(*amount),
            currency: Set(invoice.currency.to_string()),
            status: Set(*status),
            date: Set(date.unwrap_or_else(|| Timestamp(now).date()).to_string()),
            updated_at: Set(now),
            ..Default::default()
        };
        let (row, effect) = match before {
            Some(before) => {
                let existing = load_existing(tx, &before, &invoice).await?;
                row.id = Set(before.target);
                row.paid_at = Set(paid_at(*status, existing.paid_at, now));
                row.version = Set(existing.version + 1);
                (row.update(&**tx).await?, ImportEffect::Updated)
            }
            None => {
                let id = invoice.id.unwrap_or_else(Uuid::now_v7);
                if invoice::Entity::find_by_id(id).one(&**tx).await?.is_some() {
                    return Err(Error::Conflict(
                        "an invoice with this id exists and was not created by an import",
                    ));
                }
                row.id = Set(id);
                row.number = Set(next_number(tx).await?);
                row.version = Set(1);
                row.created_at = Set(now);
                row.paid_at = Set(paid_at(*status, None, now));
                (row.insert(&**tx).await?, ImportEffect::Created)
            }
        };
        item.record(tx, row.id, row.version).await?;
        tx.touch("invoices").await?;
        if let Some(display) = self.locales.for_currency(invoice.currency) {
            emit(tx, &display, &row, now);
        }
        Ok(effect)
    }
}

/// Loads the row that an earlier import created, and validates the change.
async fn load_existing(tx: &Tx, before: &PreviousImport, file: &ImportedInvoice) -> Result<invoice::Model> {
    let existing = invoice::Entity::find_by_id(before.target).one(&**tx).await?;
    before.check_unmodified(existing.as_ref().map(|row| row.version))?;
    let existing = existing.ok_or(Error::NotFound("invoice"))?;
    check_change(&existing, file)?;
    Ok(existing)
}

/// Rejects the changes that the API rejects: an import must not change a paid or void invoice either.
fn check_change(existing: &invoice::Model, file: &ImportedInvoice) -> Result<()> {
    check_patch(existing, &InvoicePatch::from(file.new.clone()))?;
    match is_closed(existing.status) && existing.currency != file.currency.as_str() {
        true => Err(Error::Conflict(CLOSED)),
        false => Ok(()),
    }
}

fn emit(tx: &Tx, display: &LocaleCurrency, row: &invoice::Model, now: i64) {
    let kind = if row.version == 1 { EventType::InvoiceCreated } else { EventType::InvoiceUpdated };
    tx.emit(kind, row.id, location(display, row.id), row.version, Audience::Accountants, now);
}
