//! Processes stored webhook events: records a payment of an invoice, or imports the documentation.
//!
//! A payment, its outcome and the end of the job are one transaction, so a payment is applied exactly once.
//! An import runs in a transaction of its own before the outcome is recorded. A repeated import changes
//! nothing.
use std::path::Path;

use crate::{
    app::App,
    domain::result_ext::ResultExt,
    http::problem::Error,
    import::{
        self, BatchResult, ImportError, ImportedDocument, ImportedPost, ImportedRecord, Progress, Target,
    },
    infra::{
        db::Tx,
        queue::{ClaimedJob, JobError, Retry},
    },
    resources::{
        billing::invoices::{PaymentReport, PaymentResult},
        content::{documents, revisions::store_revisions},
        shared::import_log::ImportEffect as Imported,
        webhooks::inbound::{Action, HandleEventJob, Outcome, WebhookEventState as State, action, stripe},
    },
};

const SECOND: i64 = 1000;

/// Delays before the next attempt while an invoice does not exist, in milliseconds: ten minutes in total. A shop can create
/// the invoice after the payment. A job has one attempt more.
const WAITS: [i64; 7] =
    [5 * SECOND, 10 * SECOND, 20 * SECOND, 40 * SECOND, 80 * SECOND, 160 * SECOND, 285 * SECOND];

const NOT_FETCHED: &str =
    "a thin event does not contain its object: set webhooks_stripe_api_key, then replay the event";

/// Processes one event.
pub async fn run(app: &App, job: &ClaimedJob) -> Result<(), JobError> {
    let HandleEventJob { event } = job.data()?;
    let Some(pending) = app.webhook_events.pending(event).await? else { return Ok(()) };
    match action(pending.provider, &pending.kind, &pending.body) {
        Action::RecordPayment(report) => record_payment(app, job, report).await,
        Action::FetchObject(object) => match app.stripe_api.fetch(&object).await? {
            None => finish(app, job, State::Ignored, Some(NOT_FETCHED.to_owned())).await,
            Some(found) => match stripe::object_action(&object.kind, &found) {
                Action::RecordPayment(report) => record_payment(app, job, report).await,
                Action::Ignore(reason) => finish(app, job, State::Ignored, Some(reason.to_owned())).await,
                _ => finish(app, job, State::Unhandled, None).await,
            },
        },
        Action::ImportDocuments => match &app.webhooks_config.webhooks_github_docs {
            Some(folder) => {
                finish(app, job, State::Handled, Some(import_documents(app, folder).await?)).await
            }
            None => finish(app, job, State::Unhandled, None).await,
        },
        Action::Ignore(reason) => finish(app, job, State::Ignored, Some(reason.to_owned())).await,
        Action::Unhandled => finish(app, job, State::Unhandled, None).await,
    }
}

/// Records a failed attempt with the event. The state is `failed` if `last`, otherwise `received` again.
pub async fn failed(app: &App, job: &ClaimedJob, error: &JobError, last: bool) {
    let state = if last { State::Failed } else { State::Received };
    let outcome = Outcome { state, message: Some(error.message.clone()) };
    let (events, job) = (app.webhook_events.clone(), job.clone());
    let recorded = app.db.write(async move |tx: Tx| {
        let HandleEventJob { event } = job.data()?;
        events.record_outcome(&tx, event, outcome).await?;
        Ok::<_, JobError>(())
    });
    recorded.await.ok_or_log("recording a failed webhook event");
}

/// Records the outcome and finishes the job.
async fn finish(app: &App, job: &ClaimedJob, state: State, message: Option<String>) -> Result<(), JobError> {
    let (app, job, now) = (app.clone(), job.clone(), app.clock.now());
    let db = app.db.clone();
    db.write(async move |tx: Tx| {
        let HandleEventJob { event } = job.data()?;
        app.webhook_events.record_outcome(&tx, event, Outcome { state, message }).await?;
        job.finish(&tx, now).await?;
        Ok(())
    })
    .await
}

/// Returns the error of an event whose invoice or payment does not exist yet. It is retried for ten minutes.
fn missing(job: &ClaimedJob, now: i64, message: &str) -> JobError {
    let attempt = usize::try_from(job.attempt).unwrap_or_default();
    match attempt.checked_sub(1).and_then(|failed| WAITS.get(failed)) {
        Some(wait) => JobError { retry: Retry::At(now + wait), ..JobError::new(message) },
        None => JobError::permanent(message),
    }
}

/// Records a payment or a refund of an invoice.
async fn record_payment(app: &App, job: &ClaimedJob, report: PaymentReport) -> Result<(), JobError> {
    let (app, job, now) = (app.clone(), job.clone(), app.clock.now());
    let db = app.db.clone();
    db.write(async move |tx: Tx| {
        let HandleEventJob { event } = job.data()?;
        let message = match app.invoices.apply_payment(&tx, &report).await? {
            PaymentResult::Recorded(message) => message,
            PaymentResult::UnknownInvoice => return Err(missing(&job, now, "no invoice has this name")),
            PaymentResult::UnknownPayment => return Err(missing(&job, now, "no payment has this id")),
        };
        let outcome = Outcome { state: State::Handled, message: Some(message) };
        app.webhook_events.record_outcome(&tx, event, outcome).await?;
        job.finish(&tx, now).await?;
        Ok(())
    })
    .await
}

/// Imports the folder in its current state. Another program updates the checkout.
async fn import_documents(app: &App, folder: &Path) -> Result<String, JobError> {
    let report = import::import_documents(folder, &DocumentImport(app), false, &mut Progress::silent()).await;
    if let Some(first) = report.failed.first() {
        let files = report.failed.len();
        return Err(JobError::new(format!(
            "{files} files not imported, first {}: {}",
            first.file, first.reason
        )));
    }
    let (created, updated, unchanged) = (report.created.len(), report.updated.len(), report.unchanged.len());
    Ok(format!("documents: {created} created, {updated} updated, {unchanged} unchanged"))
}

/// Imports documents into the running service.
struct DocumentImport<'a>(&'a App);

const DOCUMENTS_ONLY: &str = "only documents can be imported here";

impl Target for DocumentImport<'_> {
    async fn put_documents(&self, documents: &[ImportedDocument], _dry_run: bool) -> BatchResult {
        let (app, documents) = (self.0.clone(), documents.to_vec());
        let done = self.0.db.write(async move |tx: Tx| {
            let (mut outcomes, mut history) = (Vec::with_capacity(documents.len()), Vec::new());
            for ImportedDocument { path, title, content, position, .. } in documents {
                let document = documents::ImportedDocument { path, title, content, position };
                outcomes.push(Ok(match app.documents.import(&tx, &document, &mut history).await? {
                    Imported::Created => import::Outcome::Created,
                    Imported::Updated => import::Outcome::Updated,
                    Imported::Unchanged => import::Outcome::Unchanged,
                }));
            }
            store_revisions(&tx, history).await?;
            Ok::<_, Error>(outcomes)
        });
        done.await.map_err(|error| match error {
            error @ Error::Storage(_) => ImportError::Unavailable(error.to_string()),
            error => ImportError::Rejected(error.to_string()),
        })
    }

    async fn put_posts(&self, _posts: &[ImportedPost], _dry_run: bool) -> BatchResult {
        Err(ImportError::Unavailable(DOCUMENTS_ONLY.to_owned()))
    }

    async fn put_image(
        &self,
        _file: &Path,
        _dry_run: bool,
    ) -> Result<(String, import::Outcome), ImportError> {
        Err(ImportError::Unavailable(DOCUMENTS_ONLY.to_owned()))
    }

    async fn put_records(&self, _records: &[ImportedRecord], _dry_run: bool) -> BatchResult {
        Err(ImportError::Unavailable(DOCUMENTS_ONLY.to_owned()))
    }
}
