//! Operations on channels.
use macros::operations;

use super::{
    service::Channels,
    types::{Channel, ChannelInput, ChannelPatch, ChannelQuery},
};
use crate::{
    domain::id::Id,
    http::{
        auth::{Caller, Editors, OptionalAuth},
        cache_control::CacheControl,
        extract::{IdempotencyKey, IfMatch, IfNoneMatch, JsonBody, MergePatch, Path, Query},
        problem::{
            ApiError, BadRequest, Conflict, CreateErrors, NotFound, PreconditionFailed, PreconditionRequired,
        },
        response::{CreateResponse, GetResponse, ListResponse, NoContent, UpdateResponse},
    },
};

pub struct ChannelsApi(pub Channels);

#[operations(prefix_path = "/api/channels", tag = "super::TAG")]
impl ChannelsApi {
    /// List channels
    ///
    /// Returns the channels that the caller can read, ordered by name.
    #[oai(path = "/", method = "get", operation_id = "channelsList")]
    async fn list(
        &self,
        viewer: OptionalAuth,
        query: Query<ChannelQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<ListResponse<Channel>, ApiError<BadRequest>> {
        let page = self.0.list(viewer.0.as_ref(), &query).await?;
        Ok(ListResponse::with_content_etag(page, &if_none_match.0, &query.target, CacheControl::Private))
    }

    /// Create a channel
    ///
    /// The name must be unique: if it already exists, the response is 409.
    #[oai(path = "/", method = "post", operation_id = "channelsCreate")]
    async fn create(
        &self,
        editor: Caller<Editors>,
        key: IdempotencyKey,
        new: JsonBody<ChannelInput>,
    ) -> Result<CreateResponse<Channel>, ApiError<CreateErrors>> {
        Ok(CreateResponse::new(self.0.create(&editor, new.0, key.0).await?))
    }

    /// Get a channel
    ///
    /// Returns 404 if the channel does not exist or the caller cannot read it.
    #[oai(path = "/:id", method = "get", operation_id = "channelsGet")]
    async fn get(
        &self,
        viewer: OptionalAuth,
        /// The id of the channel.
        id: Path<Id<Channel>>,
        if_none_match: IfNoneMatch,
    ) -> Result<GetResponse<Channel>, ApiError<NotFound>> {
        Ok(GetResponse::new(self.0.get(viewer.0.as_ref(), id.0).await?, &if_none_match.0))
    }

    /// Update a channel
    ///
    /// The body is a merge patch (RFC 7396). A new audience takes effect immediately, for existing messages
    /// too.
    #[oai(path = "/:id", method = "patch", operation_id = "channelsUpdate")]
    async fn update(
        &self,
        editor: Caller<Editors>,
        /// The id of the channel.
        id: Path<Id<Channel>>,
        if_match: IfMatch,
        patch: MergePatch<ChannelPatch>,
    ) -> Result<
        UpdateResponse<Channel>,
        ApiError<(NotFound, PreconditionFailed, PreconditionRequired, Conflict)>,
    > {
        Ok(UpdateResponse::new(self.0.update(&editor, id.0, patch.0, if_match.0).await?))
    }

    /// Delete a channel
    ///
    /// Deletes the channel with its messages. They are inaccessible from now on; a background job deletes the
    /// rows.
    #[oai(path = "/:id", method = "delete", operation_id = "channelsDelete")]
    async fn delete(
        &self,
        editor: Caller<Editors>,
        /// The id of the channel.
        id: Path<Id<Channel>>,
        if_match: IfMatch,
    ) -> Result<NoContent, ApiError<(NotFound, PreconditionFailed, PreconditionRequired)>> {
        self.0.delete(&editor, id.0, if_match.0).await?;
        Ok(NoContent::new())
    }
}
