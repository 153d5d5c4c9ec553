//! Queries for posts that the caller can see: one SELECT per post or page, with its relations folded into it.
use entity::{post, post_coauthor, post_tag, tag, user};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, DbErr, EntityTrait, IdenStatic, IntoSimpleExpr,
    Iterable, JoinType, Order, QueryFilter, QueryOrder, QuerySelect, QueryTrait, RelationTrait, Select,
    sea_query::{Expr, ExprTrait, SimpleExpr, UnionType},
};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::{
    query::{PostQuery, PostStatus},
    service::Posts,
    trash::in_trash,
    types::{Post, PostSummary},
};
use crate::{
    domain::{id::Id, search::search_key, timestamp::Timestamp},
    http::{
        auth::{Ownership, Principal, cache_key},
        cursor::{PageQuery, SortKey, SortValue, count, sort},
        pagination::Page,
        problem::{Error, Result},
        search::like_contains,
        sort::Sort,
    },
    infra::{
        db::Tx,
        rows::{FetchRows, FromRow, RowReader},
    },
    resources::{
        accounts::users::AuthorRef,
        content::{tags::TagRef, trash::Deleted},
    },
};

/// Returns a query for the posts that the caller can see. All reads of posts that are not deleted start from
/// this query.
pub fn visible_to(viewer: Option<&Principal>) -> Select<post::Entity> {
    let find = not_deleted();
    if viewer.is_some_and(|viewer| viewer.role.is_editor()) {
        return find;
    }
    match viewer.and_then(|viewer| viewer.as_owner(Ownership::Content)) {
        Some(author) => find.filter(Condition::any().add(published()).add(post::Column::AuthorId.eq(author))),
        None => find.filter(published()),
    }
}

fn not_deleted() -> Select<post::Entity> {
    post::Entity::find().filter(post::Column::DeletedAt.is_null())
}

/// Returns the condition for published posts.
///
/// `+ 0` prevents SQLite from using an index for this condition. Otherwise it would choose the index on `published_at`
/// for every order, and sort all posts.
fn published() -> SimpleExpr {
    post::Column::PublishedAt.into_simple_expr().add(0).gt(0)
}

/// A post with its author, and with its tags and co-authors as JSON arrays.
#[derive(Debug)]
struct PostRow {
    post: post::Model,
    author_name: String,
    author_avatar: Option<String>,
    author_bio: Option<String>,
    tags: String,
    coauthors: String,
}

impl FromRow for PostRow {
    fn from_row(row: &mut RowReader<'_>) -> std::result::Result<Self, DbErr> {
        // In the order of `columns`, which begins with the columns of the table.
        Ok(PostRow {
            post: post::Model {
                id: row.take()?,
                slug: row.take()?,
                title: row.take()?,
                content: row.take()?,
                excerpt: row.take()?,
                cover_image: row.take()?,
                author_id: row.take()?,
                published_at: row.take()?,
                publish_at: row.take()?,
                unpublish_at: row.take()?,
                comments_count: row.take()?,
                search: row.take()?,
                source: row.take()?,
                version: row.take()?,
                created_at: row.take()?,
                updated_at: row.take()?,
                deleted_at: row.take()?,
            },
            author_name: row.take()?,
            author_avatar: row.take()?,
            author_bio: row.take()?,
            tags: row.take()?,
            coauthors: row.take()?,
        })
    }
}

/// A row with its relations.
#[derive(Debug, Clone)]
pub(super) struct FullPost {
    pub row: post::Model,
    pub author: AuthorRef,
    pub coauthors: Vec<AuthorRef>,
    pub tags: Vec<TagRef>,
    /// The ids of the tags; empty unless the post was loaded for a write.
    pub tag_ids: Vec<Uuid>,
}

/// The optional columns of a response, and those that only writes need.
const CONTENT_FIELDS: &str = "excerpt,coverImage,content";
const ALL_FIELDS: &str = "excerpt,coverImage,content,search,source";

/// Selects the columns of [`PostRow`]. Columns that are not requested are selected as constants: their texts are long.
fn columns(find: Select<post::Entity>, backend: DbBackend, fields: &str, bios: bool) -> Select<post::Entity> {
    let requested = |name: &str| fields.split(',').any(|field| field == name);
    let null = || Expr::cust("CAST(NULL AS TEXT)");
    let omitted = |column: &post::Column| match column {
        post::Column::Search if !requested("search") => Some(Expr::cust("''")),
        post::Column::Source if !requested("source") => Some(null()),
        post::Column::Content if !requested("content") => Some(Expr::cust("''")),
        post::Column::Excerpt if !requested("excerpt") => Some(null()),
        post::Column::CoverImage if !requested("coverImage") => Some(null()),
        _ => None,
    };
    let bio = if bios { user::Column::Bio.into_simple_expr() } else { null() };
    let selected = post::Column::iter().fold(find.select_only(), |find, column| match omitted(&column) {
        Some(constant) => find.expr_as(constant, column.as_str()),
        None => find.column(column),
    });
    let id = |column: &str| match backend {
        DbBackend::Postgres => column.to_owned(),
        _ => format!("hex({column})"),
    };
    let tag_id = if fields == ALL_FIELDS { id("tags.id") } else { "NULL".to_owned() };
    let tags = format!("post_tags.position, tags.slug, tags.name, {tag_id}");
    let coauthor_bio = if bios { "coauthor.bio" } else { "NULL" };
    let coauthors = format!(
        "post_coauthors.position, {}, coauthor.name, coauthor.avatar_url, {coauthor_bio}",
        id("coauthor.id")
    );
    let tagged = "post_tags JOIN tags ON tags.id = post_tags.tag_id WHERE post_tags.post_id = posts.id";
    let coauthored = "post_coauthors JOIN users AS coauthor ON coauthor.id = post_coauthors.user_id \
                      WHERE post_coauthors.post_id = posts.id";
    selected
        .join(JoinType::InnerJoin, post::Relation::Author.def())
        .column_as(user::Column::Name, "author_name")
        .column_as(user::Column::AvatarUrl, "author_avatar")
        .expr_as(bio, "author_bio")
        .expr_as(json_rows(backend, &tags, tagged), "tags")
        .expr_as(json_rows(backend, &coauthors, coauthored), "coauthors")
}

/// Returns a subquery for a JSON array with one array per row, in any order: the first value is the position, and sorting
/// a few rows here is cheaper than in SQL.
fn json_rows(backend: DbBackend, values: &str, from: &str) -> SimpleExpr {
    Expr::cust(match backend {
        DbBackend::Postgres => {
            format!("(SELECT CAST(coalesce(json_agg(json_build_array({values})), '[]') AS text) FROM {from})")
        }
        _ => format!("(SELECT json_group_array(json_array({values})) FROM {from})"),
    })
}

fn parse_rows<T: DeserializeOwned>(json: &str) -> Result<Vec<T>> {
    serde_json::from_str(json)
        .map_err(|error| Error::Internal(format!("a post has invalid relations: {error}")))
}

/// The position, slug, name and id of a tag.
type TagTuple = (i32, String, String, Option<Uuid>);
/// The position, id, name, avatar URL and biography of a co-author.
type CoauthorTuple = (i32, Uuid, String, Option<String>, Option<String>);

impl PostRow {
    fn into_full(self) -> Result<FullPost> {
        let mut tags: Vec<TagTuple> = parse_rows(&self.tags)?;
        tags.sort_unstable_by_key(|tag| tag.0);
        let tag_ids = tags.iter().filter_map(|tag| tag.3).collect();
        let tags = tags.into_iter().map(|(_, slug, name, _)| TagRef { slug: slug.into(), name: name.into() });
        let mut coauthors: Vec<CoauthorTuple> = parse_rows(&self.coauthors)?;
        coauthors.sort_unstable_by_key(|author| author.0);
        let coauthors = coauthors.into_iter().map(|(_, id, name, avatar_url, bio)| AuthorRef {
            id: Id::from(id),
            name: name.into(),
            avatar_url: avatar_url.map(Into::into),
            bio: bio.map(Into::into),
        });
        Ok(FullPost {
            author: AuthorRef {
                id: Id::from(self.post.author_id),
                name: self.author_name.into(),
                avatar_url: self.author_avatar.map(Into::into),
                bio: self.author_bio.map(Into::into),
            },
            coauthors: coauthors.collect(),
            tags: tags.collect(),
            tag_ids,
            row: self.post,
        })
    }
}

/// Loads one post for a response.
pub(super) async fn load_full<C: FetchRows>(db: &C, find: Select<post::Entity>) -> Result<Option<FullPost>> {
    load(db, find, CONTENT_FIELDS).await
}

async fn load<C: FetchRows>(db: &C, find: Select<post::Entity>, fields: &str) -> Result<Option<FullPost>> {
    let backend = db.get_database_backend();
    let find = columns(find, backend, fields, true).build(backend);
    db.fetch_rows::<PostRow>(find).await?.pop().map(PostRow::into_full).transpose()
}

/// Locks and loads one post for a write.
pub(super) async fn load_locked(tx: &Tx, find: Select<post::Entity>) -> Result<Option<FullPost>> {
    // A query that waits for a lock continues with the locked row, but with tags and co-authors of the time before the
    // wait. SQLite has no row locks: its transaction has the only write lock.
    if tx.get_database_backend() == DbBackend::Postgres {
        let lock = find.clone().select_only().column(post::Column::Id).lock_exclusive();
        if lock.into_tuple::<Uuid>().one(&**tx).await?.is_none() {
            return Ok(None);
        }
    }
    load(&**tx, find, ALL_FIELDS).await
}

/// Applies the filters of a list to the posts that the caller can see. `by_date`: the first sort key is `publishedAt`.
fn filtered(
    viewer: Option<&Principal>,
    query: &PostQuery,
    since: i64,
    by_date: bool,
) -> Select<post::Entity> {
    let mut find = match (query.deleted, status(query)) {
        (None, PostStatus::Published) if by_date => not_deleted().filter(post::Column::PublishedAt.gt(0)),
        (None, PostStatus::Published) => not_deleted().filter(published()),
        (None, PostStatus::Draft) => visible_to(viewer).filter(post::Column::PublishedAt.eq(0)),
        (None, PostStatus::Any) => visible_to(viewer),
        (Some(Deleted::Only), PostStatus::Published) => in_trash(viewer, since).filter(published()),
        (Some(Deleted::Only), PostStatus::Draft) => {
            in_trash(viewer, since).filter(post::Column::PublishedAt.eq(0))
        }
        (Some(Deleted::Only), PostStatus::Any) => in_trash(viewer, since),
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
        let own = post::Entity::find().filter(post::Column::AuthorId.eq(author.0));
        let mut posts = own.select_only().column(post::Column::Id).into_query();
        posts.union(UnionType::All, coauthored.into_query());
        find = find.filter(post::Column::Id.in_subquery(posts));
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

/// Returns the state of the posts in a list.
fn status(query: &PostQuery) -> PostStatus {
    let default = if query.deleted.is_some() { PostStatus::Any } else { PostStatus::Published };
    query.status.unwrap_or(default)
}

/// Returns the tag of a list of published posts that has no other filter than one tag and dates.
fn only_tag(query: &PostQuery) -> Option<String> {
    let published = query.deleted.is_none() && status(query) == PostStatus::Published;
    match &query.tag[..] {
        [slug] if published && !slug.contains(',') => {
            (query.author.is_none() && query.q.is_none()).then(|| slug.to_ascii_lowercase())
        }
        _ => None,
    }
}

/// Returns a query for the ids of the published posts with a tag.
fn tagged(slug: &str, query: &PostQuery) -> Select<post_tag::Entity> {
    let tag = tag::Entity::find().select_only().column(tag::Column::Id).filter(tag::Column::Slug.eq(slug));
    let tag = SimpleExpr::SubQuery(None, Box::new(tag.into_query().into()));
    let mut find = post_tag::Entity::find()
        .select_only()
        .column(post_tag::Column::PostId)
        .filter(post_tag::Column::TagId.into_simple_expr().eq(tag))
        .filter(post_tag::Column::ListedAt.gt(0));
    if let Some(from) = query.published_from {
        find = find.filter(post_tag::Column::ListedAt.gte(from.0));
    }
    if let Some(before) = query.published_before {
        find = find.filter(post_tag::Column::ListedAt.lt(before.0));
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

/// The list of a request.
struct List<'a> {
    viewer: Option<&'a Principal>,
    query: &'a PostQuery,
    /// The start of the retention period of deleted posts.
    since: i64,
    /// Whether the first sort key is the publication time.
    by_date: bool,
    /// The slug of the tag, if the list is read from the index on `post_tags`.
    tag: Option<String>,
}

impl List<'_> {
    async fn count<C: ConnectionTrait>(&self, db: &C) -> Result<i64> {
        match &self.tag {
            Some(tag) => count(db, tagged(tag, self.query)).await,
            None => count(db, filtered(self.viewer, self.query, self.since, true)).await,
        }
    }

    /// Whether an index returns the rows of the page in their order, so that no other row is read.
    fn has_ordered_index(&self, order: &[SortKey]) -> bool {
        let PostQuery { paging, tag, author, q, deleted, published_from, published_before, .. } = self.query;
        let by_index = order.len() == 2 && deleted.is_none();
        let skips_no_row = paging.after.is_some() || paging.page == 1;
        let date_filter = published_from.is_some() || published_before.is_some();
        by_index
            && skips_no_row
            && tag.is_empty()
            && author.is_none()
            && q.is_none()
            && (self.by_date || !date_filter)
    }

    /// Returns the query for the rows of a page.
    fn rows(
        &self,
        slice: &PageQuery<'_>,
        select: impl FnOnce(Select<post::Entity>) -> Select<post::Entity>,
    ) -> Result<Select<post::Entity>> {
        if let Some(tag) = &self.tag {
            let columns = [post_tag::Column::ListedAt, post_tag::Column::PostId];
            let keys = slice.order.iter().zip(columns);
            let order: Vec<_> =
                keys.map(|(key, column)| SortKey { column: column.into_simple_expr(), ..*key }).collect();
            let mut ids = tagged(tag, self.query);
            slice.slice(QuerySelect::query(&mut ids), &order)?;
            return Ok(rows_of(ids, &slice.order, select));
        }
        let mut find = filtered(self.viewer, self.query, self.since, self.by_date);
        if self.query.deleted.is_none() {
            // PostgreSQL uses the order of an index only if the query is ordered by its first column too.
            let order = if slice.order[0].descending { Order::Desc } else { Order::Asc };
            find = find.order_by(post::Column::DeletedAt, order);
        }
        if self.has_ordered_index(&slice.order) {
            let mut rows = select(find);
            slice.slice(QuerySelect::query(&mut rows), &slice.order)?;
            return Ok(rows);
        }
        let mut ids = find.select_only().column(post::Column::Id);
        slice.slice(QuerySelect::query(&mut ids), &slice.order)?;
        Ok(rows_of(ids, &slice.order, select))
    }
}

impl Posts {
    /// Returns a page of the posts that the caller can see. With the filter `deleted`, returns the posts that the
    /// caller can restore instead. `version` is the version of the list, read before.
    pub async fn list(
        &self,
        viewer: Option<&Principal>,
        query: &PostQuery,
        version: i64,
    ) -> Result<Page<PostSummary>> {
        let (db, since) = (self.db.read(), self.trash.cutoff(self.clock.now()));
        let default_sort = if query.deleted.is_some() { TRASH_SORT } else { DEFAULT_SORT };
        let sorted_by = Sort::parse(query.sort.as_deref().unwrap_or(default_sort));
        let by_date = sorted_by.first() == "publishedAt";
        let order = sorted_by
            .keys(|name| SortKey::ascending(sort_column(name)), SortKey::ascending(post::Column::Id));
        let tag = only_tag(query).filter(|_| by_date && order.len() == 2);
        let list = List { viewer, query, since, by_date, tag };
        let list_id = format!("posts {} {:?}", filters(query), query.sort);
        let slice = PageQuery { cursor_key: &self.cursors, list_id, order, params: &query.paging };
        let total = match query.paging.wants_total() {
            true => Some(self.total(&list, version).await?),
            false => None,
        };
        let fields = query.fields.as_deref().unwrap_or("excerpt,coverImage");
        let backend = db.get_database_backend();
        let rows = list.rows(&slice, |find| columns(find, backend, fields, query.expand.is_some()))?;
        let sort_values = |row: &PostRow| row.sort_values(&sorted_by);
        let mut rows: Vec<PostRow> = db.fetch_rows(rows.build(backend)).await?;
        let pagination = slice.finish(&mut rows, total, sort_values);
        let data = rows.into_iter().map(|row| Ok(Post::from(row.into_full()?).redacted_for(viewer).into()));
        Ok(Page { data: data.collect::<Result<_>>()?, pagination })
    }

    /// Returns the number of posts in a list.
    async fn total(&self, list: &List<'_>, version: i64) -> Result<i64> {
        let counted = list.count(self.db.read());
        // The retention period ends without a write, so the number of deleted posts has no version.
        if list.query.deleted.is_some() {
            return counted.await;
        }
        // The versions of anonymous and other callers are sums over different collections.
        let caller = match status(list.query) {
            PostStatus::Published => list.viewer.map_or("anonymous", |_| "authenticated").to_owned(),
            _ => cache_key(list.viewer),
        };
        self.totals.get_or_count(format!("{caller} {}", filters(list.query)), version, counted).await
    }
}

/// Returns a query for the rows with these ids, which are those of one page. Rows before the page are not read: `ids`
/// reads only an index, or at most the columns of its filters and sort keys.
fn rows_of<E: EntityTrait>(
    ids: Select<E>,
    order: &[SortKey],
    select: impl FnOnce(Select<post::Entity>) -> Select<post::Entity>,
) -> Select<post::Entity> {
    let mut query = select(post::Entity::find().filter(post::Column::Id.in_subquery(ids.into_query())));
    sort(QuerySelect::query(&mut query), order);
    query
}

/// Returns the text that identifies the filters of a list. With the sort order it binds a cursor to its list. `limit`,
/// `fields` and `expand` may change between pages.
fn filters(query: &PostQuery) -> String {
    let PostQuery { tag, author, status, q, published_from, published_before, deleted, .. } = query;
    let times = (published_from, published_before);
    format!("{tag:?} {author:?} {status:?} {q:?} {times:?} {deleted:?}")
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
}

impl From<FullPost> for Post {
    fn from(FullPost { row, author, coauthors, tags, .. }: FullPost) -> Self {
        Post {
            id: Id::from(row.id),
            slug: row.slug.into(),
            title: row.title.into(),
            content: row.content.into(),
            excerpt: row.excerpt.map(Into::into),
            cover_image: row.cover_image.map(Into::into),
            author,
            coauthors,
            tags,
            published: row.published_at > 0,
            published_at: (row.published_at > 0).then_some(Timestamp(row.published_at)),
            publish_at: row.publish_at.map(Timestamp),
            unpublish_at: row.unpublish_at.map(Timestamp),
            comments_count: row.comments_count,
            created_at: Timestamp(row.created_at),
            updated_at: Timestamp(row.updated_at),
            version: row.version,
            deleted_at: row.deleted_at.map(Timestamp),
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
