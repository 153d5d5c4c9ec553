//! Maps job kinds to their handlers.
use crate::{
    app::App,
    http::problem::Error,
    infra::queue::{ClaimedJob, JobError},
    resources::{
        chat::channels,
        webhooks::{inbound, outbound},
    },
};

/// Runs a job.
pub async fn handle(app: &App, job: &ClaimedJob) -> Result<(), JobError> {
    match job.kind.as_str() {
        crate::resources::content::posts::PUBLISH_JOB => super::publish::run(app, job).await,
        super::schedule::PURGE => super::purge::run(app, job).await,
        super::schedule::BACKUP => super::schedule::backup(app, job).await,
        super::schedule::SWEEP => super::schedule::sweep(app, job).await,
        outbound::DELIVER_JOB => app.webhook_endpoints.deliver(job).await,
        outbound::PURGE_DELIVERIES_JOB => app.webhook_endpoints.purge_deliveries(job).await,
        channels::PURGE_MESSAGES_JOB => app.messages.purge(job).await,
        inbound::HANDLE_EVENT_JOB => super::webhook_events::run(app, job).await,
        // The job fails and is retried: during a rolling upgrade, a newer process may have enqueued it and
        // can run it.
        kind => Err(JobError::new(format!("unknown job kind {kind}"))),
    }
}

/// Records a failed attempt in the resource that the job processes. `last` is true if there is no automatic
/// retry.
pub async fn failed(app: &App, job: &ClaimedJob, error: &JobError, last: bool) {
    if job.kind == inbound::HANDLE_EVENT_JOB {
        super::webhook_events::failed(app, job, error, last).await;
    }
}

impl From<Error> for JobError {
    fn from(error: Error) -> Self {
        match error {
            Error::Storage(error) => JobError::from(error),
            error => JobError::new(error),
        }
    }
}
