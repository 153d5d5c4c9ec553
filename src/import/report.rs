//! The report of an import: the result of each file, as text and as JSON.
use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use super::Outcome;

/// The type of the imported items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    Posts,
    Documents,
    Records,
}

/// A message about a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Message {
    pub file: String,
    pub reason: String,
}

/// The result of an import, or of a dry run. File paths are relative to the folder.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub subject: Subject,
    pub dry_run: bool,
    pub created: Vec<String>,
    pub updated: Vec<String>,
    pub unchanged: Vec<String>,
    /// Files that cannot be imported because of their content.
    pub skipped: Vec<Message>,
    /// Files whose import failed.
    pub failed: Vec<Message>,
    /// Parts of imported files that were ignored.
    pub warnings: Vec<Message>,
    /// `_index.md` files, which describe a folder and are not imported.
    pub sections: Vec<String>,
    /// Images that posts refer to and that were stored by this import.
    pub images_created: Vec<String>,
    /// Images that posts refer to and that were already stored.
    pub images_unchanged: Vec<String>,
    /// Images that were not imported because no post refers to them.
    pub unreferenced_images: Vec<String>,
    /// The number of files that are neither Markdown nor images.
    pub other_files: usize,
    /// Unused fields of front matter or of records, each with the number of files or records that have it.
    pub unused_fields: BTreeMap<String, usize>,
}

impl Report {
    pub fn new(subject: Subject, dry_run: bool) -> Report {
        Report {
            subject,
            dry_run,
            created: Vec::new(),
            updated: Vec::new(),
            unchanged: Vec::new(),
            skipped: Vec::new(),
            failed: Vec::new(),
            warnings: Vec::new(),
            sections: Vec::new(),
            images_created: Vec::new(),
            images_unchanged: Vec::new(),
            unreferenced_images: Vec::new(),
            other_files: 0,
            unused_fields: BTreeMap::new(),
        }
    }

    /// Returns the exit code of the command: 1 if a file failed, otherwise 0.
    pub fn exit_code(&self) -> u8 {
        u8::from(!self.failed.is_empty())
    }

    /// Returns the report as JSON.
    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }

    pub(super) fn add(&mut self, file: &str, outcome: Outcome) {
        let files = match outcome {
            Outcome::Created => &mut self.created,
            Outcome::Updated => &mut self.updated,
            Outcome::Unchanged => &mut self.unchanged,
        };
        files.push(file.to_owned());
    }

    pub(super) fn image(&mut self, file: &str, outcome: Outcome) {
        match outcome {
            Outcome::Created => self.images_created.push(file.to_owned()),
            Outcome::Updated | Outcome::Unchanged => self.images_unchanged.push(file.to_owned()),
        }
    }

    pub(super) fn skip(&mut self, file: &str, reason: impl fmt::Display) {
        self.skipped.push(Message::new(file, reason));
    }

    pub(super) fn fail(&mut self, file: &str, reason: impl fmt::Display) {
        self.failed.push(Message::new(file, reason));
    }

    pub(super) fn warn(&mut self, file: &str, reason: impl fmt::Display) {
        self.warnings.push(Message::new(file, reason));
    }
}

impl Message {
    fn new(file: &str, reason: impl fmt::Display) -> Message {
        Message { file: file.to_owned(), reason: reason.to_string() }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = match self.subject {
            Subject::Posts => "posts",
            Subject::Documents => "documents",
            Subject::Records => "records",
        };
        let dry = if self.dry_run { " (dry run: nothing written)" } else { "" };
        writeln!(
            f,
            "{subject}: {} created, {} updated, {} unchanged, {} skipped, {} failed{dry}",
            self.created.len(),
            self.updated.len(),
            self.unchanged.len(),
            self.skipped.len(),
            self.failed.len(),
        )?;
        messages(f, "failed", &self.failed)?;
        messages(f, "skipped", &self.skipped)?;
        messages(f, "warning", &self.warnings)?;
        if !self.sections.is_empty() {
            let names: Vec<String> = self.sections.iter().map(|name| escaped(name)).collect();
            writeln!(f, "section files, not imported: {}", names.join(", "))?;
        }
        let (created, unchanged) = (self.images_created.len(), self.images_unchanged.len());
        if created + unchanged > 0 {
            writeln!(f, "images: {created} created, {unchanged} unchanged")?;
        }
        if !self.unreferenced_images.is_empty() {
            writeln!(f, "unreferenced images, not imported: {}", self.unreferenced_images.len())?;
        }
        if self.other_files > 0 {
            writeln!(f, "other files, not imported: {}", self.other_files)?;
        }
        if !self.unused_fields.is_empty() {
            let fields =
                self.unused_fields.iter().map(|(name, files)| format!("{} ({files})", escaped(name)));
            writeln!(f, "unused fields: {}", fields.collect::<Vec<_>>().join(", "))?;
        }
        Ok(())
    }
}

fn messages(f: &mut fmt::Formatter<'_>, label: &str, messages: &[Message]) -> fmt::Result {
    for message in messages {
        writeln!(f, "{label} {}: {}", escaped(&message.file), escaped(&message.reason))?;
    }
    Ok(())
}

/// Escapes control characters. File names and fields are untrusted input and must not control the terminal.
fn escaped(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_the_report_as_text() {
        let mut report = Report::new(Subject::Posts, true);
        report.add("a.md", Outcome::Created);
        report.add("b.md", Outcome::Unchanged);
        report.skip("c\u{1b}[2J.md", "title: required");
        report.sections.push("_index.md".into());
        report.image("b.png", Outcome::Created);
        report.unreferenced_images.push("a.png".into());
        report.unused_fields.insert("weight".into(), 2);
        let text = concat!(
            "posts: 1 created, 0 updated, 1 unchanged, 1 skipped, 0 failed (dry run: nothing written)\n",
            "skipped c\\u{1b}[2J.md: title: required\n",
            "section files, not imported: _index.md\n",
            "images: 1 created, 0 unchanged\n",
            "unreferenced images, not imported: 1\n",
            "unused fields: weight (2)\n",
        );
        assert_eq!(report.to_string(), text);
        assert_eq!(report.exit_code(), 0);
        report.fail("d.md", "the database is locked");
        assert_eq!(report.exit_code(), 1);
    }

    #[test]
    fn formats_the_report_as_json() {
        let mut report = Report::new(Subject::Documents, false);
        report.skip("a.md", "not valid UTF-8");
        let json: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
        assert_eq!(json["subject"], "documents");
        assert_eq!(json["dryRun"], false);
        assert_eq!(json["skipped"][0]["file"], "a.md");
        assert_eq!(json["unusedFields"], serde_json::json!({}));
    }
}
