//! Reading authors: users as everybody may see them, with the number of their published posts.
use entity::{post, post_coauthor, user};
use sea_orm::{
    ColumnTrait, EntityTrait, FromQueryResult, IntoSimpleExpr, QueryFilter, QuerySelect, QueryTrait, Select,
    sea_query::{Expr, ExprTrait, Func, Query, SelectStatement, SimpleExpr},
};
use uuid::Uuid;

use super::types::{Author, AuthorQuery};
use crate::{
    contract::{
        cursor::{CursorKey, Key, Slice, SortKey},
        etag::ETag,
        id::Id,
        page::Page,
        problem::{Error, Result},
        text::containing,
    },
    ports::db::Db,
    resources::users::User,
};

#[derive(Clone)]
pub struct Authors {
    db: Db,
    cursors: CursorKey,
}

#[derive(FromQueryResult)]
struct Row {
    id: Uuid,
    name: String,
    bio: Option<String>,
    url: Option<String>,
    avatar_url: Option<String>,
    version: i64,
    alone: i64,
    together: i64,
}

impl Authors {
    pub fn new(db: Db, cursors: CursorKey) -> Self {
        Authors { db, cursors }
    }

    pub async fn read(&self, id: Id<User>) -> Result<Author> {
        let find = columns(user::Entity::find_by_id(id.0));
        let row = find.into_model::<Row>().one(self.db.read()).await?;
        Ok(row.ok_or(Error::NotFound("author"))?.into())
    }

    pub async fn list_etag(&self, target: &str) -> Result<ETag> {
        let version = self.db.versions(&["users", "posts"]).await?;
        Ok(ETag::weak(&["authors", &version.to_string(), target]))
    }

    pub async fn list(&self, query: &AuthorQuery) -> Result<Page<Author>> {
        let slice = Slice {
            key: &self.cursors,
            list: format!("authors {:?}", query.q),
            order: vec![SortKey::rising(user::Column::Name), SortKey::rising(user::Column::Id)],
            paging: &query.paging,
        };
        let place = |row: &Row| vec![Key::Text(row.name.clone()), Key::Id(row.id)];
        let (rows, pagination) = slice.page(self.db.read(), published(query), columns, place).await?;
        Ok(Page { data: rows.into_iter().map(Author::from).collect(), pagination })
    }
}

/// Those with a published post, by name.
fn published(query: &AuthorQuery) -> Select<user::Entity> {
    let alone = public().select_only().column(post::Column::AuthorId);
    let together = post_coauthor::Entity::find().select_only().column(post_coauthor::Column::UserId).filter(
        post_coauthor::Column::PostId
            .in_subquery(public().select_only().column(post::Column::Id).into_query()),
    );
    let either = sea_orm::Condition::any()
        .add(user::Column::Id.in_subquery(alone.into_query()))
        .add(user::Column::Id.in_subquery(together.into_query()));
    let mut find = user::Entity::find().filter(either);
    for word in query.q.iter().flat_map(|words| words.split_whitespace()) {
        let name = Expr::expr(Func::lower(user::Column::Name.into_simple_expr()));
        find = find.filter(name.like(containing(&word.to_ascii_lowercase())));
    }
    find
}

/// What everybody may read.
fn public() -> Select<post::Entity> {
    post::Entity::find().filter(post::Column::DeletedAt.is_null()).filter(post::Column::PublishedAt.gt(0))
}

fn columns(find: Select<user::Entity>) -> Select<user::Entity> {
    let user = || Expr::col((user::Entity, user::Column::Id));
    let mut alone = public().select_only().expr(post::Column::Id.count()).into_query();
    alone.and_where(user().eq(Expr::col((post::Entity, post::Column::AuthorId))));
    let mut together = Query::select();
    together
        .expr(Expr::col((post_coauthor::Entity, post_coauthor::Column::PostId)).count())
        .from(post_coauthor::Entity)
        .and_where(user().eq(Expr::col((post_coauthor::Entity, post_coauthor::Column::UserId))))
        .and_where(
            Expr::col((post_coauthor::Entity, post_coauthor::Column::PostId))
                .in_subquery(public().select_only().column(post::Column::Id).into_query()),
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
        .expr_as(counted(alone), "alone")
        .expr_as(counted(together), "together")
}

impl From<Row> for Author {
    fn from(row: Row) -> Self {
        let Row { id, name, bio, url, avatar_url, version, alone, together } = row;
        Author { id: Id::from(id), name, bio, url, avatar_url, posts_count: alone + together, version }
    }
}
