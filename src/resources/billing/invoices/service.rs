//! Invoice service: rules and queries. The only writer of the `invoices` table.
use entity::{customer, invoice, sequence};
use sea_orm::{
    ActiveModelTrait, EntityTrait, IntoActiveModel, ModelTrait, QuerySelect, Set,
    sea_query::{Expr, ExprTrait, LockType, OnConflict},
};
use uuid::Uuid;

use super::{
    localized::{Localizer, find_row},
    payments::{has_payments, list_payments},
    pdf::PdfRenderer,
    status::{can_become, is_closed, paid_at},
    types::{Invoice, InvoiceInput, InvoicePatch, InvoiceStatus},
};
use crate::{
    domain::{
        event::{Audience, EventType},
        id::Id,
        locale::{Locale, LocaleCurrency, Locales},
        timestamp::Timestamp,
    },
    http::{
        cursor::CursorKey,
        etag::{ETag, Precondition},
        idempotency::{IdempotentRequest, Outcome, id_of_location, run_once},
        problem::{Error, Result},
        response::Resource,
    },
    infra::{
        audit_log::Changes,
        clock::Clock,
        db::{Db, Tx},
    },
    resources::billing::rates::Rates,
};

#[derive(Clone)]
pub struct Invoices {
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) cursors: CursorKey,
    pub(super) rates: Rates,
    pub(super) locales: Locales,
    pub(super) printer: PdfRenderer,
}

impl Invoices {
    pub fn new(
        db: Db,
        clock: Clock,
        cursors: CursorKey,
        rates: Rates,
        locales: Locales,
        printer: PdfRenderer,
    ) -> Self {
        Invoices { db, clock, cursors, rates, locales, printer }
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

    /// Returns the ETag of a list in this locale.
    pub async fn list_etag(&self, display: &LocaleCurrency, target: &str) -> Result<ETag> {
        let version = self.db.versions(&["invoices", "customers", "rates"]).await?;
        // The state of a rate changes with its age, without a write.
        let ages = self.rates.age_tag().await?;
        Ok(ETag::weak_from_parts(&[
            "invoices",
            display.currency.as_str(),
            &version.to_string(),
            &ages,
            target,
        ]))
    }

    pub async fn get(
        &self,
        display: LocaleCurrency,
        id: Id<Invoice>,
        with_customer: bool,
    ) -> Result<Invoice> {
        let row = find_row(self.db.read(), id.0).await?;
        let localizer =
            Localizer::load(self.db.read(), display, &self.rates, std::slice::from_ref(&row)).await?;
        let payments = list_payments(self.db.read(), id.0).await?;
        Ok(Invoice { payments, ..localizer.invoice(row, with_customer)? })
    }

    /// Creates an invoice in the currency of the locale.
    pub async fn create(
        &self,
        display: LocaleCurrency,
        new: InvoiceInput,
        attempt: Option<IdempotentRequest>,
    ) -> Result<Outcome<Invoice>> {
        let (invoices, shown, now) = (self.clone(), display.clone(), self.clock.now());
        let reload =
            |location: String| async move { self.get(shown, id_of_location(&location)?, false).await };
        let work = async move |tx: Tx| {
            let InvoiceInput { customer_id, amount, status, date } = new;
            lock_customer(&tx, customer_id.0).await?;
            let id = Uuid::now_v7();
            let row = invoice::ActiveModel {
                id: Set(id),
                number: Set(next_number(&tx).await?),
                customer_id: Set(customer_id.0),
                amount: Set(amount),
                currency: Set(display.currency.to_string()),
                status: Set(status),
                date: Set(date.unwrap_or_else(|| Timestamp(now).date()).to_string()),
                version: Set(1),
                created_at: Set(now),
                updated_at: Set(now),
                paid_at: Set(paid_at(status, None, now)),
            };
            row.insert(&*tx).await?;
            tx.touch("invoices").await?;
            let invoice = invoices.load_localized(&tx, display, id).await?;
            tx.emit(EventType::InvoiceCreated, id, invoice.location(), 1, Audience::Accountants, now);
            if invoice.status == InvoiceStatus::Paid {
                tx.emit(EventType::InvoicePaid, id, invoice.location(), 1, Audience::Accountants, now);
            }
            Ok(invoice)
        };
        run_once(&self.db, attempt, work, reload).await
    }

    pub async fn replace(
        &self,
        display: LocaleCurrency,
        id: Id<Invoice>,
        new: InvoiceInput,
        precondition: Precondition,
    ) -> Result<Invoice> {
        let mut patch = InvoicePatch::from(new);
        patch.date = patch.date.or_else(|| Some(Timestamp(self.clock.now()).date()));
        self.update(display, id, patch, precondition).await
    }

    pub async fn update(
        &self,
        display: LocaleCurrency,
        id: Id<Invoice>,
        patch: InvoicePatch,
        precondition: Precondition,
    ) -> Result<Invoice> {
        let (invoices, now) = (self.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                let mut row = invoices.load_for_update(&tx, &display, id, &precondition).await?;
                let (before, mut patch) = (row.clone(), patch);
                // A client may send the converted amount back unchanged: that is no change of the original
                // amount.
                if row.currency != display.currency.as_str() && patch.amount.is_some() {
                    let shown = invoices.load_localized(&tx, display.clone(), id.0).await?.amount;
                    patch.amount = patch.amount.filter(|amount| *amount != shown);
                }
                check_patch_in(&row, &patch, &display)?;
                let old_status = row.status;
                if let Some(customer) = patch.customer_id {
                    lock_customer(&tx, customer.0).await?;
                    row.customer_id = customer.0;
                }
                if let Some(amount) = patch.amount {
                    row.amount = amount;
                }
                if let Some(status) = patch.status {
                    row.status = status;
                    row.paid_at = paid_at(status, row.paid_at, now);
                }
                if let Some(date) = patch.date {
                    row.date = date.to_string();
                }
                if row == before {
                    return invoices.load_localized(&tx, display, id.0).await;
                }
                row.version += 1;
                row.updated_at = now;
                let version = row.version;
                tx.record_changes(id, Changes::between(&before, &row));
                row.into_active_model().reset_all().update(&*tx).await?;
                tx.touch("invoices").await?;
                let invoice = invoices.load_localized(&tx, display, id.0).await?;
                let kind = update_event(old_status, invoice.status);
                tx.emit(kind, id, invoice.location(), version, Audience::Accountants, now);
                Ok(invoice)
            })
            .await
    }

    pub async fn delete(
        &self,
        display: LocaleCurrency,
        id: Id<Invoice>,
        precondition: Precondition,
    ) -> Result<()> {
        let (invoices, now) = (self.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                let row = invoices.load_for_update(&tx, &display, id, &precondition).await?;
                if row.paid_at.is_some() {
                    return Err(Error::Conflict("an invoice that is or was paid cannot be deleted"));
                }
                if has_payments(&tx, id.0).await? {
                    return Err(Error::Conflict("an invoice with payments cannot be deleted"));
                }
                let (href, version) = (location(&display, id.0), row.version + 1);
                tx.emit(EventType::InvoiceDeleted, id, href, version, Audience::Accountants, now);
                row.delete(&*tx).await?;
                tx.touch("invoices").await?;
                Ok(())
            })
            .await
    }

    /// Locks a row, and returns it if the precondition holds.
    async fn load_for_update(
        &self,
        tx: &Tx,
        display: &LocaleCurrency,
        id: Id<Invoice>,
        precondition: &Precondition,
    ) -> Result<invoice::Model> {
        let row = invoice::Entity::find_by_id(id.0).lock_exclusive().one(&**tx).await?;
        let row = row.ok_or(Error::NotFound("invoice"))?;
        if precondition.is_some() {
            let without_customer =
                precondition.check(&self.load_localized(tx, display.clone(), id.0).await?.etag());
            if without_customer.is_err() {
                // The client may have the ETag of the representation with `expand=customer`.
                let with_customer = self.load_localized_with(tx, display.clone(), id.0, true).await?;
                precondition.check(&with_customer.etag()).or(without_customer)?;
            }
        }
        Ok(row)
    }

    async fn load_localized(&self, tx: &Tx, display: LocaleCurrency, id: Uuid) -> Result<Invoice> {
        self.load_localized_with(tx, display, id, false).await
    }

    /// Reads on the connection of the transaction. A second connection could deadlock when the pool is
    /// exhausted.
    async fn load_localized_with(
        &self,
        tx: &Tx,
        display: LocaleCurrency,
        id: Uuid,
        with_customer: bool,
    ) -> Result<Invoice> {
        let row = find_row(&**tx, id).await?;
        let localizer = Localizer::load(&**tx, display, &self.rates, std::slice::from_ref(&row)).await?;
        let payments = list_payments(&**tx, id).await?;
        Ok(Invoice { payments, ..localizer.invoice(row, with_customer)? })
    }
}

/// Returns the path of an invoice in a locale.
pub(super) fn location(display: &LocaleCurrency, id: Uuid) -> String {
    format!("/api/v2/invoices/{}/{id}", display.locale)
}

/// Returns the event type of an update.
pub(super) fn update_event(old: InvoiceStatus, new: InvoiceStatus) -> EventType {
    match new {
        InvoiceStatus::Paid if old != new => EventType::InvoicePaid,
        InvoiceStatus::Void if old != new => EventType::InvoiceVoided,
        _ => EventType::InvoiceUpdated,
    }
}

pub(super) const CLOSED: &str = "a paid or void invoice cannot be changed";

/// Rejects changes that the current status does not allow.
pub(super) fn check_patch(row: &invoice::Model, patch: &InvoicePatch) -> Result<()> {
    if patch.status.is_some_and(|next| !can_become(row.status, next)) {
        return Err(Error::InvalidState("status", "must be a status that the current status can become"));
    }
    let changes_fields = patch.amount.is_some_and(|amount| amount != row.amount)
        || patch.customer_id.is_some_and(|customer| customer.0 != row.customer_id)
        || patch.date.is_some_and(|date| date.to_string() != row.date);
    if changes_fields && is_closed(row.status) {
        return Err(Error::Conflict(CLOSED));
    }
    Ok(())
}

/// Does the same for a change through the API, whose amounts are in the currency of a locale.
fn check_patch_in(row: &invoice::Model, patch: &InvoicePatch, display: &LocaleCurrency) -> Result<()> {
    check_patch(row, patch)?;
    if patch.amount.is_some() && row.currency != display.currency.as_str() {
        return Err(Error::InvalidState(
            "amount",
            "must be changed in a locale with the currency of the invoice",
        ));
    }
    Ok(())
}

/// Locks the customer, so that it cannot be deleted until the transaction ends.
///
/// # Errors
/// Returns [`Error::Unfit`] if the customer does not exist.
pub(super) async fn lock_customer(tx: &Tx, id: Uuid) -> Result<()> {
    let customer = customer::Entity::find_by_id(id).lock(LockType::KeyShare).one(&**tx).await?;
    customer.map(|_| ()).ok_or(Error::InvalidState("customerId", "must be the id of an existing customer"))
}

/// Returns the next invoice number. The row lock serializes concurrent transactions, and a
/// rollback returns the number, so that no number is skipped.
pub(super) async fn next_number(tx: &Tx) -> Result<i64> {
    let row = sequence::ActiveModel { name: Set("invoices".to_owned()), value: Set(1) };
    // The same type as in the statement of the event sequence, because PostgreSQL caches one plan per
    // statement text.
    let next = Expr::col((sequence::Entity, sequence::Column::Value)).add(1_i64);
    let increment =
        OnConflict::column(sequence::Column::Name).value(sequence::Column::Value, next).to_owned();
    sequence::Entity::insert(row).on_conflict(increment).exec_without_returning(&**tx).await?;
    let row = sequence::Entity::find_by_id("invoices".to_owned()).one(&**tx).await?;
    row.map(|row| row.value)
        .ok_or_else(|| Error::Internal("the invoice sequence is missing after its insert".into()))
}
