//! Deleted documents: restorable during the retention period, then purged.
use entity::document;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, Select, Set,
};
use uuid::Uuid;

use super::{
    content::revision,
    service::{Documents, emit},
    types::Document,
};
use crate::{
    domain::{event::EventType, id::Id},
    http::{
        auth::Principal,
        problem::{Error, Result},
    },
    resources::content::{
        revisions::{Change, store_revisions},
        trash::PURGE_BATCH,
    },
};

const PATH_EXISTS: &str =
    "another document exists at the path of the deleted one: move or delete the other document first";

/// Returns a query for the documents deleted after `since`. It matches no rows if the caller is not an
/// editor.
pub(super) fn in_trash(viewer: Option<&Principal>, since: i64) -> Select<document::Entity> {
    let find = document::Entity::find().filter(document::Column::DeletedAt.gt(since));
    match viewer.is_some_and(|viewer| viewer.role.is_editor()) {
        true => find,
        false => find.filter(document::Column::Id.is_in(Vec::<Uuid>::new())),
    }
}

impl Documents {
    /// Restores a deleted document. Has no effect on a document that is not deleted.
    pub async fn restore(&self, editor: &Principal, id: Id<Document>) -> Result<Document> {
        let (editor, now) = (editor.clone(), self.clock.now());
        let since = self.trash.cutoff(now);
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
                let row = row.update(&*tx).await.map_err(|error| match Error::from_insert(error) {
                    Error::WriteConflict => Error::Conflict(PATH_EXISTS),
                    other => other,
                })?;
                emit(&tx, EventType::DocumentRestored, &row, now);
                store_revisions(&tx, [revision(&row, Change::Undeleted, now)?.changed_by(&editor)]).await?;
                tx.touch("documents").await?;
                Ok(row.into())
            })
            .await
    }

    /// Purges the documents whose retention period has ended.
    ///
    /// Works in batches, because one long transaction would block other writers.
    pub async fn purge(&self) -> Result<()> {
        let since = self.trash.cutoff(self.clock.now());
        loop {
            let purged = self
                .db
                .write(async move |tx| {
                    let expired = document::Entity::find().filter(document::Column::DeletedAt.lte(since));
                    let expired = expired.select_only().column(document::Column::Id).limit(PURGE_BATCH);
                    let expired: Vec<Uuid> = expired.lock_exclusive().into_tuple().all(&*tx).await?;
                    if expired.is_empty() {
                        return Ok(0);
                    }
                    let documents = document::Entity::delete_many();
                    let documents = documents.filter(document::Column::Id.is_in(expired));
                    let purged = documents.exec(&*tx).await?.rows_affected;
                    tx.touch("documents").await?;
                    Ok::<_, Error>(purged)
                })
                .await?;
            if purged < PURGE_BATCH {
                return Ok(());
            }
        }
    }
}
