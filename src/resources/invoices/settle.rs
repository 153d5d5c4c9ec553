//! Invoices that somebody outside says are paid, or paid back.
use std::str::FromStr;

use entity::invoice;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, Set};
use uuid::Uuid;

use super::{
    service::{Invoices, address, moved},
    types::InvoiceStatus,
};
use crate::{
    contract::{
        event::{Audience, of},
        problem::Result,
    },
    ports::db::Tx,
};

/// How others call an invoice: by its id, or by the number on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvoiceName {
    Id(Uuid),
    Number(i64),
}

impl FromStr for InvoiceName {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let digits = (1..=15).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(number) if digits => Ok(InvoiceName::Number(number)),
            _ => Uuid::try_parse(text).map(InvoiceName::Id).map_err(|_| ()),
        }
    }
}

/// What became of an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    pub number: i64,
    pub status: InvoiceStatus,
    /// False when it was so already, or further.
    pub moved: bool,
}

impl Invoices {
    /// Takes an invoice as far as that, if its state leads there: told again or late, it changes nothing. None if
    /// there is no such invoice.
    pub async fn settle(&self, tx: &Tx, name: InvoiceName, next: InvoiceStatus) -> Result<Option<Settled>> {
        let named = match name {
            InvoiceName::Id(id) => invoice::Column::Id.eq(id),
            InvoiceName::Number(number) => invoice::Column::Number.eq(number),
        };
        let row = invoice::Entity::find().filter(named).lock_exclusive().one(&**tx).await?;
        let Some(row) = row else { return Ok(None) };
        let (number, version, status) = (row.number, row.version, InvoiceStatus::parse(&row.status));
        if status == next || !status.leads_to(next) {
            return Ok(Some(Settled { number, status, moved: false }));
        }
        let (id, currency, now) = (row.id, row.currency.parse(), self.clock.now());
        // What is paid back was paid before, whoever is told of it first.
        let paid_at = row.paid_at.or(Some(now));
        let mut row = row.into_active_model();
        row.status = Set(next.as_str().to_owned());
        row.paid_at = Set(paid_at);
        row.version = Set(version + 1);
        row.updated_at = Set(now);
        row.update(&**tx).await?;
        tx.touch("invoices").await?;
        if let Some(place) = currency.ok().and_then(|currency| self.locales.home(currency)) {
            let kind = moved(status, next);
            tx.tell(of(kind, id, address(&place, id), version + 1, Audience::Office, now));
        }
        Ok(Some(Settled { number, status: next, moved: true }))
    }
}
