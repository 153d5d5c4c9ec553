//! What is told of posts: of drafts to those who may read them, of all else to everybody.
use uuid::Uuid;

use super::types::Post;
use crate::{
    contract::event::{Audience, EventType, of},
    ports::db::Tx,
};

fn audience(open: bool, owner: Uuid) -> Audience {
    if open { Audience::Public } else { Audience::Editors(Some(owner)) }
}

fn tell(tx: &Tx, kind: EventType, id: Uuid, version: i64, audience: Audience, now: i64) {
    tx.tell(of(kind, id, format!("/api/posts/{id}"), version, audience, now));
}

/// A post that was written, at once for everybody or not.
pub fn created(tx: &Tx, post: &Post, now: i64) {
    let (open, owner) = (post.published_at.is_some(), post.author.id.0);
    tell(tx, EventType::PostCreated, post.id.0, post.version, audience(open, owner), now);
    if open {
        tell(tx, EventType::PostPublished, post.id.0, post.version, Audience::Public, now);
    }
}

/// A post that says something else, or is read by others, than before.
pub fn changed(tx: &Tx, post: &Post, was_open: bool, now: i64) {
    let (open, owner) = (post.published_at.is_some(), post.author.id.0);
    let kind = match (was_open, open) {
        (false, true) => EventType::PostPublished,
        (true, false) => EventType::PostUnpublished,
        _ => EventType::PostUpdated,
    };
    tell(tx, kind, post.id.0, post.version, audience(was_open || open, owner), now);
}

pub fn deleted(tx: &Tx, post: &Post, now: i64) {
    moved(tx, EventType::PostDeleted, post, now);
}

/// A post that is back from the trash.
pub fn restored(tx: &Tx, post: &Post, now: i64) {
    moved(tx, EventType::PostRestored, post, now);
}

fn moved(tx: &Tx, kind: EventType, post: &Post, now: i64) {
    let (open, owner) = (post.published_at.is_some(), post.author.id.0);
    tell(tx, kind, post.id.0, post.version, audience(open, owner), now);
}

/// A post that a file made, or changed from what it was.
pub fn imported(
    tx: &Tx,
    (id, version): (Uuid, i64),
    owner: Uuid,
    was_open: Option<bool>,
    open: bool,
    now: i64,
) {
    let seen = audience(open || was_open == Some(true), owner);
    if was_open.is_none() {
        tell(tx, EventType::PostCreated, id, version, seen, now);
    }
    let kind = match (was_open, open) {
        (None | Some(false), true) => EventType::PostPublished,
        (Some(true), false) => EventType::PostUnpublished,
        (Some(_), _) => EventType::PostUpdated,
        (None, false) => return,
    };
    tell(tx, kind, id, version, seen, now);
}
