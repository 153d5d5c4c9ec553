//! What may happen to invoices. The only writer of the `invoices` table.
use entity::{customer, invoice, sequence};
use sea_orm::{
    ActiveModelTrait, EntityTrait, IntoActiveModel, ModelTrait, QuerySelect, Set,
    sea_query::{Expr, ExprTrait, LockType, OnConflict},
};
use uuid::Uuid;

use super::{
    pdf::Printer,
    types::{Invoice, InvoicePatch, InvoiceStatus, NewInvoice},
    view::{Shown, one},
};
use crate::{
    contract::{
        answer::Resource,
        attempt::{Attempt, Outcome, once},
        cursor::CursorKey,
        etag::{ETag, Precondition},
        event::{Audience, EventType, of, told},
        id::Id,
        locale::{Locale, Locales, Place},
        problem::{Error, Result},
        time::Timestamp,
    },
    ports::{
        clock::Clock,
        db::{Db, Tx},
    },
    resources::rates::Rates,
};

#[derive(Clone)]
pub struct Invoices {
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) cursors: CursorKey,
    pub(super) rates: Rates,
    pub(super) locales: Locales,
    pub(super) printer: Printer,
}

impl Invoices {
    pub fn new(
        db: Db,
        clock: Clock,
        cursors: CursorKey,
        rates: Rates,
        locales: Locales,
        printer: Printer,
    ) -> Self {
        Invoices { db, clock, cursors, rates, locales, printer }
    }

    /// The locale with its currency, if the service has it.
    pub fn place(&self, locale: Locale) -> Result<Place> {
        self.locales.place(locale)
    }

    /// Every locale that the service has.
    pub fn locales(&self) -> &Locales {
        &self.locales
    }

    /// The version of every list of invoices in this place.
    pub async fn list_etag(&self, place: &Place, target: &str) -> Result<ETag> {
        let version = self.db.versions(&["invoices", "customers", "rates"]).await?;
        // Rates grow old by themselves.
        let ages = self.rates.ages().await?;
        Ok(ETag::weak(&["invoices", place.currency.as_str(), &version.to_string(), &ages, target]))
    }

    pub async fn read(&self, place: Place, id: Id<Invoice>, with_customer: bool) -> Result<Invoice> {
        let row = one(self.db.read(), id.0).await?;
        let shown = Shown::of(self.db.read(), place, &self.rates, std::slice::from_ref(&row)).await?;
        shown.whole(row, with_customer)
    }

    /// Writes an invoice in the currency of the place.
    pub async fn create(
        &self,
        place: Place,
        new: NewInvoice,
        attempt: Option<Attempt>,
    ) -> Result<Outcome<Invoice>> {
        let (invoices, now) = (self.clone(), self.clock.now());
        once(&self.db, attempt, async move |tx| {
            let NewInvoice { customer_id, amount, status, date } = new;
            billed(&tx, customer_id.0).await?;
            let id = Uuid::now_v7();
            let row = invoice::ActiveModel {
                id: Set(id),
                number: Set(next_number(&tx).await?),
                customer_id: Set(customer_id.0),
                amount: Set(amount),
                currency: Set(place.currency.to_string()),
                status: Set(status.as_str().to_owned()),
                date: Set(date.unwrap_or_else(|| Timestamp(now).day()).to_string()),
                version: Set(1),
                created_at: Set(now),
                updated_at: Set(now),
                paid_at: Set(status.paid_at(None, now)),
            };
            row.insert(&*tx).await?;
            tx.touch("invoices").await?;
            let made = invoices.shown(&tx, place, id).await?;
            tx.tell(told(EventType::InvoiceCreated, &made, id, 1, Audience::Office, now));
            if made.status == InvoiceStatus::Paid {
                tx.tell(told(EventType::InvoicePaid, &made, id, 1, Audience::Office, now));
            }
            Ok(made)
        })
        .await
    }

    pub async fn replace(
        &self,
        place: Place,
        id: Id<Invoice>,
        new: NewInvoice,
        when: Precondition,
    ) -> Result<Invoice> {
        let NewInvoice { customer_id, amount, status, date } = new;
        let date = date.unwrap_or_else(|| Timestamp(self.clock.now()).day());
        let patch = InvoicePatch {
            customer_id: Some(customer_id),
            amount: Some(amount),
            status: Some(status),
            date: Some(date),
        };
        self.patch(place, id, patch, when).await
    }

    pub async fn patch(
        &self,
        place: Place,
        id: Id<Invoice>,
        patch: InvoicePatch,
        when: Precondition,
    ) -> Result<Invoice> {
        let (invoices, now) = (self.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                let mut row = invoices.held(&tx, &place, id, &when).await?;
                let (before, mut patch) = (row.clone(), patch);
                // Whoever sends back what was shown changes nothing.
                if row.currency != place.currency.as_str() && patch.amount.is_some() {
                    let shown = invoices.shown(&tx, place.clone(), id.0).await?.amount;
                    patch.amount = patch.amount.filter(|amount| *amount != shown);
                }
                changes_in(&row, &patch, &place)?;
                let was = InvoiceStatus::parse(&row.status);
                if let Some(customer) = patch.customer_id {
                    billed(&tx, customer.0).await?;
                    row.customer_id = customer.0;
                }
                if let Some(amount) = patch.amount {
                    row.amount = amount;
                }
                if let Some(status) = patch.status {
                    row.status = status.as_str().to_owned();
                    row.paid_at = status.paid_at(row.paid_at, now);
                }
                if let Some(date) = patch.date {
                    row.date = date.to_string();
                }
                if row == before {
                    return invoices.shown(&tx, place, id.0).await;
                }
                row.version += 1;
                row.updated_at = now;
                let version = row.version;
                row.into_active_model().reset_all().update(&*tx).await?;
                tx.touch("invoices").await?;
                let made = invoices.shown(&tx, place, id.0).await?;
                tx.tell(told(moved(was, made.status), &made, id, version, Audience::Office, now));
                Ok(made)
            })
            .await
    }

    pub async fn remove(&self, place: Place, id: Id<Invoice>, when: Precondition) -> Result<()> {
        let (invoices, now) = (self.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                let row = invoices.held(&tx, &place, id, &when).await?;
                if row.paid_at.is_some() {
                    return Err(Error::Conflict(
                        "an invoice that was paid stays in the books, also when it is void",
                    ));
                }
                let (href, version) = (address(&place, id.0), row.version + 1);
                tx.tell(of(EventType::InvoiceDeleted, id, href, version, Audience::Office, now));
                row.delete(&*tx).await?;
                tx.touch("invoices").await?;
                Ok(())
            })
            .await
    }

    /// The row for a change, if it is there and is the version that is meant. It is locked.
    async fn held(
        &self,
        tx: &Tx,
        place: &Place,
        id: Id<Invoice>,
        when: &Precondition,
    ) -> Result<invoice::Model> {
        let row = invoice::Entity::find_by_id(id.0).lock_exclusive().one(&**tx).await?;
        let row = row.ok_or(Error::NotFound("invoice"))?;
        if when.asks() {
            let plain = when.check(&self.shown(tx, place.clone(), id.0).await?.etag());
            if plain.is_err() {
                // Whoever has read it with its customer knows the version just as well.
                let expanded = self.shown_with(tx, place.clone(), id.0, true).await?;
                when.check(&expanded.etag()).or(plain)?;
            }
        }
        Ok(row)
    }

    async fn shown(&self, tx: &Tx, place: Place, id: Uuid) -> Result<Invoice> {
        self.shown_with(tx, place, id, false).await
    }

    /// On the transaction's own connection: another one may have to be waited for.
    async fn shown_with(&self, tx: &Tx, place: Place, id: Uuid, with_customer: bool) -> Result<Invoice> {
        let row = one(&**tx, id).await?;
        let shown = Shown::of(&**tx, place, &self.rates, std::slice::from_ref(&row)).await?;
        shown.whole(row, with_customer)
    }
}

/// Where an invoice is read in a locale.
pub(super) fn address(place: &Place, id: Uuid) -> String {
    format!("/api/v2/invoices/{}/{id}", place.locale)
}

/// What a change of an invoice is called.
pub(super) fn moved(was: InvoiceStatus, is: InvoiceStatus) -> EventType {
    match is {
        InvoiceStatus::Paid if was != is => EventType::InvoicePaid,
        InvoiceStatus::Void if was != is => EventType::InvoiceVoided,
        _ => EventType::InvoiceUpdated,
    }
}

pub(super) const CLOSED: &str = "a paid or void invoice stays as it is";

/// Refuses what an invoice that is this far does not allow.
pub(super) fn changes(row: &invoice::Model, patch: &InvoicePatch) -> Result<()> {
    let status = InvoiceStatus::parse(&row.status);
    if patch.status.is_some_and(|next| !status.leads_to(next)) {
        return Err(Error::Unfit("status", "does not follow from what the invoice is now"));
    }
    let differs = patch.amount.is_some_and(|amount| amount != row.amount)
        || patch.customer_id.is_some_and(|customer| customer.0 != row.customer_id)
        || patch.date.is_some_and(|date| date.to_string() != row.date);
    if differs && status.is_closed() {
        return Err(Error::Conflict(CLOSED));
    }
    Ok(())
}

/// The same of a change through the API, which speaks of amounts in the currency of a place.
fn changes_in(row: &invoice::Model, patch: &InvoicePatch, place: &Place) -> Result<()> {
    changes(row, patch)?;
    if patch.amount.is_some() && row.currency != place.currency.as_str() {
        return Err(Error::Unfit("amount", "can be changed in a locale of the invoice's own currency only"));
    }
    Ok(())
}

/// Refuses customers that are not there, and keeps the one that is until this transaction has ended.
pub(super) async fn billed(tx: &Tx, id: Uuid) -> Result<()> {
    let customer = customer::Entity::find_by_id(id).lock(LockType::KeyShare).one(&**tx).await?;
    customer.map(|_| ()).ok_or(Error::Unfit("customerId", "names no customer"))
}

/// The next number; whoever asks at the same time waits for it.
pub(super) async fn next_number(tx: &Tx) -> Result<i64> {
    let row = sequence::ActiveModel { name: Set("invoices".to_owned()), value: Set(1) };
    // As wide as the sequence of events adds to it: PostgreSQL keeps one plan for the same words.
    let next = Expr::col((sequence::Entity, sequence::Column::Value)).add(1_i64);
    let again = OnConflict::column(sequence::Column::Name).value(sequence::Column::Value, next).to_owned();
    sequence::Entity::insert(row).on_conflict(again).exec_without_returning(&**tx).await?;
    let row = sequence::Entity::find_by_id("invoices".to_owned()).one(&**tx).await?;
    row.map(|row| row.value)
        .ok_or_else(|| Error::Internal("a sequence vanished in its own transaction".into()))
}
