//! Which job is done by whom.
use crate::{
    app::App,
    contract::problem::Error,
    ports::queue::{Claimed, Failed},
    resources::{channels, webhook_endpoints, webhook_events},
};

/// Does a job.
pub async fn handle(app: &App, job: &Claimed) -> Result<(), Failed> {
    match job.kind.as_str() {
        crate::resources::posts::SCHEDULE => super::publish::run(app, job).await,
        super::schedule::PURGE => super::purge::run(app, job).await,
        super::schedule::SWEEP => super::schedule::sweep(app, job).await,
        webhook_endpoints::DELIVER => app.webhook_endpoints.deliver(job).await,
        webhook_endpoints::FORGET => app.webhook_endpoints.forget_gone(job).await,
        channels::FORGET => app.channels.forget_gone(job).await,
        webhook_events::HANDLE => super::webhook_events::run(app, job).await,
        // A newer version of the program may, which runs beside this one while they change over.
        kind => Err(Failed::new(format!("this program knows no job of the kind {kind}"))),
    }
}

/// Tells those who wait for a job that a try of it has failed; `last` when no other follows by itself.
pub async fn failed(app: &App, job: &Claimed, why: &Failed, last: bool) {
    if job.kind == webhook_events::HANDLE {
        super::webhook_events::failed(app, job, why, last).await;
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
