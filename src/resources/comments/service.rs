//! What may happen to a comment. The only writer of the `comments` table.
use entity::{comment, post};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, ModelTrait, PaginatorTrait, QueryFilter,
    QuerySelect, Set,
};
use uuid::Uuid;

use super::{
    list::{Wanted, page, visible_to, whole},
    thread::{alone, count, depth_below, judge, seen_below},
    types::{Comment, CommentPatch, CommentSort, CommentStatus, NewComment, QueueQuery, ThreadQuery},
};
use crate::{
    contract::{
        answer::Resource,
        attempt::{Attempt, Outcome, once},
        caller::{HIDDEN, Principal, class, shown},
        cursor::CursorKey,
        etag::{ETag, Precondition},
        event::{Audience, EventType, of, told},
        id::Id,
        page::Page,
        problem::{Error, Result},
        text::trimmed,
    },
    ports::{
        clock::Clock,
        db::{Db, Tx},
    },
    resources::{
        posts::{self, Post},
        standing::still_there,
    },
};

/// How long an author may change what a comment says, in milliseconds.
const EDITABLE: i64 = 15 * 60 * 1000;

#[derive(Clone)]
pub struct Comments {
    db: Db,
    clock: Clock,
    cursors: CursorKey,
}

impl Comments {
    pub fn new(db: Db, clock: Clock, cursors: CursorKey) -> Self {
        Comments { db, clock, cursors }
    }

    /// The version of every list of comments for this caller.
    pub async fn list_etag(&self, viewer: Option<&Principal>, target: &str) -> Result<ETag> {
        let version = self.db.versions(&shown(viewer, &["comments", "posts", "users"])).await?;
        Ok(ETag::weak(&["comments", &version.to_string(), &class(viewer), target]))
    }

    /// Refuses callers who may not know of the post.
    pub async fn there(&self, viewer: Option<&Principal>, id: Id<Post>) -> Result<()> {
        let find = posts::visible_to(viewer).filter(post::Column::Id.eq(id.0));
        let found: Option<Uuid> =
            find.select_only().column(post::Column::Id).into_tuple().one(self.db.read()).await?;
        found.map(|_| ()).ok_or(Error::NotFound("post"))
    }

    pub async fn thread(
        &self,
        viewer: Option<&Principal>,
        id: Id<Post>,
        query: &ThreadQuery,
    ) -> Result<Page<Comment>> {
        let mut find = visible_to(viewer).filter(comment::Column::PostId.eq(id.0));
        if let Some(parent) = query.parent {
            find = find.filter(comment::Column::ParentId.eq(parent.0));
        }
        let list = format!("comments of {id} {:?}", query.parent);
        let wanted =
            Wanted { key: &self.cursors, list, falling: false, paging: &query.paging, with_post: false };
        page(self.db.read(), find, wanted).await
    }

    pub async fn queue(&self, viewer: &Principal, query: &QueueQuery) -> Result<Page<Comment>> {
        let QueueQuery { status, post, author, sort, expand, paging } = query;
        let mut find = visible_to(Some(viewer));
        if let Some(status) = status {
            find = find.filter(comment::Column::Status.eq(status.as_str()));
        }
        if let Some(post) = post {
            find = find.filter(comment::Column::PostId.eq(post.0));
        }
        if let Some(author) = author {
            find = find.filter(comment::Column::AuthorId.eq(author.0));
        }
        let list = format!("comments {status:?} {post:?} {author:?}");
        let falling = *sort == CommentSort::CreatedAtFalling;
        let wanted = Wanted { key: &self.cursors, list, falling, paging, with_post: expand.is_some() };
        page(self.db.read(), find, wanted).await
    }

    pub async fn read(&self, viewer: Option<&Principal>, id: Id<Comment>) -> Result<Comment> {
        let find = visible_to(viewer).filter(comment::Column::Id.eq(id.0));
        whole(self.db.read(), find).await?.ok_or(Error::NotFound("comment"))
    }

    /// Writes a comment. Editors and the post's author are seen at once, others when somebody has looked.
    pub async fn create(
        &self,
        author: &Principal,
        post: Id<Post>,
        new: NewComment,
        attempt: Option<Attempt>,
    ) -> Result<Outcome<Comment>> {
        let (author, now) = (author.clone(), self.clock.now());
        once(&self.db, attempt, async move |tx| {
            still_there(&tx, &author).await?;
            alone(&tx, post.0).await?;
            let find = posts::visible_to(Some(&author)).filter(post::Column::Id.eq(post.0));
            let row = find.one(&*tx).await?.ok_or(Error::NotFound("post"))?;
            if row.published_at == 0 {
                return Err(Error::Conflict("a draft takes no comments"));
            }
            let status = if author.role.edits() || row.author_id == author.user {
                CommentStatus::Approved
            } else {
                CommentStatus::Pending
            };
            let depth = match new.parent_id {
                None => 0,
                Some(parent) => depth_below(&tx, &author, post, parent, status).await?,
            };
            let id = Uuid::now_v7();
            let row = comment::ActiveModel {
                id: Set(id),
                post_id: Set(post.0),
                parent_id: Set(new.parent_id.map(|parent| parent.0)),
                author_id: Set(author.user),
                content: Set(trimmed(&new.content)),
                status: Set(status.as_str().to_owned()),
                depth: Set(depth),
                version: Set(1),
                created_at: Set(now),
                updated_at: Set(now),
            };
            row.insert(&*tx).await?;
            if status == CommentStatus::Approved {
                count(&tx, post.0, 1).await?;
            }
            tx.touch(HIDDEN).await?;
            let made = reread(&tx, id).await?;
            tx.tell(told(EventType::CommentCreated, &made, id, 1, audience(status, author.user), now));
            Ok(made)
        })
        .await
    }

    pub async fn patch(
        &self,
        caller: &Principal,
        id: Id<Comment>,
        patch: CommentPatch,
        when: Precondition,
    ) -> Result<Comment> {
        let (caller, now) = (caller.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                let mut row = held(&tx, &caller, id, &when).await?;
                let before = row.clone();
                let CommentPatch { content, mut status } = patch;
                if status.is_some() && !caller.role.edits() {
                    return Err(Error::Forbidden("only editors decide who can see a comment"));
                }
                let content = content.map(|content| trimmed(&content));
                if let Some(content) = content.filter(|content| *content != row.content) {
                    if !caller.role.edits() && now - row.created_at > EDITABLE {
                        return Err(Error::Forbidden("a comment can be changed for 15 minutes"));
                    }
                    row.content = content;
                    // What was approved is not what it says now.
                    if !trusted(&tx, &caller, row.post_id).await? {
                        status = Some(CommentStatus::Pending);
                    }
                }
                let (was, owner) = (CommentStatus::parse(&row.status), row.author_id);
                let was_seen = was == CommentStatus::Approved;
                if let Some(status) = status {
                    judge(&tx, &row, status, now).await?;
                    row.status = status.as_str().to_owned();
                }
                let is_seen = row.status == CommentStatus::Approved.as_str();
                if row == before {
                    return reread(&tx, id.0).await;
                }
                row.version += 1;
                let version = row.version;
                row.updated_at = now;
                row.into_active_model().reset_all().update(&*tx).await?;
                tx.touch(if was_seen || is_seen { "comments" } else { HIDDEN }).await?;
                let made = reread(&tx, id.0).await?;
                let seen = if was_seen { was } else { made.status };
                tx.tell(told(EventType::CommentUpdated, &made, id, version, audience(seen, owner), now));
                Ok(made)
            })
            .await
    }

    /// Removes a comment with all replies below it.
    pub async fn remove(&self, caller: &Principal, id: Id<Comment>, when: Precondition) -> Result<()> {
        let (caller, now) = (caller.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                let row = held(&tx, &caller, id, &when).await?;
                let audience = audience(CommentStatus::parse(&row.status), row.author_id);
                let (href, version) = (format!("/api/comments/{id}"), row.version + 1);
                tx.tell(of(EventType::CommentDeleted, id, href, version, audience, now));
                let seen = seen_below(&tx, &row).await?;
                let post = row.post_id;
                row.delete(&*tx).await?;
                if seen > 0 {
                    count(&tx, post, -seen).await?;
                }
                tx.touch(HIDDEN).await?;
                Ok(())
            })
            .await
    }
}

/// Who may know of a comment.
fn audience(status: CommentStatus, owner: Uuid) -> Audience {
    if status == CommentStatus::Approved { Audience::Public } else { Audience::Editors(Some(owner)) }
}

/// Whether what this caller says under the post is seen at once.
async fn trusted(tx: &Tx, caller: &Principal, post: Uuid) -> Result<bool> {
    let own = post::Entity::find_by_id(post).filter(post::Column::AuthorId.eq(caller.user));
    Ok(caller.role.edits() || own.count(&**tx).await? > 0)
}

/// The row for a change, if it is there for the caller, is the caller's and is the version that is meant.
async fn held(tx: &Tx, caller: &Principal, id: Id<Comment>, when: &Precondition) -> Result<comment::Model> {
    let find = visible_to(Some(caller)).filter(comment::Column::Id.eq(id.0));
    let post = find.clone().select_only().column(comment::Column::PostId);
    let post: Option<Uuid> = post.into_tuple().one(&**tx).await?;
    alone(tx, post.ok_or(Error::NotFound("comment"))?).await?;
    let row = find.one(&**tx).await?.ok_or(Error::NotFound("comment"))?;
    if row.author_id != caller.user && !caller.role.edits() {
        return Err(Error::Forbidden("only its author and editors may change a comment"));
    }
    when.check(&reread(tx, id.0).await?.etag())?;
    Ok(row)
}

async fn reread(tx: &Tx, id: Uuid) -> Result<Comment> {
    use sea_orm::{JoinType, RelationTrait};
    let find = comment::Entity::find_by_id(id).join(JoinType::InnerJoin, comment::Relation::Post.def());
    whole(&**tx, find).await?.ok_or(Error::NotFound("comment"))
}
