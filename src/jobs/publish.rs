//! Publishes or unpublishes a post at its scheduled time.
use crate::{
    app::App,
    ports::queue::{Claimed, Failed},
};

pub async fn run(app: &App, job: &Claimed) -> Result<(), Failed> {
    Ok(app.posts.publish_due(job.data()?, job.clone()).await?)
}
