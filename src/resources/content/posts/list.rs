//! Queries for posts that the caller can see: one SELECT per page, and one per relation of the page.
use std::collections::HashMap;

use entity::{post, post_coauthor, post_tag, tag, user};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, IdenStatic, IntoSimpleExpr,
    Iterable, JoinType, QueryFilter, QueryOrder, QuerySelect, QueryTrait, RelationTrait, Select,
    sea_query::{Expr, ExprTrait, Query, SimpleExpr},
};
use uuid::Uuid;

use super::{
    query::{PostQuery, PostStatus},
    trash::in_trash,
    types::{Post, PostSummary},
};
use crate::{
    domain::{id::Id, search::search_key, timestamp::Timestamp},
    http::{
        auth::Principal,
        cursor::{CursorKey, PageQuery, SortKey, SortValue},
        pagination::Page,
        problem::Result,
        search::like_contains,
        sort::Sort,
    },
    resources::{
        accounts::users::AuthorRef,
        content::{tags::TagRef, trash::Deleted},
    },
};

/// Returns a query for the posts that the caller can see. All reads of posts that are not deleted start from
/// this query.
pub fn visible_to(viewer: Option<&Principal>) -> Select<post::Entity> {
    let find = post::Entity::find().filter(post::Column::DeletedAt.is_null());
    match viewer {
        Some(viewer) if viewer.role.is_editor() => find,
        Some(viewer) => find.filter(
            Condition::any().add(post::Column::PublishedAt.gt(0)).add(post::Column::AuthorId.eq(viewer.user)),
        ),
        None => find.filter(post::Column::PublishedAt.gt(0)),
    }
}

/// A post with the columns of its author.
#[derive(Debug, FromQueryResult)]
pub(super) struct PostRow {
    #[sea_orm(nested)]
    post: post::Model,
    author_name: String,
    author_avatar: Option<String>,
    author_bio: Option<String>,
    coauthors: i64,
}

/// Selects the columns of [`PostRow`]. Columns that are not requested are selected as constants: their texts are long.
fn columns(find: Select<post::Entity>, fields: &str, bios: bool) -> Select<post::Entity> {
    let requested = |name: &str| fields.split(',').any(|field| field == name);
    let null = || Expr::cust("CAST(NULL AS TEXT)");
    let omitted = |column: &post::Column| match column {
        post::Column::Search => Some(Expr::cust("''")),
        post::Column::Content if !requested("content") => Some(Expr::cust("''")),
        post::Column::Excerpt if !requested("excerpt") => Some(null()),
        post::Column::CoverImage if !requested("coverImage") => Some(null()),
        _ => None,
    };
    let coauthors = Query::select()
        .expr(Expr::col((post_coauthor::Entity, post_coauthor::Column::UserId)).count())
        .from(post_coauthor::Entity)
        .and_where(
            Expr::col((post_coauthor::Entity, post_coauthor::Column::PostId))
                .equals((post::Entity, post::Column::Id)),
        )
        .to_owned();
    let bio = if bios { user::Column::Bio.into_simple_expr() } else { null() };
    let selected = post::Column::iter().fold(find.select_only(), |find, column| match omitted(&column) {
        Some(constant) => find.expr_as(constant, column.as_str()),
        None => find.column(column),
    });
    selected
        .join(JoinType::InnerJoin, post::Relation::Author.def())
        .column_as(user::Column::Name, "author_name")
        .column_as(user::Column::AvatarUrl, "author_avatar")
        .expr_as(bio, "author_bio")
        .expr_as(SimpleExpr::SubQuery(None, Box::new(coauthors.into())), "coauthors")
}

/// Loads one post with all fields and relations.
pub(super) async fn load_full<C: ConnectionTrait>(
    db: &C,
    find: Select<post::Entity>,
) -> Result<Option<Post>> {
    let row = columns(find, "excerpt,coverImage,content", true).into_model::<PostRow>().one(db).await?;
    let Some(row) = row else { return Ok(None) };
    let mut related = Related::load(db, std::slice::from_ref(&row), true).await?;
    Ok(Some(row.into_post(&mut related)))
}

/// Applies the filters of a list to the posts that the caller can see.
fn filtered(viewer: Option<&Principal>, query: &PostQuery, since: i64) -> Select<post::Entity> {
    let (mut find, status) = match query.deleted {
        None => (visible_to(viewer), PostStatus::Published),
        Some(Deleted::Only) => (in_trash(viewer, since), PostStatus::Any),
    };
    find = match query.status.unwrap_or(status) {
        PostStatus::Published => find.filter(post::Column::PublishedAt.gt(0)),
        PostStatus::Draft => find.filter(post::Column::PublishedAt.eq(0)),
        PostStatus::Any => find,
    };
    for slugs in &query.tag {
        let slugs: Vec<String> = slugs.split(',').map(str::to_ascii_lowercase).collect();
        let tagged = post_tag::Entity::find()
            .select_only()
            .column(post_tag::Column::PostId)
            .join(JoinType::InnerJoin, post_tag::Relation::Tag.def())
            .filter(tag::Column::Slug.is_in(slugs));
        find = find.filter(post::Column::Id.in_subquery(tagged.into_query()));
    }
    if let Some(author) = query.author {
        let coauthored = post_coauthor::Entity::find()
            .select_only()
            .column(post_coauthor::Column::PostId)
            .filter(post_coauthor::Column::UserId.eq(author.0));
        find = find.filter(
            Condition::any()
                .add(post::Column::AuthorId.eq(author.0))
                .add(post::Column::Id.in_subquery(coauthored.into_query())),
        );
    }
    if let Some(text) = &query.q {
        for word in search_key(text).split_whitespace() {
            find = find.filter(post::Column::Search.into_simple_expr().like(like_contains(word)));
        }
    }
    if let Some(from) = query.published_from {
        find = find.filter(post::Column::PublishedAt.gte(from.0));
    }
    if let Some(before) = query.published_before {
        find = find.filter(post::Column::PublishedAt.lt(before.0));
    }
    find
}

const DEFAULT_SORT: &str = "-publishedAt";
const TRASH_SORT: &str = "-deletedAt";

fn sort_column(name: &str) -> post::Column {
    match name {
        "title" => post::Column::Title,
        "createdAt" => post::Column::CreatedAt,
        "updatedAt" => post::Column::UpdatedAt,
        "deletedAt" => post::Column::DeletedAt,
        _ => post::Column::PublishedAt,
    }
}

/// Returns a page of the posts that the caller can see. With the filter `deleted`, returns the posts deleted
/// after `since` instead.
pub(super) async fn page<C: ConnectionTrait>(
    db: &C,
    key: &CursorKey,
    viewer: Option<&Principal>,
    query: &PostQuery,
    since: i64,
) -> Result<Page<PostSummary>> {
    let default_sort = if query.deleted.is_some() { TRASH_SORT } else { DEFAULT_SORT };
    let sort = Sort::parse(query.sort.as_deref().unwrap_or(default_sort));
    let order = sort.keys(|name| SortKey::ascending(sort_column(name)), SortKey::ascending(post::Column::Id));
    let slice = PageQuery { cursor_key: key, list_id: list_identity(query), order, params: &query.paging };
    let fields = query.fields.as_deref().unwrap_or("excerpt,coverImage");
    let select = |find| columns(find, fields, query.expand.is_some());
    let sort_values = |row: &PostRow| row.sort_values(&sort);
    let (rows, pagination) = slice.fetch(db, filtered(viewer, query, since), select, sort_values).await?;
    let mut related = Related::load(db, &rows, query.expand.is_some()).await?;
    let data = rows.into_iter().map(|row| row.into_post(&mut related).redacted_for(viewer).into()).collect();
    Ok(Page { data, pagination })
}

/// Returns the text that binds a cursor to its list. It contains the filters and the sort order, but not
/// `limit`, `fields` and `expand`, which may change between pages.
fn list_identity(query: &PostQuery) -> String {
    let PostQuery { tag, author, status, q, published_from, published_before, deleted, sort, .. } = query;
    let times = (published_from, published_before);
    format!("posts {tag:?} {author:?} {status:?} {q:?} {times:?} {deleted:?} {sort:?}")
}

impl PostRow {
    /// Returns the values of the sort keys, which a cursor encodes.
    fn sort_values(&self, sort: &Sort) -> Vec<SortValue> {
        let post = &self.post;
        let value = |name: &str| match name {
            "title" => SortValue::Text(post.title.clone()),
            "createdAt" => SortValue::Number(post.created_at),
            "updatedAt" => SortValue::Number(post.updated_at),
            "deletedAt" => SortValue::Number(post.deleted_at.unwrap_or_default()),
            _ => SortValue::Number(post.published_at),
        };
        sort.position(value, post.id)
    }

    fn into_post(self, related: &mut Related) -> Post {
        let post = self.post;
        Post {
            id: Id::from(post.id),
            slug: post.slug.into(),
            title: post.title.into(),
            content: post.content.into(),
            excerpt: post.excerpt.map(Into::into),
            cover_image: post.cover_image.map(Into::into),
            author: AuthorRef {
                id: Id::from(post.author_id),
                name: self.author_name.into(),
                avatar_url: self.author_avatar.map(Into::into),
                bio: self.author_bio.map(Into::into),
            },
            coauthors: related.authors.remove(&post.id).unwrap_or_default(),
            tags: related.tags.remove(&post.id).unwrap_or_default(),
            published: post.published_at > 0,
            published_at: (post.published_at > 0).then_some(Timestamp(post.published_at)),
            publish_at: post.publish_at.map(Timestamp),
            unpublish_at: post.unpublish_at.map(Timestamp),
            comments_count: post.comments_count,
            created_at: Timestamp(post.created_at),
            updated_at: Timestamp(post.updated_at),
            version: post.version,
            deleted_at: post.deleted_at.map(Timestamp),
            previewed: false,
        }
    }
}

impl From<Post> for PostSummary {
    fn from(post: Post) -> Self {
        let Post { id, slug, title, content, excerpt, cover_image, author, coauthors, tags, .. } = post;
        PostSummary {
            id,
            slug,
            title,
            author,
            coauthors,
            tags,
            published: post.published,
            published_at: post.published_at,
            publish_at: post.publish_at,
            unpublish_at: post.unpublish_at,
            comments_count: post.comments_count,
            created_at: post.created_at,
            updated_at: post.updated_at,
            deleted_at: post.deleted_at,
            excerpt,
            cover_image,
            content: (!content.is_empty()).then_some(content),
        }
    }
}

/// The id of a post; then the id, name, avatar URL and biography of a co-author.
type CoauthorRow = (Uuid, Uuid, String, Option<String>, Option<String>);

/// Tags and co-authors of a page of posts, by post id. Loaded with one query per relation, which avoids N+1
/// queries.
#[derive(Default)]
struct Related {
    tags: HashMap<Uuid, Vec<TagRef>>,
    authors: HashMap<Uuid, Vec<AuthorRef>>,
}

impl Related {
    async fn load<C: ConnectionTrait>(db: &C, rows: &[PostRow], bios: bool) -> Result<Self> {
        let mut related = Related::default();
        if rows.is_empty() {
            return Ok(related);
        }
        let tagged: Vec<(Uuid, String, String)> = post_tag::Entity::find()
            .select_only()
            .column(post_tag::Column::PostId)
            .join(JoinType::InnerJoin, post_tag::Relation::Tag.def())
            .column(tag::Column::Slug)
            .column(tag::Column::Name)
            .filter(post_tag::Column::PostId.is_in(rows.iter().map(|row| row.post.id)))
            .order_by_asc(post_tag::Column::Position)
            .into_tuple()
            .all(db)
            .await?;
        for (post, slug, name) in tagged {
            related.tags.entry(post).or_default().push(TagRef { slug: slug.into(), name: name.into() });
        }
        let coauthored: Vec<Uuid> =
            rows.iter().filter(|row| row.coauthors > 0).map(|row| row.post.id).collect();
        if coauthored.is_empty() {
            return Ok(related);
        }
        let authors: Vec<CoauthorRow> = post_coauthor::Entity::find()
            .select_only()
            .column(post_coauthor::Column::PostId)
            .join(JoinType::InnerJoin, post_coauthor::Relation::User.def())
            .columns([user::Column::Id, user::Column::Name, user::Column::AvatarUrl, user::Column::Bio])
            .filter(post_coauthor::Column::PostId.is_in(coauthored))
            .order_by_asc(post_coauthor::Column::Position)
            .into_tuple()
            .all(db)
            .await?;
        for (post, id, name, avatar_url, bio) in authors {
            let author = AuthorRef {
                id: Id::from(id),
                name: name.into(),
                avatar_url: avatar_url.map(Into::into),
                bio: bio.filter(|_| bios).map(Into::into),
            };
            related.authors.entry(post).or_default().push(author);
        }
        Ok(related)
    }
}
