//! Maps job kinds to their handlers.
use crate::{
    app::App,
    contract::problem::Error,
    ports::queue::{Claimed, Failed},
    resources::{channels, webhook_endpoints, webhook_events},
};

/// Runs a job.
pub async fn handle(app: &App, job: &Claimed) -> Result<(), Failed> {
    match job.kind.as_str() {
        crate::resources::posts::SCHEDULE => super::publish::run(app, job).await,
        super::schedule::PURGE => super::purge::run(app, job).await,
        super::schedule::SWEEP => super::schedule::sweep(app, job).await,
        webhook_endpoints::DELIVER => app.webhook_endpoints.deliver(job).await,
        webhook_endpoints::FORGET => app.webhook_endpoints.forget_gone(job).await,
        channels::FORGET => app.channels.forget_gone(job).await,
        webhook_events::HANDLE => super::webhook_events::run(app, job).await,
        // Fails instead of discarding: during a rolling upgrade a newer process may have enqueued it and can
        // run it.
        kind => Err(Failed::new(format!("unknown job kind {kind}"))),
    }
}

/// Records a failed attempt with the subject of the job. `last` is true if there is no automatic retry.
pub async fn failed(app: &App, job: &Claimed, error: &Failed, last: bool) {
    if job.kind == webhook_events::HANDLE {
        super::webhook_events::failed(app, job, error, last).await;
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        match error {
            Error::Storage(error) => Failed::new(error),
            error => Failed::new(error),
        }
    }
}
