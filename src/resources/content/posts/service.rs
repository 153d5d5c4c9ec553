//! Post service: rules and queries. The only writer of `posts` and of its dependent
//! tables.
use entity::{post, post_slug, post_tag};
use sea_orm::{
    ActiveModelTrait, ActiveValue::NotSet, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, Set,
};
use uuid::Uuid;

use super::{
    events,
    key::PostKey,
    list::{load_full, page, visible_to},
    preview::PreviewKey,
    query::PostQuery,
    schedule::{Schedule, next_change, reschedule},
    slugs::{claim_available, claim_exact},
    types::{Post, PostInput, PostPatch, PostSummary},
};
use crate::{
    domain::{
        id::Id,
        search::search_key,
        slug::{Slug, slugify},
        text::TagName,
    },
    http::{
        auth::{Principal, RESTRICTED, cache_key, collections_for},
        cursor::CursorKey,
        etag::{ETag, Precondition},
        idempotency::{IdempotentRequest, Outcome, run_once},
        pagination::Page,
        problem::{Error, Result},
        response::Resource,
    },
    infra::{
        clock::Clock,
        db::{Db, Tx},
    },
    resources::{
        accounts::active::lock_active,
        content::{
            revisions::{Change, store_revisions},
            tags::Tags,
            trash::Trash,
        },
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

/// The result of a lookup by key.
pub enum Lookup<T> {
    Current(T),
    /// The key is a former slug; the current slug.
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

    /// Returns the ETag of a list for this caller. It changes with every write to posts, tags or users, which
    /// lists contain. So a 304 needs no query for the page.
    pub async fn list_etag(&self, viewer: Option<&Principal>, target: &str) -> Result<ETag> {
        let version = self.db.versions(&collections_for(viewer, &["posts", "tags", "users"])).await?;
        Ok(ETag::weak_from_parts(&["posts", &version.to_string(), &cache_key(viewer), target]))
    }

    pub async fn list(&self, viewer: Option<&Principal>, query: &PostQuery) -> Result<Page<PostSummary>> {
        let since = self.trash.cutoff(self.clock.now());
        page(self.db.read(), &self.cursors, viewer, query, since).await
    }

    pub async fn get(&self, viewer: Option<&Principal>, key: &PostKey) -> Result<Lookup<Post>> {
        let find = visible_to(viewer).filter(key.matches());
        match (load_full(self.db.read(), find).await?, key) {
            (Some(post), _) => Ok(Lookup::Current(post.redacted_for(viewer))),
            (None, PostKey::Id(_)) => Err(Error::NotFound("post")),
            (None, PostKey::Slug(slug)) => Ok(Lookup::Moved(self.current_slug(viewer, slug).await?)),
        }
    }

    /// Returns the id of a post that the caller can see.
    pub async fn find_id(&self, viewer: Option<&Principal>, key: &PostKey) -> Result<Lookup<Id<Post>>> {
        let find = visible_to(viewer).filter(key.matches()).select_only().column(post::Column::Id);
        let found: Option<Uuid> = find.into_tuple().one(self.db.read()).await?;
        match (found, key) {
            (Some(id), _) => Ok(Lookup::Current(Id::from(id))),
            (None, PostKey::Id(_)) => Err(Error::NotFound("post")),
            (None, PostKey::Slug(slug)) => Ok(Lookup::Moved(self.current_slug(viewer, slug).await?)),
        }
    }

    /// Returns the current slug of the post that had this slug; 404 if the caller cannot see the post.
    async fn current_slug(&self, viewer: Option<&Principal>, former: &str) -> Result<String> {
        let former = post_slug::Entity::find_by_id(former.to_owned()).one(self.db.read()).await?;
        let former = former.ok_or(Error::NotFound("post"))?;
        let find = visible_to(viewer).filter(post::Column::Id.eq(former.post_id));
        let current: Option<String> =
            find.select_only().column(post::Column::Slug).into_tuple().one(self.db.read()).await?;
        current.ok_or(Error::NotFound("post"))
    }

    pub async fn create(
        &self,
        author: &Principal,
        new: PostInput,
        attempt: Option<IdempotentRequest>,
    ) -> Result<Outcome<Post>> {
        let (posts, author, now) = (self.clone(), author.clone(), self.clock.now());
        run_once(&self.db, attempt, async move |tx| {
            lock_active(&tx, &author).await?;
            let id = Uuid::now_v7();
            let mut row = empty_draft(id, author.user, now);
            let PostChange { slug, tags, published, schedule } = apply(&mut row, new.into());
            row.slug = match slug {
                Some(slug) => claim_exact(&tx, id, &slug, now).await?,
                None => claim_available(&tx, id, &slugify(&row.title, "post"), now).await?,
            };
            row.search = search_text(&row.title, row.excerpt.as_deref());
            let published = published.unwrap_or_default();
            row.published_at = if published { now } else { 0 };
            schedule.apply(&mut row, false, now)?;
            let due = next_change(&row);
            row.into_active_model().reset_all().insert(&*tx).await?;
            reschedule(&tx, id, None, due, now).await?;
            posts.set_tags(&tx, id, &tags.unwrap_or_default(), now).await?;
            tx.touch(if published { "posts" } else { RESTRICTED }).await?;
            let post = reload(&tx, id).await?;
            events::created(&tx, &post, now);
            store_revisions(&tx, [post.to_revision(Change::Created, now)?.changed_by(&author)]).await?;
            Ok(post)
        })
        .await
    }

    pub async fn replace(
        &self,
        caller: &Principal,
        key: PostKey,
        new: PostInput,
        precondition: Precondition,
    ) -> Result<Post> {
        self.update(caller, key, new.into(), precondition).await
    }

    pub async fn update(
        &self,
        caller: &Principal,
        key: PostKey,
        patch: PostPatch,
        precondition: Precondition,
    ) -> Result<Post> {
        let (posts, caller, now) = (self.clone(), caller.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                let row = load_for_update(&tx, &caller, &key, &precondition).await?;
                let (post, changed) = posts.write_version(&tx, row, now, |row| apply(row, patch)).await?;
                if changed {
                    store_revisions(&tx, [post.to_revision(Change::Changed, now)?.changed_by(&caller)])
                        .await?;
                }
                Ok(post)
            })
            .await
    }

    pub async fn delete(&self, caller: &Principal, key: PostKey, precondition: Precondition) -> Result<()> {
        let (caller, now) = (caller.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                let row = load_for_update(&tx, &caller, &key, &precondition).await?;
                let (id, version, published) = (row.id, row.version, row.published_at > 0);
                reschedule(&tx, id, next_change(&row), None, now).await?;
                let mut row = row.into_active_model();
                row.deleted_at = Set(Some(now));
                row.publish_at = Set(None);
                row.unpublish_at = Set(None);
                row.version = Set(version + 1);
                row.update(&*tx).await?;
                tx.touch(if published { "posts" } else { RESTRICTED }).await?;
                let post = reload(&tx, id).await?;
                events::deleted(&tx, &post, now);
                store_revisions(&tx, [post.to_revision(Change::Deleted, now)?.changed_by(&caller)]).await
            })
            .await
    }

    /// Writes the next version of a locked row, unless `edit` changes nothing; returns whether it wrote one.
    pub(super) async fn write_version<F>(
        &self,
        tx: &Tx,
        mut row: post::Model,
        now: i64,
        edit: F,
    ) -> Result<(Post, bool)>
    where
        F: FnOnce(&mut post::Model) -> PostChange,
    {
        let (before, id, was_published) = (row.clone(), row.id, row.published_at > 0);
        let change = edit(&mut row);
        if let Some(slug) = change.slug.filter(|slug| **slug != *row.slug) {
            row.slug = claim_exact(tx, id, &slug, now).await?;
        }
        match change.published {
            Some(true) if row.published_at == 0 => row.published_at = now,
            Some(false) => row.published_at = 0,
            _ => {}
        }
        change.schedule.apply(&mut row, was_published, now)?;
        row.search = search_text(&row.title, row.excerpt.as_deref());
        let tags_changed = match change.tags {
            Some(tags) => self.set_tags(tx, id, &tags, now).await?,
            None => false,
        };
        if row == before && !tags_changed {
            return Ok((reload(tx, id).await?, false));
        }
        reschedule(tx, id, next_change(&before), next_change(&row), now).await?;
        row.version += 1;
        row.updated_at = now;
        let public = was_published || row.published_at > 0;
        let mut row = row.into_active_model().reset_all();
        // Not written, so that this update cannot overwrite the count that the comment service maintains.
        row.comments_count = NotSet;
        row.update(&**tx).await?;
        tx.touch(if public { "posts" } else { RESTRICTED }).await?;
        let post = reload(tx, id).await?;
        events::updated(tx, &post, was_published, now);
        Ok((post, true))
    }

    /// Replaces the tags of a post, in this order; returns whether they changed.
    pub(super) async fn set_tags(&self, tx: &Tx, post: Uuid, names: &[TagName], now: i64) -> Result<bool> {
        // Lock order: tags before post_tags, as in the deletion of a tag. The reverse order can deadlock.
        let tags = self.tags.ensure(tx, names, now).await?;
        let current = post_tag::Entity::find().filter(post_tag::Column::PostId.eq(post));
        let current = current.select_only().column(post_tag::Column::TagId);
        let current: Vec<Uuid> =
            current.order_by_asc(post_tag::Column::Position).into_tuple().all(&**tx).await?;
        if current == tags {
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

/// The part of a change that is not a plain column of the row.
#[derive(Default)]
pub(super) struct PostChange {
    pub slug: Option<Slug<100>>,
    pub tags: Option<Vec<TagName>>,
    pub published: Option<bool>,
    pub schedule: Schedule,
}

/// Applies a patch to the columns of a row; returns the part that concerns more than the row.
fn apply(row: &mut post::Model, patch: PostPatch) -> PostChange {
    // Without `..`: a new field that is not applied does not compile.
    let PostPatch { title, content, slug, excerpt, cover_image, tags, published, publish_at, unpublish_at } =
        patch;
    if let Some(title) = title {
        row.title = title.into();
    }
    if let Some(content) = content {
        row.content = content.into();
    }
    row.excerpt = excerpt.apply_to(row.excerpt.take());
    row.cover_image = cover_image.apply_to(row.cover_image.take());
    PostChange { slug, tags, published, schedule: Schedule { publish: publish_at, unpublish: unpublish_at } }
}

/// Returns the row of a new draft without text.
fn empty_draft(id: Uuid, author: Uuid, now: i64) -> post::Model {
    post::Model {
        id,
        author_id: author,
        version: 1,
        created_at: now,
        updated_at: now,
        ..post::Model::default()
    }
}

/// Locks and returns the row for an update, after the checks of visibility (404), owner (403) and `If-Match`
/// (412).
pub(super) async fn load_for_update(
    tx: &Tx,
    caller: &Principal,
    key: &PostKey,
    precondition: &Precondition,
) -> Result<post::Model> {
    let find = visible_to(Some(caller)).filter(key.matches());
    let row = check_owner(caller, find.clone().lock_exclusive().one(&**tx).await?)?;
    if precondition.is_some() {
        let post = load_full(&**tx, find).await?.ok_or(Error::NotFound("post"))?;
        precondition.check(&post.etag())?;
    }
    Ok(row)
}

/// Returns the row if the caller can edit it: as its author or as an editor.
pub(super) fn check_owner(caller: &Principal, row: Option<post::Model>) -> Result<post::Model> {
    let row = row.ok_or(Error::NotFound("post"))?;
    match row.author_id == caller.user || caller.role.is_editor() {
        true => Ok(row),
        false => Err(Error::Forbidden("only the author and editors can change a post")),
    }
}

/// Loads the post as its own transaction sees it, for the response, the event and the revision.
pub(super) async fn reload(tx: &Tx, id: Uuid) -> Result<Post> {
    let find = post::Entity::find_by_id(id);
    load_full(&**tx, find)
        .await?
        .ok_or_else(|| Error::Internal("a post is missing in its own transaction".into()))
}

/// Returns the text that the parameter `q` is matched against: case and accents are folded.
pub(super) fn search_text(title: &str, excerpt: Option<&str>) -> String {
    search_key(&format!("{title} {}", excerpt.unwrap_or_default()))
}
