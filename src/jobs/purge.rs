//! Deletes posts and documents whose retention in the trash has ended.
use crate::{
    app::App,
    ports::queue::{Claimed, Failed},
};

pub async fn run(app: &App, job: &Claimed) -> Result<(), Failed> {
    app.posts.purge().await?;
    app.docs.purge().await?;
    super::schedule::finish_and_reschedule(app, job).await
}
