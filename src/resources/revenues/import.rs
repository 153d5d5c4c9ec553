//! Revenues that come from files.
use entity::revenue;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, Set};
use uuid::Uuid;

use super::{figure::tell, service::Revenues};
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

/// A month from a file.
#[derive(Debug, Clone)]
pub struct ImportedRevenue {
    /// What the file calls the month.
    pub source: String,
    pub month: Month,
    pub amount: i64,
    pub currency: Currency,
}

impl Revenues {
    /// Writes a month from a file, or brings the one that the file made before up to date.
    pub async fn import(&self, tx: &Tx, told: &ImportedRevenue) -> Result<Effect> {
        let ImportedRevenue { source, month, amount, currency } = told;
        // The month is left out: what a file calls "Jan" stays the January that it was at first.
        let item = Item::new("revenue", source, &(amount, currency));
        let (id, version, effect) = match item.before(tx).await? {
            Some(before) if before.is_same() => return Ok(Effect::Unchanged),
            Some(before) => {
                let known = revenue::Entity::find_by_id(before.target).one(&**tx).await?;
                before.check(known.as_ref().map(|row| row.version))?;
                (before.target, known.map_or(1, |row| row.version + 1), Effect::Updated)
            }
            None => (Uuid::now_v7(), 1, Effect::Created),
        };
        // What no rate is known of could be shown in no other locale.
        self.rates.exchanges_in(&**tx, &[*currency], Currency::USD).await?;
        let mut row = revenue::ActiveModel {
            id: Set(id),
            amount: Set(*amount),
            currency: Set(currency.to_string()),
            version: Set(version),
            ..Default::default()
        };
        if effect == Effect::Created {
            row.month = Set(month.to_string());
            let taken = revenue::Entity::find().filter(revenue::Column::Month.eq(month.to_string()));
            if taken.one(&**tx).await?.is_some() {
                return Err(Error::Conflict(
                    "there is a revenue of this month that another file made, or that was written here",
                ));
            }
            row.insert(&**tx).await?;
        } else {
            row.update(&**tx).await?;
        }
        item.remember(tx, id, version).await?;
        tx.touch("revenues").await?;
        if let Some(place) = self.locales.home(*currency) {
            tell(tx, EventType::RevenueUpdated, &place, *month, self.clock.now());
        }
        Ok(effect)
    }
}
