//! Comment service: rules and queries. The only writer of the `comments` table.
use entity::{comment, post};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, ModelTrait, PaginatorTrait, QueryFilter,
    QuerySelect, Set,
};
use uuid::Uuid;

use super::{
    list::{PageRequest, load_full, page, visible_to},
    thread::{apply_status, count_approved, lock_post, lock_thread, reply_depth},
    types::{
        Comment, CommentInput, CommentPatch, CommentQuery, CommentSort, CommentStatus, PostCommentQuery,
    },
};
use crate::{
    domain::{
        event::{Audience, EventType},
        id::Id,
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
}

impl Comments {
    pub fn new(db: Db, clock: Clock, cursors: CursorKey, posts: Posts) -> Self {
        Comments { db, clock, cursors, posts }
    }

    /// Returns the ETag of a list for this caller. It changes with every write to comments, posts or users.
    pub async fn list_etag(&self, viewer: Option<&Principal>, target: &str) -> Result<ETag> {
        let version = self.db.versions(&collections_for(viewer, &["comments", "posts", "users"])).await?;
        Ok(ETag::weak_from_parts(&["comments", &version.to_string(), &cache_key(viewer), target]))
    }

    pub async fn list_for_post(
        &self,
        viewer: Option<&Principal>,
        id: Id<Post>,
        query: &PostCommentQuery,
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
        };
        page(self.db.read(), find, request).await
    }

    /// Lists comments of all posts, for moderation.
    pub async fn list(&self, viewer: &Principal, query: &CommentQuery) -> Result<Page<Comment>> {
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
        let request =
            PageRequest { key: &self.cursors, list, descending, paging, with_post: expand.is_some() };
        page(self.db.read(), find, request).await
    }

    pub async fn get(&self, viewer: Option<&Principal>, id: Id<Comment>) -> Result<Comment> {
        let find = visible_to(viewer).filter(comment::Column::Id.eq(id.0));
        load_full(self.db.read(), find).await?.ok_or(Error::NotFound("comment"))
    }

    /// Creates a comment: approved if by an editor or the author of the post, else pending.
    pub async fn create(
        &self,
        author: &Principal,
        post: PostKey,
        new: CommentInput,
        attempt: Option<IdempotentRequest>,
    ) -> Result<Outcome<Comment>> {
        let (author, now) = (author.clone(), self.clock.now());
        run_once(&self.db, attempt, async move |tx| {
            lock_active(&tx, &author).await?;
            let row = lock_post(&tx, &author, &post).await?;
            let post = Id::from(row.id);
            if row.published_at == 0 {
                return Err(Error::Conflict(POST_IS_DRAFT));
            }
            let status = if author.role.is_editor() || row.author_id == author.user {
                CommentStatus::Approved
            } else {
                CommentStatus::Pending
            };
            let depth = match new.parent_id {
                None => 0,
                Some(parent) => reply_depth(&tx, &author, post, parent, status).await?,
            };
            let id = Uuid::now_v7();
            let row = comment::ActiveModel {
                id: Set(id),
                post_id: Set(post.0),
                parent_id: Set(new.parent_id.map(|parent| parent.0)),
                author_id: Set(author.user),
                content: Set(new.content.into()),
                status: Set(status),
                depth: Set(depth),
                version: Set(1),
                created_at: Set(now),
                updated_at: Set(now),
            };
            row.insert(&*tx).await?;
            if status == CommentStatus::Approved {
                add_to_comment_count(&tx, post.0, 1).await?;
            }
            tx.touch(RESTRICTED).await?;
            let created = reload(&tx, id).await?;
            tx.emit(EventType::CommentCreated, id, created.location(), 1, audience(status, author.user), now);
            Ok(created)
        })
        .await
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
                let mut row = load_for_update(&tx, &caller, id, &precondition).await?;
                let before = row.clone();
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
                    if !is_auto_approved(&tx, &caller, row.post_id).await? {
                        status = Some(CommentStatus::Pending);
                    }
                }
                let (old_status, owner) = (row.status, row.author_id);
                let was_approved = old_status == CommentStatus::Approved;
                if let Some(status) = status {
                    apply_status(&tx, &row, status, now).await?;
                    row.status = status;
                }
                let is_approved = row.status == CommentStatus::Approved;
                if row == before {
                    return reload(&tx, id.0).await;
                }
                row.version += 1;
                let version = row.version;
                row.updated_at = now;
                row.into_active_model().reset_all().update(&*tx).await?;
                tx.touch(if was_approved || is_approved { "comments" } else { RESTRICTED }).await?;
                let updated = reload(&tx, id.0).await?;
                // Public also when the approval is withdrawn, so that clients can remove the comment.
                let status = if was_approved { old_status } else { updated.status };
                tx.emit(
                    EventType::CommentUpdated,
                    id,
                    updated.location(),
                    version,
                    audience(status, owner),
                    now,
                );
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
                let row = load_for_update(&tx, &caller, id, &precondition).await?;
                let audience = audience(row.status, row.author_id);
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

/// Returns the recipients of events about a comment.
fn audience(status: CommentStatus, owner: Uuid) -> Audience {
    if status == CommentStatus::Approved { Audience::Public } else { Audience::Editors(Some(owner)) }
}

/// Returns whether comments of the caller on this post need no approval.
async fn is_auto_approved(tx: &Tx, caller: &Principal, post: Uuid) -> Result<bool> {
    let own_post = post::Entity::find_by_id(post).filter(post::Column::AuthorId.eq(caller.user));
    Ok(caller.role.is_editor() || own_post.count(&**tx).await? > 0)
}

/// Locks the thread and returns the row for an update, after the checks of visibility (404), author (403) and
/// `If-Match` (412). The row is read after the lock, so that it is the latest version.
async fn load_for_update(
    tx: &Tx,
    caller: &Principal,
    id: Id<Comment>,
    precondition: &Precondition,
) -> Result<comment::Model> {
    let find = visible_to(Some(caller)).filter(comment::Column::Id.eq(id.0));
    let post = find.clone().select_only().column(comment::Column::PostId);
    let post: Option<Uuid> = post.into_tuple().one(&**tx).await?;
    lock_thread(tx, post.ok_or(Error::NotFound("comment"))?).await?;
    let row = find.one(&**tx).await?.ok_or(Error::NotFound("comment"))?;
    if row.author_id != caller.user && !caller.role.is_editor() {
        return Err(Error::Forbidden("only the author and editors can change a comment"));
    }
    precondition.check(&reload(tx, id.0).await?.etag())?;
    Ok(row)
}

async fn reload(tx: &Tx, id: Uuid) -> Result<Comment> {
    use sea_orm::{JoinType, RelationTrait};
    let find = comment::Entity::find_by_id(id).join(JoinType::InnerJoin, comment::Relation::Post.def());
    load_full(&**tx, find).await?.ok_or(Error::NotFound("comment"))
}
