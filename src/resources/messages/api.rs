//! Operations on messages.
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
    /// List the messages of a channel
    ///
    /// Newest first. Pagination with `after` returns every message that existed at the start exactly once,
    /// even if messages are added meanwhile.
    #[oai(path = "/channels/:id/messages", method = "get", operation_id = "messagesList")]
    async fn list(
        &self,
        viewer: Viewer,
        /// The id of the channel.
        id: Path<Id<Channel>>,
        query: Query<MessageQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<Listed<Message>, Fault<(Invalid, NotFound)>> {
        let page = self.0.list(viewer.0.as_ref(), id.0, &query).await?;
        Ok(Listed::fresh(page, &if_none_match.0, &query.target, Cache::Private))
    }

    /// Post a message to a channel
    ///
    /// Allowed for authenticated callers that can read the channel. A request with a `clientId` that the
    /// author already used in the channel returns the existing message (200) if the text is the same, and 409
    /// otherwise.
    #[oai(path = "/channels/:id/messages", method = "post", operation_id = "messagesCreate")]
    async fn create(
        &self,
        author: Caller<SignedIn>,
        /// The id of the channel.
        id: Path<Id<Channel>>,
        key: IdempotencyKey,
        new: Body<NewMessage>,
    ) -> Result<Received<Message>, Fault<(Unauthorized, NotFound, Once)>> {
        Ok(Received::new(self.0.create(&author, id.0, new.0, key.0).await?))
    }

    /// Get a message
    ///
    /// Returns 404 if the message does not exist or the caller cannot read its channel.
    #[oai(path = "/messages/:id", method = "get", operation_id = "messagesGet")]
    async fn get(
        &self,
        viewer: Viewer,
        /// The id of the message.
        id: Path<Id<Message>>,
        if_none_match: IfNoneMatch,
    ) -> Result<Found<Message>, Fault<NotFound>> {
        Ok(Found::new(self.0.get(viewer.0.as_ref(), id.0).await?, &if_none_match.0))
    }

    /// Update a message
    ///
    /// The body is a merge patch (RFC 7396). Only the author can update a message. The response shows the
    /// time in `editedAt`.
    #[oai(path = "/messages/:id", method = "patch", operation_id = "messagesUpdate")]
    async fn update(
        &self,
        author: Caller<Owner>,
        /// The id of the message.
        id: Path<Id<Message>>,
        if_match: IfMatch,
        patch: Patch<MessagePatch>,
    ) -> Result<Changed<Message>, Fault<Owned>> {
        Ok(Changed::new(self.0.update(&author, id.0, patch.0, if_match.0).await?))
    }

    /// Delete a message
    ///
    /// Allowed for the author of the message and for editors.
    #[oai(path = "/messages/:id", method = "delete", operation_id = "messagesDelete")]
    async fn delete(
        &self,
        caller: Caller<OwnerOrEditors>,
        /// The id of the message.
        id: Path<Id<Message>>,
        if_match: IfMatch,
    ) -> Result<Gone, Fault<Owned>> {
        self.0.delete(&caller, id.0, if_match.0).await?;
        Ok(Gone::new())
    }
}
