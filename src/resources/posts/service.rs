//! What may happen to a post. The only writer of the `posts` table and of what hangs on it.
use entity::{post, post_slug, post_tag};
use sea_orm::{
    ActiveModelTrait, ActiveValue::NotSet, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, Set,
};
use uuid::Uuid;

use super::{
    events,
    list::{page, visible_to, whole},
    preview::PreviewKey,
    query::PostQuery,
    schedule::{Schedule, arrange, next},
    slugs::{claim_exactly, claim_free},
    types::{NewPost, Post, PostPatch, PostReplacement, PostSummary},
};
use crate::{
    contract::{
        answer::Resource,
        attempt::{Attempt, Outcome, once},
        caller::{HIDDEN, Principal, class, shown},
        cursor::CursorKey,
        etag::{ETag, Precondition},
        id::Id,
        page::Page,
        problem::{Error, Result},
        slug::slugify,
        text::{folded, trimmed},
    },
    ports::{
        clock::Clock,
        db::{Db, Tx},
    },
    resources::{
        revisions::{Change, keep},
        standing::still_there,
        tags::Tags,
        trash::Trash,
    },
};

#[derive(Clone)]
pub struct Posts {
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) tags: Tags,
    pub(super) cursors: CursorKey,
    pub(super) previews: PreviewKey,
    pub(super) trash: Trash,
}

/// A post by its present slug, or by one that it had before.
pub enum BySlug {
    Here(Box<Post>),
    Moved(String),
}

impl Posts {
    pub fn new(
        db: Db,
        clock: Clock,
        tags: Tags,
        cursors: CursorKey,
        previews: PreviewKey,
        trash: Trash,
    ) -> Self {
        Posts { db, clock, tags, cursors, previews, trash }
    }

    /// The version of every list of posts for this caller; changes with whatever a list shows.
    pub async fn list_etag(&self, viewer: Option<&Principal>, target: &str) -> Result<ETag> {
        let version = self.db.versions(&shown(viewer, &["posts", "tags", "users"])).await?;
        Ok(ETag::weak(&["posts", &version.to_string(), &class(viewer), target]))
    }

    pub async fn list(&self, viewer: Option<&Principal>, query: &PostQuery) -> Result<Page<PostSummary>> {
        let since = self.trash.since(self.clock.now());
        page(self.db.read(), &self.cursors, viewer, query, since).await
    }

    pub async fn read(&self, viewer: Option<&Principal>, id: Id<Post>) -> Result<Post> {
        let find = visible_to(viewer).filter(post::Column::Id.eq(id.0));
        let post = whole(self.db.read(), find).await?.ok_or(Error::NotFound("post"))?;
        Ok(post.seen_by(viewer))
    }

    pub async fn by_slug(&self, viewer: Option<&Principal>, slug: &str) -> Result<BySlug> {
        let find = visible_to(viewer).filter(post::Column::Slug.eq(slug));
        if let Some(post) = whole(self.db.read(), find).await? {
            return Ok(BySlug::Here(Box::new(post.seen_by(viewer))));
        }
        let former = post_slug::Entity::find_by_id(slug.to_owned()).one(self.db.read()).await?;
        let former = former.ok_or(Error::NotFound("post"))?;
        let now: Option<String> = visible_to(viewer)
            .filter(post::Column::Id.eq(former.post_id))
            .select_only()
            .column(post::Column::Slug)
            .into_tuple()
            .one(self.db.read())
            .await?;
        now.map(|slug| BySlug::Moved(format!("/api/posts/slug/{slug}"))).ok_or(Error::NotFound("post"))
    }

    pub async fn create(
        &self,
        author: &Principal,
        new: NewPost,
        attempt: Option<Attempt>,
    ) -> Result<Outcome<Post>> {
        let (posts, author, now) = (self.clone(), author.clone(), self.clock.now());
        once(&self.db, attempt, async move |tx| {
            still_there(&tx, &author).await?;
            let NewPost { title, content, slug, excerpt, cover_image, tags, published, .. } = new;
            let id = Uuid::now_v7();
            let title = trimmed(&title);
            let slug = match slug {
                Some(slug) => claim_exactly(&tx, id, &slug, now).await?,
                None => claim_free(&tx, id, &slugify(&title, "post"), now).await?,
            };
            let search = searchable(&title, excerpt.as_deref());
            let published_at = if published { now } else { 0 };
            let draft = draft(id, author.user, now);
            let mut row =
                post::Model { slug, search, title, content, excerpt, cover_image, published_at, ..draft };
            Schedule::exactly(new.publish_at, new.unpublish_at).put_on(&mut row, false, now)?;
            let due = next(&row);
            row.into_active_model().reset_all().insert(&*tx).await?;
            arrange(&tx, id, None, due, now).await?;
            posts.tag(&tx, id, &tags, now).await?;
            tx.touch(if published { "posts" } else { HIDDEN }).await?;
            let post = reread(&tx, id).await?;
            events::created(&tx, &post, now);
            keep(&tx, [post.written(Change::Created, now)?.by(&author)]).await?;
            Ok(post)
        })
        .await
    }

    pub async fn replace(
        &self,
        caller: &Principal,
        id: Id<Post>,
        new: PostReplacement,
        when: Precondition,
    ) -> Result<Post> {
        let PostReplacement { title, content, slug, excerpt, cover_image, tags, published, .. } = new;
        let schedule = Schedule::exactly(new.publish_at, new.unpublish_at);
        self.change(caller, id, when, move |row| {
            row.title = trimmed(&title);
            row.content = content;
            row.excerpt = excerpt;
            row.cover_image = cover_image;
            Wish { slug, tags: Some(tags), published: Some(published), schedule }
        })
        .await
    }

    pub async fn patch(
        &self,
        caller: &Principal,
        id: Id<Post>,
        patch: PostPatch,
        when: Precondition,
    ) -> Result<Post> {
        let PostPatch { title, content, slug, excerpt, cover_image, tags, published, .. } = patch;
        let schedule = Schedule { publish: patch.publish_at, unpublish: patch.unpublish_at };
        self.change(caller, id, when, move |row| {
            if let Some(title) = title {
                row.title = trimmed(&title);
            }
            if let Some(content) = content {
                row.content = content;
            }
            row.excerpt = excerpt.over(row.excerpt.take());
            row.cover_image = cover_image.over(row.cover_image.take());
            Wish { slug, tags, published, schedule }
        })
        .await
    }

    pub async fn remove(&self, caller: &Principal, id: Id<Post>, when: Precondition) -> Result<()> {
        let (caller, now) = (caller.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                let row = held(&tx, &caller, id, &when).await?;
                let (version, open) = (row.version, row.published_at > 0);
                arrange(&tx, row.id, next(&row), None, now).await?;
                let mut row = row.into_active_model();
                row.deleted_at = Set(Some(now));
                row.publish_at = Set(None);
                row.unpublish_at = Set(None);
                row.version = Set(version + 1);
                row.update(&*tx).await?;
                tx.touch(if open { "posts" } else { HIDDEN }).await?;
                let post = reread(&tx, id.0).await?;
                events::deleted(&tx, &post, now);
                keep(&tx, [post.written(Change::Deleted, now)?.by(&caller)]).await
            })
            .await
    }

    /// One transaction: is it there, is it the caller's, is it that version; then the change.
    async fn change<F>(&self, caller: &Principal, id: Id<Post>, when: Precondition, apply: F) -> Result<Post>
    where
        F: FnOnce(&mut post::Model) -> Wish + Send + 'static,
    {
        let (posts, caller, now) = (self.clone(), caller.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                let row = held(&tx, &caller, id, &when).await?;
                let (post, changed) = posts.rewrite(&tx, row, now, apply).await?;
                if changed {
                    keep(&tx, [post.written(Change::Changed, now)?.by(&caller)]).await?;
                }
                Ok(post)
            })
            .await
    }

    /// Makes the next version of a row that is held, unless nothing changes; says whether it did.
    pub(super) async fn rewrite<F>(
        &self,
        tx: &Tx,
        mut row: post::Model,
        now: i64,
        apply: F,
    ) -> Result<(Post, bool)>
    where
        F: FnOnce(&mut post::Model) -> Wish,
    {
        let (before, id, was_open) = (row.clone(), row.id, row.published_at > 0);
        let wish = apply(&mut row);
        if let Some(slug) = wish.slug.filter(|slug| *slug != row.slug) {
            row.slug = claim_exactly(tx, id, &slug, now).await?;
        }
        match wish.published {
            Some(true) if row.published_at == 0 => row.published_at = now,
            Some(false) => row.published_at = 0,
            _ => {}
        }
        wish.schedule.put_on(&mut row, was_open, now)?;
        row.search = searchable(&row.title, row.excerpt.as_deref());
        let tagged = match wish.tags {
            Some(tags) => self.tag(tx, id, &tags, now).await?,
            None => false,
        };
        if row == before && !tagged {
            return Ok((reread(tx, id).await?, false));
        }
        arrange(tx, id, next(&before), next(&row), now).await?;
        row.version += 1;
        row.updated_at = now;
        let open = was_open || row.published_at > 0;
        let mut row = row.into_active_model().reset_all();
        // Comments count themselves, also while this change runs.
        row.comments_count = NotSet;
        row.update(&**tx).await?;
        tx.touch(if open { "posts" } else { HIDDEN }).await?;
        let post = reread(tx, id).await?;
        events::changed(tx, &post, was_open, now);
        Ok((post, true))
    }

    /// Gives a post exactly these tags, and says whether it had others.
    pub(super) async fn tag(&self, tx: &Tx, post: Uuid, names: &[String], now: i64) -> Result<bool> {
        // First the tags, then what hangs on them, as whoever deletes a tag does.
        let tags = self.tags.ensure(tx, names, now).await?;
        let known = post_tag::Entity::find().filter(post_tag::Column::PostId.eq(post));
        let known = known.select_only().column(post_tag::Column::TagId);
        let known: Vec<Uuid> = known.order_by_asc(post_tag::Column::Position).into_tuple().all(&**tx).await?;
        if known == tags {
            return Ok(false);
        }
        post_tag::Entity::delete_many().filter(post_tag::Column::PostId.eq(post)).exec(&**tx).await?;
        let rows = tags.into_iter().zip(0..).map(|(tag, position)| post_tag::ActiveModel {
            post_id: Set(post),
            tag_id: Set(tag),
            position: Set(position),
        });
        let rows: Vec<_> = rows.collect();
        if !rows.is_empty() {
            post_tag::Entity::insert_many(rows).exec_without_returning(&**tx).await?;
        }
        Ok(true)
    }
}

/// What of a change is not a column of the row.
#[derive(Default)]
pub(super) struct Wish {
    pub slug: Option<String>,
    pub tags: Option<Vec<String>>,
    pub published: Option<bool>,
    pub schedule: Schedule,
}

/// A post that says nothing yet.
fn draft(id: Uuid, author: Uuid, now: i64) -> post::Model {
    post::Model {
        id,
        slug: String::new(),
        title: String::new(),
        content: String::new(),
        excerpt: None,
        cover_image: None,
        author_id: author,
        published_at: 0,
        publish_at: None,
        unpublish_at: None,
        comments_count: 0,
        search: String::new(),
        source: None,
        version: 1,
        created_at: now,
        updated_at: now,
        deleted_at: None,
    }
}

/// The row for a change, if it is there for the caller, is the caller's and is the version that is meant.
pub(super) async fn held(
    tx: &Tx,
    caller: &Principal,
    id: Id<Post>,
    when: &Precondition,
) -> Result<post::Model> {
    let find = visible_to(Some(caller)).filter(post::Column::Id.eq(id.0));
    let row = own(caller, find.clone().lock_exclusive().one(&**tx).await?)?;
    if when.asks() {
        let post = whole(&**tx, find).await?.ok_or(Error::NotFound("post"))?;
        when.check(&post.etag())?;
    }
    Ok(row)
}

/// A row that the caller sees, if it is the caller's to change.
pub(super) fn own(caller: &Principal, row: Option<post::Model>) -> Result<post::Model> {
    let row = row.ok_or(Error::NotFound("post"))?;
    match row.author_id == caller.user || caller.role.edits() {
        true => Ok(row),
        false => Err(Error::Forbidden("only its author and editors may change a post")),
    }
}

pub(super) async fn reread(tx: &Tx, id: Uuid) -> Result<Post> {
    let find = post::Entity::find_by_id(id);
    whole(&**tx, find).await?.ok_or_else(|| Error::Internal("a post vanished in its own transaction".into()))
}

pub(super) fn searchable(title: &str, excerpt: Option<&str>) -> String {
    folded(&format!("{title} {}", excerpt.unwrap_or_default()))
}
