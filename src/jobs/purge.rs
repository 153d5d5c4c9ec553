//! Empties the trash of what has been in it for too long.
use crate::{
    app::App,
    ports::queue::{Claimed, Failed},
};

pub async fn run(app: &App, job: &Claimed) -> Result<(), Failed> {
    app.posts.purge().await?;
    app.docs.purge().await?;
    super::schedule::again(app, job).await
}
