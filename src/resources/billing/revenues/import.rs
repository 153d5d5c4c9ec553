//! Import of revenues from files.
use entity::revenue;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, Set};
use uuid::Uuid;

use super::{figure::emit, service::Revenues};
use crate::{
    domain::{date::Month, event::EventType, money::Currency},
    http::problem::{Error, Result},
    infra::{audit_log::NewEntry, db::Tx},
    resources::shared::import_log::{ImportEffect, ImportItem},
};

/// The figure of a month from a file.
#[derive(Debug, Clone)]
pub struct ImportedRevenue {
    /// The name of the month in the file.
    pub source: String,
    pub month: Month,
    pub amount: i64,
    pub currency: Currency,
}

impl Revenues {
    /// Creates the figure of a month from a file, or updates the figure that an earlier import of this file
    /// created.
    pub async fn import(&self, tx: &Tx, imported: &ImportedRevenue) -> Result<ImportEffect> {
        let ImportedRevenue { source, month, amount, currency } = imported;
        // The fingerprint omits the month: a name such as "Jan" stays the January of its first import.
        let item = ImportItem::new("revenue", source, &(amount, currency))?;
        let (id, version, effect) = match item.previous(tx).await? {
            Some(before) if before.is_unchanged() => return Ok(ImportEffect::Unchanged),
            Some(before) => {
                let existing = revenue::Entity::find_by_id(before.target).one(&**tx).await?;
                before.check_unmodified(existing.as_ref().map(|row| row.version))?;
                (before.target, existing.map_or(1, |row| row.version + 1), ImportEffect::Updated)
            }
            None => (Uuid::now_v7(), 1, ImportEffect::Created),
        };
        // Rejects a currency without a rate: the amount could not be converted for other locales.
        self.rates.exchange_rates_in(&**tx, &[*currency], Currency::USD).await?;
        let mut row = revenue::ActiveModel {
            id: Set(id),
            amount: Set(*amount),
            currency: Set(currency.to_string()),
            version: Set(version),
            ..Default::default()
        };
        if effect == ImportEffect::Created {
            row.month = Set(month.to_string());
            let same_month = revenue::Entity::find().filter(revenue::Column::Month.eq(month.to_string()));
            if same_month.one(&**tx).await?.is_some() {
                return Err(Error::Conflict("the month has a figure that another file or a request created"));
            }
            row.insert(&**tx).await?;
        } else {
            row.update(&**tx).await?;
        }
        item.record(tx, id, version).await?;
        tx.touch("revenues").await?;
        let now = self.clock.now();
        match self.locales.for_currency(*currency) {
            Some(display) => emit(tx, EventType::RevenueUpdated, &display, *month, now),
            // The month has no path in a locale of this currency, so there is no event.
            None => tx.record(NewEntry::of_event(EventType::RevenueUpdated, month, now)),
        }
        Ok(effect)
    }
}
