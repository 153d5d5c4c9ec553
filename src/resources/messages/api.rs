//! What clients can do with messages.
use poem_openapi::OpenApi;

use super::{
    service::Messages,
    types::{Message, MessagePatch, MessageQuery, NewMessage},
};
use crate::{
    api::Tag,
    contract::{
        answer::{Changed, Found, Gone, Listed},
        cache::Cache,
        caller::{Caller, Owner, OwnerOrEditors, SignedIn, Viewer},
        id::Id,
        problem::{Fault, Invalid, NotFound, Once, Owned, Unauthorized},
        received::Received,
        request::{Body, IdempotencyKey, IfMatch, IfNoneMatch, Patch, Path, Query},
    },
    resources::channels::Channel,
};

pub struct MessagesApi(pub Messages);

#[OpenApi(prefix_path = "/api", tag = "Tag::Messages")]
impl MessagesApi {
    /// List the messages of a channel, newest first
    ///
    /// A walk by `after` meets every message that was there when it began, and each once, whatever is said meanwhile.
    #[oai(path = "/channels/:id/messages", method = "get", operation_id = "messagesList")]
    async fn list(
        &self,
        viewer: Viewer,
        /// The channel's id.
        id: Path<Id<Channel>>,
        query: Query<MessageQuery>,
        known: IfNoneMatch,
    ) -> Result<Listed<Message>, Fault<(Invalid, NotFound)>> {
        let page = self.0.list(viewer.0.as_ref(), id.0, &query).await?;
        Ok(Listed::fresh(page, &known.0, &query.target, Cache::Private))
    }

    /// Say something in a channel
    ///
    /// Whoever can read the channel, and is signed in. The same `clientId` of the same author again answers with the
    /// message that is there (200), as long as what was sent is the same (409).
    #[oai(path = "/channels/:id/messages", method = "post", operation_id = "messagesCreate")]
    async fn create(
        &self,
        author: Caller<SignedIn>,
        /// The channel's id.
        id: Path<Id<Channel>>,
        key: IdempotencyKey,
        new: Body<NewMessage>,
    ) -> Result<Received<Message>, Fault<(Unauthorized, NotFound, Once)>> {
        Ok(Received::new(self.0.create(&author, id.0, new.0, key.0).await?))
    }

    /// Read a message
    ///
    /// Of a channel that the caller can read.
    #[oai(path = "/messages/:id", method = "get", operation_id = "messagesRead")]
    async fn read(
        &self,
        viewer: Viewer,
        /// The message's id.
        id: Path<Id<Message>>,
        known: IfNoneMatch,
    ) -> Result<Found<Message>, Fault<NotFound>> {
        Ok(Found::new(self.0.read(viewer.0.as_ref(), id.0).await?, &known.0))
    }

    /// Change what a message says
    ///
    /// A merge patch (RFC 7396), by its author alone. The message says when it was changed.
    #[oai(path = "/messages/:id", method = "patch", operation_id = "messagesPatch")]
    async fn patch(
        &self,
        author: Caller<Owner>,
        /// The message's id.
        id: Path<Id<Message>>,
        when: IfMatch,
        patch: Patch<MessagePatch>,
    ) -> Result<Changed<Message>, Fault<Owned>> {
        Ok(Changed::new(self.0.patch(&author, id.0, patch.0, when.0).await?))
    }

    /// Delete a message
    ///
    /// By its author, or by an editor.
    #[oai(path = "/messages/:id", method = "delete", operation_id = "messagesRemove")]
    async fn remove(
        &self,
        caller: Caller<OwnerOrEditors>,
        /// The message's id.
        id: Path<Id<Message>>,
        when: IfMatch,
    ) -> Result<Gone, Fault<Owned>> {
        self.0.remove(&caller, id.0, when.0).await?;
        Ok(Gone::new())
    }
}
