//! Comment service: rules and queries. The only writer of the `comments` table.
use entity::comment;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, ModelTrait, QueryFilter, Set};
use uuid::Uuid;

use super::{
    audience::audience,
    list::{CommentRow, PageRequest, load_full, page, to_comment, visible_to},
    thread::{LockedPost, apply_status, count_approved, lock_post, lock_thread, reply_depth},
    types::{
        Comment, CommentInput, CommentPatch, CommentQuery, CommentSort, CommentStatus, PostCommentQuery,
    },
};
use crate::{
    domain::{event::EventType, id::Id},
    http::{
        auth::{Ownership, Principal, RESTRICTED, cache_key, collections_for},
        cursor::CursorKey,
        etag::{ETag, Precondition},
        idempotency::{IdempotentRequest, Outcome, id_of_location, run_once},
        pagination::{Page, TotalCache},
        problem::{Error, Result},
        response::Resource,
    },
    infra::{
        audit_log::Changes,
        clock::Clock,
        db::{Db, Tx},
    },
    resources::{
        accounts::{active::lock_active, users::AuthorRef},
        content::posts::{Post, PostKey, Posts, add_to_comment_count},
    },
};

/// The time after creation in which an author can change the content of a comment, in milliseconds.
const EDIT_WINDOW: i64 = 15 * 60 * 1000;

const EDIT_WINDOW_ENDED: &str = "the content of a comment can be changed for 15 minutes after its creation";
const POST_IS_DRAFT: &str = "the post is a draft: comments are accepted after its publication";

#[derive(Clone)]
pub struct Comments {
    db: Db,
    clock: Clock,
    cursors: CursorKey,
    pub(super) posts: Posts,
    totals: TotalCache,
}

impl Comments {
    pub fn new(db: Db, clock: Clock, cursors: CursorKey, posts: Posts) -> Self {
        Comments { db, clock, cursors, posts, totals: TotalCache::default() }
    }

    /// Returns the version of lists for this caller. It changes with every write to comments, posts or users.
    pub async fn list_version(&self, viewer: Option<&Principal>) -> Result<i64> {
        Ok(self.db.versions(&collections_for(viewer, super::COLLECTIONS)).await?)
    }

    /// Returns the ETag of a list in a version for this caller.
    pub fn list_etag(viewer: Option<&Principal>, version: i64, target: &str) -> ETag {
        ETag::weak_from_parts(&["comments", &version.to_string(), &cache_key(viewer), target])
    }

    pub async fn list_for_post(
        &self,
        viewer: Option<&Principal>,
        id: Id<Post>,
        query: &PostCommentQuery,
        version: i64,
    ) -> Result<Page<Comment>> {
        let mut find = visible_to(viewer).filter(comment::Column::PostId.eq(id.0));
        if let Some(parent) = query.parent {
            find = find.filter(comment::Column::ParentId.eq(parent.0));
        }
        let list = format!("comments of {id} {:?}", query.parent);
        let request = PageRequest {
            key: &self.cursors,
            list,
            descending: false,
            paging: &query.paging,
            with_post: false,
            totals: &self.totals,
            viewer,
            version,
        };
        page(self.db.read(), find, request).await
    }

    /// Lists comments of all posts, for moderation.
    pub async fn list(
        &self,
        viewer: &Principal,
        query: &CommentQuery,
        version: i64,
    ) -> Result<Page<Comment>> {
        let CommentQuery { status, post, author, sort, expand, paging } = query;
        let mut find = visible_to(Some(viewer));
        if let Some(status) = status {
            find = find.filter(comment::Column::Status.eq(*status));
        }
        if let Some(post) = post {
            find = find.filter(comment::Column::PostId.eq(post.0));
        }
        if let Some(author) = author {
            find = find.filter(comment::Column::AuthorId.eq(author.0));
        }
        let list = format!("comments {status:?} {post:?} {author:?}");
        let descending = *sort == CommentSort::CreatedAtDescending;
        let request = PageRequest {
            key: &self.cursors,
            list,
            descending,
            paging,
            with_post: expand.is_some(),
            totals: &self.totals,
            viewer: Some(viewer),
            version,
        };
        page(self.db.read(), find, request).await
    }

    pub async fn get(&self, viewer: Option<&Principal>, id: Id<Comment>) -> Result<Comment> {
        let find = visible_to(viewer).filter(comment::Column::Id.eq(id.0));
        let row = load_full(self.db.read(), find).await?.ok_or(Error::NotFound("comment"))?;
        Ok(row.into_comment(false))
    }

    /// Creates a comment: approved if by an editor or the author of the post, else pending.
    pub async fn create(
        &self,
        author: &Principal,
        post: PostKey,
        new: CommentInput,
        attempt: Option<IdempotentRequest>,
    ) -> Result<Outcome<Comment>> {
        let (caller, now) = (author.clone(), self.clock.now());
        let reload =
            |location: String| async move { self.get(Some(author), id_of_location(&location)?).await };
        let work = async move |tx: Tx| {
            let author = lock_active(&tx, &caller).await?;
            let LockedPost { id: post, author_id, published_at } = lock_post(&tx, &caller, &post).await?;
            if published_at == 0 {
                return Err(Error::Conflict(POST_IS_DRAFT));
            }
            let status = match caller.edits(Ownership::Content, author_id) {
                true => CommentStatus::Approved,
                false => CommentStatus::Pending,
            };
            let depth = match new.parent_id {
                None => 0,
                Some(parent) => reply_depth(&tx, &caller, post, parent, status).await?,
            };
            let id = Uuid::now_v7();
            let row = comment::Model {
                id,
                post_id: post,
                parent_id: new.parent_id.map(|parent| parent.0),
                author_id: caller.user,
                content: new.content.into(),
                status,
                depth,
                version: 1,
                created_at: now,
                updated_at: now,
            };
            comment::Entity::insert(row.clone().into_active_model().reset_all())
                .exec_without_returning(&*tx)
                .await?;
            if status == CommentStatus::Approved {
                add_to_comment_count(&tx, post, 1).await?;
            }
            tx.touch(RESTRICTED).await?;
            let created = to_comment(row, AuthorRef { bio: None, ..author });
            let audience = audience(post, status, caller.user);
            tx.emit(EventType::CommentCreated, id, created.location(), 1, audience, now);
            Ok(created)
        };
        run_once(&self.db, attempt, work, reload).await
    }

    pub async fn update(
        &self,
        caller: &Principal,
        id: Id<Comment>,
        patch: CommentPatch,
        precondition: Precondition,
    ) -> Result<Comment> {
        let (caller, now) = (caller.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                let mut full = load_for_update(&tx, &caller, id, &precondition).await?;
                let (before, post_author) = (full.comment.clone(), full.post_author);
                let row = &mut full.comment;
                let CommentPatch { content, mut status } = patch;
                if status.is_some() && !caller.role.is_editor() {
                    return Err(Error::Forbidden("only editors can change the status of a comment"));
                }
                if let Some(content) = content.filter(|content| **content != *row.content) {
                    if !caller.role.is_editor() && now - row.created_at > EDIT_WINDOW {
                        return Err(Error::Forbidden(EDIT_WINDOW_ENDED));
                    }
                    row.content = content.into();
                    // An approval applies to the content that the editor read.
                    if !caller.edits(Ownership::Content, post_author) {
                        status = Some(CommentStatus::Pending);
                    }
                }
                let (old_status, owner, post) = (row.status, row.author_id, row.post_id);
                let was_approved = old_status == CommentStatus::Approved;
                if let Some(status) = status {
                    apply_status(&tx, row, status, now).await?;
                    row.status = status;
                }
                let is_approved = row.status == CommentStatus::Approved;
                if *row == before {
                    return Ok(full.into_comment(false));
                }
                row.version += 1;
                row.updated_at = now;
                tx.record_changes(id, Changes::between(&before, row));
                let mut update = before.into_active_model();
                update.content = Set(row.content.clone());
                update.status = Set(row.status);
                update.version = Set(row.version);
                update.updated_at = Set(now);
                comment::Entity::update(update).exec_without_returning(&*tx).await?;
                tx.touch(if was_approved || is_approved { "comments" } else { RESTRICTED }).await?;
                let updated = full.into_comment(false);
                let version = updated.version;
                // Public also when the approval is withdrawn, so that clients can remove the comment.
                let status = if was_approved { old_status } else { updated.status };
                let audience = audience(post, status, owner);
                tx.emit(EventType::CommentUpdated, id, updated.location(), version, audience, now);
                Ok(updated)
            })
            .await
    }

    /// Deletes a comment with all direct and indirect replies.
    pub async fn delete(
        &self,
        caller: &Principal,
        id: Id<Comment>,
        precondition: Precondition,
    ) -> Result<()> {
        let (caller, now) = (caller.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                let row = load_for_update(&tx, &caller, id, &precondition).await?.comment;
                let audience = audience(row.post_id, row.status, row.author_id);
                let (href, version) = (format!("/api/comments/{id}"), row.version + 1);
                tx.emit(EventType::CommentDeleted, id, href, version, audience, now);
                let approved = count_approved(&tx, &row).await?;
                let post = row.post_id;
                // The foreign key deletes the replies.
                row.delete(&*tx).await?;
                if approved > 0 {
                    add_to_comment_count(&tx, post, -approved).await?;
                }
                tx.touch(RESTRICTED).await?;
                Ok(())
            })
            .await
    }
}

/// Locks the thread and returns the comment for an update, after the checks of the caller (401), visibility (404), author (403)
/// and `If-Match` (412). The comment is read after the lock, so that it is the latest version.
async fn load_for_update(
    tx: &Tx,
    caller: &Principal,
    id: Id<Comment>,
    precondition: &Precondition,
) -> Result<CommentRow> {
    // Lock order: the account before the thread, as in the creation of a comment.
    lock_active(tx, caller).await?;
    let find = visible_to(Some(caller)).filter(comment::Column::Id.eq(id.0));
    lock_thread(tx, find.clone()).await?;
    let row = load_full(&**tx, find).await?.ok_or(Error::NotFound("comment"))?;
    if !caller.edits(Ownership::Personal, row.comment.author_id) {
        return Err(Error::Forbidden("only the author and editors can change a comment"));
    }
    if precondition.is_some() {
        precondition.check(&row.clone().into_comment(false).etag())?;
    }
    Ok(row)
}
