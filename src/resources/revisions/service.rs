//! What is kept of each version. The only writer of the `revisions` table.
use entity::{revision, user};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder,
    QuerySelect, RelationTrait, Select, Set,
};
use serde::Serialize;
use uuid::Uuid;

use super::{
    diff::Content,
    types::{Change, Revision},
};
use crate::{
    contract::{
        caller::Principal,
        cursor::{CursorKey, Key, Slice, SortKey},
        id::Id,
        page::{Page, Paging},
        problem::{Error, Result},
        time::Timestamp,
    },
    ports::db::Tx,
    resources::users::AuthorRef,
};

/// How many revisions of one thing are kept.
const KEPT: i64 = 200;

/// What a revision is a revision of.
#[derive(Debug, Clone, Copy)]
pub enum Subject {
    Post(Uuid),
    Document(Uuid),
}

impl Subject {
    fn column(self) -> revision::Column {
        match self {
            Subject::Post(_) => revision::Column::PostId,
            Subject::Document(_) => revision::Column::DocumentId,
        }
    }

    fn id(self) -> Uuid {
        match self {
            Subject::Post(id) | Subject::Document(id) => id,
        }
    }
}

/// A version on its way into the history.
#[derive(Debug)]
pub struct Written {
    subject: Subject,
    version: i64,
    change: Change,
    by: Option<Uuid>,
    restored_from: Option<Uuid>,
    at: i64,
    content: String,
}

impl Written {
    /// `content` holds what can be written, and nothing else: whatever it holds is shown again.
    pub fn new(
        subject: Subject,
        version: i64,
        change: Change,
        content: &impl Serialize,
        at: i64,
    ) -> Result<Self> {
        let content = serde_json::to_string(content).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Written { subject, version, change, by: None, restored_from: None, at, content })
    }

    pub fn by(self, caller: &Principal) -> Self {
        Written { by: Some(caller.user), ..self }
    }

    /// The same, for a version that brings back this one.
    pub fn restored_from(self, revision: Id<Revision>) -> Self {
        Written { restored_from: Some(revision.0), ..self }
    }

    fn row(self) -> revision::ActiveModel {
        let (post, document) = match self.subject {
            Subject::Post(id) => (Some(id), None),
            Subject::Document(id) => (None, Some(id)),
        };
        revision::ActiveModel {
            id: Set(Uuid::now_v7()),
            post_id: Set(post),
            document_id: Set(document),
            version: Set(self.version),
            change: Set(self.change.as_str().to_owned()),
            changed_by: Set(self.by),
            restored_from: Set(self.restored_from),
            created_at: Set(self.at),
            content: Set(self.content),
        }
    }
}

/// Keeps versions, in the transaction that writes them; the oldest give way.
pub async fn keep(tx: &Tx, written: impl IntoIterator<Item = Written>) -> Result<()> {
    let written: Vec<Written> = written.into_iter().collect();
    if written.is_empty() {
        return Ok(());
    }
    for Written { subject, version, .. } in written.iter().filter(|written| written.version > KEPT) {
        revision::Entity::delete_many()
            .filter(subject.column().eq(subject.id()))
            .filter(revision::Column::Version.lte(version - KEPT))
            .exec(&**tx)
            .await?;
    }
    let rows = written.into_iter().map(Written::row);
    revision::Entity::insert_many(rows).exec_without_returning(&**tx).await?;
    Ok(())
}

/// A revision with what was written.
#[derive(Debug)]
pub struct Past<T> {
    pub revision: Revision,
    pub content: T,
}

#[derive(Debug, FromQueryResult)]
struct Row {
    id: Uuid,
    version: i64,
    change: String,
    restored_from: Option<Uuid>,
    created_at: i64,
    changed_by: Option<Uuid>,
    by_name: Option<String>,
    by_avatar: Option<String>,
}

#[derive(Debug, FromQueryResult)]
struct Whole {
    #[sea_orm(nested)]
    row: Row,
    content: String,
}

impl From<Row> for Revision {
    fn from(row: Row) -> Self {
        let Row { changed_by, by_name, by_avatar, .. } = row;
        let by = changed_by.zip(by_name).map(|(id, name)| AuthorRef {
            id: Id::from(id),
            name,
            avatar_url: by_avatar,
            bio: None,
        });
        Revision {
            id: Id::from(row.id),
            version: row.version,
            change: Change::parse(&row.change),
            restored_from: row.restored_from.map(Id::from),
            by,
            created_at: Timestamp(row.created_at),
        }
    }
}

fn of(subject: Subject) -> Select<revision::Entity> {
    revision::Entity::find().filter(subject.column().eq(subject.id()))
}

fn columns(find: Select<revision::Entity>) -> Select<revision::Entity> {
    find.select_only()
        .columns([
            revision::Column::Id,
            revision::Column::Version,
            revision::Column::Change,
            revision::Column::RestoredFrom,
            revision::Column::CreatedAt,
            revision::Column::ChangedBy,
        ])
        .join(JoinType::LeftJoin, revision::Relation::By.def())
        .column_as(user::Column::Name, "by_name")
        .column_as(user::Column::AvatarUrl, "by_avatar")
}

/// A page of the revisions, the newest first.
pub async fn page<C: ConnectionTrait>(
    db: &C,
    key: &CursorKey,
    subject: Subject,
    paging: &Paging,
) -> Result<Page<Revision>> {
    let slice = Slice {
        key,
        list: format!("revisions {subject:?}"),
        order: vec![SortKey::falling(revision::Column::Version)],
        paging,
    };
    let place = |row: &Row| vec![Key::Number(row.version)];
    let (rows, pagination) = slice.page(db, of(subject), columns, place).await?;
    Ok(Page { data: rows.into_iter().map(Revision::from).collect(), pagination })
}

async fn whole<C: ConnectionTrait, T: Content>(
    db: &C,
    find: Select<revision::Entity>,
) -> Result<Option<Past<T>>> {
    let row = columns(find).column(revision::Column::Content).into_model::<Whole>().one(db).await?;
    let Some(Whole { row, content }) = row else { return Ok(None) };
    let content = serde_json::from_str(&content).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(Some(Past { revision: row.into(), content }))
}

/// One revision as a whole.
pub async fn past<C: ConnectionTrait, T: Content>(
    db: &C,
    subject: Subject,
    id: Id<Revision>,
) -> Result<Past<T>> {
    let found = whole(db, of(subject).filter(revision::Column::Id.eq(id.0))).await?;
    found.ok_or(Error::NotFound("revision"))
}

/// The newest of the revisions before this one, if one is kept.
pub(super) async fn before<C: ConnectionTrait, T: Content>(
    db: &C,
    subject: Subject,
    version: i64,
) -> Result<Option<Past<T>>> {
    let earlier = of(subject).filter(revision::Column::Version.lt(version));
    whole(db, earlier.order_by_desc(revision::Column::Version)).await
}
