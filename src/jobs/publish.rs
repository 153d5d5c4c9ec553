//! Publishes a post, or takes it back, when its time has come.
use crate::{
    app::App,
    ports::queue::{Claimed, Failed},
};

pub async fn run(app: &App, job: &Claimed) -> Result<(), Failed> {
    Ok(app.posts.publish_due(job.data()?, job.clone()).await?)
}
