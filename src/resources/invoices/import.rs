//! Invoices that come from files.
use entity::invoice;
use sea_orm::{ActiveModelTrait, EntityTrait, Set};
use uuid::Uuid;

use super::{
    service::{CLOSED, Invoices, address, billed, changes, next_number},
    types::{InvoicePatch, InvoiceStatus, NewInvoice},
};
use crate::{
    contract::{
        event::{Audience, EventType, of},
        locale::Place,
        money::Currency,
        problem::{Error, Result},
        time::Timestamp,
    },
    ports::db::Tx,
    resources::imports::{Effect, Item},
};

/// An invoice from a file, in whatever currency it was made out.
#[derive(Debug)]
pub struct ImportedInvoice {
    /// What the file calls it: its id, if it gives one.
    pub source: String,
    pub id: Option<Uuid>,
    pub currency: Currency,
    pub new: NewInvoice,
}

impl Invoices {
    /// Writes an invoice from a file, or brings the one that the file made before up to date.
    pub async fn import(&self, tx: &Tx, invoice: ImportedInvoice) -> Result<Effect> {
        let item = Item::new("invoice", &invoice.source, &(&invoice.currency, &invoice.new));
        let before = item.before(tx).await?;
        if before.as_ref().is_some_and(|before| before.is_same()) {
            return Ok(Effect::Unchanged);
        }
        let NewInvoice { customer_id, amount, status, date } = &invoice.new;
        billed(tx, customer_id.0).await?;
        // What no rate is known of could be shown in no other locale.
        self.rates.exchanges_in(&**tx, &[invoice.currency], Currency::USD).await?;
        let now = self.clock.now();
        let mut row = invoice::ActiveModel {
            customer_id: Set(customer_id.0),
            amount: Set(*amount),
            currency: Set(invoice.currency.to_string()),
            status: Set(status.as_str().to_owned()),
            date: Set(date.unwrap_or_else(|| Timestamp(now).day()).to_string()),
            updated_at: Set(now),
            ..Default::default()
        };
        let (row, effect) = match before {
            Some(before) => {
                let known = invoice::Entity::find_by_id(before.target).one(&**tx).await?;
                before.check(known.as_ref().map(|row| row.version))?;
                let known = known.ok_or(Error::NotFound("invoice"))?;
                follows(&known, &invoice)?;
                row.id = Set(before.target);
                row.paid_at = Set(status.paid_at(known.paid_at, now));
                row.version = Set(known.version + 1);
                (row.update(&**tx).await?, Effect::Updated)
            }
            None => {
                let id = invoice.id.unwrap_or_else(Uuid::now_v7);
                if invoice::Entity::find_by_id(id).one(&**tx).await?.is_some() {
                    return Err(Error::Conflict("there is an invoice with this id that no import made"));
                }
                row.id = Set(id);
                row.number = Set(next_number(tx).await?);
                row.version = Set(1);
                row.created_at = Set(now);
                row.paid_at = Set(status.paid_at(None, now));
                (row.insert(&**tx).await?, Effect::Created)
            }
        };
        item.remember(tx, row.id, row.version).await?;
        tx.touch("invoices").await?;
        if let Some(place) = self.locales.home(invoice.currency) {
            tell(tx, &place, &row, now);
        }
        Ok(effect)
    }
}

/// Refuses what the API would refuse: the books are not written over by a file either.
fn follows(known: &invoice::Model, file: &ImportedInvoice) -> Result<()> {
    let NewInvoice { customer_id, amount, status, date } = file.new.clone();
    let patch =
        InvoicePatch { customer_id: Some(customer_id), amount: Some(amount), status: Some(status), date };
    changes(known, &patch)?;
    let closed = InvoiceStatus::parse(&known.status).is_closed();
    match closed && known.currency != file.currency.as_str() {
        true => Err(Error::Conflict(CLOSED)),
        false => Ok(()),
    }
}

fn tell(tx: &Tx, place: &Place, row: &invoice::Model, now: i64) {
    let kind = if row.version == 1 { EventType::InvoiceCreated } else { EventType::InvoiceUpdated };
    tx.tell(of(kind, row.id, address(place, row.id), row.version, Audience::Office, now));
}
