//! `tenon import`: content and records from files, through the services that the API uses.
mod records;

use std::{
    ops::RangeInclusive,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use clap::{Args, Subcommand};

use super::{
    app_on, given, say,
    scratch::Scratch,
    told::{entry, plain, told},
};
use crate::{
    app::App,
    config::Config,
    contract::{
        date::YEARS,
        problem::{Error, Result},
        text::trimmed,
        time::Timestamp,
    },
    import::{
        self, Answers, ImportError, ImportedDocument, ImportedPost, ImportedRecord, Library, Outcome,
        Progress, Publication, Report, Year, files,
    },
    ports::{clock::Clock, db::Tx},
    resources::{
        docs,
        imports::Effect,
        posts,
        revisions::{Written, keep},
        users::author_named,
    },
};

use records::Forms;

#[derive(Subcommand)]
pub enum Import {
    /// Posts: Markdown files with front matter
    Markdown(Posts),
    /// Documents: a tree of Markdown files
    Docs(Source),
    /// Customers, invoices and revenues (lists) and redirects (a map) from JSON files
    Json(Records),
}

#[derive(Args)]
pub struct Records {
    /// The files, in any order
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The year of months that have a name only, 1900 to 2199; left out, they are the last twelve
    #[arg(long, value_name = "YYYY", value_parser = clap::value_parser!(u16).range(years()))]
    year: Option<u16>,
    #[command(flatten)]
    how: How,
}

#[derive(Args)]
pub struct Posts {
    #[command(flatten)]
    source: Source,
    /// Who wrote the posts that name no author
    #[arg(long, value_name = "NAME", default_value = "Unknown author")]
    author: String,
}

#[derive(Args)]
pub struct Source {
    /// The folder
    dir: PathBuf,
    #[command(flatten)]
    how: How,
}

#[derive(Args)]
pub struct How {
    /// Say what would happen, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

fn years() -> RangeInclusive<i64> {
    i64::from(*YEARS.start())..=i64::from(*YEARS.end())
}

impl Import {
    pub async fn run(self, config: &Config) -> std::result::Result<ExitCode, String> {
        let author = self.checked()?;
        let how = self.how();
        let scratch = (how.dry_run && !is_there(&config.database_url())).then(Scratch::new);
        let url = scratch.as_ref().map_or_else(|| config.database_url(), Scratch::url);
        let app = app_on(&url, config).await?;
        let library = Shelf { app: &app, author, forms: Arc::new(Forms::new(self.year())?) };
        let mut progress = Progress::on_stderr();
        let (dry_run, json) = (how.dry_run, how.json);
        let report = match self {
            Import::Markdown(posts) => {
                import::markdown(&posts.source.dir, &library, dry_run, &mut progress).await
            }
            Import::Docs(source) => import::documents(&source.dir, &library, dry_run, &mut progress).await,
            Import::Json(records) => import::records(records.files, &library, dry_run, &mut progress).await,
        };
        say(&written(&report, json)?);
        app.db.close().await.map_err(|error| plain(&error))?;
        Ok(ExitCode::from(report.exit_code()))
    }

    /// Asked before anything is made: a mistyped name shall leave nothing behind. Gives the author of posts that
    /// name none.
    fn checked(&self) -> std::result::Result<String, String> {
        match self {
            Import::Markdown(posts) => {
                given::member_fits("NewUser", "name", "author", &posts.author)?;
                holds_markdown(&posts.source.dir)?;
                return Ok(trimmed(&posts.author));
            }
            Import::Docs(source) => holds_markdown(&source.dir)?,
            Import::Json(records) => {
                if let Some(missing) = records.files.iter().find(|file| !file.is_file()) {
                    return Err(format!("there is no file {}", missing.display()));
                }
            }
        }
        Ok(String::new())
    }

    fn how(&self) -> &How {
        match self {
            Import::Markdown(posts) => &posts.source.how,
            Import::Docs(source) => &source.how,
            Import::Json(records) => &records.how,
        }
    }

    fn year(&self) -> Year {
        match self {
            Import::Json(Records { year: Some(year), .. }) => Year::Of(i32::from(*year)),
            _ => Year::Before(Timestamp(Clock::System.now()).day()),
        }
    }
}

fn holds_markdown(folder: &Path) -> std::result::Result<(), String> {
    let shown = folder.display();
    let tree = files::walk(folder).map_err(|error| format!("cannot read the folder {shown}: {error}"))?;
    match tree.markdown.is_empty() {
        true => Err(format!("there is no Markdown file (.md or .markdown) in {shown}")),
        false => Ok(()),
    }
}

/// Whether there is a database already, as far as opening it would make one.
fn is_there(url: &str) -> bool {
    let file = url.strip_prefix("sqlite://").and_then(|path| path.split('?').next());
    file.is_none_or(|file| Path::new(file).exists())
}

fn written(report: &Report, json: bool) -> std::result::Result<String, String> {
    match json {
        true => report.json().map(|text| text + "\n").map_err(|error| error.to_string()),
        false => Ok(report.to_string()),
    }
}

/// The services, as what an import writes to.
struct Shelf<'a> {
    app: &'a App,
    author: String,
    forms: Arc<Forms>,
}

/// Carries the answers of a dry run out of its transaction, which must not stay.
enum End {
    Tried(Vec<Outcome>),
    Failed(Error),
}

impl From<sea_orm::DbErr> for End {
    fn from(error: sea_orm::DbErr) -> Self {
        End::Failed(error.into())
    }
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        End::Failed(error)
    }
}

impl Library for Shelf<'_> {
    async fn put_posts(&self, posts: &[ImportedPost], dry_run: bool) -> Answers {
        let (app, author, posts) = (self.app.clone(), self.author.clone(), posts.to_vec());
        let done = self.app.db.write(async move |tx| {
            let (mut outcomes, mut history) = (Vec::with_capacity(posts.len()), Vec::new());
            for post in posts {
                outcomes.push(outcome(post_of(&app, &tx, post, &author, &mut history).await?));
            }
            keep(&tx, history).await?;
            end(outcomes, dry_run)
        });
        answers(done.await)
    }

    async fn put_documents(&self, documents: &[ImportedDocument], dry_run: bool) -> Answers {
        let (app, documents) = (self.app.clone(), documents.to_vec());
        let done = self.app.db.write(async move |tx| {
            let (mut outcomes, mut history) = (Vec::with_capacity(documents.len()), Vec::new());
            for document in documents {
                let ImportedDocument { path, title, content, position, .. } = document;
                let document = docs::ImportedDocument { path, title, content, position };
                outcomes.push(outcome(app.docs.import(&tx, &document, &mut history).await?));
            }
            keep(&tx, history).await?;
            end(outcomes, dry_run)
        });
        answers(done.await)
    }

    async fn put_records(&self, records: &[ImportedRecord], dry_run: bool) -> Answers {
        let (app, forms, records) = (self.app.clone(), self.forms.clone(), records.to_vec());
        let done = self.app.db.write(async move |tx| {
            let mut outcomes = Vec::with_capacity(records.len());
            for record in records {
                outcomes.push(outcome(forms.put(&app, &tx, record, dry_run).await?));
            }
            end(outcomes, dry_run)
        });
        answers(done.await)
    }
}

async fn post_of(
    app: &App,
    tx: &Tx,
    post: ImportedPost,
    fallback: &str,
    history: &mut Vec<Written>,
) -> Result<Effect> {
    let now = app.clock.now();
    let names = if post.authors.is_empty() { vec![fallback.to_owned()] } else { post.authors };
    let mut authors = Vec::with_capacity(names.len());
    for name in names {
        let author = author_named(tx, &name, now).await?;
        if !authors.contains(&author) {
            authors.push(author);
        }
    }
    let published_at = match post.publication {
        Publication::Draft => Some(0),
        Publication::At(time) => Some(time),
        Publication::Undated => None,
    };
    let post = posts::Imported {
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

fn outcome(effect: Effect) -> Outcome {
    match effect {
        Effect::Created => Outcome::Created,
        Effect::Updated => Outcome::Updated,
        Effect::Unchanged => Outcome::Unchanged,
    }
}

/// A dry run ends as a failure, so that its transaction is rolled back.
fn end(outcomes: Vec<Outcome>, dry_run: bool) -> std::result::Result<Vec<Outcome>, End> {
    if dry_run { Err(End::Tried(outcomes)) } else { Ok(outcomes) }
}

fn answers(done: std::result::Result<Vec<Outcome>, End>) -> Answers {
    match done {
        Ok(outcomes) | Err(End::Tried(outcomes)) => Ok(outcomes.into_iter().map(Ok).collect()),
        Err(End::Failed(error @ Error::Storage(_))) => Err(ImportError::Unavailable(told(&error))),
        Err(End::Failed(error)) => Err(ImportError::Refused(entry(&error))),
    }
}
