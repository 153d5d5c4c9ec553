//! The service put together: ports first, then the services on them, once.
use crate::{
    contract::{cursor::CursorKey, problem::Result},
    ports::{clock::Clock, db::Db},
    resources::{
        posts::{Posts, PreviewKey},
        tags::Tags,
    },
};

/// Every service of the house.
#[derive(Clone)]
pub struct App {
    pub db: Db,
    pub clock: Clock,
    pub posts: Posts,
}

impl App {
    pub async fn new(db: Db, clock: Clock) -> Result<App> {
        let secret = [0u8; 32];
        let tags = Tags::new(db.clone());
        let posts =
            Posts::new(db.clone(), clock.clone(), tags, CursorKey::new(&secret), PreviewKey::new(&secret));
        Ok(App { db, clock, posts })
    }
}
