//! What may happen to tags. The only writer of the `tags` table.
use entity::{post, post_tag, tag};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, IntoActiveModel,
    ModelTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select, Set,
    sea_query::{Expr, ExprTrait, LockType, OnConflict, Query, SelectStatement, SimpleExpr},
};
use uuid::Uuid;

use super::types::{TagPatch, TagQuery, TagReplacement, TagSort, TagView};
use crate::{
    contract::{
        answer::Resource,
        caller::{HIDDEN, Principal, class, shown},
        cursor::{CursorKey, Key, Slice, SortKey},
        etag::{ETag, Precondition},
        event::{Audience, EventType, of},
        page::Page,
        problem::{Error, Result},
        slug::slugify,
        text::trimmed,
        time::Timestamp,
    },
    ports::{
        clock::Clock,
        db::{Db, Tx},
    },
    resources::posts,
};

#[derive(Clone)]
pub struct Tags {
    db: Db,
    clock: Clock,
    cursors: CursorKey,
}

#[derive(Debug, FromQueryResult)]
struct Row {
    slug: String,
    name: String,
    description: Option<String>,
    version: i64,
    updated_at: i64,
    posts_count: i64,
}

impl From<Row> for TagView {
    fn from(row: Row) -> Self {
        let Row { slug, name, description, version, updated_at, posts_count } = row;
        TagView { slug, name, description, posts_count, updated_at: Timestamp(updated_at), version }
    }
}

/// How many posts with the tag everybody may read.
fn published() -> SelectStatement {
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

fn count() -> SimpleExpr {
    SimpleExpr::SubQuery(None, Box::new(published().into()))
}

fn rows(find: Select<tag::Entity>) -> Select<tag::Entity> {
    find.select_only()
        .columns([
            tag::Column::Slug,
            tag::Column::Name,
            tag::Column::Description,
            tag::Column::Version,
            tag::Column::UpdatedAt,
        ])
        .expr_as(count(), "posts_count")
}

/// The tags that this caller may know of: those that an editor has made, and those of posts that the caller
/// may read. Every read of tags starts here.
fn visible_to(viewer: Option<&Principal>) -> Select<tag::Entity> {
    if viewer.is_some_and(|viewer| viewer.role.edits()) {
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
    tag::Entity::find().filter(Condition::any().add(tag::Column::Kept.eq(1)).add(Expr::exists(tagged)))
}

async fn view<C: ConnectionTrait>(db: &C, find: Select<tag::Entity>, slug: &str) -> Result<TagView> {
    let row = rows(find.filter(tag::Column::Slug.eq(slug))).into_model::<Row>().one(db).await?;
    row.map(TagView::from).ok_or(Error::NotFound("tag"))
}

impl Tags {
    pub fn new(db: Db, clock: Clock, cursors: CursorKey) -> Self {
        Tags { db, clock, cursors }
    }

    /// The version of every list of tags; changes with the tags and with what counts.
    pub async fn list_etag(&self, viewer: Option<&Principal>, target: &str) -> Result<ETag> {
        let version = self.db.versions(&shown(viewer, &["tags", "posts"])).await?;
        Ok(ETag::weak(&["tags", &version.to_string(), &class(viewer), target]))
    }

    pub async fn list(&self, viewer: Option<&Principal>, query: &TagQuery) -> Result<Page<TagView>> {
        let mut find = visible_to(viewer);
        if let Some(text) = &query.q {
            find = find.filter(tag::Column::Slug.contains(text));
        }
        let order = match query.sort {
            TagSort::Slug => vec![SortKey::rising(tag::Column::Slug)],
            TagSort::SlugFalling => vec![SortKey::falling(tag::Column::Slug)],
            TagSort::PostsFalling => vec![SortKey::falling(count()), SortKey::rising(tag::Column::Slug)],
        };
        let by_count = query.sort == TagSort::PostsFalling;
        let list = format!("tags {:?} {:?}", query.q, query.sort);
        let slice = Slice { key: &self.cursors, list, order, paging: &query.paging };
        let place = |row: &Row| {
            let slug = Key::Text(row.slug.clone());
            if by_count { vec![Key::Number(row.posts_count), slug] } else { vec![slug] }
        };
        let (rows, pagination) = slice.page(self.db.read(), find, rows, place).await?;
        Ok(Page { data: rows.into_iter().map(TagView::from).collect(), pagination })
    }

    pub async fn read(&self, viewer: Option<&Principal>, slug: &str) -> Result<TagView> {
        view(self.db.read(), visible_to(viewer), slug).await
    }

    /// The tag as it is now, and whether it is new.
    pub async fn replace(
        &self,
        slug: &str,
        new: TagReplacement,
        when: Precondition,
    ) -> Result<(TagView, bool)> {
        // Who asked for no version means whatever is there, also when somebody else was first this very moment.
        match self.replaced(slug, new.clone(), when.clone()).await {
            Err(Error::Raced) if !when.asks() => self.replaced(slug, new, when).await,
            done => done,
        }
    }

    async fn replaced(&self, slug: &str, new: TagReplacement, when: Precondition) -> Result<(TagView, bool)> {
        let (slug, now) = (slug.to_owned(), self.clock.now());
        self.db
            .write(async move |tx| {
                let TagReplacement { name, description } = new;
                let known = at(&tx, &slug).await?;
                let fresh = known.is_none();
                match known {
                    Some(row) => {
                        when.check(&view(&*tx, tag::Entity::find(), &slug).await?.etag())?;
                        let version = row.version;
                        let mut row = row.into_active_model();
                        row.name = Set(trimmed(&name));
                        row.description = Set(description);
                        row.kept = Set(1);
                        row.version = Set(version + 1);
                        row.updated_at = Set(now);
                        row.update(&*tx).await?;
                    }
                    None => {
                        when.check_absent()?;
                        let row = tag::ActiveModel {
                            id: Set(Uuid::now_v7()),
                            slug: Set(slug.clone()),
                            name: Set(trimmed(&name)),
                            description: Set(description),
                            kept: Set(1),
                            version: Set(1),
                            created_at: Set(now),
                            updated_at: Set(now),
                        };
                        row.insert(&*tx).await.map_err(Error::raced)?;
                    }
                }
                tx.touch("tags").await?;
                let kind = if fresh { EventType::TagCreated } else { EventType::TagUpdated };
                tell(&tx, kind, &slug, Audience::Public, now);
                Ok((view(&*tx, tag::Entity::find(), &slug).await?, fresh))
            })
            .await
    }

    pub async fn patch(&self, slug: &str, patch: TagPatch, when: Precondition) -> Result<TagView> {
        let (slug, now) = (slug.to_owned(), self.clock.now());
        self.db
            .write(async move |tx| {
                let mut row = held(&tx, &slug, &when).await?;
                let before = row.clone();
                let TagPatch { name, slug, description } = patch;
                if let Some(name) = name {
                    row.name = trimmed(&name);
                }
                if let Some(slug) = slug {
                    row.slug = slug;
                }
                row.description = description.over(row.description.take());
                if row == before {
                    return view(&*tx, tag::Entity::find(), &row.slug).await;
                }
                row.kept = 1;
                row.version += 1;
                row.updated_at = now;
                let row =
                    row.into_active_model().reset_all().update(&*tx).await.map_err(Error::taken("slug"))?;
                tx.touch("tags").await?;
                tell(&tx, EventType::TagUpdated, &row.slug, Audience::Public, now);
                view(&*tx, tag::Entity::find(), &row.slug).await
            })
            .await
    }

    pub async fn remove(&self, slug: &str, when: Precondition) -> Result<()> {
        let (slug, now) = (slug.to_owned(), self.clock.now());
        self.db
            .write(async move |tx| {
                held(&tx, &slug, &when).await?.delete(&*tx).await?;
                tell(&tx, EventType::TagDeleted, &slug, Audience::Public, now);
                tx.touch("tags").await?;
                tx.touch("posts").await?;
                Ok(())
            })
            .await
    }

    /// The tags of these names in their order, made where they do not exist yet. Names with one slug are
    /// one tag.
    pub async fn ensure(&self, tx: &Tx, names: &[String], now: i64) -> Result<Vec<Uuid>> {
        let mut slugs: Vec<(String, String)> = Vec::new();
        for name in names {
            let name = trimmed(name);
            let slug = slugify(&name, "tag");
            if !name.is_empty() && !slugs.iter().any(|(known, _)| *known == slug) {
                slugs.push((slug, name));
            }
        }
        if slugs.is_empty() {
            return Ok(Vec::new());
        }
        // In one order, so that no two posts wait for each other's tags.
        let mut rising: Vec<_> = slugs.iter().collect();
        rising.sort();
        let rows = rising.into_iter().map(|(slug, name)| tag::ActiveModel {
            id: Set(Uuid::now_v7()),
            slug: Set(slug.clone()),
            name: Set(name.clone()),
            description: Set(None),
            kept: Set(0),
            version: Set(1),
            created_at: Set(now),
            updated_at: Set(now),
        });
        let made = tag::Entity::insert_many(rows)
            .on_conflict(OnConflict::column(tag::Column::Slug).do_nothing().to_owned())
            .exec_without_returning(&**tx)
            .await?;
        if made > 0 {
            tx.touch(HIDDEN).await?;
        }
        let found: Vec<(String, Uuid)> = tag::Entity::find()
            .select_only()
            .columns([tag::Column::Slug, tag::Column::Id])
            .filter(tag::Column::Slug.is_in(slugs.iter().map(|(slug, _)| slug.clone())))
            .order_by_asc(tag::Column::Slug)
            // None of them may go before the post has it.
            .lock(LockType::KeyShare)
            .into_tuple()
            .all(&**tx)
            .await?;
        let id = |slug: &String| found.iter().find(|(known, _)| known == slug).map(|(_, id)| *id);
        Ok(slugs.iter().filter_map(|(slug, _)| id(slug)).collect())
    }
}

/// The row for a change. It is locked: who comes with the same version at once must find the next one. The
/// weaker lock lets posts go on to be given the tag.
async fn at(tx: &Tx, slug: &str) -> Result<Option<tag::Model>> {
    let find = tag::Entity::find().filter(tag::Column::Slug.eq(slug));
    Ok(find.lock(LockType::NoKeyUpdate).one(&**tx).await?)
}

/// The row for a change, if it is there and is the version that is meant.
async fn held(tx: &Tx, slug: &str, when: &Precondition) -> Result<tag::Model> {
    let row = at(tx, slug).await?.ok_or(Error::NotFound("tag"))?;
    when.check(&view(&**tx, tag::Entity::find(), slug).await?.etag())?;
    Ok(row)
}

fn tell(tx: &Tx, kind: EventType, slug: &str, audience: Audience, now: i64) {
    tx.tell(of(kind, slug, format!("/api/tags/{slug}"), 0, audience, now));
}
