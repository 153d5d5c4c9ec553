//! Document service: rules and queries. The only writer of the `documents` table.
use entity::document;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, DbErr, EntityTrait, FromQueryResult, IntoActiveModel,
    IntoSimpleExpr, QueryFilter, QuerySelect, Select, Set, sea_query::ExprTrait,
};
use uuid::Uuid;

use super::{
    content::revision,
    trash::in_trash,
    types::{Document, DocumentByPathInput, DocumentInput, DocumentPatch, DocumentQuery, DocumentSummary},
};
use crate::{
    domain::{
        event::{Audience, EventType},
        id::Id,
        search::search_key,
        slug::SlugPath,
        timestamp::Timestamp,
    },
    http::{
        auth::{Principal, cache_key},
        cursor::{CursorKey, PageQuery, SortKey, SortValue},
        etag::{ETag, Precondition},
        idempotency::{IdempotentRequest, Outcome, id_of_location, run_once},
        pagination::Page,
        problem::{Error, Result},
        response::Resource,
        search::like_contains,
    },
    infra::{
        audit_log::Changes,
        clock::Clock,
        db::{Db, Tx},
    },
    resources::content::{
        revisions::{Change, store_revisions},
        trash::Trash,
    },
};

#[derive(Clone)]
pub struct Documents {
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) cursors: CursorKey,
    pub(super) trash: Trash,
}

#[derive(Debug, FromQueryResult)]
struct SummaryRow {
    id: Uuid,
    path: String,
    title: String,
    position: i64,
    updated_at: i64,
    deleted_at: Option<i64>,
}

impl From<document::Model> for Document {
    fn from(row: document::Model) -> Self {
        let document::Model {
            id,
            path,
            title,
            content,
            position,
            search: _,
            version,
            created_at,
            updated_at,
            deleted_at: _,
        } = row;
        Document {
            id: Id::from(id),
            path: path.into(),
            title: title.into(),
            content: content.into(),
            position,
            created_at: Timestamp(created_at),
            updated_at: Timestamp(updated_at),
            version,
        }
    }
}

impl Documents {
    pub fn new(db: Db, clock: Clock, cursors: CursorKey, trash: Trash) -> Self {
        Documents { db, clock, cursors, trash }
    }

    /// Returns the ETag of a list for this caller. It changes with every write to documents.
    pub async fn list_etag(
        &self,
        viewer: Option<&Principal>,
        query: &DocumentQuery,
        target: &str,
    ) -> Result<ETag> {
        let version = self.db.versions(super::COLLECTIONS).await?;
        // Only lists of deleted documents differ between callers.
        let class = query.deleted.map(|_| cache_key(viewer)).unwrap_or_default();
        Ok(ETag::weak_from_parts(&["documents", &version.to_string(), &class, target]))
    }

    pub async fn list(
        &self,
        viewer: Option<&Principal>,
        query: &DocumentQuery,
    ) -> Result<Page<DocumentSummary>> {
        let mut find = match query.deleted {
            None => not_deleted(),
            Some(_) => in_trash(viewer, self.trash.cutoff(self.clock.now())),
        };
        if let Some(prefix) = query.prefix.as_deref() {
            let below = document::Column::Path.starts_with(format!("{prefix}/"));
            find = find.filter(Condition::any().add(document::Column::Path.eq(prefix)).add(below));
        }
        for word in query.q.as_deref().map(search_key).unwrap_or_default().split_whitespace() {
            find = find.filter(document::Column::Search.into_simple_expr().like(like_contains(word)));
        }
        let slice = PageQuery {
            cursor_key: &self.cursors,
            list_id: format!("documents {:?} {:?} {:?}", query.prefix, query.q, query.deleted),
            order: vec![
                SortKey::ascending(document::Column::Position),
                SortKey::ascending(document::Column::Path),
                SortKey::ascending(document::Column::Id),
            ],
            params: &query.paging,
        };
        let columns = [
            document::Column::Id,
            document::Column::Path,
            document::Column::Title,
            document::Column::Position,
            document::Column::UpdatedAt,
            document::Column::DeletedAt,
        ];
        let sort_values = |row: &SummaryRow| {
            vec![SortValue::Number(row.position), SortValue::Text(row.path.clone()), SortValue::Id(row.id)]
        };
        let select = |find: Select<document::Entity>| find.select_only().columns(columns);
        let (rows, pagination) = slice.fetch(self.db.read(), find, select, sort_values).await?;
        let summary = |SummaryRow { id, path, title, position, updated_at, deleted_at }| DocumentSummary {
            id: Id::from(id),
            path: path.into(),
            title: title.into(),
            position,
            updated_at: Timestamp(updated_at),
            deleted_at: deleted_at.map(Timestamp),
        };
        Ok(Page { data: rows.into_iter().map(summary).collect(), pagination })
    }

    pub async fn get(&self, id: Id<Document>) -> Result<Document> {
        let row = not_deleted().filter(document::Column::Id.eq(id.0)).one(self.db.read()).await?;
        row.map(Document::from).ok_or(Error::NotFound("document"))
    }

    pub async fn get_by_path(&self, path: &SlugPath) -> Result<Document> {
        let row = not_deleted().filter(document::Column::Path.eq(path.as_str())).one(self.db.read()).await?;
        row.map(Document::from).ok_or(Error::NotFound("document"))
    }

    pub async fn create(
        &self,
        editor: &Principal,
        new: DocumentInput,
        attempt: Option<IdempotentRequest>,
    ) -> Result<Outcome<Document>> {
        let (editor, now) = (editor.clone(), self.clock.now());
        let reload = |location: String| async move { self.get(id_of_location(&location)?).await };
        let work = async move |tx: Tx| {
            let (row, _) =
                write(&tx, None, new.into(), now).await.map_err(Error::on_unique_violation("path"))?;
            record(&tx, &row, Change::Created, &editor, now).await?;
            Ok(row.into())
        };
        run_once(&self.db, attempt, work, reload).await
    }

    pub async fn replace(
        &self,
        editor: &Principal,
        id: Id<Document>,
        new: DocumentInput,
        precondition: Precondition,
    ) -> Result<Document> {
        self.update(editor, id, new.into(), precondition).await
    }

    pub async fn update(
        &self,
        editor: &Principal,
        id: Id<Document>,
        patch: DocumentPatch,
        precondition: Precondition,
    ) -> Result<Document> {
        let (editor, now) = (editor.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                let row = lock(&tx, id).await?;
                precondition.check(&Document::from(row.clone()).etag())?;
                let written = write(&tx, Some(row), patch, now).await;
                let (row, changed) = written.map_err(Error::on_unique_violation("path"))?;
                if changed {
                    record(&tx, &row, Change::Changed, &editor, now).await?;
                }
                Ok(row.into())
            })
            .await
    }

    /// Creates or replaces the document at a path; returns it and whether it was created.
    pub async fn replace_by_path(
        &self,
        editor: &Principal,
        path: SlugPath,
        new: DocumentByPathInput,
        precondition: Precondition,
    ) -> Result<(Document, bool)> {
        let new = new.at(path);
        // A concurrent request can create the document between the SELECT and the INSERT. Without a
        // precondition the client accepts any current version, so the second try replaces that document.
        match self.try_replace_by_path(editor, new.clone(), precondition.clone()).await {
            Err(Error::WriteConflict) if !precondition.is_some() => {
                self.try_replace_by_path(editor, new, precondition).await
            }
            result => result,
        }
    }

    async fn try_replace_by_path(
        &self,
        editor: &Principal,
        new: DocumentInput,
        precondition: Precondition,
    ) -> Result<(Document, bool)> {
        let (editor, now) = (editor.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                let existing = find_for_update(&tx, &new.path).await?;
                match &existing {
                    Some(row) => precondition.check(&Document::from(row.clone()).etag())?,
                    None => precondition.check_absent()?,
                }
                let created = existing.is_none();
                let (row, changed) =
                    write(&tx, existing, new.into(), now).await.map_err(Error::from_insert)?;
                if changed {
                    let change = if created { Change::Created } else { Change::Changed };
                    record(&tx, &row, change, &editor, now).await?;
                }
                Ok((row.into(), created))
            })
            .await
    }

    pub async fn delete(
        &self,
        editor: &Principal,
        id: Id<Document>,
        precondition: Precondition,
    ) -> Result<()> {
        let (editor, now) = (editor.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                let row = lock(&tx, id).await?;
                move_to_trash(&tx, row, &precondition, &editor, now).await
            })
            .await
    }

    pub async fn delete_by_path(
        &self,
        editor: &Principal,
        path: SlugPath,
        precondition: Precondition,
    ) -> Result<()> {
        let (editor, now) = (editor.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                let row = find_for_update(&tx, &path).await?.ok_or(Error::NotFound("document"))?;
                move_to_trash(&tx, row, &precondition, &editor, now).await
            })
            .await
    }
}

/// Returns a query for the documents that are not deleted. All reads of documents start from this query.
pub(super) fn not_deleted() -> Select<document::Entity> {
    document::Entity::find().filter(document::Column::DeletedAt.is_null())
}

/// Stores the revision of a written row, emits its event and invalidates the lists.
async fn record(tx: &Tx, row: &document::Model, change: Change, editor: &Principal, now: i64) -> Result<()> {
    store_revisions(tx, [revision(row, change, now)?.changed_by(editor)]).await?;
    tx.touch("documents").await?;
    emit_written(tx, row, now);
    Ok(())
}

async fn move_to_trash(
    tx: &Tx,
    row: document::Model,
    precondition: &Precondition,
    editor: &Principal,
    now: i64,
) -> Result<()> {
    precondition.check(&Document::from(row.clone()).etag())?;
    let version = row.version + 1;
    let mut row = row.into_active_model();
    row.deleted_at = Set(Some(now));
    row.version = Set(version);
    let row = row.update(&**tx).await?;
    emit(tx, EventType::DocumentDeleted, &row, now);
    tx.touch("documents").await?;
    store_revisions(tx, [revision(&row, Change::Deleted, now)?.changed_by(editor)]).await
}

/// Emits `document.created` for the first version of a document, else `document.updated`.
pub(super) fn emit_written(tx: &Tx, row: &document::Model, now: i64) {
    let kind = if row.version == 1 { EventType::DocumentCreated } else { EventType::DocumentUpdated };
    emit(tx, kind, row, now);
}

pub(super) fn emit(tx: &Tx, kind: EventType, row: &document::Model, now: i64) {
    let (document, version) = (Document::from(row.clone()), row.version);
    tx.emit(kind, row.id, document.location(), version, Audience::Public, now);
}

/// Locks and returns the row with this id; 404 if it does not exist or is deleted.
pub(super) async fn lock(tx: &Tx, id: Id<Document>) -> Result<document::Model> {
    find_by_id_for_update(tx, id.0).await?.ok_or(Error::NotFound("document"))
}

pub(super) async fn find_by_id_for_update(tx: &Tx, id: Uuid) -> Result<Option<document::Model>> {
    let find = not_deleted().filter(document::Column::Id.eq(id));
    Ok(find.lock_exclusive().one(&**tx).await?)
}

/// Locks and returns the row at a path, so that of two concurrent updates with the same `If-Match` one gets 412.
pub(super) async fn find_for_update(tx: &Tx, path: &str) -> Result<Option<document::Model>> {
    let find = not_deleted().filter(document::Column::Path.eq(path));
    Ok(find.lock_exclusive().one(&**tx).await?)
}

/// Writes the next version of `existing`, or a new document. Returns the row, and whether it was written: a patch that
/// changes nothing writes nothing.
///
/// # Errors
/// A unique violation if another document exists at the path.
pub(super) async fn write(
    tx: &Tx,
    existing: Option<document::Model>,
    patch: DocumentPatch,
    now: i64,
) -> Result<(document::Model, bool), DbErr> {
    let Some(mut row) = existing else {
        let id = Uuid::now_v7();
        let mut row = document::Model {
            id,
            version: 1,
            created_at: now,
            updated_at: now,
            ..document::Model::default()
        };
        apply(&mut row, patch);
        return Ok((row.into_active_model().reset_all().insert(&**tx).await?, true));
    };
    let before = row.clone();
    apply(&mut row, patch);
    if row == before {
        return Ok((row, false));
    }
    row.version += 1;
    row.updated_at = now;
    tx.record_changes(row.id, Changes::between(&before, &row));
    Ok((row.into_active_model().reset_all().update(&**tx).await?, true))
}

/// Applies a patch to the columns of a row.
fn apply(row: &mut document::Model, patch: DocumentPatch) {
    let DocumentPatch { path, title, content, position } = patch;
    if let Some(path) = path {
        row.path = path.into();
    }
    if let Some(title) = title {
        row.title = title.into();
    }
    if let Some(content) = content {
        row.content = content.into();
    }
    if let Some(position) = position {
        row.position = position;
    }
    row.search = search_key(&row.title);
}
