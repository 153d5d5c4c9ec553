//! What providers told has its effect: on an invoice, or on the documentation. The effect, what is noted of it and the
//! end of the job are one transaction.
use std::path::Path;

use crate::{
    app::App,
    contract::{or_log::OrLog, problem::Error},
    import::{self, Answers, ImportError, ImportedDocument, ImportedPost, ImportedRecord, Library, Progress},
    ports::{
        db::Tx,
        queue::{Claimed, Failed, Next},
    },
    resources::{
        docs,
        imports::Effect as Imported,
        invoices::{InvoiceName, InvoiceStatus},
        revisions::keep,
        webhook_events::{Effect, Handle, Outcome, WebhookEventState as State, effect},
    },
};

/// Handles one event.
pub async fn run(app: &App, job: &Claimed) -> Result<(), Failed> {
    let Handle { event } = job.data()?;
    let Some(pending) = app.webhook_events.pending(event).await? else { return Ok(()) };
    let done = match effect(pending.provider, &pending.kind, &pending.body) {
        Effect::Invoice(name, status) => settle(app, job, name, status).await,
        Effect::Documents => match &app.github_docs {
            Some(folder) => match documents(app, folder).await {
                Ok(words) => end(app, job, State::Handled, Some(words)).await,
                Err(failed) => Err(failed),
            },
            None => end(app, job, State::Kept, None).await,
        },
        Effect::Nothing(why) => end(app, job, State::Ignored, Some(why.to_owned())).await,
        Effect::Unknown => end(app, job, State::Kept, None).await,
    };
    if let Err(failed) = &done {
        let last = job.last || failed.next == Next::Never;
        let state = if last { State::Failed } else { State::Received };
        let outcome = Outcome { state, words: Some(failed.why.clone()) };
        let events = app.webhook_events.clone();
        let noted = app.db.write(async move |tx: Tx| events.note(&tx, event, outcome).await);
        noted.await.or_log("noting that an event was not handled");
    }
    done
}

async fn end(app: &App, job: &Claimed, state: State, words: Option<String>) -> Result<(), Failed> {
    let (app, job, now) = (app.clone(), job.clone(), app.clock.now());
    let db = app.db.clone();
    db.write(async move |tx: Tx| {
        let Handle { event } = job.data()?;
        app.webhook_events.note(&tx, event, Outcome { state, words }).await?;
        job.finish(&tx, now).await?;
        Ok(())
    })
    .await
}

async fn settle(app: &App, job: &Claimed, name: InvoiceName, status: InvoiceStatus) -> Result<(), Failed> {
    let (app, job, now) = (app.clone(), job.clone(), app.clock.now());
    let db = app.db.clone();
    db.write(async move |tx: Tx| {
        let Handle { event } = job.data()?;
        let settled = app.invoices.settle(&tx, name, status).await?;
        let settled = settled.ok_or_else(|| Failed::for_good("there is no invoice of this name"))?;
        let so = if settled.moved { "is" } else { "was already" };
        let words = format!("invoice {} {so} {}", settled.number, settled.status.as_str());
        let outcome = Outcome { state: State::Handled, words: Some(words) };
        app.webhook_events.note(&tx, event, outcome).await?;
        job.finish(&tx, now).await?;
        Ok(())
    })
    .await
}

/// Imports the folder again, as it is now: it is brought up to date by others.
async fn documents(app: &App, folder: &Path) -> Result<String, Failed> {
    let report = import::documents(folder, &Tree(app), false, &mut Progress::silent()).await;
    if let Some(first) = report.failed.first() {
        let files = report.failed.len();
        return Err(Failed::new(format!("{files} not imported, first {}: {}", first.file, first.reason)));
    }
    let (created, updated, unchanged) = (report.created.len(), report.updated.len(), report.unchanged.len());
    Ok(format!("documents: {created} created, {updated} updated, {unchanged} unchanged"))
}

/// The service, as what documents are imported into.
struct Tree<'a>(&'a App);

impl Library for Tree<'_> {
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
        Err(ImportError::Unavailable("only documents are imported here".to_owned()))
    }

    async fn put_records(&self, _records: &[ImportedRecord], _dry_run: bool) -> Answers {
        Err(ImportError::Unavailable("only documents are imported here".to_owned()))
    }
}
