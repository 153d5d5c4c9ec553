//! Import of posts, documents and records from files. Finds and parses the files, validates their contents,
//! writes them in batches to a [`Target`], and reports the result of each file.
mod batches;
mod documents;
pub(crate) mod files;
pub mod front_matter;
mod images;
mod markdown;
mod posts;
pub mod progress;
mod records;
pub mod report;
mod rules;

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use thiserror::Error;

pub use progress::Progress;
pub use records::{CustomerRecord, DefaultYear, ImportedRecord, InvoiceRecord, Record, RevenueRecord};
pub use report::{Report, Subject};

/// The maximum number of items in a batch.
pub const BATCH: usize = 50;

/// A post read from a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedPost {
    /// The key that identifies the post in later imports: the `path` in its front matter, or its file.
    pub source: String,
    /// The path of the file, relative to the folder. Used in the report.
    pub file: String,
    /// 1 to 200 characters.
    pub title: String,
    /// The requested slug, at most 100 characters. Not necessarily unique.
    pub slug: String,
    /// 10 to 200,000 characters of Markdown.
    pub content: String,
    /// The references to images in the folder: the byte range in `content`, in ascending order, and the path of
    /// the image file relative to the folder.
    pub images: Vec<(Range<usize>, String)>,
    /// At most 500 characters.
    pub excerpt: Option<String>,
    /// An `http` or `https` URL.
    pub cover_image: Option<String>,
    pub publication: Publication,
    /// The names of the authors, the main author first; may be empty.
    pub authors: Vec<String>,
    /// At most 10 tag names with distinct slugs.
    pub tags: Vec<String>,
    /// Paths on this site that redirect to the post. Unique among the posts of one import.
    pub aliases: Vec<String>,
}

/// The publication state of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publication {
    Draft,
    /// Published without a date. The time of the first import is used.
    Undated,
    /// Published at this time, in Unix milliseconds, greater than 0.
    At(i64),
}

/// A document read from a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedDocument {
    /// Lower-case slugs separated by `/`; at most 500 characters.
    pub path: String,
    /// The path of the file, relative to the folder. Used in the report.
    pub file: String,
    /// 1 to 200 characters.
    pub title: String,
    /// 1 to 200,000 characters of Markdown.
    pub content: String,
    /// The position in the list of documents, from 1.
    pub position: i64,
}

/// The result of writing an item. In a dry run, the result that a write would have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Created,
    Updated,
    Unchanged,
}

/// The reason why an item was not written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ImportError {
    /// This item was rejected. Other items may still be written.
    #[error("{0}")]
    Rejected(String),
    /// The target is unavailable. No further item can be written.
    #[error("{0}")]
    Unavailable(String),
}

/// The result of each item of a batch, in order. An outer error means that no item was written. After an
/// outer [`ImportError::Rejected`], the items are retried one at a time.
pub type BatchResult = Result<Vec<Result<Outcome, ImportError>>, ImportError>;

/// A destination for imported items, which receives at most [`BATCH`] items at once. In a dry run it writes
/// nothing.
pub trait Target: Sync {
    fn put_posts(&self, posts: &[ImportedPost], dry_run: bool) -> impl Future<Output = BatchResult> + Send;

    fn put_documents(
        &self,
        documents: &[ImportedDocument],
        dry_run: bool,
    ) -> impl Future<Output = BatchResult> + Send;

    /// Stores an image file, and returns its URL path on this site.
    fn put_image(
        &self,
        file: &Path,
        dry_run: bool,
    ) -> impl Future<Output = Result<(String, Outcome), ImportError>> + Send;

    fn put_records(
        &self,
        records: &[ImportedRecord],
        dry_run: bool,
    ) -> impl Future<Output = BatchResult> + Send;
}

/// Imports the Markdown files in a folder and its subfolders as posts.
pub async fn import_posts<T: Target>(
    folder: &Path,
    target: &T,
    dry_run: bool,
    progress: &mut Progress,
) -> Report {
    let (mut posts, mut report) =
        plan_folder(folder, Report::new(Subject::Posts, dry_run), posts::plan).await;
    images::import(folder, &mut posts, target, &mut report, progress).await;
    batches::write("posts", &posts, target, &mut report, progress).await;
    report
}

/// Imports the Markdown files in a folder and its subfolders as documents.
pub async fn import_documents<T: Target>(
    folder: &Path,
    target: &T,
    dry_run: bool,
    progress: &mut Progress,
) -> Report {
    let (documents, mut report) =
        plan_folder(folder, Report::new(Subject::Documents, dry_run), documents::plan).await;
    batches::write("documents", &documents, target, &mut report, progress).await;
    report
}

/// Imports JSON files as customers, invoices, revenues and redirects.
pub async fn import_records<T: Target>(
    files: Vec<PathBuf>,
    target: &T,
    dry_run: bool,
    progress: &mut Progress,
) -> Report {
    let plan = move |report: &mut Report| records::plan(&files, report);
    let (records, mut report) = plan_on_blocking_thread(Report::new(Subject::Records, dry_run), plan).await;
    batches::write("records", &records, target, &mut report, progress).await;
    report
}

async fn plan_folder<T: Send + 'static>(
    folder: &Path,
    report: Report,
    plan: fn(&Path, &mut Report) -> Vec<T>,
) -> (Vec<T>, Report) {
    let root = folder.to_owned();
    plan_on_blocking_thread(report, move |report| plan(&root, report)).await
}

/// Runs `plan` on a thread for blocking work, because it reads files.
async fn plan_on_blocking_thread<T: Send + 'static>(
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
        report.fail("files", format!("internal error: {error}"));
        (Vec::new(), report)
    })
}

/// Lists the Markdown files in a folder and its subfolders. Adds images, other files and skipped entries to
/// the report.
fn list(root: &Path, report: &mut Report) -> Option<Vec<String>> {
    match files::walk(root) {
        Ok(tree) => {
            if tree.markdown.is_empty() {
                report.warn(&root.to_string_lossy(), "no Markdown files found in this folder");
            }
            report.unreferenced_images = tree.images;
            report.other_files = tree.other_files;
            for (file, reason) in tree.skipped {
                report.skip(&file, reason);
            }
            Some(tree.markdown)
        }
        Err(error) => {
            report.fail(&root.to_string_lossy(), format!("cannot read the folder: {error}"));
            None
        }
    }
}

/// Reads a text file. On an error, adds it to the report and returns `None`.
fn read_text(root: &Path, file: &str, report: &mut Report) -> Option<String> {
    match files::read(root, file) {
        Ok(text) => return Some(text),
        Err(error @ files::ReadError::Invalid(_)) => report.skip(file, error),
        Err(error @ files::ReadError::Io(_)) => report.fail(file, error),
    }
    None
}

#[cfg(test)]
mod tests;
