//! Event service: opens streams and checks that their callers are still active.
use std::sync::Arc;

use entity::event;
use sea_orm::DbErr;
use tokio::{sync::watch, time::Instant};

use super::{
    frame::{self, Frame},
    live::{Listener, Live},
    relay::Relay,
    stream_limits::{LimitReached, StreamLimits},
    subscription::{Subscription, heartbeats},
    types::EventQuery,
};
use crate::{
    config::EventsConfig,
    http::{
        auth::Principal,
        event_stream::LastEvent,
        problem::{Error, Result},
    },
    infra::{clock::Clock, db::Db},
    resources::accounts::active::is_active,
};

#[derive(Clone)]
pub struct Events {
    db: Db,
    clock: Clock,
    relay: Relay,
    stream_limits: StreamLimits,
    stopping: Arc<watch::Sender<bool>>,
}

impl Events {
    pub fn new(db: Db, clock: Clock, limits: EventsConfig) -> Self {
        let relay = Relay::new(db.clone());
        Events {
            db,
            clock,
            relay,
            stream_limits: StreamLimits::new(limits),
            stopping: Arc::new(watch::channel(false).0),
        }
    }

    /// Ends all streams. Their clients reconnect to another process.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Returns the number of open streams.
    pub fn open_streams(&self) -> usize {
        self.stream_limits.open_streams()
    }

    /// Returns whether the credential of a stream is still valid.
    pub(super) async fn is_active(&self, viewer: Option<&Principal>) -> bool {
        match viewer {
            None => true,
            Some(viewer) => is_active(self.db.read(), viewer, self.clock.now()).await.unwrap_or(false),
        }
    }

    pub(super) async fn after(&self, position: i64, limit: u64) -> Result<Vec<event::Model>, DbErr> {
        self.db.events_after(position, limit).await
    }

    pub(super) async fn frames(&self, rows: &[event::Model]) -> Result<Vec<Frame>, DbErr> {
        Frame::from_rows(self.db.read(), rows).await
    }

    /// Opens a stream that continues after the client's last event. Returns `None` if the caller has too many streams.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the limit of all streams is reached or the server is stopping.
    pub async fn subscribe(
        &self,
        viewer: Option<Principal>,
        address: &str,
        query: &EventQuery,
        last: Option<LastEvent>,
    ) -> Result<Option<Subscription>> {
        let caller = viewer.as_ref().map_or_else(|| address.to_owned(), |viewer| viewer.user.to_string());
        let too_many = "too many event streams are open: close one, or retry later";
        let permit = match self.stream_limits.acquire(caller) {
            Ok(permit) => permit,
            Err(LimitReached::Caller) => return Ok(None),
            Err(LimitReached::Server) => return Err(Error::Unavailable(too_many)),
        };
        if *self.stopping.borrow() {
            return Err(Error::Unavailable("the server is stopping: reconnect in a moment"));
        }
        // The newest position is queried again after subscribing: see `Relay::subscribe`.
        let live = Arc::new(Live::new(Listener { viewer, topics: query.topics.clone() }, Instant::now()));
        let registration = self.relay.subscribe(live.clone(), self.db.newest_event_position().await?);
        let newest = self.db.newest_event_position().await?;
        live.skip_to(newest);
        let last_event = last.or(query.after.map(LastEvent::Position));
        let (first, seen) = match last_event {
            Some(LastEvent::Position(after)) if self.db.has_all_events_after(after).await? => {
                (frame::start(after), after)
            }
            // Also for an id of another database or of another service.
            Some(_) => (frame::reset(newest), newest),
            None => (frame::start(newest), newest),
        };
        Ok(Some(Subscription {
            events: self.clone(),
            live,
            registration,
            seen,
            backlog_end: newest,
            first: Some(first),
            ended: false,
            stopping: self.stopping.subscribe(),
            heartbeats: heartbeats(),
            permit,
        }))
    }
}
