//! Deletes posts and documents whose retention period in the trash has ended.
use crate::{
    app::App,
    infra::queue::{ClaimedJob, JobError},
};

pub async fn run(app: &App, job: &ClaimedJob) -> Result<(), JobError> {
    app.posts.purge().await?;
    app.documents.purge().await?;
    super::schedule::finish_and_reschedule(app, job).await
}
