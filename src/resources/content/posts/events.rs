//! Events about posts: events on drafts go to the author and editors, all others to everyone.
use uuid::Uuid;

use super::types::Post;
use crate::{
    domain::{
        event::{Audience, EventType},
        principal::Ownership,
    },
    infra::db::Tx,
};

fn audience(public: bool, owner: Uuid) -> Audience {
    if public { Audience::Public } else { Audience::Owner(Ownership::Content, owner) }
}

fn emit(tx: &Tx, kind: EventType, id: Uuid, version: i64, audience: Audience, now: i64) {
    tx.emit(kind, id, format!("/api/posts/{id}"), version, audience, now);
}

/// Emits `post.created`, and `post.published` if the new post is published.
pub fn created(tx: &Tx, post: &Post, now: i64) {
    emit_for(tx, EventType::PostCreated, post, now);
    if post.published_at.is_some() {
        emit_for(tx, EventType::PostPublished, post, now);
    }
}

/// Emits `post.published`, `post.unpublished` or `post.updated`, by the change of the post's state.
pub fn updated(tx: &Tx, post: &Post, was_published: bool, now: i64) {
    let (published, owner) = (post.published_at.is_some(), post.author.id.0);
    let kind = match (was_published, published) {
        (false, true) => EventType::PostPublished,
        (true, false) => EventType::PostUnpublished,
        _ => EventType::PostUpdated,
    };
    // Also public when the post becomes a draft, so that clients that show the post can remove it.
    emit(tx, kind, post.id.0, post.version, audience(was_published || published, owner), now);
}

/// Emits `post.deleted`.
pub fn deleted(tx: &Tx, post: &Post, now: i64) {
    emit_for(tx, EventType::PostDeleted, post, now);
}

/// Emits `post.restored`.
pub fn restored(tx: &Tx, post: &Post, now: i64) {
    emit_for(tx, EventType::PostRestored, post, now);
}

fn emit_for(tx: &Tx, kind: EventType, post: &Post, now: i64) {
    let (published, owner) = (post.published_at.is_some(), post.author.id.0);
    emit(tx, kind, post.id.0, post.version, audience(published, owner), now);
}

/// Emits the events of an imported post. `was_published` is `None` for a post that the import created.
pub fn imported(
    tx: &Tx,
    (id, version): (Uuid, i64),
    owner: Uuid,
    was_published: Option<bool>,
    published: bool,
    now: i64,
) {
    let audience = audience(published || was_published == Some(true), owner);
    if was_published.is_none() {
        emit(tx, EventType::PostCreated, id, version, audience, now);
    }
    let kind = match (was_published, published) {
        (None | Some(false), true) => EventType::PostPublished,
        (Some(true), false) => EventType::PostUnpublished,
        (Some(_), _) => EventType::PostUpdated,
        (None, false) => return,
    };
    emit(tx, kind, id, version, audience, now);
}
