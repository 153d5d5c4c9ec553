//! Figures of the books that are written month by month: they count before what invoices add up to.
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
    /// The month as it is now, and whether its figure is new.
    pub async fn replace(
        &self,
        place: &Place,
        month: Month,
        figure: RevenueFigure,
        when: Precondition,
    ) -> Result<(Revenue, bool)> {
        // Who asked for no version means whatever is there, also when somebody else was first this very moment.
        match self.replaced(place, month, &figure, when.clone()).await {
            Err(Error::Raced) if !when.asks() => self.replaced(place, month, &figure, when).await,
            done => done,
        }
    }

    async fn replaced(
        &self,
        place: &Place,
        month: Month,
        figure: &RevenueFigure,
        when: Precondition,
    ) -> Result<(Revenue, bool)> {
        let (revenues, place, amount) = (self.clone(), place.clone(), figure.amount);
        let now = self.clock.now();
        self.db
            .write(async move |tx| {
                let known = at(&tx, month).await?;
                let fresh = known.is_none();
                match known {
                    Some(row) => {
                        when.check(&revenues.month(&*tx, &place, month).await?.etag())?;
                        if (row.amount, row.currency.as_str()) == (amount, place.currency.as_str()) {
                            return Ok((revenues.month(&*tx, &place, month).await?, false));
                        }
                        let version = row.version + 1;
                        let mut row = row.into_active_model();
                        row.amount = Set(amount);
                        row.currency = Set(place.currency.to_string());
                        row.version = Set(version);
                        row.update(&*tx).await?;
                    }
                    None => {
                        // The month can be read and named, but there is no figure yet: nothing has to be named.
                        let none = when.none.filter(|none| matches!(none, Tags::These(_)));
                        let named = Precondition { none, required: false, tags: when.tags };
                        if named.asks() {
                            named.check(&revenues.month(&*tx, &place, month).await?.etag())?;
                        }
                        let row = revenue::ActiveModel {
                            id: Set(Uuid::now_v7()),
                            month: Set(month.to_string()),
                            amount: Set(amount),
                            currency: Set(place.currency.to_string()),
                            version: Set(1),
                        };
                        row.insert(&*tx).await.map_err(Error::raced)?;
                    }
                }
                tx.touch("revenues").await?;
                tell(&tx, EventType::RevenueUpdated, &place, month, now);
                Ok((revenues.month(&*tx, &place, month).await?, fresh))
            })
            .await
    }

    /// Takes the figure away: the month is again what its invoices add up to.
    pub async fn remove(&self, place: &Place, month: Month, when: Precondition) -> Result<()> {
        let (revenues, place, now) = (self.clone(), place.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                let row = at(&tx, month).await?;
                let row = row.ok_or(Error::NotFound("figure: the month is what its invoices add up to"))?;
                if when.asks() {
                    when.check(&revenues.month(&*tx, &place, month).await?.etag())?;
                }
                row.delete(&*tx).await?;
                tell(&tx, EventType::RevenueDeleted, &place, month, now);
                tx.touch("revenues").await?;
                Ok(())
            })
            .await
    }
}

/// Says that a month brought in something else.
pub(super) fn tell(tx: &Tx, kind: EventType, place: &Place, month: Month, now: i64) {
    let href = format!("/api/v2/revenues/{}/{month}", place.locale);
    tx.tell(of(kind, month, href, 0, Audience::Office, now));
}

/// The figure of a month for a change. It is locked: who comes with the same version at once must find the next one.
async fn at(tx: &Tx, month: Month) -> Result<Option<revenue::Model>> {
    let find = revenue::Entity::find().filter(revenue::Column::Month.eq(month.to_string()));
    Ok(find.lock_exclusive().one(&**tx).await?)
}
