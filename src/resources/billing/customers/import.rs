//! Import of customers from files.
use entity::customer;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};
use uuid::Uuid;

use super::{
    service::{Customers, apply, emit, empty_row, update_row},
    types::CustomerInput,
};
use crate::{
    domain::event::EventType,
    http::problem::{Error, Result},
    infra::db::Tx,
    resources::shared::import_log::{ImportEffect, ImportItem},
};

/// A customer from a file.
#[derive(Debug)]
pub struct ImportedCustomer {
    /// Identifies the customer in later imports: its id, or its position in the file if it has no id.
    pub source: String,
    pub id: Option<Uuid>,
    pub new: CustomerInput,
}

impl Customers {
    /// Creates a customer from a file, or updates the customer that an earlier import of this file created.
    pub async fn import(&self, tx: &Tx, customer: ImportedCustomer) -> Result<ImportEffect> {
        let ImportedCustomer { source, id, new } = customer;
        let item = ImportItem::new("customer", &source, &new)?;
        let before = item.previous(tx).await?;
        if before.as_ref().is_some_and(|before| before.is_unchanged()) {
            return Ok(ImportEffect::Unchanged);
        }
        let now = self.clock.now();
        let (row, effect) = match before {
            Some(before) => {
                let existing = customer::Entity::find_by_id(before.target).one(&**tx).await?;
                before.check_unmodified(existing.as_ref().map(|row| row.version))?;
                let mut row = existing.ok_or(Error::NotFound("customer"))?;
                apply(&mut row, new.into());
                (update_row(tx, row, now).await?, ImportEffect::Updated)
            }
            None => {
                let id = id.unwrap_or_else(Uuid::now_v7);
                if customer::Entity::find_by_id(id).one(&**tx).await?.is_some() {
                    return Err(Error::Conflict(
                        "a customer with this id exists and was not created by an import",
                    ));
                }
                let mut row = empty_row(id, now);
                apply(&mut row, new.into());
                let row = row.into_active_model().reset_all();
                (row.insert(&**tx).await.map_err(Error::on_unique_violation("email"))?, ImportEffect::Created)
            }
        };
        item.record(tx, row.id, row.version).await?;
        tx.touch("customers").await?;
        let kind = if row.version == 1 { EventType::CustomerCreated } else { EventType::CustomerUpdated };
        emit(tx, kind, row.id, row.version, now);
        Ok(effect)
    }
}
