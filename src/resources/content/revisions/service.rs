//! Revision service: stores and loads revisions. The only writer of the `revisions` table.
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
    domain::{id::Id, timestamp::Timestamp},
    http::{
        auth::Principal,
        cursor::{CursorKey, PageQuery, SortKey, SortValue},
        pagination::{Page, PageParams},
        problem::{Error, Result},
    },
    infra::db::Tx,
    resources::accounts::users::AuthorRef,
};

/// The number of revisions that are stored for one resource.
const MAX_REVISIONS: i64 = 200;

/// The resource of a revision.
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

/// A version to be stored as a revision.
#[derive(Debug)]
pub struct NewRevision {
    subject: Subject,
    version: i64,
    change: Change,
    changed_by: Option<Uuid>,
    restored_from: Option<Uuid>,
    at: i64,
    content: String,
}

impl NewRevision {
    /// Creates a revision to be stored. `content` must contain only editable fields, because responses
    /// contain all of it.
    pub fn new(
        subject: Subject,
        version: i64,
        change: Change,
        content: &impl Serialize,
        at: i64,
    ) -> Result<Self> {
        let content = serde_json::to_string(content).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(NewRevision { subject, version, change, changed_by: None, restored_from: None, at, content })
    }

    pub fn changed_by(self, caller: &Principal) -> Self {
        NewRevision { changed_by: Some(caller.user), ..self }
    }

    /// Sets the revision that this version restores.
    pub fn restored_from(self, revision: Id<Revision>) -> Self {
        NewRevision { restored_from: Some(revision.0), ..self }
    }

    fn into_row(self) -> revision::ActiveModel {
        let (post, document) = match self.subject {
            Subject::Post(id) => (Some(id), None),
            Subject::Document(id) => (None, Some(id)),
        };
        revision::ActiveModel {
            id: Set(Uuid::now_v7()),
            post_id: Set(post),
            document_id: Set(document),
            version: Set(self.version),
            change: Set(self.change),
            changed_by: Set(self.changed_by),
            restored_from: Set(self.restored_from),
            created_at: Set(self.at),
            content: Set(self.content),
        }
    }
}

/// Stores revisions in the transaction that writes the versions, and deletes those beyond `MAX_REVISIONS`.
pub async fn store_revisions(tx: &Tx, revisions: impl IntoIterator<Item = NewRevision>) -> Result<()> {
    let revisions: Vec<NewRevision> = revisions.into_iter().collect();
    if revisions.is_empty() {
        return Ok(());
    }
    for NewRevision { subject, version, .. } in revisions.iter().filter(|new| new.version > MAX_REVISIONS) {
        revision::Entity::delete_many()
            .filter(subject.column().eq(subject.id()))
            .filter(revision::Column::Version.lte(version - MAX_REVISIONS))
            .exec(&**tx)
            .await?;
    }
    let rows = revisions.into_iter().map(NewRevision::into_row);
    revision::Entity::insert_many(rows).exec_without_returning(&**tx).await?;
    Ok(())
}

/// A revision with its content.
#[derive(Debug)]
pub struct StoredRevision<T> {
    pub revision: Revision,
    pub content: T,
}

#[derive(Debug, FromQueryResult)]
struct RevisionRow {
    id: Uuid,
    version: i64,
    change: Change,
    restored_from: Option<Uuid>,
    created_at: i64,
    changed_by: Option<Uuid>,
    by_name: Option<String>,
    by_avatar: Option<String>,
}

#[derive(Debug, FromQueryResult)]
struct ContentRow {
    #[sea_orm(nested)]
    row: RevisionRow,
    content: String,
}

impl From<RevisionRow> for Revision {
    fn from(row: RevisionRow) -> Self {
        let RevisionRow { changed_by, by_name, by_avatar, .. } = row;
        let by = changed_by.zip(by_name).map(|(id, name)| AuthorRef {
            id: Id::from(id),
            name: name.into(),
            avatar_url: by_avatar.map(Into::into),
            bio: None,
        });
        Revision {
            id: Id::from(row.id),
            version: row.version,
            change: row.change,
            restored_from: row.restored_from.map(Id::from),
            by,
            created_at: Timestamp(row.created_at),
        }
    }
}

fn revisions_of(subject: Subject) -> Select<revision::Entity> {
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

/// Returns a page of the revisions of a resource, newest first.
pub async fn list_revisions<C: ConnectionTrait>(
    db: &C,
    key: &CursorKey,
    subject: Subject,
    paging: &PageParams,
) -> Result<Page<Revision>> {
    let slice = PageQuery {
        cursor_key: key,
        list_id: format!("revisions {subject:?}"),
        order: vec![SortKey::descending(revision::Column::Version)],
        params: paging,
    };
    let sort_values = |row: &RevisionRow| vec![SortValue::Number(row.version)];
    let (rows, pagination) = slice.fetch(db, revisions_of(subject), columns, sort_values).await?;
    Ok(Page { data: rows.into_iter().map(Revision::from).collect(), pagination })
}

async fn load<C: ConnectionTrait, T: Content>(
    db: &C,
    find: Select<revision::Entity>,
) -> Result<Option<StoredRevision<T>>> {
    let row = columns(find).column(revision::Column::Content).into_model::<ContentRow>().one(db).await?;
    let Some(ContentRow { row, content }) = row else { return Ok(None) };
    let content = serde_json::from_str(&content).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(Some(StoredRevision { revision: row.into(), content }))
}

/// Loads a revision with its content.
pub async fn load_revision<C: ConnectionTrait, T: Content>(
    db: &C,
    subject: Subject,
    id: Id<Revision>,
) -> Result<StoredRevision<T>> {
    let found = load(db, revisions_of(subject).filter(revision::Column::Id.eq(id.0))).await?;
    found.ok_or(Error::NotFound("revision"))
}

/// Loads the newest stored revision before `version`.
pub(super) async fn load_previous<C: ConnectionTrait, T: Content>(
    db: &C,
    subject: Subject,
    version: i64,
) -> Result<Option<StoredRevision<T>>> {
    let earlier = revisions_of(subject).filter(revision::Column::Version.lt(version));
    load(db, earlier.order_by_desc(revision::Column::Version)).await
}
