//! Publishes or unpublishes a post at its scheduled time.
use crate::{
    app::App,
    infra::queue::{ClaimedJob, JobError},
};

pub async fn run(app: &App, job: &ClaimedJob) -> Result<(), JobError> {
    Ok(app.posts.publish_due(job.data()?, job.clone()).await?)
}
