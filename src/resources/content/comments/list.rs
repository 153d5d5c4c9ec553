//! Queries for comments that the caller can see: one SELECT with author and post.
use entity::{comment, post, user};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, IntoSimpleExpr, JoinType,
    QueryFilter, QuerySelect, RelationTrait, Select,
    sea_query::{Expr, ExprTrait, Query, SelectStatement},
};
use uuid::Uuid;

use super::types::{Comment, CommentStatus, PostRef};
use crate::{
    domain::{id::Id, timestamp::Timestamp},
    http::{
        auth::{Ownership, Principal, cache_key},
        cursor::{CursorKey, PageQuery, SortKey, SortValue, count},
        pagination::{Page, PageParams, TotalCache},
        problem::Result,
    },
    resources::accounts::users::AuthorRef,
};

/// Returns a query for the comments that the caller can see, on posts that the caller can see. All reads of
/// comments start from this query.
pub fn visible_to(viewer: Option<&Principal>) -> Select<comment::Entity> {
    let find = comment::Entity::find().join(JoinType::InnerJoin, comment::Relation::Post.def());
    let not_deleted = post::Column::DeletedAt.is_null();
    let approved = comment::Column::Status.eq(CommentStatus::Approved);
    match viewer {
        // Not a condition on the joined post: SQLite would read the comments post by post, and sort them all.
        Some(viewer) if viewer.role.is_editor() => find.filter(Expr::exists(deleted_post()).not()),
        Some(viewer) => {
            let own_comment = viewer.as_owner(Ownership::Personal).map(|id| comment::Column::AuthorId.eq(id));
            let own_post = viewer.as_owner(Ownership::Content).map(|id| post::Column::AuthorId.eq(id));
            find.filter(not_deleted)
                .filter(Condition::any().add(approved).add_option(own_comment))
                .filter(Condition::any().add(post::Column::PublishedAt.gt(0)).add_option(own_post))
        }
        None => find.filter(not_deleted).filter(approved).filter(post::Column::PublishedAt.gt(0)),
    }
}

/// Returns a subquery for the post of a comment, if it is deleted.
fn deleted_post() -> SelectStatement {
    Query::select()
        .expr(Expr::val(1))
        .from_as(post::Entity, "deleted")
        .and_where(
            Expr::col(("deleted", post::Column::Id)).equals((comment::Entity, comment::Column::PostId)),
        )
        .and_where(Expr::col(("deleted", post::Column::DeletedAt)).is_not_null())
        .to_owned()
}

/// A comment with the columns of its author and post that responses and checks need.
#[derive(Debug, Clone, FromQueryResult)]
pub(super) struct CommentRow {
    #[sea_orm(nested)]
    pub comment: comment::Model,
    pub author_name: String,
    pub author_avatar: Option<String>,
    pub post_slug: String,
    pub post_title: String,
    pub post_author: Uuid,
}

impl CommentRow {
    pub fn into_comment(self, with_post: bool) -> Comment {
        let post_id = Id::from(self.comment.post_id);
        let post = with_post.then(|| PostRef {
            id: post_id,
            slug: self.post_slug.into(),
            title: self.post_title.into(),
        });
        let author = AuthorRef {
            id: Id::from(self.comment.author_id),
            name: self.author_name.into(),
            avatar_url: self.author_avatar.map(Into::into),
            bio: None,
        };
        Comment { post, ..to_comment(self.comment, author) }
    }
}

/// Converts a row to the response type, without the post.
pub(super) fn to_comment(row: comment::Model, author: AuthorRef) -> Comment {
    Comment {
        id: Id::from(row.id),
        post_id: Id::from(row.post_id),
        parent_id: row.parent_id.map(Id::from),
        depth: row.depth,
        author,
        content: row.content.into(),
        status: row.status,
        post: None,
        created_at: Timestamp(row.created_at),
        updated_at: Timestamp(row.updated_at),
        version: row.version,
    }
}

fn columns(find: Select<comment::Entity>) -> Select<comment::Entity> {
    find.join(JoinType::InnerJoin, comment::Relation::Author.def())
        .column_as(user::Column::Name, "author_name")
        .column_as(user::Column::AvatarUrl, "author_avatar")
        .column_as(post::Column::Slug, "post_slug")
        .column_as(post::Column::Title, "post_title")
        .column_as(post::Column::AuthorId, "post_author")
}

/// Loads one comment with its author.
pub(super) async fn load_full<C: ConnectionTrait>(
    db: &C,
    find: Select<comment::Entity>,
) -> Result<Option<CommentRow>> {
    Ok(columns(find).into_model::<CommentRow>().one(db).await?)
}

/// The parameters of a page of comments.
pub(super) struct PageRequest<'a> {
    pub key: &'a CursorKey,
    /// Identifies the list and its filters; binds cursors to them.
    pub list: String,
    pub descending: bool,
    pub paging: &'a PageParams,
    pub with_post: bool,
    pub totals: &'a TotalCache,
    pub viewer: Option<&'a Principal>,
    /// The version of the list, read before.
    pub version: i64,
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
    let sort_values =
        |row: &CommentRow| vec![SortValue::Number(row.comment.created_at), SortValue::Id(row.comment.id)];
    let total = match request.paging.wants_total() {
        true => {
            let key = format!("{} {}", cache_key(request.viewer), request.list);
            let counted = count(db, find.clone());
            Some(request.totals.get_or_count(key, request.version, counted).await?)
        }
        false => None,
    };
    let mut query = columns(find);
    slice.slice(QuerySelect::query(&mut query), &slice.order)?;
    let (rows, pagination) = slice.load(db, query, total, sort_values).await?;
    Ok(Page { data: rows.into_iter().map(|row| row.into_comment(request.with_post)).collect(), pagination })
}
