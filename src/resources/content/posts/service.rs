//! Post service: rules and queries. The only writer of `posts` and of its dependent
//! tables.
use entity::{post, post_slug, post_tag};
use sea_orm::{
    ActiveModelTrait, ActiveValue::NotSet, ColumnTrait, EntityTrait, IntoActiveModel, Iterable, ModelTrait,
    QueryFilter, QuerySelect, QueryTrait, Set,
};
use uuid::Uuid;

use super::{
    events,
    key::PostKey,
    list::{FullPost, load_full, load_locked, visible_to},
    preview::PreviewKey,
    schedule::{Schedule, next_change, reschedule},
    slugs::{claim_available, claim_exact},
    types::{Post, PostInput, PostPatch},
};
use crate::{
    domain::{
        id::Id,
        search::search_key,
        slug::{Slug, slugify},
        text::TagName,
    },
    http::{
        auth::{Ownership, Principal, RESTRICTED, cache_key, collections_for},
        cursor::CursorKey,
        etag::{ETag, Precondition},
        idempotency::{IdempotentRequest, Outcome, id_of_location, run_once},
        pagination::TotalCache,
        problem::{Error, Result},
        response::Resource,
    },
    infra::{
        audit_log::{Changes, Origin},
        clock::Clock,
        db::{Db, Tx},
    },
    resources::{
        accounts::active::lock_active,
        content::{
            revisions::{Change, store_revisions},
            tags::{StoredTag, TagRef, Tags},
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
    pub(super) totals: TotalCache,
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
        Posts { db, clock, tags, cursors, previews, trash, totals: TotalCache::default() }
    }

    /// Returns the version of lists for this caller. It changes with every write to posts, tags or users, which
    /// lists contain.
    pub async fn list_version(&self, viewer: Option<&Principal>) -> Result<i64> {
        Ok(self.db.versions(&collections_for(viewer, super::COLLECTIONS)).await?)
    }

    /// Returns the ETag of a list in a version for this caller. So a 304 needs no query for the page.
    pub fn list_etag(viewer: Option<&Principal>, version: i64, target: &str) -> ETag {
        ETag::weak_from_parts(&["posts", &version.to_string(), &cache_key(viewer), target])
    }

    pub async fn get(&self, viewer: Option<&Principal>, key: &PostKey) -> Result<Lookup<Post>> {
        let find = visible_to(viewer).filter(key.matches());
        match (load_full(self.db.read(), find).await?, key) {
            (Some(post), _) => Ok(Lookup::Current(Post::from(post).redacted_for(viewer))),
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
        let post = post_slug::Entity::find_by_id(former.to_owned());
        let post = post.select_only().column(post_slug::Column::PostId).into_query();
        let find = visible_to(viewer).filter(post::Column::Id.in_subquery(post));
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
        let (posts, caller, now) = (self.clone(), author.clone(), self.clock.now());
        let reload = |location: String| async move {
            match self.get(Some(author), &PostKey::Id(id_of_location(&location)?)).await? {
                Lookup::Current(post) => Ok(post),
                Lookup::Moved(_) => Err(Error::NotFound("post")),
            }
        };
        let work = async move |tx: Tx| {
            let author = lock_active(&tx, &caller).await?;
            let id = Uuid::now_v7();
            let mut row = empty_draft(id, caller.user, now);
            let PostChange { slug, tags, published, schedule } = apply(&mut row, new.into());
            row.slug = match slug {
                Some(slug) => claim_exact(&tx, id, &slug, now).await?,
                None => claim_available(&tx, id, &slugify(&row.title, "post"), now).await?,
            };
            row.search = search_text(&row.title, row.excerpt.as_deref());
            let published = published.unwrap_or_default();
            row.published_at = if published { now } else { 0 };
            schedule.apply(&mut row, false, now)?;
            post::Entity::insert(row.clone().into_active_model().reset_all())
                .exec_without_returning(&*tx)
                .await?;
            reschedule(&tx, id, None, next_change(&row), Some(caller.user), now).await?;
            let tags = posts.tags.ensure(&tx, &tags.unwrap_or_default(), now).await?;
            insert_tags(&tx, id, &tags).await?;
            tx.touch(if published { "posts" } else { RESTRICTED }).await?;
            let tag_ids = tags.iter().map(|tag| tag.id).collect();
            let tags = tags.into_iter().map(TagRef::from).collect();
            let post = Post::from(FullPost { row, author, coauthors: Vec::new(), tags, tag_ids });
            events::created(&tx, &post, now);
            store_revisions(&tx, [post.to_revision(Change::Created, now)?.changed_by(&caller)]).await?;
            Ok(post)
        };
        run_once(&self.db, attempt, work, reload).await
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
                let post = load_for_update(&tx, &caller, &key, &precondition).await?;
                let (post, changed) = posts.write_version(&tx, post, now, |row| apply(row, patch)).await?;
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
                let mut post = load_for_update(&tx, &caller, &key, &precondition).await?;
                let before = post.row.clone();
                reschedule(&tx, before.id, next_change(&before), None, None, now).await?;
                post.row.deleted_at = Some(now);
                post.row.publish_at = None;
                post.row.unpublish_at = None;
                post.row.version += 1;
                write_changes(&tx, &before, &post.row).await?;
                tx.touch(if before.published_at > 0 { "posts" } else { RESTRICTED }).await?;
                let post = Post::from(post);
                events::deleted(&tx, &post, now);
                store_revisions(&tx, [post.to_revision(Change::Deleted, now)?.changed_by(&caller)]).await
            })
            .await
    }

    /// Writes the next version of a locked post, unless `edit` changes nothing; returns whether it wrote one.
    pub(super) async fn write_version<F>(
        &self,
        tx: &Tx,
        mut post: FullPost,
        now: i64,
        edit: F,
    ) -> Result<(Post, bool)>
    where
        F: FnOnce(&mut post::Model) -> PostChange,
    {
        let (before, was_published) = (post.row.clone(), post.row.published_at > 0);
        let row = &mut post.row;
        let change = edit(row);
        if let Some(slug) = change.slug.filter(|slug| **slug != *row.slug) {
            row.slug = claim_exact(tx, row.id, &slug, now).await?;
        }
        match change.published {
            Some(true) if row.published_at == 0 => row.published_at = now,
            Some(false) => row.published_at = 0,
            _ => {}
        }
        change.schedule.apply(row, was_published, now)?;
        row.search = search_text(&row.title, row.excerpt.as_deref());
        let tags_changed = match change.tags {
            Some(names) => {
                // Lock order: tags before post_tags, as in the deletion of a tag. The reverse order can deadlock.
                let tags = self.tags.ensure(tx, &names, now).await?;
                // Ids, because a tag can be deleted and created again since the post was loaded.
                let is_changed = !tags.iter().map(|tag| &tag.id).eq(&post.tag_ids);
                if is_changed {
                    replace_tags(tx, row.id, &tags).await?;
                    post.tags = tags.into_iter().map(TagRef::from).collect();
                }
                is_changed
            }
            None => false,
        };
        if *row == before && !tags_changed {
            return Ok((post.into(), false));
        }
        let (scheduled_by, next) = (Origin::current().account(), next_change(row));
        reschedule(tx, before.id, next_change(&before), next, scheduled_by, now).await?;
        row.version += 1;
        row.updated_at = now;
        write_changes(tx, &before, row).await?;
        let public = was_published || row.published_at > 0;
        tx.touch(if public { "posts" } else { RESTRICTED }).await?;
        let mut changes = Changes::between(&before, &post.row);
        if tags_changed {
            changes.add("tags", None, None);
        }
        tx.record_changes(before.id, changes);
        let post = Post::from(post);
        events::updated(tx, &post, was_published, now);
        Ok((post, true))
    }
}

/// Writes the columns of a row that have changed. SQLite updates the indexes of all columns that a statement sets, also
/// if their values are the same.
pub(super) async fn write_changes(tx: &Tx, before: &post::Model, after: &post::Model) -> Result<()> {
    let mut update = before.clone().into_active_model();
    for column in post::Column::iter() {
        let value = after.get(column);
        if value != before.get(column) {
            update.set(column, value);
        }
    }
    post::Entity::update(update).exec_without_returning(&**tx).await?;
    Ok(())
}

/// Replaces the tags of a post, in this order.
pub(super) async fn replace_tags(tx: &Tx, post: Uuid, tags: &[StoredTag]) -> Result<()> {
    post_tag::Entity::delete_many().filter(post_tag::Column::PostId.eq(post)).exec(&**tx).await?;
    insert_tags(tx, post, tags).await
}

/// Adds tags to a post that has none.
async fn insert_tags(tx: &Tx, post: Uuid, tags: &[StoredTag]) -> Result<()> {
    if tags.is_empty() {
        return Ok(());
    }
    let rows = tags.iter().zip(0..).map(|(tag, position)| post_tag::ActiveModel {
        post_id: Set(post),
        tag_id: Set(tag.id),
        position: Set(position),
        listed_at: NotSet,
    });
    post_tag::Entity::insert_many(rows).exec_without_returning(&**tx).await?;
    Ok(())
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

/// Locks and returns the post for an update, after the checks of the caller (401), visibility (404), owner (403) and
/// `If-Match` (412).
pub(super) async fn load_for_update(
    tx: &Tx,
    caller: &Principal,
    key: &PostKey,
    precondition: &Precondition,
) -> Result<FullPost> {
    // Lock order: the account before the post, as in the creation of a post.
    lock_active(tx, caller).await?;
    let post = load_locked(tx, visible_to(Some(caller)).filter(key.matches())).await?;
    let post = post.ok_or(Error::NotFound("post"))?;
    check_owner(caller, post.row.author_id)?;
    if precondition.is_some() {
        precondition.check(&Post::from(post.clone()).etag())?;
    }
    Ok(post)
}

/// Fails unless the caller can edit a post of this author: as the author or as an editor.
pub(super) fn check_owner(caller: &Principal, author: Uuid) -> Result<()> {
    match caller.edits(Ownership::Content, author) {
        true => Ok(()),
        false => Err(Error::Forbidden("only the author and editors can change a post")),
    }
}

/// Returns the text that the parameter `q` is matched against: case and accents are folded.
pub(super) fn search_text(title: &str, excerpt: Option<&str>) -> String {
    search_key(&format!("{title} {}", excerpt.unwrap_or_default()))
}
