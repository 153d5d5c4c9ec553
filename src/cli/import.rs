//! `tenon import`: content from files, through the services that the API uses.
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};

use super::{
    app_on, given, say,
    scratch::Scratch,
    told::{plain, told},
};
use crate::{
    app::App,
    config::Config,
    contract::{
        problem::{Error, Result},
        text::trimmed,
    },
    import::{
        self, Answers, ImportError, ImportedDocument, ImportedPost, Library, Outcome, Progress, Publication,
        Report, files,
    },
    ports::db::Tx,
    resources::{docs, imports::Effect, posts, users::author_named},
};

#[derive(Subcommand)]
pub enum Import {
    /// Posts: Markdown files with front matter
    Markdown(Posts),
    /// Documents: a tree of Markdown files
    Docs(Source),
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
    /// Say what would happen, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

impl Import {
    pub async fn run(self, config: &Config) -> std::result::Result<ExitCode, String> {
        let (source, author) = match &self {
            Import::Markdown(posts) => (&posts.source, trimmed(&posts.author)),
            Import::Docs(source) => (source, String::new()),
        };
        if let Import::Markdown(posts) = &self {
            given::member_fits("NewUser", "name", "author", &posts.author)?;
        }
        holds_markdown(&source.dir)?;
        let scratch = (source.dry_run && !is_there(&config.database_url())).then(Scratch::new);
        let url = scratch.as_ref().map_or_else(|| config.database_url(), Scratch::url);
        let app = app_on(&url, config).await?;
        let library = Shelf { app: &app, author };
        let mut progress = Progress::on_stderr();
        let report = match &self {
            Import::Markdown(_) => {
                import::markdown(&source.dir, &library, source.dry_run, &mut progress).await
            }
            Import::Docs(_) => import::documents(&source.dir, &library, source.dry_run, &mut progress).await,
        };
        say(&written(&report, source.json)?);
        app.db.close().await.map_err(|error| plain(&error))?;
        Ok(ExitCode::from(report.exit_code()))
    }
}

/// Asked before anything is made: a mistyped folder shall leave nothing behind.
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
            let mut outcomes = Vec::with_capacity(posts.len());
            for post in posts {
                outcomes.push(outcome(post_of(&app, &tx, post, &author).await?));
            }
            end(outcomes, dry_run)
        });
        answers(done.await)
    }

    async fn put_documents(&self, documents: &[ImportedDocument], dry_run: bool) -> Answers {
        let (app, documents) = (self.app.clone(), documents.to_vec());
        let done = self.app.db.write(async move |tx| {
            let mut outcomes = Vec::with_capacity(documents.len());
            for document in documents {
                let ImportedDocument { path, title, content, position, .. } = document;
                let document = docs::ImportedDocument { path, title, content, position };
                outcomes.push(outcome(app.docs.import(&tx, &document).await?));
            }
            end(outcomes, dry_run)
        });
        answers(done.await)
    }
}

async fn post_of(app: &App, tx: &Tx, post: ImportedPost, fallback: &str) -> Result<Effect> {
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
    app.posts.import(tx, &post).await
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
        Err(End::Failed(error)) => Err(ImportError::Refused(told(&error))),
    }
}
