//! What may happen to documents. The only writer of the `documents` table.
use entity::document;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, FromQueryResult, IntoActiveModel, IntoSimpleExpr,
    QueryFilter, QuerySelect, Select, Set, sea_query::ExprTrait,
};
use uuid::Uuid;

use super::{
    content::written,
    trash::in_trash,
    types::{DocPath, Document, DocumentQuery, DocumentReplacement, DocumentSummary},
};
use crate::{
    contract::{
        answer::Resource,
        caller::{Principal, class},
        cursor::{CursorKey, Key, Slice, SortKey},
        etag::{ETag, Precondition},
        event::{Audience, EventType, told},
        id::Id,
        page::Page,
        problem::{Error, Result},
        text::{containing, folded, trimmed},
        time::Timestamp,
    },
    ports::{
        clock::Clock,
        db::{Db, Tx},
    },
    resources::{
        revisions::{Change, keep},
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
struct Line {
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

    /// The version of every list of documents for this caller.
    pub async fn list_etag(
        &self,
        viewer: Option<&Principal>,
        query: &DocumentQuery,
        target: &str,
    ) -> Result<ETag> {
        let version = self.db.versions(&["documents"]).await?;
        // But for the trash, all get the same.
        let class = query.deleted.map(|_| class(viewer)).unwrap_or_default();
        Ok(ETag::weak(&["documents", &version.to_string(), &class, target]))
    }

    pub async fn list(
        &self,
        viewer: Option<&Principal>,
        query: &DocumentQuery,
    ) -> Result<Page<DocumentSummary>> {
        let mut find = match query.deleted {
            None => there(),
            Some(_) => in_trash(viewer, self.trash.since(self.clock.now())),
        };
        if let Some(DocPath(prefix)) = &query.prefix {
            let below = document::Column::Path.starts_with(format!("{prefix}/"));
            find = find.filter(Condition::any().add(document::Column::Path.eq(prefix)).add(below));
        }
        for word in query.q.as_deref().map(folded).unwrap_or_default().split_whitespace() {
            find = find.filter(document::Column::Search.into_simple_expr().like(containing(word)));
        }
        let slice = Slice {
            key: &self.cursors,
            list: format!("documents {:?} {:?} {:?}", query.prefix, query.q, query.deleted),
            order: vec![
                SortKey::rising(document::Column::Position),
                SortKey::rising(document::Column::Path),
                SortKey::rising(document::Column::Id),
            ],
            paging: &query.paging,
        };
        let columns = [
            document::Column::Id,
            document::Column::Path,
            document::Column::Title,
            document::Column::Position,
            document::Column::UpdatedAt,
            document::Column::DeletedAt,
        ];
        let place =
            |row: &Line| vec![Key::Number(row.position), Key::Text(row.path.clone()), Key::Id(row.id)];
        let shown = |find: Select<document::Entity>| find.select_only().columns(columns);
        let (rows, pagination) = slice.page(self.db.read(), find, shown, place).await?;
        let line = |Line { id, path, title, position, updated_at, deleted_at }| DocumentSummary {
            id: Id::from(id),
            path: DocPath(path),
            title,
            position,
            updated_at: Timestamp(updated_at),
            deleted_at: deleted_at.map(Timestamp),
        };
        Ok(Page { data: rows.into_iter().map(line).collect(), pagination })
    }

    pub async fn read(&self, path: &str) -> Result<Document> {
        let row = there().filter(document::Column::Path.eq(path)).one(self.db.read()).await?;
        row.map(Document::from).ok_or(Error::NotFound("document"))
    }

    /// The document as it is now, and whether it is new.
    pub async fn replace(
        &self,
        editor: &Principal,
        path: &str,
        new: DocumentReplacement,
        when: Precondition,
    ) -> Result<(Document, bool)> {
        // Who asked for no version means whatever is there, also when somebody else was first this very moment.
        match self.replaced(editor, path, new.clone(), when.clone()).await {
            Err(Error::Raced) if !when.asks() => self.replaced(editor, path, new, when).await,
            done => done,
        }
    }

    async fn replaced(
        &self,
        editor: &Principal,
        path: &str,
        new: DocumentReplacement,
        when: Precondition,
    ) -> Result<(Document, bool)> {
        let (editor, path, now) = (editor.clone(), path.to_owned(), self.clock.now());
        self.db
            .write(async move |tx| {
                let known = at(&tx, &path).await?;
                match &known {
                    Some(row) => when.check(&Document::from(row.clone()).etag())?,
                    None => when.check_absent()?,
                }
                if let Some(row) = known.as_ref().filter(|row| says(row, &new)) {
                    return Ok((row.clone().into(), false));
                }
                let fresh = known.is_none();
                let row = put(&tx, known, &path, new, now).await?;
                let change = if fresh { Change::Created } else { Change::Changed };
                keep(&tx, [written(&row, change, now)?.by(&editor)]).await?;
                tx.touch("documents").await?;
                tell(&tx, &row, now);
                Ok((row.into(), fresh))
            })
            .await
    }

    pub async fn remove(&self, editor: &Principal, path: &str, when: Precondition) -> Result<()> {
        let (editor, path, now) = (editor.clone(), path.to_owned(), self.clock.now());
        self.db
            .write(async move |tx| {
                let row = at(&tx, &path).await?.ok_or(Error::NotFound("document"))?;
                when.check(&Document::from(row.clone()).etag())?;
                let version = row.version + 1;
                let mut row = row.into_active_model();
                row.deleted_at = Set(Some(now));
                row.version = Set(version);
                let row = row.update(&*tx).await?;
                say(&tx, EventType::DocumentDeleted, &row, now);
                tx.touch("documents").await?;
                keep(&tx, [written(&row, Change::Deleted, now)?.by(&editor)]).await
            })
            .await
    }
}

/// The documents that are not in the trash. Every read of documents starts here.
pub(super) fn there() -> Select<document::Entity> {
    document::Entity::find().filter(document::Column::DeletedAt.is_null())
}

/// Whether writing this would change nothing.
pub(super) fn says(row: &document::Model, new: &DocumentReplacement) -> bool {
    let DocumentReplacement { title, content, position } = new;
    (&row.title, &row.content, row.position) == (&trimmed(title), content, *position)
}

/// Says that a document was written.
pub(super) fn tell(tx: &Tx, row: &document::Model, now: i64) {
    let kind = if row.version == 1 { EventType::DocumentCreated } else { EventType::DocumentUpdated };
    say(tx, kind, row, now);
}

pub(super) fn say(tx: &Tx, kind: EventType, row: &document::Model, now: i64) {
    let (document, version) = (Document::from(row.clone()), row.version);
    tx.tell(told(kind, &document, row.id, version, Audience::Public, now));
}

/// The row for a change. It is locked: who comes with the same version at once must find the next one.
pub(super) async fn at(tx: &Tx, path: &str) -> Result<Option<document::Model>> {
    let find = there().filter(document::Column::Path.eq(path));
    Ok(find.lock_exclusive().one(&**tx).await?)
}

/// Writes a document over the one that is there, or as a new one.
pub(super) async fn put(
    tx: &Tx,
    known: Option<document::Model>,
    path: &str,
    new: DocumentReplacement,
    now: i64,
) -> Result<document::Model> {
    let DocumentReplacement { title, content, position } = new;
    let title = trimmed(&title);
    let search = folded(&title);
    Ok(match known {
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
            row.insert(&**tx).await.map_err(Error::raced)?
        }
    })
}
