//! Operations on messages.
use macros::operations;

use super::{
    service::Messages,
    types::{Message, MessageInput, MessagePatch, MessageQuery},
};
use crate::{
    domain::id::Id,
    http::{
        auth::{Authenticated, Caller, OptionalAuth, Owner, OwnerOrEditors},
        cache_control::CacheControl,
        extract::{IdempotencyKey, IfMatch, IfNoneMatch, JsonBody, MergePatch, Path, Query},
        problem::{ApiError, BadRequest, CreateErrors, NotFound, Unauthorized, UpdateErrors},
        response::{GetResponse, ListResponse, NoContent, UpdateResponse},
        upsert_response::Upserted,
    },
    resources::chat::channels::Channel,
};

pub struct MessagesApi(pub Messages);

#[operations(prefix_path = "/api", tag = "super::TAG")]
impl MessagesApi {
    /// List the messages of a channel
    ///
    /// Newest first. Pagination with `after` returns each message that existed at the first request exactly
    /// once, even if messages are added meanwhile.
    #[oai(path = "/channels/:id/messages", method = "get", operation_id = "messagesList")]
    async fn list(
        &self,
        viewer: OptionalAuth,
        /// The id of the channel.
        id: Path<Id<Channel>>,
        query: Query<MessageQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<ListResponse<Message>, ApiError<(BadRequest, NotFound)>> {
        let page = self.0.list(viewer.0.as_ref(), id.0, &query).await?;
        Ok(ListResponse::with_content_etag(page, &if_none_match.0, &query.target, CacheControl::Private))
    }

    /// Post a message to a channel
    ///
    /// Allowed for authenticated callers that can read the channel. A request with a `clientId` that the
    /// author already used in the channel returns the existing message (200) if the text is the same, and 409
    /// otherwise.
    #[oai(path = "/channels/:id/messages", method = "post", operation_id = "messagesCreate")]
    async fn create(
        &self,
        author: Caller<Authenticated>,
        /// The id of the channel.
        id: Path<Id<Channel>>,
        key: IdempotencyKey,
        new: JsonBody<MessageInput>,
    ) -> Result<Upserted<Message>, ApiError<(Unauthorized, NotFound, CreateErrors)>> {
        Ok(Upserted::new(self.0.create(&author, id.0, new.0, key.0).await?))
    }

    /// Get a message
    ///
    /// Returns 404 if the message does not exist or the caller cannot read its channel.
    #[oai(path = "/messages/:id", method = "get", operation_id = "messagesGet")]
    async fn get(
        &self,
        viewer: OptionalAuth,
        /// The id of the message.
        id: Path<Id<Message>>,
        if_none_match: IfNoneMatch,
    ) -> Result<GetResponse<Message>, ApiError<NotFound>> {
        Ok(GetResponse::new(self.0.get(viewer.0.as_ref(), id.0).await?, &if_none_match.0))
    }

    /// Update a message
    ///
    /// The body is a merge patch (RFC 7396). Only the author can update a message. Sets `editedAt`.
    #[oai(path = "/messages/:id", method = "patch", operation_id = "messagesUpdate")]
    async fn update(
        &self,
        author: Caller<Owner>,
        /// The id of the message.
        id: Path<Id<Message>>,
        if_match: IfMatch,
        patch: MergePatch<MessagePatch>,
    ) -> Result<UpdateResponse<Message>, ApiError<UpdateErrors>> {
        Ok(UpdateResponse::new(self.0.update(&author, id.0, patch.0, if_match.0).await?))
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
    ) -> Result<NoContent, ApiError<UpdateErrors>> {
        self.0.delete(&caller, id.0, if_match.0).await?;
        Ok(NoContent::new())
    }
}
