//! Import of revenues from files.
use entity::revenue;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, Set};
use uuid::Uuid;

use super::{figure::emit, service::Revenues};
use crate::{
    contract::{
        date::Month,
        event::EventType,
        money::Currency,
        problem::{Error, Result},
    },
    ports::db::Tx,
    resources::imports::{Effect, Item},
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
    pub async fn import(&self, tx: &Tx, imported: &ImportedRevenue) -> Result<Effect> {
        let ImportedRevenue { source, month, amount, currency } = imported;
        // The fingerprint omits the month: a name such as "Jan" stays the January of its first import.
        let item = Item::new("revenue", source, &(amount, currency));
        let (id, version, effect) = match item.before(tx).await? {
            Some(before) if before.is_same() => return Ok(Effect::Unchanged),
            Some(before) => {
                let existing = revenue::Entity::find_by_id(before.target).one(&**tx).await?;
                before.check(existing.as_ref().map(|row| row.version))?;
                (before.target, existing.map_or(1, |row| row.version + 1), Effect::Updated)
            }
            None => (Uuid::now_v7(), 1, Effect::Created),
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
        if effect == Effect::Created {
            row.month = Set(month.to_string());
            let same_month = revenue::Entity::find().filter(revenue::Column::Month.eq(month.to_string()));
            if same_month.one(&**tx).await?.is_some() {
                return Err(Error::Conflict("the month has a figure that another file or a request created"));
            }
            row.insert(&**tx).await?;
        } else {
            row.update(&**tx).await?;
        }
        item.remember(tx, id, version).await?;
        tx.touch("revenues").await?;
        if let Some(display) = self.locales.home(*currency) {
            emit(tx, EventType::RevenueUpdated, &display, *month, self.clock.now());
        }
        Ok(effect)
    }
}
