//! File formats of redirects: JSON map, CSV, and the `_redirects` file of Netlify.
use std::fmt::Write as _;

use super::{
    destination::SPLAT,
    path::{RuleKey, escaped},
    types::{RedirectInput, RedirectMap, RedirectReplacement},
};
use crate::{
    http::text_file::TextFormat,
    schema::{ErrorCode, Location, Violation},
};

/// A rule from a file, and its location in the file.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The JSON pointer of the rule.
    pub pointer: String,
    /// The prefix of violation messages: `line 3: ` in a text file, empty in a JSON map.
    pub line: String,
    pub new: RedirectInput,
}

impl Entry {
    pub fn violation(&self, field: &str, message: &str) -> Violation {
        violation(&self.pointer, &format!("{}{field}: {message}", self.line))
    }
}

fn violation(pointer: &str, message: &str) -> Violation {
    Violation::new(Location::Pointer(pointer.to_owned()), ErrorCode::Invalid, message)
}

type Entries = Result<Vec<Entry>, Vec<Violation>>;

/// CSV with a header line (RFC 4180).
pub struct Csv;

impl TextFormat for Csv {
    const MEDIA_TYPE: &'static str = "text/csv";
    const FILE_NAME: &'static str = "redirects.csv";
    const EXAMPLE: &'static str = "source,destination,permanent,startsAt,endsAt\r\n/old/*,/new/*,true,,\r\n/sale,/winter,false,,2027-03-01T00:00:00.000Z\r\n";
}

/// The `_redirects` file of Netlify.
pub struct Netlify;

impl TextFormat for Netlify {
    const MEDIA_TYPE: &'static str = "text/plain";
    const FILE_NAME: &'static str = "_redirects";
    const EXAMPLE: &'static str = "/sale /winter 307\n/old/* /new/:splat 308\n";
}

/// Reads rules from a JSON map.
pub fn from_map(map: RedirectMap) -> Entries {
    let (mut entries, mut violations) = (Vec::new(), Vec::new());
    for (key, to) in map.0 {
        let pointer = format!("#/{}", key.replace('~', "~0").replace('/', "~1"));
        let parsed = RuleKey::parse(&key);
        if !key.starts_with('/') && matches!(parsed, RuleKey::Path(_)) {
            let message = "must begin with a slash, or be a key form such as -api-v1-revenues";
            violations.push(violation(&pointer, message));
            continue;
        }
        let RedirectReplacement { destination, permanent, starts_at, ends_at } = to;
        let new = RedirectInput { source: parsed.path().into(), destination, permanent, starts_at, ends_at };
        entries.push(Entry { pointer, line: String::new(), new });
    }
    if violations.is_empty() { Ok(entries) } else { Err(violations) }
}

const COLUMNS: [&str; 5] = ["source", "destination", "permanent", "startsAt", "endsAt"];

/// Reads rules from CSV. The columns may be in any order. A rule without `permanent` is temporary. Missing
/// values are not filled from an existing rule with the same source.
pub fn from_csv(text: &str) -> Entries {
    let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(text.as_bytes());
    let invalid = |line: u64, message: String| violation("#", &format!("line {line}: {message}"));
    let names = reader.headers().map_err(|error| vec![invalid(1, error.to_string())])?.clone();
    let all_known = names.iter().all(|name| COLUMNS.contains(&name));
    let position = |column: &str| names.iter().position(|name| name == column);
    if COLUMNS.iter().any(|column| names.iter().filter(|name| name == column).count() > 1) {
        return Err(vec![invalid(1, "the first line must not name a column twice".to_owned())]);
    }
    if !all_known || position("source").is_none() || position("destination").is_none() {
        let columns = COLUMNS.join(", ");
        let message =
            format!("the first line must contain source and destination; the allowed columns are {columns}");
        return Err(vec![invalid(1, message)]);
    }
    let (mut entries, mut violations) = (Vec::new(), Vec::new());
    for record in reader.into_records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                violations.push(invalid(line, "must have as many values as the first line".to_owned()));
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        let value = |column| position(column).and_then(|i| record.get(i)).unwrap_or_default();
        match csv_rule(value) {
            Ok(new) => entries.push(Entry { pointer: "#".into(), line: format!("line {line}: "), new }),
            Err(message) => violations.push(invalid(line, message)),
        }
    }
    if violations.is_empty() { Ok(entries) } else { Err(violations) }
}

fn csv_rule<'a>(value: impl Fn(&'static str) -> &'a str) -> Result<RedirectInput, String> {
    let time = |column| match value(column) {
        "" => Ok(None),
        text => text
            .parse()
            .map(Some)
            .map_err(|_| format!("{column}: must be an RFC 3339 date-time, got {text:.40}")),
    };
    let permanent = match value("permanent") {
        "true" => true,
        "" | "false" => false,
        other => return Err(format!("permanent: must be true or false, got {other:.40}")),
    };
    Ok(RedirectInput {
        source: value("source").into(),
        destination: value("destination").into(),
        permanent,
        starts_at: time("startsAt")?,
        ends_at: time("endsAt")?,
    })
}

/// Writes rules as CSV. Every value begins with a slash, a letter or a digit, so no spreadsheet evaluates one
/// as a formula.
pub fn to_csv(rules: &[RedirectInput]) -> Result<String, csv::Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for rule in rules {
        let time = |time: &Option<_>| time.map(|time: crate::domain::timestamp::Timestamp| time.to_string());
        writer.write_record([
            rule.source.as_str(),
            &rule.destination,
            if rule.permanent { "true" } else { "false" },
            &time(&rule.starts_at).unwrap_or_default(),
            &time(&rule.ends_at).unwrap_or_default(),
        ])?;
    }
    let bytes = writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads rules from a `_redirects` file. Rewrites, placeholders and conditions are not supported and are
/// rejected.
pub fn from_netlify(text: &str) -> Entries {
    let (mut entries, mut violations) = (Vec::new(), Vec::new());
    for (i, line) in text.lines().enumerate() {
        let fields = line.split_whitespace().take_while(|field| !field.starts_with('#'));
        let fields: Vec<&str> = fields.collect();
        if fields.is_empty() {
            continue;
        }
        let number = i + 1;
        match netlify_rule(&fields) {
            Ok(new) => entries.push(Entry { pointer: "#".into(), line: format!("line {number}: "), new }),
            Err(message) => violations.push(violation("#", &format!("line {number}: {message}"))),
        }
    }
    if violations.is_empty() { Ok(entries) } else { Err(violations) }
}

fn netlify_rule(fields: &[&str]) -> Result<RedirectInput, &'static str> {
    let (source, destination, status) = match fields {
        [source, destination] => (source, destination, "301"),
        [source, destination, status] => (source, destination, *status),
        _ => {
            return Err(
                "must be a source, a destination and an optional status; conditions are not supported",
            );
        }
    };
    if source.contains("/:") {
        return Err("placeholders are not supported: use `*`");
    }
    let permanent = match status.trim_end_matches('!') {
        "301" | "308" => true,
        "302" | "303" | "307" => false,
        _ => return Err("the status must be 301, 302, 303, 307 or 308; rewrites are not supported"),
    };
    // With one capture, `:splat` and `*` are equivalent. The export writes `*` as `:splat`, so the import
    // restores it.
    let destination = match source.matches('*').count() == 1 && destination.matches(SPLAT).count() == 1 {
        true => destination.replace(SPLAT, "*"),
        false => (*destination).to_owned(),
    };
    Ok(RedirectInput {
        source: (*source).into(),
        destination: destination.into(),
        permanent,
        starts_at: None,
        ends_at: None,
    })
}

/// Writes rules as a `_redirects` file in order of precedence: Netlify uses the first match. Rules that the
/// format cannot express are written as comments.
pub fn to_netlify(rules: &[RedirectInput]) -> String {
    let rank = |rule: &RedirectInput| match rule.source.matches('*').count() {
        0 => 0,
        1 if rule.source.ends_with("/*") => 1,
        _ => 2,
    };
    let mut sorted: Vec<&RedirectInput> = rules.iter().collect();
    sorted.sort_by_key(|rule| (rank(rule), std::cmp::Reverse(rule.source.len()), rule.source.clone()));
    let mut text = String::new();
    for rule in sorted {
        let undated = rule.starts_at.is_none() && rule.ends_at.is_none();
        let destination = rule.destination.replace('*', SPLAT);
        // `/:name` is a placeholder in the file format, but literal text in a rule.
        let source = escaped(&rule.source).replace("/:", "/%3A");
        let status = if rule.permanent { 308 } else { 307 };
        let prefix = if rank(rule) < 2 && undated { "" } else { "# dates and wildcards are not supported: " };
        let _ = writeln!(text, "{prefix}{source} {destination} {status}");
    }
    text
}

#[cfg(test)]
#[path = "formats_tests.rs"]
mod tests;
