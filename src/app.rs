//! The service put together: ports first, then the services on them, once.
use crate::{
    contract::{cursor::CursorKey, problem::Result},
    ports::{clock::Clock, db::Db},
    resources::{
        comments::Comments,
        docs::Docs,
        health::Health,
        posts::{Posts, PreviewKey},
        tags::Tags,
    },
};

/// Every service of the house.
#[derive(Clone)]
pub struct App {
    pub db: Db,
    pub clock: Clock,
    pub comments: Comments,
    pub docs: Docs,
    pub health: Health,
    pub posts: Posts,
    pub tags: Tags,
}

impl App {
    pub async fn new(db: Db, clock: Clock) -> Result<App> {
        let secret = [0u8; 32];
        let cursors = CursorKey::new(&secret);
        let tags = Tags::new(db.clone(), clock.clone(), cursors.clone());
        let previews = PreviewKey::new(&secret);
        let posts = Posts::new(db.clone(), clock.clone(), tags.clone(), cursors.clone(), previews);
        Ok(App {
            comments: Comments::new(db.clone(), clock.clone(), cursors.clone()),
            docs: Docs::new(db.clone(), clock.clone(), cursors),
            health: Health::new(db.clone(), clock.clone()),
            posts,
            tags,
            db,
            clock,
        })
    }
}
