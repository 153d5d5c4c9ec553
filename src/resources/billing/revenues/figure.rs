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
    domain::{
        date::Month,
        event::{Audience, EventType},
        locale::LocaleCurrency,
    },
    http::{
        etag::{EntityTags, Precondition},
        problem::{Error, Result},
        response::Resource,
    },
    infra::{audit_log::Changes, db::Tx},
};

impl Revenues {
    /// Creates or replaces the figure of a month. Returns the revenue, and whether the figure is new.
    pub async fn replace(
        &self,
        display: &LocaleCurrency,
        month: Month,
        figure: RevenueFigure,
        precondition: Precondition,
    ) -> Result<(Revenue, bool)> {
        // Without a precondition the last writer wins. A concurrent insert of the same month fails once on
        // the unique index; the second attempt updates that row.
        match self.try_replace(display, month, &figure, precondition.clone()).await {
            Err(Error::WriteConflict) if !precondition.is_some() => {
                self.try_replace(display, month, &figure, precondition).await
            }
            result => result,
        }
    }

    async fn try_replace(
        &self,
        display: &LocaleCurrency,
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
                        let (version, before) = (row.version + 1, row.clone());
                        let mut row = row.into_active_model();
                        row.amount = Set(amount);
                        row.currency = Set(display.currency.to_string());
                        row.version = Set(version);
                        let row = row.update(&*tx).await?;
                        tx.record_changes(month, Changes::between(&before, &row));
                    }
                    None => {
                        // A month without a figure has an ETag too. It may be sent, but is not required, and
                        // `If-None-Match: *` must succeed.
                        let none =
                            precondition.if_none_match.filter(|none| matches!(none, EntityTags::List(_)));
                        let precondition = Precondition {
                            if_none_match: none,
                            required: false,
                            if_match: precondition.if_match,
                        };
                        if precondition.is_some() {
                            precondition.check(&revenues.month(&*tx, &display, month).await?.etag())?;
                        }
                        let row = revenue::ActiveModel {
                            id: Set(Uuid::now_v7()),
                            month: Set(month.to_string()),
                            amount: Set(amount),
                            currency: Set(display.currency.to_string()),
                            version: Set(1),
                        };
                        row.insert(&*tx).await.map_err(Error::from_insert)?;
                    }
                }
                tx.touch("revenues").await?;
                emit(&tx, EventType::RevenueUpdated, &display, month, now);
                Ok((revenues.month(&*tx, &display, month).await?, is_new))
            })
            .await
    }

    /// Deletes the figure of a month. Its revenue is then the sum of its paid invoices again.
    pub async fn delete(
        &self,
        display: &LocaleCurrency,
        month: Month,
        precondition: Precondition,
    ) -> Result<()> {
        let (revenues, display, now) = (self.clone(), display.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                let row = lock_row(&tx, month).await?;
                let row = row.ok_or(Error::NotFound("bookkeeping figure of this month"))?;
                if precondition.is_some() {
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
pub(super) fn emit(tx: &Tx, kind: EventType, display: &LocaleCurrency, month: Month, now: i64) {
    let href = format!("/api/v2/revenues/{}/{month}", display.locale);
    tx.emit(kind, month, href, 0, Audience::Accountants, now);
}

/// Locks the figure of a month. A concurrent write with the same `If-Match` waits and then fails.
async fn lock_row(tx: &Tx, month: Month) -> Result<Option<revenue::Model>> {
    let find = revenue::Entity::find().filter(revenue::Column::Month.eq(month.to_string()));
    Ok(find.lock_exclusive().one(&**tx).await?)
}
