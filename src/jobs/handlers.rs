//! Which job is done by whom.
use crate::{
    app::App,
    contract::problem::Error,
    ports::queue::{Claimed, Failed},
    resources::webhook_endpoints::DELIVER,
    resources::webhook_events,
};

/// Does a job.
pub async fn handle(app: &App, job: &Claimed) -> Result<(), Failed> {
    match job.kind.as_str() {
        crate::resources::posts::SCHEDULE => super::publish::run(app, job).await,
        super::schedule::PURGE => super::purge::run(app, job).await,
        super::schedule::SWEEP => super::schedule::sweep(app, job).await,
        DELIVER => app.webhook_endpoints.deliver(job).await,
        webhook_events::HANDLE => super::webhook_events::run(app, job).await,
        kind => Err(Failed::for_good(format!("this program knows no job of the kind {kind}"))),
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
