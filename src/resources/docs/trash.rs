//! Documents that were deleted: they can be brought back for a while, and then they go for good.
use entity::document;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, Select, Set,
};
use uuid::Uuid;

use super::{
    content::written,
    service::{Docs, say},
    types::Document,
};
use crate::{
    contract::{
        caller::Principal,
        event::EventType,
        id::Id,
        problem::{Error, Result},
    },
    resources::{
        revisions::{Change, keep},
        trash::AT_ONCE,
    },
};

const TAKEN: &str = "there is another document at its path now: delete that one first";

/// The documents in the trash that this caller may see: those deleted since then, for editors.
pub(super) fn in_trash(viewer: Option<&Principal>, since: i64) -> Select<document::Entity> {
    let find = document::Entity::find().filter(document::Column::DeletedAt.gt(since));
    match viewer.is_some_and(|viewer| viewer.role.edits()) {
        true => find,
        false => find.filter(document::Column::Id.is_in(Vec::<Uuid>::new())),
    }
}

impl Docs {
    /// Takes a document out of the trash; one that is there stays as it is.
    pub async fn restore(&self, editor: &Principal, id: Id<Document>) -> Result<Document> {
        let (editor, now) = (editor.clone(), self.clock.now());
        let since = self.trash.since(now);
        self.db
            .write(async move |tx| {
                let row = document::Entity::find_by_id(id.0).lock_exclusive().one(&*tx).await?;
                let row = row.filter(|row| row.deleted_at.is_none_or(|at| at > since));
                let row = row.ok_or(Error::NotFound("document"))?;
                if row.deleted_at.is_none() {
                    return Ok(row.into());
                }
                let version = row.version + 1;
                let mut row = row.into_active_model();
                row.deleted_at = Set(None);
                row.version = Set(version);
                let row = row.update(&*tx).await.map_err(|error| match Error::raced(error) {
                    Error::Raced => Error::Conflict(TAKEN),
                    other => other,
                })?;
                say(&tx, EventType::DocumentRestored, &row, now);
                keep(&tx, [written(&row, Change::Undeleted, now)?.by(&editor)]).await?;
                tx.touch("documents").await?;
                Ok(row.into())
            })
            .await
    }

    /// Removes what has been in the trash for too long.
    pub async fn purge(&self) -> Result<()> {
        let since = self.trash.since(self.clock.now());
        loop {
            let gone = self
                .db
                .write(async move |tx| {
                    let over = document::Entity::find().filter(document::Column::DeletedAt.lte(since));
                    let over = over.select_only().column(document::Column::Id).limit(AT_ONCE);
                    let over: Vec<Uuid> = over.lock_exclusive().into_tuple().all(&*tx).await?;
                    if over.is_empty() {
                        return Ok(0);
                    }
                    let all = document::Entity::delete_many().filter(document::Column::Id.is_in(over));
                    let gone = all.exec(&*tx).await?.rows_affected;
                    tx.touch("documents").await?;
                    Ok::<_, Error>(gone)
                })
                .await?;
            if gone < AT_ONCE {
                return Ok(());
            }
        }
    }
}
