//! What an import did with each file, for people and for programs.
use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use super::Outcome;

/// What was imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    Posts,
    Documents,
    Records,
}

/// Something to say about a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Remark {
    pub file: String,
    pub reason: String,
}

/// What an import did, or in a dry run would do. Files are named by their paths below the folder.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub subject: Subject,
    pub dry_run: bool,
    pub created: Vec<String>,
    pub updated: Vec<String>,
    pub unchanged: Vec<String>,
    /// Files that are not fit to be imported.
    pub skipped: Vec<Remark>,
    /// Files that should have been imported and were not.
    pub failed: Vec<Remark>,
    /// What of an imported file was left out.
    pub notes: Vec<Remark>,
    /// Files that only head a section.
    pub sections: Vec<String>,
    /// Pictures that posts name, new ones and those that were kept before.
    pub pictures_created: Vec<String>,
    pub pictures_unchanged: Vec<String>,
    /// Pictures that were not imported, because no post names them.
    pub pictures: Vec<String>,
    /// How many files are neither Markdown nor pictures.
    pub other_files: usize,
    /// Members of front matter or of entries that mean nothing here, with the number of files that have them.
    pub unused_members: BTreeMap<String, usize>,
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
            notes: Vec::new(),
            sections: Vec::new(),
            pictures_created: Vec::new(),
            pictures_unchanged: Vec::new(),
            pictures: Vec::new(),
            other_files: 0,
            unused_members: BTreeMap::new(),
        }
    }

    /// The exit code of the command: 1 if anything failed.
    pub fn exit_code(&self) -> u8 {
        u8::from(!self.failed.is_empty())
    }

    /// The report for programs.
    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }

    pub(super) fn done(&mut self, file: &str, outcome: Outcome) {
        let files = match outcome {
            Outcome::Created => &mut self.created,
            Outcome::Updated => &mut self.updated,
            Outcome::Unchanged => &mut self.unchanged,
        };
        files.push(file.to_owned());
    }

    pub(super) fn picture(&mut self, file: &str, outcome: Outcome) {
        match outcome {
            Outcome::Created => self.pictures_created.push(file.to_owned()),
            Outcome::Updated | Outcome::Unchanged => self.pictures_unchanged.push(file.to_owned()),
        }
    }

    pub(super) fn skip(&mut self, file: &str, reason: impl fmt::Display) {
        self.skipped.push(Remark::new(file, reason));
    }

    pub(super) fn fail(&mut self, file: &str, reason: impl fmt::Display) {
        self.failed.push(Remark::new(file, reason));
    }

    pub(super) fn note(&mut self, file: &str, reason: impl fmt::Display) {
        self.notes.push(Remark::new(file, reason));
    }
}

impl Remark {
    fn new(file: &str, reason: impl fmt::Display) -> Remark {
        Remark { file: file.to_owned(), reason: reason.to_string() }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = match self.subject {
            Subject::Posts => "posts",
            Subject::Documents => "documents",
            Subject::Records => "records",
        };
        let dry = if self.dry_run { " (dry run, nothing was written)" } else { "" };
        writeln!(
            f,
            "{subject}: {} created, {} updated, {} unchanged, {} skipped, {} failed{dry}",
            self.created.len(),
            self.updated.len(),
            self.unchanged.len(),
            self.skipped.len(),
            self.failed.len(),
        )?;
        remarks(f, "failed", &self.failed)?;
        remarks(f, "skipped", &self.skipped)?;
        remarks(f, "note", &self.notes)?;
        if !self.sections.is_empty() {
            let names: Vec<String> = self.sections.iter().map(|name| printable(name)).collect();
            writeln!(f, "section headers, not imported: {}", names.join(", "))?;
        }
        let (new, known) = (self.pictures_created.len(), self.pictures_unchanged.len());
        if new + known > 0 {
            writeln!(f, "pictures: {new} created, {known} unchanged")?;
        }
        if !self.pictures.is_empty() {
            writeln!(f, "pictures that nothing names, not imported: {}", self.pictures.len())?;
        }
        if self.other_files > 0 {
            writeln!(f, "other files, not imported: {}", self.other_files)?;
        }
        if !self.unused_members.is_empty() {
            let members =
                self.unused_members.iter().map(|(name, files)| format!("{} ({files})", printable(name)));
            writeln!(f, "members not used: {}", members.collect::<Vec<_>>().join(", "))?;
        }
        Ok(())
    }
}

fn remarks(f: &mut fmt::Formatter<'_>, word: &str, remarks: &[Remark]) -> fmt::Result {
    for remark in remarks {
        writeln!(f, "{word}: {}: {}", printable(&remark.file), printable(&remark.reason))?;
    }
    Ok(())
}

/// Names come from strangers' files: control characters in them must not reach the terminal.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_reads_well() {
        let mut report = Report::new(Subject::Posts, true);
        report.done("a.md", Outcome::Created);
        report.done("b.md", Outcome::Unchanged);
        report.skip("c\u{1b}[2J.md", "has no title");
        report.sections.push("_index.md".into());
        report.picture("b.png", Outcome::Created);
        report.pictures.push("a.png".into());
        report.unused_members.insert("weight".into(), 2);
        let text = concat!(
            "posts: 1 created, 0 updated, 1 unchanged, 1 skipped, 0 failed (dry run, nothing was written)\n",
            "skipped: c\\u{1b}[2J.md: has no title\n",
            "section headers, not imported: _index.md\n",
            "pictures: 1 created, 0 unchanged\n",
            "pictures that nothing names, not imported: 1\n",
            "members not used: weight (2)\n",
        );
        assert_eq!(report.to_string(), text);
        assert_eq!(report.exit_code(), 0);
        report.fail("d.md", "the database is locked");
        assert_eq!(report.exit_code(), 1);
    }

    #[test]
    fn programs_read_it_as_json() {
        let mut report = Report::new(Subject::Documents, false);
        report.skip("a.md", "is not UTF-8");
        let json: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
        assert_eq!(json["subject"], "documents");
        assert_eq!(json["dryRun"], false);
        assert_eq!(json["skipped"][0]["file"], "a.md");
        assert_eq!(json["unusedMembers"], serde_json::json!({}));
    }
}
