//! Payments and refunds that payment providers report.
use std::str::FromStr;

use entity::invoice;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, Set};
use uuid::Uuid;

use super::{
    service::{Invoices, location, update_event},
    status::can_become,
    types::InvoiceStatus,
};
use crate::{
    domain::event::Audience,
    http::problem::Result,
    infra::{
        audit_log::{Changes, NewEntry},
        db::Tx,
    },
};

/// A reference to an invoice by its id or its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvoiceRef {
    Id(Uuid),
    Number(i64),
}

impl FromStr for InvoiceRef {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let digits = (1..=15).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(number) if digits => Ok(InvoiceRef::Number(number)),
            _ => Uuid::try_parse(text).map(InvoiceRef::Id).map_err(|_| ()),
        }
    }
}

/// The invoice after a payment event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaymentResult {
    pub number: i64,
    pub status: InvoiceStatus,
    /// Whether the event changed the status.
    pub changed: bool,
}

impl Invoices {
    /// Sets the status of an invoice if its current status can become it. Repeated and late events change
    /// nothing, because providers deliver events more than once and out of order. Returns `None` if the
    /// invoice does not exist.
    pub async fn apply_payment(
        &self,
        tx: &Tx,
        name: InvoiceRef,
        next: InvoiceStatus,
    ) -> Result<Option<PaymentResult>> {
        let by_name = match name {
            InvoiceRef::Id(id) => invoice::Column::Id.eq(id),
            InvoiceRef::Number(number) => invoice::Column::Number.eq(number),
        };
        let row = invoice::Entity::find().filter(by_name).lock_exclusive().one(&**tx).await?;
        let Some(row) = row else { return Ok(None) };
        let (number, version, status) = (row.number, row.version, row.status);
        if status == next || !can_become(status, next) {
            return Ok(Some(PaymentResult { number, status, changed: false }));
        }
        let (id, currency, now) = (row.id, row.currency.parse(), self.clock.now());
        // A refund implies a payment, even if its event arrives before the payment event.
        let paid_at = row.paid_at.or(Some(now));
        let before = row.clone();
        let mut row = row.into_active_model();
        row.status = Set(next);
        row.paid_at = Set(paid_at);
        row.version = Set(version + 1);
        row.updated_at = Set(now);
        let row = row.update(&**tx).await?;
        tx.touch("invoices").await?;
        tx.record_changes(id, Changes::between(&before, &row));
        let kind = update_event(status, next);
        match currency.ok().and_then(|currency| self.locales.for_currency(currency)) {
            Some(display) => {
                tx.emit(kind, id, location(&display, id), version + 1, Audience::Accountants, now)
            }
            // The invoice has no path in a locale, so there is no event.
            None => tx.record(NewEntry::of_event(kind, id, now)),
        }
        Ok(Some(PaymentResult { number, status: next, changed: true }))
    }
}
