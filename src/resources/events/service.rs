//! Who is told of what.
use std::{sync::Arc, time::Instant};

use entity::event;
use sea_orm::DbErr;
use tokio::sync::watch;

use super::{
    frame,
    places::Places,
    relay::Relay,
    subscription::{Listener, Subscription, beats},
    types::EventQuery,
};
use crate::{
    contract::{
        caller::Principal,
        problem::{Error, Result},
    },
    ports::{clock::Clock, db::Db},
    resources::standing::stands,
};

pub use super::places::EventLimits;

#[derive(Clone)]
pub struct Events {
    db: Db,
    clock: Clock,
    relay: Relay,
    places: Places,
    stopping: Arc<watch::Sender<bool>>,
}

impl Events {
    pub fn new(db: Db, clock: Clock, limits: EventLimits) -> Self {
        let relay = Relay::new(db.clone());
        Events { db, clock, relay, places: Places::new(limits), stopping: Arc::new(watch::channel(false).0) }
    }

    /// Ends all streams; their clients come back, to whoever serves then.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Whether a caller is still who they were when the stream began.
    pub(super) async fn believes(&self, viewer: Option<&Principal>) -> bool {
        match viewer {
            None => true,
            Some(viewer) => stands(self.db.read(), viewer, self.clock.now()).await.unwrap_or(false),
        }
    }

    pub(super) async fn after(&self, position: i64, most: u64) -> Result<Vec<event::Model>, DbErr> {
        self.db.events_after(position, most).await
    }

    /// A stream for this caller, behind the event that it has last.
    pub async fn subscribe(
        &self,
        viewer: Option<Principal>,
        address: &str,
        query: &EventQuery,
        last: Option<i64>,
    ) -> Result<Subscription> {
        let caller = viewer.as_ref().map_or_else(|| address.to_owned(), |viewer| viewer.user.to_string());
        let full = "there are too many streams of events already: end one, or try again later";
        let place = self.places.take(caller).ok_or(Error::Unavailable(full))?;
        if *self.stopping.borrow() {
            return Err(Error::Unavailable("the service is about to stop: come back in a moment"));
        }
        let frames = self.relay.listen(self.db.newest_event().await?);
        let newest = self.db.newest_event().await?;
        let wanted = last.or(query.after);
        let (first, seen) = match wanted {
            Some(after) if self.db.remembers(after).await? => (frame::hello(after), after),
            Some(_) => (frame::reset(newest), newest),
            None => (frame::hello(newest), newest),
        };
        Ok(Subscription {
            events: self.clone(),
            listener: Listener { viewer, topics: query.topics.clone() },
            frames,
            seen,
            until: newest,
            first: Some(first),
            cut: false,
            stopping: self.stopping.subscribe(),
            beats: beats(),
            believed: Instant::now(),
            place,
        })
    }
}
