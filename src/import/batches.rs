//! Writes items to a target in batches, and adds the results to the report.
use super::{
    BATCH, BatchResult, ImportError, ImportedDocument, ImportedPost, ImportedRecord, Outcome, Progress,
    Report, Target,
};

/// An item that can be written to a target.
pub(super) trait Item: Sized + Sync {
    fn file(&self) -> &str;
    fn put<T: Target>(target: &T, items: &[Self], dry_run: bool) -> impl Future<Output = BatchResult> + Send;
}

impl Item for ImportedPost {
    fn file(&self) -> &str {
        &self.file
    }
    fn put<T: Target>(target: &T, items: &[Self], dry_run: bool) -> impl Future<Output = BatchResult> + Send {
        target.put_posts(items, dry_run)
    }
}

impl Item for ImportedDocument {
    fn file(&self) -> &str {
        &self.file
    }
    fn put<T: Target>(target: &T, items: &[Self], dry_run: bool) -> impl Future<Output = BatchResult> + Send {
        target.put_documents(items, dry_run)
    }
}

impl Item for ImportedRecord {
    fn file(&self) -> &str {
        &self.file
    }
    fn put<T: Target>(target: &T, items: &[Self], dry_run: bool) -> impl Future<Output = BatchResult> + Send {
        target.put_records(items, dry_run)
    }
}

/// Writes all items, and stops at the first error that makes the target unavailable.
pub(super) async fn write<I: Item, T: Target>(
    label: &'static str,
    items: &[I],
    target: &T,
    report: &mut Report,
    progress: &mut Progress,
) {
    progress.start(label, items.len());
    let mut rest = items;
    while !rest.is_empty() {
        let (batch, after) = rest.split_at(rest.len().min(BATCH));
        let available = match I::put(target, batch, report.dry_run).await {
            // One rejected item rolls back the transaction of the batch, so the items are retried one at a
            // time.
            Err(ImportError::Rejected(_)) if batch.len() > 1 => write_one_by_one(batch, target, report).await,
            result => record(batch, result, report),
        };
        rest = after;
        progress.advance(batch.len());
        if !available {
            break;
        }
    }
    for item in rest {
        report.fail(item.file(), "not attempted after the previous error");
    }
    progress.finish();
}

async fn write_one_by_one<I: Item, T: Target>(batch: &[I], target: &T, report: &mut Report) -> bool {
    let mut available = true;
    for item in batch.chunks(1) {
        if available {
            available = record(item, I::put(target, item, report.dry_run).await, report);
        } else {
            record(
                item,
                Err(ImportError::Unavailable("not attempted after the previous error".to_owned())),
                report,
            );
        }
    }
    available
}

/// Adds the results to the report, and returns whether the target is still available.
fn record<I: Item>(batch: &[I], result: BatchResult, report: &mut Report) -> bool {
    let mut available = true;
    let mut add = |item: &I, result: Result<Outcome, ImportError>, report: &mut Report| match result {
        Ok(outcome) => report.add(item.file(), outcome),
        Err(error) => {
            available &= !matches!(error, ImportError::Unavailable(_));
            report.fail(item.file(), error);
        }
    };
    match result {
        Ok(results) => {
            let missing = || Err(ImportError::Rejected("internal error: no result for this item".to_owned()));
            let results = results.into_iter().map(Some).chain(std::iter::repeat_with(|| None));
            for (item, result) in batch.iter().zip(results) {
                add(item, result.unwrap_or_else(missing), report);
            }
        }
        Err(error) => batch.iter().for_each(|item| add(item, Err(error.clone()), report)),
    }
    available
}
