//! Figures of months: amounts that replace the sum of the invoices of a month.
use entity::revenue;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, ModelTrait, QueryFilter, QuerySelect, Set,
};
use uuid::Uuid;

use super::{
    service::Revenues,
    types::{Revenue, RevenueFigure},
};
use crate::{
    contract::{
        answer::Resource,
        date::Month,
        etag::{Precondition, Tags},
        event::{Audience, EventType, of},
        locale::Place,
        problem::{Error, Result},
    },
    ports::db::Tx,
};

impl Revenues {
    /// Creates or replaces the figure of a month. Returns the revenue, and whether the figure is new.
    pub async fn replace(
        &self,
        display: &Place,
        month: Month,
        figure: RevenueFigure,
        precondition: Precondition,
    ) -> Result<(Revenue, bool)> {
        // Without a precondition the last writer wins. A concurrent insert of the same month fails once on
        // the unique index; the second attempt updates that row.
        match self.try_replace(display, month, &figure, precondition.clone()).await {
            Err(Error::Raced) if !precondition.asks() => {
                self.try_replace(display, month, &figure, precondition).await
            }
            result => result,
        }
    }

    async fn try_replace(
        &self,
        display: &Place,
        month: Month,
        figure: &RevenueFigure,
        precondition: Precondition,
    ) -> Result<(Revenue, bool)> {
        let (revenues, display, amount) = (self.clone(), display.clone(), figure.amount);
        let now = self.clock.now();
        self.db
            .write(async move |tx| {
                let existing = lock_row(&tx, month).await?;
                let is_new = existing.is_none();
                match existing {
                    Some(row) => {
                        precondition.check(&revenues.month(&*tx, &display, month).await?.etag())?;
                        if (row.amount, row.currency.as_str()) == (amount, display.currency.as_str()) {
                            return Ok((revenues.month(&*tx, &display, month).await?, false));
                        }
                        let version = row.version + 1;
                        let mut row = row.into_active_model();
                        row.amount = Set(amount);
                        row.currency = Set(display.currency.to_string());
                        row.version = Set(version);
                        row.update(&*tx).await?;
                    }
                    None => {
                        // A month without a figure has an ETag too. It may be sent, but is not required, and
                        // `If-None-Match: *` must succeed.
                        let none = precondition.none.filter(|none| matches!(none, Tags::These(_)));
                        let precondition = Precondition { none, required: false, tags: precondition.tags };
                        if precondition.asks() {
                            precondition.check(&revenues.month(&*tx, &display, month).await?.etag())?;
                        }
                        let row = revenue::ActiveModel {
                            id: Set(Uuid::now_v7()),
                            month: Set(month.to_string()),
                            amount: Set(amount),
                            currency: Set(display.currency.to_string()),
                            version: Set(1),
                        };
                        row.insert(&*tx).await.map_err(Error::raced)?;
                    }
                }
                tx.touch("revenues").await?;
                emit(&tx, EventType::RevenueUpdated, &display, month, now);
                Ok((revenues.month(&*tx, &display, month).await?, is_new))
            })
            .await
    }

    /// Deletes the figure of a month. Its revenue is then the sum of its paid invoices again.
    pub async fn delete(&self, display: &Place, month: Month, precondition: Precondition) -> Result<()> {
        let (revenues, display, now) = (self.clone(), display.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                let row = lock_row(&tx, month).await?;
                let row = row
                    .ok_or(Error::NotFound("figure: the revenue of this month is the sum of its invoices"))?;
                if precondition.asks() {
                    precondition.check(&revenues.month(&*tx, &display, month).await?.etag())?;
                }
                row.delete(&*tx).await?;
                emit(&tx, EventType::RevenueDeleted, &display, month, now);
                tx.touch("revenues").await?;
                Ok(())
            })
            .await
    }
}

/// Emits an event of a month.
pub(super) fn emit(tx: &Tx, kind: EventType, display: &Place, month: Month, now: i64) {
    let href = format!("/api/v2/revenues/{}/{month}", display.locale);
    tx.tell(of(kind, month, href, 0, Audience::Office, now));
}

/// Locks the figure of a month. A concurrent write with the same `If-Match` waits and then fails.
async fn lock_row(tx: &Tx, month: Month) -> Result<Option<revenue::Model>> {
    let find = revenue::Entity::find().filter(revenue::Column::Month.eq(month.to_string()));
    Ok(find.lock_exclusive().one(&**tx).await?)
}
