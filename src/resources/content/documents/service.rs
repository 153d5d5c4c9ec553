//! Document service: rules and queries. The only writer of the `documents` table.
use entity::document;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, FromQueryResult, IntoActiveModel, IntoSimpleExpr,
    QueryFilter, QuerySelect, Select, Set, sea_query::ExprTrait,
};
use uuid::Uuid;

use super::{
    content::revision,
    trash::in_trash,
    types::{DocPath, Document, DocumentQuery, DocumentReplacement, DocumentSummary},
};
use crate::{
    domain::{
        event::{Audience, EventType},
        id::Id,
        text::{like_contains, search_key, trim},
        timestamp::Timestamp,
    },
    http::{
        auth::{Principal, cache_key},
        cursor::{CursorKey, PageQuery, SortKey, SortValue},
        etag::{ETag, Precondition},
        pagination::Page,
        problem::{Error, Result},
        response::Resource,
    },
    infra::{
        clock::Clock,
        db::{Db, Tx},
    },
    resources::content::{
        revisions::{Change, store_revisions},
        trash::Trash,
    },
};

#[derive(Clone)]
pub struct Docs {
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
            path: DocPath(path),
            title,
            content,
            position,
            created_at: Timestamp(created_at),
            updated_at: Timestamp(updated_at),
            version,
        }
    }
}

impl Docs {
    pub fn new(db: Db, clock: Clock, cursors: CursorKey, trash: Trash) -> Self {
        Docs { db, clock, cursors, trash }
    }

    /// Returns the ETag of a list for this caller. It changes with every write to documents.
    pub async fn list_etag(
        &self,
        viewer: Option<&Principal>,
        query: &DocumentQuery,
        target: &str,
    ) -> Result<ETag> {
        let version = self.db.versions(&["documents"]).await?;
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
        if let Some(DocPath(prefix)) = &query.prefix {
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
            path: DocPath(path),
            title,
            position,
            updated_at: Timestamp(updated_at),
            deleted_at: deleted_at.map(Timestamp),
        };
        Ok(Page { data: rows.into_iter().map(summary).collect(), pagination })
    }

    pub async fn get(&self, path: &str) -> Result<Document> {
        let row = not_deleted().filter(document::Column::Path.eq(path)).one(self.db.read()).await?;
        row.map(Document::from).ok_or(Error::NotFound("document"))
    }

    /// Creates or replaces the document; returns it and whether it was created.
    pub async fn replace(
        &self,
        editor: &Principal,
        path: &str,
        new: DocumentReplacement,
        precondition: Precondition,
    ) -> Result<(Document, bool)> {
        // A concurrent request can create the document between the SELECT and the INSERT. Without a
        // precondition the client accepts any current version, so the second try replaces that document.
        match self.try_replace(editor, path, new.clone(), precondition.clone()).await {
            Err(Error::WriteConflict) if !precondition.is_some() => {
                self.try_replace(editor, path, new, precondition).await
            }
            result => result,
        }
    }

    async fn try_replace(
        &self,
        editor: &Principal,
        path: &str,
        new: DocumentReplacement,
        precondition: Precondition,
    ) -> Result<(Document, bool)> {
        let (editor, path, now) = (editor.clone(), path.to_owned(), self.clock.now());
        self.db
            .write(async move |tx| {
                let existing = find_for_update(&tx, &path).await?;
                match &existing {
                    Some(row) => precondition.check(&Document::from(row.clone()).etag())?,
                    None => precondition.check_absent()?,
                }
                if let Some(row) = existing.as_ref().filter(|row| is_unchanged(row, &new)) {
                    return Ok((row.clone().into(), false));
                }
                let created = existing.is_none();
                let row = write(&tx, existing, &path, new, now).await?;
                let change = if created { Change::Created } else { Change::Changed };
                store_revisions(&tx, [revision(&row, change, now)?.changed_by(&editor)]).await?;
                tx.touch("documents").await?;
                emit_written(&tx, &row, now);
                Ok((row.into(), created))
            })
            .await
    }

    pub async fn delete(&self, editor: &Principal, path: &str, precondition: Precondition) -> Result<()> {
        let (editor, path, now) = (editor.clone(), path.to_owned(), self.clock.now());
        self.db
            .write(async move |tx| {
                let row = find_for_update(&tx, &path).await?.ok_or(Error::NotFound("document"))?;
                precondition.check(&Document::from(row.clone()).etag())?;
                let version = row.version + 1;
                let mut row = row.into_active_model();
                row.deleted_at = Set(Some(now));
                row.version = Set(version);
                let row = row.update(&*tx).await?;
                emit(&tx, EventType::DocumentDeleted, &row, now);
                tx.touch("documents").await?;
                store_revisions(&tx, [revision(&row, Change::Deleted, now)?.changed_by(&editor)]).await
            })
            .await
    }
}

/// Returns a query for the documents that are not deleted. All reads of documents start from this query.
pub(super) fn not_deleted() -> Select<document::Entity> {
    document::Entity::find().filter(document::Column::DeletedAt.is_null())
}

/// Returns whether `new` equals the row, so that a write would change nothing.
pub(super) fn is_unchanged(row: &document::Model, new: &DocumentReplacement) -> bool {
    let DocumentReplacement { title, content, position } = new;
    (&row.title, &row.content, row.position) == (&trim(title), content, *position)
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

/// Locks and returns the row, so that of two concurrent updates with the same `If-Match` one gets 412.
pub(super) async fn find_for_update(tx: &Tx, path: &str) -> Result<Option<document::Model>> {
    let find = not_deleted().filter(document::Column::Path.eq(path));
    Ok(find.lock_exclusive().one(&**tx).await?)
}

/// Writes the next version of `existing`, or a new document at `path`.
pub(super) async fn write(
    tx: &Tx,
    existing: Option<document::Model>,
    path: &str,
    new: DocumentReplacement,
    now: i64,
) -> Result<document::Model> {
    let DocumentReplacement { title, content, position } = new;
    let title = trim(&title);
    let search = search_key(&title);
    Ok(match existing {
        Some(row) => {
            let version = row.version;
            let mut row = row.into_active_model();
            row.title = Set(title);
            row.content = Set(content);
            row.position = Set(position);
            row.search = Set(search);
            row.version = Set(version + 1);
            row.updated_at = Set(now);
            row.update(&**tx).await?
        }
        None => {
            let row = document::ActiveModel {
                id: Set(Uuid::now_v7()),
                path: Set(path.to_owned()),
                title: Set(title),
                content: Set(content),
                position: Set(position),
                search: Set(search),
                version: Set(1),
                created_at: Set(now),
                updated_at: Set(now),
                deleted_at: Set(None),
            };
            row.insert(&**tx).await.map_err(Error::from_insert)?
        }
    })
}
