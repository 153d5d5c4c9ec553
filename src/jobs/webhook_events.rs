//! Processes stored webhook events: applies a payment to an invoice, or imports the documentation.
//!
//! A payment, its outcome and the end of the job are one transaction, so a payment is applied exactly once. An
//! import runs in a transaction of its own before the outcome is recorded; it can be repeated without effect.
use std::path::Path;

use crate::{
    app::App,
    contract::{or_log::OrLog, problem::Error},
    import::{self, Answers, ImportError, ImportedDocument, ImportedPost, ImportedRecord, Library, Progress},
    ports::{
        db::Tx,
        queue::{Claimed, Failed},
    },
    resources::{
        docs,
        imports::Effect as Imported,
        invoices::{InvoiceName, InvoiceStatus},
        revisions::keep,
        webhook_events::{Effect, Handle, Outcome, WebhookEventState as State, effect},
    },
};

/// Processes one event.
pub async fn run(app: &App, job: &Claimed) -> Result<(), Failed> {
    let Handle { event } = job.data()?;
    let Some(pending) = app.webhook_events.pending(event).await? else { return Ok(()) };
    match effect(pending.provider, &pending.kind, &pending.body) {
        Effect::Invoice(name, status) => apply_payment(app, job, name, status).await,
        Effect::Documents => match &app.github_docs {
            Some(folder) => {
                finish(app, job, State::Handled, Some(import_documents(app, folder).await?)).await
            }
            None => finish(app, job, State::Kept, None).await,
        },
        Effect::Nothing(reason) => finish(app, job, State::Ignored, Some(reason.to_owned())).await,
        Effect::Unknown => finish(app, job, State::Kept, None).await,
    }
}

/// Records with the event that it failed, permanently or until the next attempt.
pub async fn failed(app: &App, job: &Claimed, error: &Failed, last: bool) {
    let state = if last { State::Failed } else { State::Received };
    let outcome = Outcome { state, words: Some(error.message.clone()) };
    let (events, job) = (app.webhook_events.clone(), job.clone());
    let recorded = app.db.write(async move |tx: Tx| {
        let Handle { event } = job.data()?;
        events.note(&tx, event, outcome).await?;
        Ok::<_, Failed>(())
    });
    recorded.await.or_log("recording a failed webhook event");
}

/// Records the outcome and finishes the job.
async fn finish(app: &App, job: &Claimed, state: State, message: Option<String>) -> Result<(), Failed> {
    let (app, job, now) = (app.clone(), job.clone(), app.clock.now());
    let db = app.db.clone();
    db.write(async move |tx: Tx| {
        let Handle { event } = job.data()?;
        app.webhook_events.note(&tx, event, Outcome { state, words: message }).await?;
        job.finish(&tx, now).await?;
        Ok(())
    })
    .await
}

/// Applies a payment to an invoice.
async fn apply_payment(
    app: &App,
    job: &Claimed,
    name: InvoiceName,
    status: InvoiceStatus,
) -> Result<(), Failed> {
    let (app, job, now) = (app.clone(), job.clone(), app.clock.now());
    let db = app.db.clone();
    db.write(async move |tx: Tx| {
        let Handle { event } = job.data()?;
        let settled = app.invoices.settle(&tx, name, status).await?;
        let settled = settled.ok_or_else(|| Failed::permanent("no invoice has this name"))?;
        let verb = if settled.moved { "is" } else { "was already" };
        let message = format!("invoice {} {verb} {}", settled.number, settled.status.as_str());
        let outcome = Outcome { state: State::Handled, words: Some(message) };
        app.webhook_events.note(&tx, event, outcome).await?;
        job.finish(&tx, now).await?;
        Ok(())
    })
    .await
}

/// Imports the folder in its current state. Another program updates the checkout.
async fn import_documents(app: &App, folder: &Path) -> Result<String, Failed> {
    let report = import::documents(folder, &DocumentImport(app), false, &mut Progress::silent()).await;
    if let Some(first) = report.failed.first() {
        let files = report.failed.len();
        return Err(Failed::new(format!(
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

impl Library for DocumentImport<'_> {
    async fn put_documents(&self, documents: &[ImportedDocument], _dry_run: bool) -> Answers {
        let (docs, documents) = (self.0.docs.clone(), documents.to_vec());
        let done = self.0.db.write(async move |tx: Tx| {
            let (mut outcomes, mut history) = (Vec::with_capacity(documents.len()), Vec::new());
            for ImportedDocument { path, title, content, position, .. } in documents {
                let document = docs::ImportedDocument { path, title, content, position };
                outcomes.push(Ok(match docs.import(&tx, &document, &mut history).await? {
                    Imported::Created => import::Outcome::Created,
                    Imported::Updated => import::Outcome::Updated,
                    Imported::Unchanged => import::Outcome::Unchanged,
                }));
            }
            keep(&tx, history).await?;
            Ok::<_, Error>(outcomes)
        });
        done.await.map_err(|error| match error {
            error @ Error::Storage(_) => ImportError::Unavailable(error.to_string()),
            error => ImportError::Refused(error.to_string()),
        })
    }

    async fn put_posts(&self, _posts: &[ImportedPost], _dry_run: bool) -> Answers {
        Err(ImportError::Unavailable(DOCUMENTS_ONLY.to_owned()))
    }

    async fn put_picture(
        &self,
        _file: &Path,
        _dry_run: bool,
    ) -> Result<(String, import::Outcome), ImportError> {
        Err(ImportError::Unavailable(DOCUMENTS_ONLY.to_owned()))
    }

    async fn put_records(&self, _records: &[ImportedRecord], _dry_run: bool) -> Answers {
        Err(ImportError::Unavailable(DOCUMENTS_ONLY.to_owned()))
    }
}
