//! What clients can do with events.
use poem_openapi::OpenApi;

use super::{
    service::Events,
    types::{Event, EventQuery},
};
use crate::{
    api::Tag,
    contract::{
        caller::Viewer,
        problem::Fault,
        request::{Client, LastEventId, Query},
        stream,
    },
};

pub struct EventsApi(pub Events);

#[OpenApi(prefix_path = "/api/events", tag = "Tag::Events")]
impl EventsApi {
    /// Listen to what happens
    ///
    /// A stream of events (HTML, 9.2), each as soon as its change is committed, in one order for everybody. Each
    /// caller gets those about what they may read. A client that was away sends the `id` of the last event that it
    /// has, as `Last-Event-ID` or as `after`, and gets what it missed; events are kept for 24 hours. Where something
    /// is missing nevertheless, an event `reset` says so, first or in the midst: its `data` is `{"after": …}`, the position behind which
    /// the stream goes on, and whatever the client shows has to be read anew. At the begin and every 15 seconds an
    /// `id` without `data` tells how far the log has come, which keeps the connection open. Who reads too slowly is cut off and can read on. A caller has ten streams at a time.
    #[oai(path = "/", method = "get", operation_id = "eventsListen")]
    async fn listen(
        &self,
        viewer: Viewer,
        client: Client,
        query: Query<EventQuery>,
        last: LastEventId,
    ) -> Result<stream::Events<Event>, Fault<()>> {
        let subscription = self.0.subscribe(viewer.0, &client.address, &query, last.0).await?;
        Ok(stream::Events::new(subscription.stream()))
    }
}
