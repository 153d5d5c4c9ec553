//! Differences between two revisions, as a unified diff and a list of changed fields.
use std::fmt::Write;

use imara_diff::{Algorithm, Diff, Hunk, InternedInput};
use sea_orm::ConnectionTrait;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    service::{StoredRevision, Subject, load_previous, load_revision},
    types::{FieldChange, Revision, RevisionDiff},
};
use crate::{
    domain::id::Id,
    http::problem::{Error, Result},
};

/// The editable fields of a resource with revisions: one long text and other fields.
pub trait Content: Serialize + DeserializeOwned + Send + 'static {
    /// Returns the long text, which is compared line by line.
    fn text(&self) -> &str;
    /// Returns the names of the other fields with their values as text.
    fn fields(&self) -> Vec<(&'static str, Vec<String>)>;
}

/// Compares a revision with `against`, or with the previous revision. `location` is the path of the diff.
pub async fn diff_revisions<C: ConnectionTrait, T: Content>(
    db: &C,
    subject: Subject,
    revision: Id<Revision>,
    against: Option<Id<Revision>>,
    location: String,
) -> Result<RevisionDiff> {
    let new: StoredRevision<T> = load_revision(db, subject, revision).await?;
    let old: Option<StoredRevision<T>> = match against {
        Some(id) => Some(load_revision(db, subject, id).await?),
        None => load_previous(db, subject, new.revision.version).await?,
    };
    // The diff of long texts is CPU-bound and would block the async worker thread.
    let diff = tokio::task::spawn_blocking(move || compare(old.as_ref(), &new, location)).await;
    diff.map_err(|error| Error::Internal(error.to_string()))
}

fn compare<T: Content>(
    old: Option<&StoredRevision<T>>,
    new: &StoredRevision<T>,
    location: String,
) -> RevisionDiff {
    let old_fields = old.map(|old| old.content.fields()).unwrap_or_default();
    let before =
        |name: &str| old_fields.iter().find(|(field, _)| *field == name).map(|(_, values)| values.clone());
    let fields = new.content.fields().into_iter().map(|(name, after)| FieldChange {
        field: name.into(),
        before: before(name).unwrap_or_default(),
        after,
    });
    let fields = fields.filter(|change| change.before != change.after).collect();
    let lines = unified(old.map_or("", |old| old.content.text()), new.content.text());
    RevisionDiff {
        revision: new.revision.id,
        against: old.map(|old| old.revision.id),
        fields,
        content: Some(lines.text).filter(|text| !text.is_empty()).map(Into::into),
        lines_added: lines.added,
        lines_removed: lines.removed,
        location,
    }
}

struct UnifiedDiff {
    text: String,
    added: i64,
    removed: i64,
}

/// The number of unchanged lines around a change, as in `diff -u`.
const CONTEXT: u32 = 3;

/// Returns the unified diff from one text to another.
fn unified(before: &str, after: &str) -> UnifiedDiff {
    let input = InternedInput::new(before, after);
    let mut diff = Diff::compute(Algorithm::Histogram, &input);
    diff.postprocess_lines(&input);
    // Changes with overlapping context share a hunk.
    let mut groups: Vec<Vec<Hunk>> = Vec::new();
    for hunk in diff.hunks() {
        match groups.last_mut() {
            Some(group)
                if group.last().is_some_and(|last| hunk.before.start - last.before.end <= 2 * CONTEXT) =>
            {
                group.push(hunk)
            }
            _ => groups.push(vec![hunk]),
        }
    }
    let mut text = String::new();
    for group in &groups {
        write_hunk(&mut text, &input, group);
    }
    UnifiedDiff { text, added: diff.count_additions().into(), removed: diff.count_removals().into() }
}

/// Writes one hunk: adjacent changes with the context around and between them.
fn write_hunk(text: &mut String, input: &InternedInput<&str>, group: &[Hunk]) {
    let (Some(first), Some(last)) = (group.first(), group.last()) else { return };
    let lead = first.before.start.min(CONTEXT);
    let tail = (input.before.len() as u32 - last.before.end).min(CONTEXT);
    let (old, new) = (first.before.start - lead..last.before.end + tail, first.after.start - lead..);
    let new = new.start..last.after.end + tail;
    let _ = writeln!(text, "@@ -{} +{} @@", range(&old), range(&new));
    let mut at = old.start;
    for hunk in group {
        for line in at..hunk.before.start {
            write_line(text, ' ', input, input.before[line as usize]);
        }
        for line in hunk.before.clone() {
            write_line(text, '-', input, input.before[line as usize]);
        }
        for line in hunk.after.clone() {
            write_line(text, '+', input, input.after[line as usize]);
        }
        at = hunk.before.end;
    }
    for line in at..old.end {
        write_line(text, ' ', input, input.before[line as usize]);
    }
}

/// Formats a range of lines as in `diff -u`: the first line and the count. An empty range has the line before
/// it.
fn range(lines: &std::ops::Range<u32>) -> String {
    match lines.len() {
        0 => format!("{},0", lines.start),
        1 => format!("{}", lines.start + 1),
        count => format!("{},{count}", lines.start + 1),
    }
}

fn write_line(text: &mut String, prefix: char, input: &InternedInput<&str>, line: imara_diff::Token) {
    let line = input.interner[line];
    text.push(prefix);
    text.push_str(line);
    if !line.ends_with('\n') {
        text.push_str("\n\\ No newline at end of file\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Applies a unified diff to a text.
    fn apply(before: &str, diff: &str) -> String {
        let old: Vec<&str> = before.split_inclusive('\n').collect();
        let (mut result, mut at) = (String::new(), 0);
        let mut lines = diff.split_inclusive('\n').peekable();
        while let Some(line) = lines.next() {
            let (prefix, rest) = line.split_at(1);
            if prefix == "@" {
                let range = rest.split(['-', ' ']).nth(2).unwrap();
                let (start, count) = range.split_once(',').unwrap_or((range, "1"));
                let start: usize = start.parse().unwrap();
                let start = if count == "0" { start } else { start - 1 };
                result.extend(old[at..start].iter().copied());
                at = start;
                continue;
            }
            let no_newline = lines.next_if(|next| next.starts_with('\\')).is_some();
            let rest = if no_newline { rest.strip_suffix('\n').unwrap() } else { rest };
            if prefix != "+" {
                assert_eq!(old[at], rest);
                at += 1;
            }
            if prefix != "-" {
                result.push_str(rest);
            }
        }
        result.extend(old[at..].iter().copied());
        result
    }

    #[test]
    fn applying_a_diff_gives_the_new_text() {
        let mut seed = 7u32;
        let mut next = |below: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) % below
        };
        for round in 0..400 {
            let mut text = |lines: u32| -> String {
                let mut text: String = (0..next(lines)).map(|_| format!("{}\n", next(6))).collect();
                if next(3) == 0 {
                    text.pop();
                }
                text
            };
            let (before, after) = (text(1 + round / 8), text(1 + round / 8));
            let lines = unified(&before, &after);
            assert_eq!(apply(&before, &lines.text), after, "{before:?} {after:?}\n{}", lines.text);
            assert_eq!(lines.text.is_empty(), before == after);
        }
    }

    #[test]
    fn formats_hunks_as_diff_u() {
        let before = "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten";
        let after = before.replace("two", "2").replace("ten", "ten\neleven\n");
        let lines = unified(before, &after);
        let expected = "@@ -1,5 +1,5 @@\n one\n-two\n+2\n three\n four\n five\n@@ -7,4 +7,5 @@\n seven\n eight\n \
                        nine\n-ten\n\\ No newline at end of file\n+ten\n+eleven\n";
        assert_eq!(lines.text, expected);
        assert_eq!((lines.added, lines.removed), (3, 2));
        assert_eq!(unified("", "new\n").text, "@@ -0,0 +1 @@\n+new\n");
    }

    #[test]
    fn diffs_large_dissimilar_texts() {
        let before: String = (0..100_000u64).map(|i| format!("{:x}\n", i * 7919 % 100_003)).collect();
        let after: String = (0..100_000u64).map(|i| format!("{:x}\n", i * 104_729 % 100_003)).collect();
        let lines = unified(&before, &after);
        assert!(lines.added > 0 && lines.text.len() < 8_000_000);
    }
}
