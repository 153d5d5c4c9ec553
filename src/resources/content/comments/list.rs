//! Queries for comments that the caller can see: one SELECT with author and post.
use entity::{comment, post, user};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, IntoSimpleExpr, JoinType,
    QueryFilter, QuerySelect, RelationTrait, Select,
};
use uuid::Uuid;

use super::types::{Comment, CommentStatus, PostRef};
use crate::{
    domain::{id::Id, timestamp::Timestamp},
    http::{
        auth::Principal,
        cursor::{CursorKey, PageQuery, SortKey, SortValue},
        pagination::{Page, PageParams},
        problem::Result,
    },
    resources::accounts::users::AuthorRef,
};

/// Returns a query for the comments that the caller can see, on posts that the caller can see. All reads of
/// comments start from this query.
pub fn visible_to(viewer: Option<&Principal>) -> Select<comment::Entity> {
    let find = comment::Entity::find()
        .join(JoinType::InnerJoin, comment::Relation::Post.def())
        .filter(post::Column::DeletedAt.is_null());
    let approved = comment::Column::Status.eq(CommentStatus::Approved);
    match viewer {
        Some(viewer) if viewer.role.is_editor() => find,
        Some(viewer) => {
            find.filter(Condition::any().add(approved).add(comment::Column::AuthorId.eq(viewer.user))).filter(
                Condition::any()
                    .add(post::Column::PublishedAt.gt(0))
                    .add(post::Column::AuthorId.eq(viewer.user)),
            )
        }
        None => find.filter(approved).filter(post::Column::PublishedAt.gt(0)),
    }
}

#[derive(Debug, FromQueryResult)]
struct CommentRow {
    id: Uuid,
    post_id: Uuid,
    parent_id: Option<Uuid>,
    depth: i32,
    content: String,
    status: CommentStatus,
    version: i64,
    created_at: i64,
    updated_at: i64,
    author_id: Uuid,
    author_name: String,
    author_avatar: Option<String>,
    post_slug: String,
    post_title: String,
}

impl CommentRow {
    fn into_comment(self, with_post: bool) -> Comment {
        let post_id = Id::from(self.post_id);
        Comment {
            id: Id::from(self.id),
            post_id,
            parent_id: self.parent_id.map(Id::from),
            depth: self.depth,
            author: AuthorRef {
                id: Id::from(self.author_id),
                name: self.author_name.into(),
                avatar_url: self.author_avatar.map(Into::into),
                bio: None,
            },
            content: self.content.into(),
            status: self.status,
            post: with_post.then(|| PostRef {
                id: post_id,
                slug: self.post_slug.into(),
                title: self.post_title.into(),
            }),
            created_at: Timestamp(self.created_at),
            updated_at: Timestamp(self.updated_at),
            version: self.version,
        }
    }
}

fn columns(find: Select<comment::Entity>) -> Select<comment::Entity> {
    find.select_only()
        .columns([
            comment::Column::Id,
            comment::Column::PostId,
            comment::Column::ParentId,
            comment::Column::Depth,
            comment::Column::Content,
            comment::Column::Status,
            comment::Column::Version,
            comment::Column::CreatedAt,
            comment::Column::UpdatedAt,
            comment::Column::AuthorId,
        ])
        .join(JoinType::InnerJoin, comment::Relation::Author.def())
        .column_as(user::Column::Name, "author_name")
        .column_as(user::Column::AvatarUrl, "author_avatar")
        .column_as(post::Column::Slug, "post_slug")
        .column_as(post::Column::Title, "post_title")
}

/// Loads one comment with its author.
pub(super) async fn load_full<C: ConnectionTrait>(
    db: &C,
    find: Select<comment::Entity>,
) -> Result<Option<Comment>> {
    Ok(columns(find).into_model::<CommentRow>().one(db).await?.map(|row| row.into_comment(false)))
}

/// The parameters of a page of comments.
pub(super) struct PageRequest<'a> {
    pub key: &'a CursorKey,
    /// Identifies the list and its filters; binds cursors to them.
    pub list: String,
    pub descending: bool,
    pub paging: &'a PageParams,
    pub with_post: bool,
}

/// Returns a page of the comments that `find` selects, by creation time.
pub(super) async fn page<C: ConnectionTrait>(
    db: &C,
    find: Select<comment::Entity>,
    request: PageRequest<'_>,
) -> Result<Page<Comment>> {
    let key = |column: comment::Column| SortKey {
        column: column.into_simple_expr(),
        descending: request.descending,
    };
    let slice = PageQuery {
        cursor_key: request.key,
        list_id: format!("{} {}", request.list, request.descending),
        order: vec![key(comment::Column::CreatedAt), key(comment::Column::Id)],
        params: request.paging,
    };
    let sort_values = |row: &CommentRow| vec![SortValue::Number(row.created_at), SortValue::Id(row.id)];
    let (rows, pagination) = slice.fetch(db, find, columns, sort_values).await?;
    Ok(Page { data: rows.into_iter().map(|row| row.into_comment(request.with_post)).collect(), pagination })
}
