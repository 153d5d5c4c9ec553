//! Items handed to a library in batches, and their outcomes put into the report.
use super::{
    Answers, BATCH, ImportError, ImportedDocument, ImportedPost, ImportedRecord, Library, Outcome, Progress,
    Report,
};

/// What a library takes.
pub(super) trait Item: Sized + Sync {
    fn file(&self) -> &str;
    fn put<L: Library>(library: &L, items: &[Self], dry_run: bool) -> impl Future<Output = Answers> + Send;
}

impl Item for ImportedPost {
    fn file(&self) -> &str {
        &self.file
    }
    fn put<L: Library>(library: &L, items: &[Self], dry_run: bool) -> impl Future<Output = Answers> + Send {
        library.put_posts(items, dry_run)
    }
}

impl Item for ImportedDocument {
    fn file(&self) -> &str {
        &self.file
    }
    fn put<L: Library>(library: &L, items: &[Self], dry_run: bool) -> impl Future<Output = Answers> + Send {
        library.put_documents(items, dry_run)
    }
}

impl Item for ImportedRecord {
    fn file(&self) -> &str {
        &self.file
    }
    fn put<L: Library>(library: &L, items: &[Self], dry_run: bool) -> impl Future<Output = Answers> + Send {
        library.put_records(items, dry_run)
    }
}

pub(super) async fn write<T: Item, L: Library>(
    what: &'static str,
    items: &[T],
    library: &L,
    report: &mut Report,
    progress: &mut Progress,
) {
    progress.start(what, items.len());
    let mut rest = items;
    while !rest.is_empty() {
        let (batch, after) = rest.split_at(rest.len().min(BATCH));
        let usable = match T::put(library, batch, report.dry_run).await {
            // One bad item takes its whole transaction with it: alone, the good ones get through.
            Err(ImportError::Refused(_)) if batch.len() > 1 => one_by_one(batch, library, report).await,
            answers => settle(batch, answers, report),
        };
        rest = after;
        progress.advance(batch.len());
        if !usable {
            break;
        }
    }
    for item in rest {
        report.fail(item.file(), "was not tried, because nothing could be written any more");
    }
    progress.finish();
}

async fn one_by_one<T: Item, L: Library>(batch: &[T], library: &L, report: &mut Report) -> bool {
    let mut usable = true;
    for item in batch.chunks(1) {
        if usable {
            usable = settle(item, T::put(library, item, report.dry_run).await, report);
        } else {
            settle(item, Err(ImportError::Unavailable("was not tried".to_owned())), report);
        }
    }
    usable
}

/// Puts answers into the report; says whether more may be written.
fn settle<T: Item>(batch: &[T], answers: Answers, report: &mut Report) -> bool {
    let mut usable = true;
    let mut note = |item: &T, answer: Result<Outcome, ImportError>, report: &mut Report| match answer {
        Ok(outcome) => report.done(item.file(), outcome),
        Err(error) => {
            usable &= !matches!(error, ImportError::Unavailable(_));
            report.fail(item.file(), error);
        }
    };
    match answers {
        Ok(answers) => {
            let missing = || Err(ImportError::Refused("got no answer".to_owned()));
            let answers = answers.into_iter().map(Some).chain(std::iter::repeat_with(|| None));
            for (item, answer) in batch.iter().zip(answers) {
                note(item, answer.unwrap_or_else(missing), report);
            }
        }
        Err(error) => batch.iter().for_each(|item| note(item, Err(error.clone()), report)),
    }
    usable
}
