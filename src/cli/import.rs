//! `tenon import`: imports content and records from files, through the services that the API uses.
mod records;
mod redirects;

use std::{
    ops::RangeInclusive,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use clap::{Args, Subcommand};

use super::{
    app_on,
    errors::{database_message, message, record_message},
    print,
    temp::TempDatabase,
    validate,
};
use crate::{
    app::App,
    config::Config,
    domain::{date::SUPPORTED_YEARS, text::trim, timestamp::Timestamp},
    http::problem::{Error, Result},
    import::{
        self, BatchResult, DefaultYear, ImportError, ImportedDocument, ImportedPost, ImportedRecord, Outcome,
        Progress, Publication, Report, Target, files,
    },
    infra::{
        clock::Clock,
        db::{Tx, sqlite_path},
        sealing::SecretKeys,
    },
    resources::{
        accounts::users::find_or_create_author,
        content::{
            documents, posts,
            revisions::{NewRevision, store_revisions},
        },
        shared::import_log::ImportEffect,
    },
};
use records::RecordWriter;
use redirects::RedirectFiles;

#[derive(Subcommand)]
pub enum Import {
    /// Import posts from Markdown files with front matter
    Markdown(Posts),
    /// Import documents from a folder of Markdown files
    Documents(Source),
    /// Import customers, invoices, revenues (arrays) and redirects (objects) from JSON files
    Json(Records),
    /// Import redirects from JSON, CSV and Netlify files
    Redirects(RedirectFiles),
}

#[derive(Args)]
pub struct Records {
    /// JSON files, in any order
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Year of months without a year, 1900 to 2199 [default: each is one of the last twelve months]
    #[arg(long, value_name = "YYYY", value_parser = clap::value_parser!(u16).range(years()))]
    year: Option<u16>,
    #[command(flatten)]
    args: ImportArgs,
}

#[derive(Args)]
pub struct Posts {
    #[command(flatten)]
    source: Source,
    /// Author of posts without an author
    #[arg(long, value_name = "NAME", default_value = "Unknown author")]
    author: String,
}

#[derive(Args)]
pub struct Source {
    /// Folder with Markdown files
    dir: PathBuf,
    #[command(flatten)]
    args: ImportArgs,
}

#[derive(Args)]
pub struct ImportArgs {
    /// Report what would be imported, without writing anything
    #[arg(long)]
    dry_run: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

fn years() -> RangeInclusive<i64> {
    i64::from(*SUPPORTED_YEARS.start())..=i64::from(*SUPPORTED_YEARS.end())
}

impl Import {
    pub async fn run(self, config: &Config) -> std::result::Result<ExitCode, String> {
        let author = self.check_arguments()?;
        let args = self.args();
        // A dry run must not create the database, so it uses a temporary one if none exists.
        let temp = (args.dry_run && !database_exists(&config.database_url())).then(TempDatabase::new);
        let url = temp.as_ref().map_or_else(|| config.database_url(), TempDatabase::url);
        let mut config = config.clone();
        if temp.is_some() {
            let key = SecretKeys::generate().map_err(|error| error.to_string())?;
            config.storage.secret_key = Some(key);
        }
        let app = app_on(&url, &config).await?;
        if let Import::Redirects(files) = self {
            let (text, code) = redirects::run(&app, files).await?;
            print(&text);
            app.db.close().await.map_err(|error| database_message(&error))?;
            return Ok(code);
        }
        let target = ImportTarget { app: &app, author, records: Arc::new(RecordWriter::new(self.year())?) };
        let mut progress = Progress::on_stderr();
        let (dry_run, json) = (args.dry_run, args.json);
        let report = match self {
            Import::Markdown(posts) => {
                import::import_posts(&posts.source.dir, &target, dry_run, &mut progress).await
            }
            Import::Documents(source) => {
                import::import_documents(&source.dir, &target, dry_run, &mut progress).await
            }
            Import::Json(records) => {
                import::import_records(records.files, &target, dry_run, &mut progress).await
            }
            Import::Redirects(_) => return Err("the redirects were not imported".to_owned()),
        };
        print(&format_report(&report, json)?);
        app.db.close().await.map_err(|error| database_message(&error))?;
        Ok(ExitCode::from(report.exit_code()))
    }

    /// Validates the arguments before a database is created, so that a mistyped path has no effect. Returns
    /// the author of posts without an author.
    fn check_arguments(&self) -> std::result::Result<String, String> {
        match self {
            Import::Markdown(posts) => {
                validate::field("UserInput", "name", "author", &posts.author)?;
                check_has_markdown(&posts.source.dir)?;
                return Ok(trim(&posts.author));
            }
            Import::Documents(source) => check_has_markdown(&source.dir)?,
            Import::Json(Records { files, .. }) | Import::Redirects(RedirectFiles { files, .. }) => {
                if let Some(missing) = files.iter().find(|file| !file.is_file()) {
                    return Err(format!("file not found: {}", missing.display()));
                }
            }
        }
        Ok(String::new())
    }

    fn args(&self) -> &ImportArgs {
        match self {
            Import::Markdown(posts) => &posts.source.args,
            Import::Documents(source) => &source.args,
            Import::Json(records) => &records.args,
            Import::Redirects(files) => &files.args,
        }
    }

    fn year(&self) -> DefaultYear {
        match self {
            Import::Json(Records { year: Some(year), .. }) => DefaultYear::Fixed(i32::from(*year)),
            _ => DefaultYear::LastTwelveMonths(Timestamp(Clock::System.now()).date()),
        }
    }
}

/// Fails if the folder cannot be read or contains no Markdown file.
fn check_has_markdown(folder: &Path) -> std::result::Result<(), String> {
    let path = folder.display();
    let tree = files::walk(folder).map_err(|error| format!("cannot read the folder {path}: {error}"))?;
    match tree.markdown.is_empty() {
        true => Err(format!("no Markdown files (.md or .markdown) in {path}")),
        false => Ok(()),
    }
}

/// Returns whether the database exists. PostgreSQL counts as existing, because a connection does not create
/// it.
fn database_exists(url: &str) -> bool {
    sqlite_path(url).is_none_or(Path::exists)
}

fn format_report(report: &Report, json: bool) -> std::result::Result<String, String> {
    match json {
        true => report.json().map(|text| text + "\n").map_err(|error| error.to_string()),
        false => Ok(report.to_string()),
    }
}

/// Writes imported items through the services of the application.
struct ImportTarget<'a> {
    app: &'a App,
    author: String,
    records: Arc<RecordWriter>,
}

/// The reason for the rollback of a batch. `DryRun` contains the results that a commit would have.
enum Rollback {
    DryRun(Vec<Outcome>),
    Failed(Error),
}

impl From<sea_orm::DbErr> for Rollback {
    fn from(error: sea_orm::DbErr) -> Self {
        Rollback::Failed(error.into())
    }
}

impl From<Error> for Rollback {
    fn from(error: Error) -> Self {
        Rollback::Failed(error)
    }
}

impl Target for ImportTarget<'_> {
    async fn put_posts(&self, posts: &[ImportedPost], dry_run: bool) -> BatchResult {
        let (app, author, posts) = (self.app.clone(), self.author.clone(), posts.to_vec());
        let result = self.app.db.write(async move |tx| {
            let (mut outcomes, mut history) = (Vec::with_capacity(posts.len()), Vec::new());
            for post in posts {
                outcomes.push(outcome(import_post(&app, &tx, post, &author, &mut history).await?));
            }
            store_revisions(&tx, history).await?;
            finish(outcomes, dry_run)
        });
        batch_result(result.await)
    }

    async fn put_documents(&self, documents: &[ImportedDocument], dry_run: bool) -> BatchResult {
        let (app, documents) = (self.app.clone(), documents.to_vec());
        let result = self.app.db.write(async move |tx| {
            let (mut outcomes, mut history) = (Vec::with_capacity(documents.len()), Vec::new());
            for document in documents {
                let ImportedDocument { path, title, content, position, .. } = document;
                let document = documents::ImportedDocument { path, title, content, position };
                outcomes.push(outcome(app.documents.import(&tx, &document, &mut history).await?));
            }
            store_revisions(&tx, history).await?;
            finish(outcomes, dry_run)
        });
        batch_result(result.await)
    }

    async fn put_image(
        &self,
        file: &Path,
        dry_run: bool,
    ) -> std::result::Result<(String, Outcome), ImportError> {
        match self.app.media.import(file, dry_run).await {
            Ok((url, true)) => Ok((url, Outcome::Created)),
            Ok((url, false)) => Ok((url, Outcome::Unchanged)),
            Err(error @ (Error::Storage(_) | Error::Internal(_))) => {
                Err(ImportError::Unavailable(message(&error)))
            }
            Err(error) => Err(ImportError::Rejected(record_message(&error))),
        }
    }

    async fn put_records(&self, records: &[ImportedRecord], dry_run: bool) -> BatchResult {
        let (app, writer, records) = (self.app.clone(), self.records.clone(), records.to_vec());
        let result = self.app.db.write(async move |tx| {
            let mut outcomes = Vec::with_capacity(records.len());
            for record in records {
                outcomes.push(outcome(writer.write(&app, &tx, record, dry_run).await?));
            }
            finish(outcomes, dry_run)
        });
        batch_result(result.await)
    }
}

/// Creates the authors of a post if needed, and imports the post.
async fn import_post(
    app: &App,
    tx: &Tx,
    post: ImportedPost,
    fallback: &str,
    history: &mut Vec<NewRevision>,
) -> Result<ImportEffect> {
    let now = app.clock.now();
    let names = if post.authors.is_empty() { vec![fallback.to_owned()] } else { post.authors };
    let mut authors = Vec::with_capacity(names.len());
    for name in names {
        let author = find_or_create_author(tx, &name, now).await?;
        if !authors.contains(&author) {
            authors.push(author);
        }
    }
    let published_at = match post.publication {
        Publication::Draft => Some(0),
        Publication::At(time) => Some(time),
        Publication::Undated => None,
    };
    let post = posts::ImportedPost {
        id: None,
        source: post.source,
        title: post.title,
        content: post.content,
        excerpt: post.excerpt,
        cover_image: post.cover_image,
        slug: post.slug,
        authors,
        tags: post.tags,
        aliases: post.aliases,
        published_at,
    };
    app.posts.import(tx, &post, history).await
}

fn outcome(effect: ImportEffect) -> Outcome {
    match effect {
        ImportEffect::Created => Outcome::Created,
        ImportEffect::Updated => Outcome::Updated,
        ImportEffect::Unchanged => Outcome::Unchanged,
    }
}

/// Returns an error in a dry run, so that the transaction is rolled back.
fn finish(outcomes: Vec<Outcome>, dry_run: bool) -> std::result::Result<Vec<Outcome>, Rollback> {
    if dry_run { Err(Rollback::DryRun(outcomes)) } else { Ok(outcomes) }
}

fn batch_result(result: std::result::Result<Vec<Outcome>, Rollback>) -> BatchResult {
    match result {
        Ok(outcomes) | Err(Rollback::DryRun(outcomes)) => Ok(outcomes.into_iter().map(Ok).collect()),
        Err(Rollback::Failed(error @ Error::Storage(_))) => Err(ImportError::Unavailable(message(&error))),
        Err(Rollback::Failed(error)) => Err(ImportError::Rejected(record_message(&error))),
    }
}
