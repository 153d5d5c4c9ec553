//! Author service: queries of public profiles with the number of published posts.
use entity::{post, post_coauthor, user};
use sea_orm::{
    ColumnTrait, EntityTrait, FromQueryResult, IntoSimpleExpr, QueryFilter, QuerySelect, QueryTrait, Select,
    sea_query::{Expr, ExprTrait, Func, Query, SelectStatement, SimpleExpr},
};
use uuid::Uuid;

use super::types::{Author, AuthorQuery};
use crate::{
    domain::id::Id,
    http::{
        cursor::{CursorKey, PageQuery, SortKey, SortValue},
        etag::ETag,
        pagination::Page,
        problem::{Error, Result},
        search::like_contains,
    },
    infra::db::Db,
    resources::accounts::users::User,
};

#[derive(Clone)]
pub struct Authors {
    db: Db,
    cursors: CursorKey,
}

#[derive(FromQueryResult)]
struct AuthorRow {
    id: Uuid,
    name: String,
    bio: Option<String>,
    url: Option<String>,
    avatar_url: Option<String>,
    version: i64,
    own_posts: i64,
    coauthored_posts: i64,
}

impl Authors {
    pub fn new(db: Db, cursors: CursorKey) -> Self {
        Authors { db, cursors }
    }

    pub async fn read(&self, id: Id<User>) -> Result<Author> {
        let find = with_post_counts(with_published_posts().filter(user::Column::Id.eq(id.0)));
        let row = find.into_model::<AuthorRow>().one(self.db.read()).await?;
        Ok(row.ok_or(Error::NotFound("author"))?.into())
    }

    pub async fn list_etag(&self, target: &str) -> Result<ETag> {
        let version = self.db.versions(super::COLLECTIONS).await?;
        Ok(ETag::weak_from_parts(&["authors", &version.to_string(), target]))
    }

    pub async fn list(&self, query: &AuthorQuery) -> Result<Page<Author>> {
        let slice = PageQuery {
            cursor_key: &self.cursors,
            list_id: format!("authors {:?}", query.q),
            order: vec![SortKey::ascending(user::Column::Name), SortKey::ascending(user::Column::Id)],
            params: &query.paging,
        };
        let cursor_keys = |row: &AuthorRow| vec![SortValue::Text(row.name.clone()), SortValue::Id(row.id)];
        let (rows, pagination) =
            slice.fetch(self.db.read(), filtered(query), with_post_counts, cursor_keys).await?;
        Ok(Page { data: rows.into_iter().map(Author::from).collect(), pagination })
    }
}

/// Selects users with a published post. Profiles of other users are not public.
fn with_published_posts() -> Select<user::Entity> {
    let own_posts = published_posts().select_only().column(post::Column::AuthorId);
    let coauthored_posts =
        post_coauthor::Entity::find().select_only().column(post_coauthor::Column::UserId).filter(
            post_coauthor::Column::PostId
                .in_subquery(published_posts().select_only().column(post::Column::Id).into_query()),
        );
    let either = sea_orm::Condition::any()
        .add(user::Column::Id.in_subquery(own_posts.into_query()))
        .add(user::Column::Id.in_subquery(coauthored_posts.into_query()));
    user::Entity::find().filter(either)
}

/// Selects authors by name.
fn filtered(query: &AuthorQuery) -> Select<user::Entity> {
    let mut find = with_published_posts();
    for term in query.q.iter().flat_map(|terms| terms.split_whitespace()) {
        // `lower` converts only ASCII letters, on PostgreSQL because the collation of the column is `C`.
        let name = Expr::expr(Func::lower(user::Column::Name.into_simple_expr()));
        find = find.filter(name.like(like_contains(&term.to_ascii_lowercase())));
    }
    find
}

/// Selects the published posts: not deleted, and with a time of publication.
fn published_posts() -> Select<post::Entity> {
    post::Entity::find().filter(post::Column::DeletedAt.is_null()).filter(post::Column::PublishedAt.gt(0))
}

/// Selects the columns of [`AuthorRow`], with one subquery for each count.
fn with_post_counts(find: Select<user::Entity>) -> Select<user::Entity> {
    let user = || Expr::col((user::Entity, user::Column::Id));
    let mut own_posts = published_posts().select_only().expr(post::Column::Id.count()).into_query();
    own_posts.and_where(user().eq(Expr::col((post::Entity, post::Column::AuthorId))));
    let mut coauthored_posts = Query::select();
    coauthored_posts
        .expr(Expr::col((post_coauthor::Entity, post_coauthor::Column::PostId)).count())
        .from(post_coauthor::Entity)
        .and_where(user().eq(Expr::col((post_coauthor::Entity, post_coauthor::Column::UserId))))
        .and_where(
            Expr::col((post_coauthor::Entity, post_coauthor::Column::PostId))
                .in_subquery(published_posts().select_only().column(post::Column::Id).into_query()),
        );
    let counted = |select: SelectStatement| SimpleExpr::SubQuery(None, Box::new(select.into()));
    find.select_only()
        .columns([
            user::Column::Id,
            user::Column::Name,
            user::Column::Bio,
            user::Column::Url,
            user::Column::AvatarUrl,
            user::Column::Version,
        ])
        .expr_as(counted(own_posts), "own_posts")
        .expr_as(counted(coauthored_posts), "coauthored_posts")
}

impl From<AuthorRow> for Author {
    fn from(row: AuthorRow) -> Self {
        let AuthorRow { id, name, bio, url, avatar_url, version, own_posts, coauthored_posts } = row;
        Author {
            id: Id::from(id),
            name: name.into(),
            bio: bio.map(Into::into),
            url: url.map(Into::into),
            avatar_url: avatar_url.map(Into::into),
            posts_count: own_posts + coauthored_posts,
            version,
        }
    }
}
