//! Files into posts, documents and records: finding them, reading them, planning what is to be written, telling
//! what became of each. Where they are written is the business of a [`Library`].
mod batches;
mod documents;
pub(crate) mod files;
mod front_matter;
mod pictures;
mod posts;
pub mod progress;
mod prose;
mod records;
pub mod report;

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use thiserror::Error;

pub use progress::Progress;
pub use records::{CustomerRecord, ImportedRecord, InvoiceRecord, Record, RevenueRecord, Year};
pub use report::{Report, Subject};

/// The most items that a library gets at once.
pub const BATCH: usize = 50;

/// A post that a file made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedPost {
    /// What the post is known by when it is imported again: the `path` of its front matter, else its file.
    pub source: String,
    /// The file below the folder, for the report.
    pub file: String,
    /// 1 to 200 characters.
    pub title: String,
    /// The slug that the file asks for, at most 100 characters; other posts may ask for the same.
    pub slug: String,
    /// 10 to 200,000 characters of Markdown.
    pub content: String,
    /// Where the content names pictures of the folder, in the order of the text, and their files below it.
    pub pictures: Vec<(Range<usize>, String)>,
    /// At most 500 characters.
    pub excerpt: Option<String>,
    /// An `http` or `https` address.
    pub cover_image: Option<String>,
    pub publication: Publication,
    /// The names of those who wrote it, first the main author; possibly none.
    pub authors: Vec<String>,
    /// At most 10 names, no two with the same slug.
    pub tags: Vec<String>,
    /// Paths on the site that shall lead to the post; no other post of the import has them.
    pub aliases: Vec<String>,
}

/// Whether and when a post was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publication {
    Draft,
    /// Published, but nothing says when: the time of the first import is meant.
    Undated,
    /// In milliseconds since 1970, greater than 0.
    At(i64),
}

/// A page of documentation that a file made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedDocument {
    /// Lower-case words with hyphens, in segments between `/`; at most 500 characters.
    pub path: String,
    /// The file below the folder, for the report.
    pub file: String,
    /// 1 to 200 characters.
    pub title: String,
    /// 1 to 200,000 characters of Markdown.
    pub content: String,
    /// Its place among the others, from 1.
    pub position: i64,
}

/// What became of an item, or in a dry run would become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Created,
    Updated,
    Unchanged,
}

/// Why an item was not written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ImportError {
    /// This item cannot be written; others may.
    #[error("{0}")]
    Refused(String),
    /// Nothing more can be written.
    #[error("{0}")]
    Unavailable(String),
}

/// The outcome for each item of a batch, in order. The outer error says that nothing of the batch was
/// written; if it is [`ImportError::Refused`], the items come again one at a time.
pub type Answers = Result<Vec<Result<Outcome, ImportError>>, ImportError>;

/// Where posts and documents are written, up to [`BATCH`] at once. In a dry run nothing is written.
pub trait Library: Sync {
    fn put_posts(&self, posts: &[ImportedPost], dry_run: bool) -> impl Future<Output = Answers> + Send;

    fn put_documents(
        &self,
        documents: &[ImportedDocument],
        dry_run: bool,
    ) -> impl Future<Output = Answers> + Send;

    /// Keeps a picture, and says where on the site it is.
    fn put_picture(
        &self,
        file: &Path,
        dry_run: bool,
    ) -> impl Future<Output = Result<(String, Outcome), ImportError>> + Send;

    fn put_records(&self, records: &[ImportedRecord], dry_run: bool) -> impl Future<Output = Answers> + Send;
}

/// Imports the Markdown files below a folder as posts.
pub async fn markdown<L: Library>(
    folder: &Path,
    library: &L,
    dry_run: bool,
    progress: &mut Progress,
) -> Report {
    let (mut posts, mut report) = planned(folder, Report::new(Subject::Posts, dry_run), posts::plan).await;
    pictures::keep(folder, &mut posts, library, &mut report, progress).await;
    batches::write("posts", &posts, library, &mut report, progress).await;
    report
}

/// Imports the Markdown files below a folder as documentation.
pub async fn documents<L: Library>(
    folder: &Path,
    library: &L,
    dry_run: bool,
    progress: &mut Progress,
) -> Report {
    let (documents, mut report) =
        planned(folder, Report::new(Subject::Documents, dry_run), documents::plan).await;
    batches::write("documents", &documents, library, &mut report, progress).await;
    report
}

/// Imports the entries of JSON files as records of the office.
pub async fn records<L: Library>(
    files: Vec<PathBuf>,
    library: &L,
    dry_run: bool,
    progress: &mut Progress,
) -> Report {
    let plan = move |report: &mut Report| records::plan(&files, report);
    let (records, mut report) = apart(Report::new(Subject::Records, dry_run), plan).await;
    batches::write("records", &records, library, &mut report, progress).await;
    report
}

async fn planned<T: Send + 'static>(
    folder: &Path,
    report: Report,
    plan: fn(&Path, &mut Report) -> Vec<T>,
) -> (Vec<T>, Report) {
    let root = folder.to_owned();
    apart(report, move |report| plan(&root, report)).await
}

/// Plans away from the threads that serve requests: reading files blocks.
async fn apart<T: Send + 'static>(
    mut report: Report,
    plan: impl FnOnce(&mut Report) -> Vec<T> + Send + 'static,
) -> (Vec<T>, Report) {
    let (subject, dry_run) = (report.subject, report.dry_run);
    let work = tokio::task::spawn_blocking(move || {
        let items = plan(&mut report);
        (items, report)
    });
    work.await.unwrap_or_else(|error| {
        let mut report = Report::new(subject, dry_run);
        report.fail("the files", error);
        (Vec::new(), report)
    })
}

/// The Markdown files below a folder; what else lies there goes to the report.
fn list(root: &Path, report: &mut Report) -> Option<Vec<String>> {
    match files::walk(root) {
        Ok(tree) => {
            if tree.markdown.is_empty() {
                report.note(&root.to_string_lossy(), "there are no Markdown files in this folder");
            }
            report.pictures = tree.pictures;
            report.other_files = tree.others;
            for (file, reason) in tree.skipped {
                report.skip(&file, reason);
            }
            Some(tree.markdown)
        }
        Err(error) => {
            report.fail(&root.to_string_lossy(), format!("cannot be read: {error}"));
            None
        }
    }
}

fn text(root: &Path, file: &str, report: &mut Report) -> Option<String> {
    match files::read(root, file) {
        Ok(text) => return Some(text),
        Err(error @ files::Unread::Unfit(_)) => report.skip(file, error),
        Err(error @ files::Unread::Failed(_)) => report.fail(file, error),
    }
    None
}

#[cfg(test)]
mod tests;
