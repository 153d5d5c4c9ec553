//! Tag service: rules and queries. The only writer of the `tags` table.
use entity::{post, post_tag, tag};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, IntoActiveModel,
    ModelTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select, Set,
    sea_query::{Expr, ExprTrait, LockType, OnConflict, Query, SelectStatement, SimpleExpr},
};
use uuid::Uuid;

use super::types::{TagInput, TagPatch, TagQuery, TagRef, TagSort, TagView};
use crate::{
    domain::{
        event::{Audience, EventType},
        slug::slugify,
        text::{TagName, Text},
        timestamp::Timestamp,
    },
    http::{
        auth::{Principal, RESTRICTED, cache_key, collections_for},
        cursor::{CursorKey, PageQuery, SortKey, SortValue},
        etag::{ETag, Precondition},
        pagination::Page,
        problem::{Error, Result},
        response::Resource,
    },
    infra::{
        audit_log::Changes,
        clock::Clock,
        db::{Db, Tx},
    },
    resources::content::posts,
};

#[derive(Clone)]
pub struct Tags {
    db: Db,
    clock: Clock,
    cursors: CursorKey,
}

#[derive(Debug, FromQueryResult)]
struct TagRow {
    slug: String,
    name: String,
    description: Option<String>,
    version: i64,
    updated_at: i64,
    posts_count: i64,
}

impl From<TagRow> for TagView {
    fn from(row: TagRow) -> Self {
        let TagRow { slug, name, description, version, updated_at, posts_count } = row;
        TagView {
            slug: slug.into(),
            name: name.into(),
            description: description.map(Text::from),
            posts_count,
            updated_at: Timestamp(updated_at),
            version,
        }
    }
}

/// Returns a subquery for the number of published posts with the tag.
fn published_posts() -> SelectStatement {
    Query::select()
        .expr(Expr::col((post_tag::Entity, post_tag::Column::PostId)).count())
        .from(post_tag::Entity)
        .inner_join(
            post::Entity,
            Expr::col((post::Entity, post::Column::Id)).equals((post_tag::Entity, post_tag::Column::PostId)),
        )
        .and_where(
            Expr::col((post_tag::Entity, post_tag::Column::TagId)).equals((tag::Entity, tag::Column::Id)),
        )
        .and_where(Expr::col((post::Entity, post::Column::PublishedAt)).gt(0))
        .and_where(Expr::col((post::Entity, post::Column::DeletedAt)).is_null())
        .to_owned()
}

fn posts_count() -> SimpleExpr {
    SimpleExpr::SubQuery(None, Box::new(published_posts().into()))
}

fn columns(find: Select<tag::Entity>) -> Select<tag::Entity> {
    find.select_only()
        .columns([
            tag::Column::Slug,
            tag::Column::Name,
            tag::Column::Description,
            tag::Column::Version,
            tag::Column::UpdatedAt,
        ])
        .expr_as(posts_count(), "posts_count")
}

/// Returns a query for the tags that the caller can see: tags written by an editor (`listed_without_posts`), and tags of
/// posts that the caller can read. All reads of tags start from this query.
fn visible_to(viewer: Option<&Principal>) -> Select<tag::Entity> {
    if viewer.is_some_and(|viewer| viewer.role.is_editor()) {
        return tag::Entity::find();
    }
    let mut tagged = posts::visible_to(viewer).select_only().column(post::Column::Id).into_query();
    tagged
        .inner_join(
            post_tag::Entity,
            Expr::col((post::Entity, post::Column::Id)).equals((post_tag::Entity, post_tag::Column::PostId)),
        )
        .and_where(
            Expr::col((post_tag::Entity, post_tag::Column::TagId)).equals((tag::Entity, tag::Column::Id)),
        );
    tag::Entity::find()
        .filter(Condition::any().add(tag::Column::ListedWithoutPosts.eq(1)).add(Expr::exists(tagged)))
}

async fn load_view<C: ConnectionTrait>(db: &C, find: Select<tag::Entity>, slug: &str) -> Result<TagView> {
    let row = columns(find.filter(tag::Column::Slug.eq(slug))).into_model::<TagRow>().one(db).await?;
    row.map(TagView::from).ok_or(Error::NotFound("tag"))
}

impl Tags {
    pub fn new(db: Db, clock: Clock, cursors: CursorKey) -> Self {
        Tags { db, clock, cursors }
    }

    /// Returns the ETag of a list for this caller. It changes with every write to tags or posts, which are
    /// counted.
    pub async fn list_etag(&self, viewer: Option<&Principal>, target: &str) -> Result<ETag> {
        let version = self.db.versions(&collections_for(viewer, super::COLLECTIONS)).await?;
        Ok(ETag::weak_from_parts(&["tags", &version.to_string(), &cache_key(viewer), target]))
    }

    pub async fn list(&self, viewer: Option<&Principal>, query: &TagQuery) -> Result<Page<TagView>> {
        let mut find = visible_to(viewer);
        if let Some(text) = &query.q {
            find = find.filter(tag::Column::Slug.contains(text.as_str()));
        }
        let order = match query.sort {
            TagSort::Slug => vec![SortKey::ascending(tag::Column::Slug)],
            TagSort::SlugDescending => vec![SortKey::descending(tag::Column::Slug)],
            TagSort::PostsDescending => {
                vec![SortKey::descending(posts_count()), SortKey::ascending(tag::Column::Slug)]
            }
        };
        let by_count = query.sort == TagSort::PostsDescending;
        let list = format!("tags {:?} {:?}", query.q.as_deref(), query.sort);
        let slice = PageQuery { cursor_key: &self.cursors, list_id: list, order, params: &query.paging };
        let sort_values = |row: &TagRow| {
            let slug = SortValue::Text(row.slug.clone());
            if by_count { vec![SortValue::Number(row.posts_count), slug] } else { vec![slug] }
        };
        let (rows, pagination) = slice.fetch(self.db.read(), find, columns, sort_values).await?;
        Ok(Page { data: rows.into_iter().map(TagView::from).collect(), pagination })
    }

    pub async fn get(&self, viewer: Option<&Principal>, slug: &str) -> Result<TagView> {
        load_view(self.db.read(), visible_to(viewer), slug).await
    }

    /// Creates or replaces the tag; returns it and whether it was created.
    pub async fn replace(
        &self,
        slug: &str,
        new: TagInput,
        precondition: Precondition,
    ) -> Result<(TagView, bool)> {
        // A concurrent request can create the tag between the SELECT and the INSERT. Without a precondition
        // the client accepts any current version, so the second try replaces that tag.
        match self.try_replace(slug, new.clone(), precondition.clone()).await {
            Err(Error::WriteConflict) if !precondition.is_some() => {
                self.try_replace(slug, new, precondition).await
            }
            result => result,
        }
    }

    async fn try_replace(
        &self,
        slug: &str,
        new: TagInput,
        precondition: Precondition,
    ) -> Result<(TagView, bool)> {
        let (slug, now) = (slug.to_owned(), self.clock.now());
        self.db
            .write(async move |tx| {
                let TagInput { name, description } = new;
                let existing = find_for_update(&tx, &slug).await?;
                let created = existing.is_none();
                match existing {
                    Some(row) => {
                        precondition.check(&load_view(&*tx, tag::Entity::find(), &slug).await?.etag())?;
                        let (version, before) = (row.version, row.clone());
                        let mut row = row.into_active_model();
                        row.name = Set(name.into());
                        row.description = Set(description.map(String::from));
                        row.listed_without_posts = Set(1);
                        row.version = Set(version + 1);
                        row.updated_at = Set(now);
                        let row = row.update(&*tx).await?;
                        tx.record_changes(&slug, Changes::between(&before, &row));
                    }
                    None => {
                        precondition.check_absent()?;
                        let row = tag::ActiveModel {
                            id: Set(Uuid::now_v7()),
                            slug: Set(slug.clone()),
                            name: Set(name.into()),
                            description: Set(description.map(String::from)),
                            listed_without_posts: Set(1),
                            version: Set(1),
                            created_at: Set(now),
                            updated_at: Set(now),
                        };
                        row.insert(&*tx).await.map_err(Error::from_insert)?;
                    }
                }
                tx.touch("tags").await?;
                let kind = if created { EventType::TagCreated } else { EventType::TagUpdated };
                emit(&tx, kind, &slug, Audience::Public, now);
                Ok((load_view(&*tx, tag::Entity::find(), &slug).await?, created))
            })
            .await
    }

    pub async fn update(&self, slug: &str, patch: TagPatch, precondition: Precondition) -> Result<TagView> {
        let (slug, now) = (slug.to_owned(), self.clock.now());
        self.db
            .write(async move |tx| {
                let mut row = load_for_update(&tx, &slug, &precondition).await?;
                let before = row.clone();
                let TagPatch { name, slug, description } = patch;
                if let Some(name) = name {
                    row.name = name.into();
                }
                if let Some(slug) = slug {
                    row.slug = slug.into();
                }
                row.description = description.apply_to(row.description.take());
                if row == before {
                    return load_view(&*tx, tag::Entity::find(), &row.slug).await;
                }
                row.listed_without_posts = 1;
                row.version += 1;
                row.updated_at = now;
                let row = row
                    .into_active_model()
                    .reset_all()
                    .update(&*tx)
                    .await
                    .map_err(Error::on_unique_violation("slug"))?;
                tx.touch("tags").await?;
                tx.record_changes(&row.slug, Changes::between(&before, &row));
                emit(&tx, EventType::TagUpdated, &row.slug, Audience::Public, now);
                load_view(&*tx, tag::Entity::find(), &row.slug).await
            })
            .await
    }

    pub async fn delete(&self, slug: &str, precondition: Precondition) -> Result<()> {
        let (slug, now) = (slug.to_owned(), self.clock.now());
        self.db
            .write(async move |tx| {
                load_for_update(&tx, &slug, &precondition).await?.delete(&*tx).await?;
                emit(&tx, EventType::TagDeleted, &slug, Audience::Public, now);
                tx.touch("tags").await?;
                tx.touch("posts").await?;
                Ok(())
            })
            .await
    }

    /// Returns the tags with these names, in order, and creates missing tags. Names with the same slug are the
    /// same tag.
    pub async fn ensure(&self, tx: &Tx, names: &[TagName], now: i64) -> Result<Vec<StoredTag>> {
        let mut slugs: Vec<(String, String)> = Vec::new();
        for name in names {
            let slug = slugify(name, "tag");
            if !name.is_empty() && !slugs.iter().any(|(other, _)| *other == slug) {
                slugs.push((slug, name.to_string()));
            }
        }
        if slugs.is_empty() {
            return Ok(Vec::new());
        }
        let mut found = lock_tags(tx, &slugs).await?;
        let missing = |(slug, _): &&(String, String)| found.iter().all(|tag| tag.slug != *slug);
        let mut missing: Vec<_> = slugs.iter().filter(missing).collect();
        if !missing.is_empty() {
            // All transactions insert and lock tags in the order of the slugs. Otherwise two posts with the same
            // new tags could deadlock.
            missing.sort();
            let new = missing.into_iter().map(|(slug, name)| StoredTag {
                id: Uuid::now_v7(),
                slug: slug.clone(),
                name: name.clone(),
            });
            let new: Vec<StoredTag> = new.collect();
            let inserted = tag::Entity::insert_many(new.iter().map(|tag| tag.to_row(now)))
                .on_conflict(OnConflict::column(tag::Column::Slug).do_nothing().to_owned())
                .exec_without_returning(&**tx)
                .await?;
            if inserted > 0 {
                tx.touch(RESTRICTED).await?;
            }
            match inserted == new.len() as u64 {
                true => found.extend(new),
                // Concurrent transactions created some of them.
                false => found = lock_tags(tx, &slugs).await?,
            }
        }
        let find = |slug: &String| found.iter().find(|tag| tag.slug == *slug).cloned();
        Ok(slugs.iter().filter_map(|(slug, _)| find(slug)).collect())
    }
}

/// A tag in the transaction of a post.
#[derive(Debug, Clone, FromQueryResult)]
pub struct StoredTag {
    pub id: Uuid,
    pub slug: String,
    pub name: String,
}

impl StoredTag {
    fn to_row(&self, now: i64) -> tag::ActiveModel {
        tag::ActiveModel {
            id: Set(self.id),
            slug: Set(self.slug.clone()),
            name: Set(self.name.clone()),
            description: Set(None),
            listed_without_posts: Set(0),
            version: Set(1),
            created_at: Set(now),
            updated_at: Set(now),
        }
    }
}

impl From<StoredTag> for TagRef {
    fn from(tag: StoredTag) -> Self {
        TagRef { slug: tag.slug.into(), name: tag.name.into() }
    }
}

/// Returns the tags with these slugs. The lock blocks their deletion until the post references them.
async fn lock_tags(tx: &Tx, slugs: &[(String, String)]) -> Result<Vec<StoredTag>> {
    let find = tag::Entity::find()
        .select_only()
        .columns([tag::Column::Id, tag::Column::Slug, tag::Column::Name])
        .filter(tag::Column::Slug.is_in(slugs.iter().map(|(slug, _)| slug.clone())))
        .order_by_asc(tag::Column::Slug)
        .lock(LockType::KeyShare);
    Ok(find.into_model::<StoredTag>().all(&**tx).await?)
}

/// Locks and returns the row, so that of two concurrent updates with the same `If-Match` one gets 412. The
/// weaker `FOR NO KEY UPDATE` permits concurrent inserts into `post_tags`.
async fn find_for_update(tx: &Tx, slug: &str) -> Result<Option<tag::Model>> {
    let find = tag::Entity::find().filter(tag::Column::Slug.eq(slug));
    Ok(find.lock(LockType::NoKeyUpdate).one(&**tx).await?)
}

/// Locks and returns the row for an update, after the checks of existence (404) and `If-Match` (412).
async fn load_for_update(tx: &Tx, slug: &str, precondition: &Precondition) -> Result<tag::Model> {
    let row = find_for_update(tx, slug).await?.ok_or(Error::NotFound("tag"))?;
    precondition.check(&load_view(&**tx, tag::Entity::find(), slug).await?.etag())?;
    Ok(row)
}

fn emit(tx: &Tx, kind: EventType, slug: &str, audience: Audience, now: i64) {
    tx.emit(kind, slug, format!("/api/tags/{slug}"), 0, audience, now);
}
