//! The operation that streams events.
use macros::operations;

use super::{
    frame,
    service::Events,
    types::{Event, EventQuery},
};
use crate::http::{
    auth::OptionalAuth,
    event_stream,
    extract::{Client, LastEventId, Query},
    problem::ApiError,
};

pub struct EventsApi(pub Events);

#[operations(prefix_path = "/api/events", tag = "super::TAG")]
impl EventsApi {
    /// Stream events
    ///
    /// A stream of server-sent events (HTML, section 9.2). Each event is sent when its change is committed,
    /// in the same order for all clients. A caller receives the events of resources that it can read.
    ///
    /// To resume, a client sends the `id` of its last event as `Last-Event-ID` or as `after`, and receives
    /// the events since then. Events are stored for 24 hours. If events are missing, the stream sends an
    /// event `reset`, at the start or later: its `data` is `{"after": …}`, the position after which the
    /// stream continues, and the client must reload all resources that it displays.
    ///
    /// An event `heartbeat` is sent on connect and every 15 seconds. It keeps the connection open and moves the
    /// resume position; its `data` is that of `reset`. A client that reads too slowly is disconnected and can
    /// resume. Each caller can have ten streams at a time: a further one ends at once and has a `retry` of one
    /// minute. A `Last-Event-ID` that is not a position of this log starts with `reset`.
    #[oai(path = "/", method = "get", operation_id = "eventsStream")]
    async fn stream(
        &self,
        viewer: OptionalAuth,
        client: Client,
        query: Query<EventQuery>,
        last: LastEventId,
    ) -> Result<event_stream::EventStream<Event>, ApiError<()>> {
        Ok(match self.0.subscribe(viewer.0, &client.address, &query, last.0).await? {
            Some(subscription) => {
                let connection = subscription.live.connection.clone();
                event_stream::EventStream::new(subscription.stream(), connection)
            }
            None => event_stream::EventStream::single(frame::too_many()),
        })
    }
}
