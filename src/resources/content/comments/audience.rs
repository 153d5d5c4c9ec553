//! The recipients of events about comments: the readers of the comment at the moment of sending.
use std::collections::HashMap;

use entity::event;
use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use super::types::CommentStatus;
use crate::{
    domain::{event::Audience, principal::Ownership},
    resources::content::posts::{PostState, post_states},
};

/// Returns the audience that is stored with an event about a comment.
pub(super) fn audience(post: Uuid, status: CommentStatus, author: Uuid) -> Audience {
    let only_author = (status != CommentStatus::Approved).then_some(author);
    Audience::Comment { post, only_author }
}

/// The current states of the posts of events.
pub struct PostsOfEvents(HashMap<Uuid, PostState>);

impl PostsOfEvents {
    /// Loads the posts of these events, in one query. Sends none if no event is about a comment.
    pub async fn load(db: &impl ConnectionTrait, events: &[event::Model]) -> Result<Self, DbErr> {
        let mut posts: Vec<Uuid> = events.iter().filter_map(|event| event.post).collect();
        posts.sort_unstable();
        posts.dedup();
        Ok(PostsOfEvents(post_states(db, posts).await?))
    }

    /// Returns the current audience of an event; `None` if no caller may receive it, because the post is deleted.
    pub fn audience(&self, event: &event::Model) -> Option<Audience> {
        let stored = Audience::from_columns(event.audience, event.owner, event.post);
        let Audience::Comment { post, only_author } = stored else { return Some(stored) };
        Some(match (self.0.get(&post)?, only_author) {
            (PostState::Published, None) => Audience::Public,
            (PostState::Published, Some(author)) => Audience::Owner(Ownership::Personal, author),
            (PostState::Draft(author), None) => Audience::Owner(Ownership::Content, *author),
            (PostState::Draft(author), Some(only)) if *author == only => {
                Audience::Owner(Ownership::Content, only)
            }
            (PostState::Draft(_), Some(_)) => Audience::Editors,
        })
    }
}
