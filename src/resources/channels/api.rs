//! What clients can do with channels.
use poem_openapi::OpenApi;

use super::{
    service::Channels,
    types::{Channel, ChannelPatch, ChannelQuery, NewChannel},
};
use crate::{
    api::Tag,
    contract::{
        answer::{Changed, Created, Found, Gone, Listed},
        cache::Cache,
        caller::{Caller, Editors, Viewer},
        id::Id,
        problem::{Conflict, Fault, Invalid, NotFound, Once, Stale, Unconditional},
        request::{Body, IdempotencyKey, IfMatch, IfNoneMatch, Patch, Path, Query},
    },
};

pub struct ChannelsApi(pub Channels);

#[OpenApi(prefix_path = "/api/channels", tag = "Tag::Channels")]
impl ChannelsApi {
    /// List channels by name
    ///
    /// Those that the caller can read.
    #[oai(path = "/", method = "get", operation_id = "channelsList")]
    async fn list(
        &self,
        viewer: Viewer,
        query: Query<ChannelQuery>,
        known: IfNoneMatch,
    ) -> Result<Listed<Channel>, Fault<Invalid>> {
        let page = self.0.list(viewer.0.as_ref(), &query).await?;
        Ok(Listed::fresh(page, &known.0, &query.target, Cache::Private))
    }

    /// Make a channel
    ///
    /// One name is one channel (409).
    #[oai(path = "/", method = "post", operation_id = "channelsCreate")]
    async fn create(
        &self,
        _editor: Caller<Editors>,
        key: IdempotencyKey,
        new: Body<NewChannel>,
    ) -> Result<Created<Channel>, Fault<Once>> {
        Ok(Created::new(self.0.create(new.0, key.0).await?))
    }

    /// Read a channel
    ///
    /// One that the caller cannot read is not there.
    #[oai(path = "/:id", method = "get", operation_id = "channelsRead")]
    async fn read(
        &self,
        viewer: Viewer,
        /// The channel's id.
        id: Path<Id<Channel>>,
        known: IfNoneMatch,
    ) -> Result<Found<Channel>, Fault<NotFound>> {
        Ok(Found::new(self.0.read(viewer.0.as_ref(), id.0).await?, &known.0))
    }

    /// Change a channel
    ///
    /// A merge patch (RFC 7396). Another audience reads at once what was said before, and nobody else does any more.
    #[oai(path = "/:id", method = "patch", operation_id = "channelsPatch")]
    async fn patch(
        &self,
        editor: Caller<Editors>,
        /// The channel's id.
        id: Path<Id<Channel>>,
        when: IfMatch,
        patch: Patch<ChannelPatch>,
    ) -> Result<Changed<Channel>, Fault<(NotFound, Stale, Unconditional, Conflict)>> {
        Ok(Changed::new(self.0.patch(&editor, id.0, patch.0, when.0).await?))
    }

    /// Delete a channel
    ///
    /// All that was said in it is nowhere from now on, and forgotten a moment later.
    #[oai(path = "/:id", method = "delete", operation_id = "channelsRemove")]
    async fn remove(
        &self,
        editor: Caller<Editors>,
        /// The channel's id.
        id: Path<Id<Channel>>,
        when: IfMatch,
    ) -> Result<Gone, Fault<(NotFound, Stale, Unconditional)>> {
        self.0.remove(&editor, id.0, when.0).await?;
        Ok(Gone::new())
    }
}
