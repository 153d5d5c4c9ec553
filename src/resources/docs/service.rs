//! What may happen to documents. The only writer of the `documents` table.
use entity::document;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, FromQueryResult, IntoActiveModel, IntoSimpleExpr,
    ModelTrait, QueryFilter, QuerySelect, Select, Set, sea_query::ExprTrait,
};
use uuid::Uuid;

use super::types::{DocPath, Document, DocumentQuery, DocumentReplacement, DocumentSummary};
use crate::{
    contract::{
        answer::Resource,
        cursor::{CursorKey, Key, Slice, SortKey},
        etag::{ETag, Precondition},
        event::{Audience, EventType, of, told},
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
};

#[derive(Clone)]
pub struct Docs {
    db: Db,
    pub(super) clock: Clock,
    cursors: CursorKey,
}

#[derive(Debug, FromQueryResult)]
struct Line {
    path: String,
    title: String,
    position: i64,
    updated_at: i64,
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
    pub fn new(db: Db, clock: Clock, cursors: CursorKey) -> Self {
        Docs { db, clock, cursors }
    }

    /// The version of every list of documents.
    pub async fn list_etag(&self, target: &str) -> Result<ETag> {
        let version = self.db.versions(&["documents"]).await?;
        Ok(ETag::weak(&["documents", &version.to_string(), target]))
    }

    pub async fn list(&self, query: &DocumentQuery) -> Result<Page<DocumentSummary>> {
        let mut find = document::Entity::find();
        if let Some(DocPath(prefix)) = &query.prefix {
            let below = document::Column::Path.starts_with(format!("{prefix}/"));
            find = find.filter(Condition::any().add(document::Column::Path.eq(prefix)).add(below));
        }
        for word in query.q.as_deref().map(folded).unwrap_or_default().split_whitespace() {
            find = find.filter(document::Column::Search.into_simple_expr().like(containing(word)));
        }
        let slice = Slice {
            key: &self.cursors,
            list: format!("documents {:?} {:?}", query.prefix, query.q),
            order: vec![SortKey::rising(document::Column::Position), SortKey::rising(document::Column::Path)],
            paging: &query.paging,
        };
        let columns = [
            document::Column::Path,
            document::Column::Title,
            document::Column::Position,
            document::Column::UpdatedAt,
        ];
        let place = |row: &Line| vec![Key::Number(row.position), Key::Text(row.path.clone())];
        let shown = |find: Select<document::Entity>| find.select_only().columns(columns);
        let (rows, pagination) = slice.page(self.db.read(), find, shown, place).await?;
        let line = |Line { path, title, position, updated_at }| DocumentSummary {
            path: DocPath(path),
            title,
            position,
            updated_at: Timestamp(updated_at),
        };
        Ok(Page { data: rows.into_iter().map(line).collect(), pagination })
    }

    pub async fn read(&self, path: &str) -> Result<Document> {
        let row =
            document::Entity::find().filter(document::Column::Path.eq(path)).one(self.db.read()).await?;
        row.map(Document::from).ok_or(Error::NotFound("document"))
    }

    /// The document as it is now, and whether it is new.
    pub async fn replace(
        &self,
        path: &str,
        new: DocumentReplacement,
        when: Precondition,
    ) -> Result<(Document, bool)> {
        // Who asked for no version means whatever is there, also when somebody else was first this very moment.
        match self.replaced(path, new.clone(), when.clone()).await {
            Err(Error::Raced) if !when.asks() => self.replaced(path, new, when).await,
            done => done,
        }
    }

    async fn replaced(
        &self,
        path: &str,
        new: DocumentReplacement,
        when: Precondition,
    ) -> Result<(Document, bool)> {
        let (path, now) = (path.to_owned(), self.clock.now());
        self.db
            .write(async move |tx| {
                let known = at(&tx, &path).await?;
                match &known {
                    Some(row) => when.check(&Document::from(row.clone()).etag())?,
                    None => when.check_absent()?,
                }
                let fresh = known.is_none();
                let row = put(&tx, known, &path, new, now).await?;
                tx.touch("documents").await?;
                tell(&tx, &row, now);
                Ok((row.into(), fresh))
            })
            .await
    }

    pub async fn remove(&self, path: &str, when: Precondition) -> Result<()> {
        let (path, now) = (path.to_owned(), self.clock.now());
        self.db
            .write(async move |tx| {
                let row = at(&tx, &path).await?.ok_or(Error::NotFound("document"))?;
                when.check(&Document::from(row.clone()).etag())?;
                let (href, version) = (Document::from(row.clone()).location(), row.version + 1);
                tx.tell(of(EventType::DocumentDeleted, row.id, href, version, Audience::Public, now));
                row.delete(&*tx).await?;
                tx.touch("documents").await?;
                Ok(())
            })
            .await
    }
}

/// Says that a document was written.
pub(super) fn tell(tx: &Tx, row: &document::Model, now: i64) {
    let kind = if row.version == 1 { EventType::DocumentCreated } else { EventType::DocumentUpdated };
    let (document, version) = (Document::from(row.clone()), row.version);
    tx.tell(told(kind, &document, row.id, version, Audience::Public, now));
}

/// The row for a change. It is locked: who comes with the same version at once must find the next one.
pub(super) async fn at(tx: &Tx, path: &str) -> Result<Option<document::Model>> {
    let find = document::Entity::find().filter(document::Column::Path.eq(path));
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
            };
            row.insert(&**tx).await.map_err(Error::raced)?
        }
    })
}
