//! Redirects as files: comma-separated values, and the `_redirects` file of Netlify.
use std::fmt::Write as _;

use super::{
    path::{Key, escaped},
    target::SPLAT,
    types::{NewRedirect, RedirectMap, RedirectReplacement},
};
use crate::contract::{
    check::{ErrorCode, Place, Violation},
    text_file::Form,
};

/// A rule from a file, and the place at which it stands there.
#[derive(Debug, Clone)]
pub struct Entry {
    pub place: String,
    /// What the message of a violation begins with.
    pub line: String,
    pub new: NewRedirect,
}

impl Entry {
    pub fn violation(&self, member: &str, message: &str) -> Violation {
        violation(&self.place, &format!("{}{member} {message}", self.line))
    }
}

fn violation(place: &str, message: &str) -> Violation {
    Violation::new(Place::Pointer(place.to_owned()), ErrorCode::Invalid, message)
}

type Read = Result<Vec<Entry>, Vec<Violation>>;

/// Comma-separated values with a first line of names (RFC 4180).
pub struct Csv;

impl Form for Csv {
    const MEDIA: &'static str = "text/csv";
    const FILE: &'static str = "redirects.csv";
    const EXAMPLE: &'static str = "source,destination,permanent,startsAt,endsAt\r\n/old/*,/new/*,true,,\r\n/sale,/winter,false,,2027-03-01T00:00:00.000Z\r\n";
}

/// The `_redirects` file of Netlify.
pub struct Netlify;

impl Form for Netlify {
    const MEDIA: &'static str = "text/plain";
    const FILE: &'static str = "_redirects";
    const EXAMPLE: &'static str = "/sale /winter 307\n/old/* /new/:splat 308\n";
}

/// Rules from a JSON map.
pub fn from_map(map: RedirectMap) -> Read {
    let (mut entries, mut violations) = (Vec::new(), Vec::new());
    for (key, to) in map.0 {
        let place = format!("#/{}", key.replace('~', "~0").replace('/', "~1"));
        let read = Key::read(&key);
        if !key.starts_with('/') && matches!(read, Key::Path(_)) {
            let why = "must begin with a slash, or be a key form such as -api-v1-revenues";
            violations.push(violation(&place, why));
            continue;
        }
        let RedirectReplacement { destination, permanent, starts_at, ends_at } = to;
        let new = NewRedirect { source: read.path().to_owned(), destination, permanent, starts_at, ends_at };
        entries.push(Entry { place, line: String::new(), new });
    }
    if violations.is_empty() { Ok(entries) } else { Err(violations) }
}

const COLUMNS: [&str; 5] = ["source", "destination", "permanent", "startsAt", "endsAt"];

/// Rules from comma-separated values; the columns stand in any order. Where `permanent` or the dates are missing,
/// the rule is for now and has none, whatever it was before.
pub fn from_csv(text: &str) -> Read {
    let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(text.as_bytes());
    let wrong = |line: u64, why: String| violation("#", &format!("line {line}: {why}"));
    let names = reader.headers().map_err(|error| vec![wrong(1, error.to_string())])?.clone();
    let known = names.iter().all(|name| COLUMNS.contains(&name));
    let place = |column: &str| names.iter().position(|name| name == column);
    if COLUMNS.iter().any(|column| names.iter().filter(|name| name == column).count() > 1) {
        return Err(vec![wrong(1, "the first line must name no column twice".to_owned())]);
    }
    if !known || place("source").is_none() || place("destination").is_none() {
        let why = format!("the first line must name columns among {}", COLUMNS.join(", "));
        return Err(vec![wrong(1, why)]);
    }
    let (mut entries, mut violations) = (Vec::new(), Vec::new());
    for record in reader.into_records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                violations.push(wrong(line, "has another number of values than the first".to_owned()));
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        let value = |column| place(column).and_then(|i| record.get(i)).unwrap_or_default();
        match csv_rule(value) {
            Ok(new) => entries.push(Entry { place: "#".into(), line: format!("line {line}: "), new }),
            Err(why) => violations.push(wrong(line, why)),
        }
    }
    if violations.is_empty() { Ok(entries) } else { Err(violations) }
}

fn csv_rule<'a>(value: impl Fn(&'static str) -> &'a str) -> Result<NewRedirect, String> {
    let time = |column| match value(column) {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| format!("{column} must be a time by RFC 3339")),
    };
    let permanent = match value("permanent") {
        "true" => true,
        "" | "false" => false,
        _ => return Err("permanent must be true or false".to_owned()),
    };
    Ok(NewRedirect {
        source: value("source").to_owned(),
        destination: value("destination").to_owned(),
        permanent,
        starts_at: time("startsAt")?,
        ends_at: time("endsAt")?,
    })
}

/// Rules as comma-separated values. Every value begins with a slash, a letter or a digit: no spreadsheet takes
/// it for a formula.
pub fn to_csv(rules: &[NewRedirect]) -> Result<String, csv::Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for rule in rules {
        let time = |time: &Option<_>| time.map(|time: crate::contract::time::Timestamp| time.to_string());
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

/// Rules from a `_redirects` file. What has no meaning here (rewrites, placeholders, conditions) is refused.
pub fn from_netlify(text: &str) -> Read {
    let (mut entries, mut violations) = (Vec::new(), Vec::new());
    for (i, line) in text.lines().enumerate() {
        let words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
        let words: Vec<&str> = words.collect();
        if words.is_empty() {
            continue;
        }
        let number = i + 1;
        match netlify_rule(&words) {
            Ok(new) => entries.push(Entry { place: "#".into(), line: format!("line {number}: "), new }),
            Err(why) => violations.push(violation("#", &format!("line {number}: {why}"))),
        }
    }
    if violations.is_empty() { Ok(entries) } else { Err(violations) }
}

fn netlify_rule(words: &[&str]) -> Result<NewRedirect, &'static str> {
    let (source, destination, status) = match words {
        [source, destination] => (source, destination, "301"),
        [source, destination, status] => (source, destination, *status),
        _ => {
            return Err("must be a source, a destination and perhaps a status; conditions have no form here");
        }
    };
    if source.contains("/:") {
        return Err("placeholders have no form here: use `*`");
    }
    let permanent = match status.trim_end_matches('!') {
        "301" | "308" => true,
        "302" | "303" | "307" => false,
        _ => return Err("the status must be 301, 302, 303, 307 or 308; rewrites have no form here"),
    };
    // Of one `*` both words mean the same, and `*` is the one that a file cannot say.
    let destination = match source.matches('*').count() == 1 && destination.matches(SPLAT).count() == 1 {
        true => destination.replace(SPLAT, "*"),
        false => (*destination).to_owned(),
    };
    Ok(NewRedirect { source: (*source).to_owned(), destination, permanent, starts_at: None, ends_at: None })
}

/// Rules as a `_redirects` file, those first that win here. What has no form there stays as a comment.
pub fn to_netlify(rules: &[NewRedirect]) -> String {
    let rank = |rule: &NewRedirect| match rule.source.matches('*').count() {
        0 => 0,
        1 if rule.source.ends_with("/*") => 1,
        _ => 2,
    };
    let mut sorted: Vec<&NewRedirect> = rules.iter().collect();
    sorted.sort_by_key(|rule| (rank(rule), std::cmp::Reverse(rule.source.len()), rule.source.clone()));
    let mut text = String::new();
    for rule in sorted {
        let forever = rule.starts_at.is_none() && rule.ends_at.is_none();
        let destination = rule.destination.replace('*', SPLAT);
        // What looks like a placeholder there is none here.
        let source = escaped(&rule.source).replace("/:", "/%3A");
        let status = if rule.permanent { 308 } else { 307 };
        let mark = if rank(rule) < 2 && forever { "" } else { "# no form for its dates or wildcards: " };
        let _ = writeln!(text, "{mark}{source} {destination} {status}");
    }
    text
}

#[cfg(test)]
#[path = "forms_tests.rs"]
mod tests;
