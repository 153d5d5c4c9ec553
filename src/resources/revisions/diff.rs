//! What lies between two revisions.
use std::fmt::Write;

use imara_diff::{Algorithm, Diff, Hunk, InternedInput};
use sea_orm::ConnectionTrait;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    service::{Past, Subject, before, past},
    types::{MemberChange, Revision, RevisionDiff},
};
use crate::contract::{
    id::Id,
    problem::{Error, Result},
};

/// What can be written of something: one long text, and other members.
pub trait Content: Serialize + DeserializeOwned + Send + 'static {
    fn text(&self) -> &str;
    /// The other members, with their values as text.
    fn members(&self) -> Vec<(&'static str, Vec<String>)>;
}

/// Holds a revision against another one, or against the one before; `location` is where that is asked for.
pub async fn compared<C: ConnectionTrait, T: Content>(
    db: &C,
    subject: Subject,
    revision: Id<Revision>,
    against: Option<Id<Revision>>,
    location: String,
) -> Result<RevisionDiff> {
    let this: Past<T> = past(db, subject, revision).await?;
    let other: Option<Past<T>> = match against {
        Some(id) => Some(past(db, subject, id).await?),
        None => before(db, subject, this.revision.version).await?,
    };
    // Long texts take their time, and others wait on this thread.
    let between = tokio::task::spawn_blocking(move || between(other.as_ref(), &this, location)).await;
    between.map_err(|error| Error::Internal(error.to_string()))
}

fn between<T: Content>(other: Option<&Past<T>>, this: &Past<T>, location: String) -> RevisionDiff {
    let before = other.map(|other| other.content.members()).unwrap_or_default();
    let was = |name: &str| before.iter().find(|(known, _)| *known == name).map(|(_, values)| values.clone());
    let members = this.content.members().into_iter().map(|(name, after)| MemberChange {
        member: name.to_owned(),
        before: was(name).unwrap_or_default(),
        after,
    });
    let members = members.filter(|change| change.before != change.after).collect();
    let lines = unified(other.map_or("", |other| other.content.text()), this.content.text());
    RevisionDiff {
        revision: this.revision.id,
        against: other.map(|other| other.revision.id),
        members,
        content: Some(lines.text).filter(|text| !text.is_empty()),
        lines_added: lines.added,
        lines_removed: lines.removed,
        location,
    }
}

struct Lines {
    text: String,
    added: i64,
    removed: i64,
}

/// How many lines around a change are shown.
const AROUND: u32 = 3;

/// The hunks that lead from one text to another.
fn unified(before: &str, after: &str) -> Lines {
    let input = InternedInput::new(before, after);
    let mut diff = Diff::compute(Algorithm::Histogram, &input);
    diff.postprocess_lines(&input);
    let mut groups: Vec<Vec<Hunk>> = Vec::new();
    for hunk in diff.hunks() {
        match groups.last_mut() {
            Some(group)
                if group.last().is_some_and(|last| hunk.before.start - last.before.end <= 2 * AROUND) =>
            {
                group.push(hunk)
            }
            _ => groups.push(vec![hunk]),
        }
    }
    let mut text = String::new();
    for group in &groups {
        written(&mut text, &input, group);
    }
    Lines { text, added: diff.count_additions().into(), removed: diff.count_removals().into() }
}

/// Writes changes that lie close together, with the lines around and between them.
fn written(text: &mut String, input: &InternedInput<&str>, group: &[Hunk]) {
    let (Some(first), Some(last)) = (group.first(), group.last()) else { return };
    let lead = first.before.start.min(AROUND);
    let tail = (input.before.len() as u32 - last.before.end).min(AROUND);
    let (old, new) = (first.before.start - lead..last.before.end + tail, first.after.start - lead..);
    let new = new.start..last.after.end + tail;
    let _ = writeln!(text, "@@ -{} +{} @@", range(&old), range(&new));
    let mut at = old.start;
    for hunk in group {
        for line in at..hunk.before.start {
            put(text, ' ', input, input.before[line as usize]);
        }
        for line in hunk.before.clone() {
            put(text, '-', input, input.before[line as usize]);
        }
        for line in hunk.after.clone() {
            put(text, '+', input, input.after[line as usize]);
        }
        at = hunk.before.end;
    }
    for line in at..old.end {
        put(text, ' ', input, input.before[line as usize]);
    }
}

/// The first line and how many there are; of no line the one before (as in `diff -u`).
fn range(lines: &std::ops::Range<u32>) -> String {
    match lines.len() {
        0 => format!("{},0", lines.start),
        1 => format!("{}", lines.start + 1),
        count => format!("{},{count}", lines.start + 1),
    }
}

fn put(text: &mut String, mark: char, input: &InternedInput<&str>, line: imara_diff::Token) {
    let line = input.interner[line];
    text.push(mark);
    text.push_str(line);
    if !line.ends_with('\n') {
        text.push_str("\n\\ No newline at end of file\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text that a diff makes of another one.
    fn applied(before: &str, diff: &str) -> String {
        let old: Vec<&str> = before.split_inclusive('\n').collect();
        let (mut made, mut at) = (String::new(), 0);
        let mut lines = diff.split_inclusive('\n').peekable();
        while let Some(line) = lines.next() {
            let (mark, rest) = line.split_at(1);
            if mark == "@" {
                let range = rest.split(['-', ' ']).nth(2).unwrap();
                let (start, count) = range.split_once(',').unwrap_or((range, "1"));
                let start: usize = start.parse().unwrap();
                let start = if count == "0" { start } else { start - 1 };
                made.extend(old[at..start].iter().copied());
                at = start;
                continue;
            }
            let cut = lines.next_if(|next| next.starts_with('\\')).is_some();
            let rest = if cut { rest.strip_suffix('\n').unwrap() } else { rest };
            if mark != "+" {
                assert_eq!(old[at], rest);
                at += 1;
            }
            if mark != "-" {
                made.push_str(rest);
            }
        }
        made.extend(old[at..].iter().copied());
        made
    }

    #[test]
    fn a_diff_makes_one_text_of_the_other() {
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
            assert_eq!(applied(&before, &lines.text), after, "{before:?} {after:?}\n{}", lines.text);
            assert_eq!(lines.text.is_empty(), before == after);
        }
    }

    #[test]
    fn a_diff_reads_as_others_write_it() {
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
    fn texts_that_are_hard_to_compare_take_no_longer() {
        let before: String = (0..100_000u64).map(|i| format!("{:x}\n", i * 7919 % 100_003)).collect();
        let after: String = (0..100_000u64).map(|i| format!("{:x}\n", i * 104_729 % 100_003)).collect();
        let start = std::time::Instant::now();
        let lines = unified(&before, &after);
        assert!(lines.added > 0 && lines.text.len() < 8_000_000);
        assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    }
}
