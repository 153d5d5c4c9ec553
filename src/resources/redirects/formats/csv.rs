//! Rules as CSV, also after a spreadsheet program has changed the file.
use std::collections::BTreeSet;

use super::{Entry, ParsedFile, Place, Remark};
use crate::{
    domain::timestamp::Timestamp,
    http::text_file::TextFormat,
    resources::redirects::{status::RedirectStatus, types::RedirectInput},
};

/// CSV with a header line (RFC 4180).
pub struct Csv;

impl TextFormat for Csv {
    const MEDIA_TYPE: &'static str = "text/csv";
    const FILE_NAME: &'static str = "redirects.csv";
    const EXAMPLE: &'static str = "source,destination,permanent,startsAt,endsAt,status,external\r\n/old/*,/new/*,true,,,,\r\n/sale,/winter,false,,2027-03-01T00:00:00.000Z,,\r\n";
}

const COLUMNS: [&str; 7] = ["source", "destination", "permanent", "startsAt", "endsAt", "status", "external"];

/// Separators that spreadsheet programs write.
const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

/// The columns of a file.
struct Header {
    /// The position of each known column.
    positions: [Option<usize>; COLUMNS.len()],
    unknown: BTreeSet<String>,
    /// The number of named columns.
    width: usize,
}

/// Reads rules from CSV. The separator is a comma, a semicolon or a tab. The columns may be in any order, and
/// unknown columns are ignored. A rule without `permanent` is temporary. Missing values are not filled from an
/// existing rule with the same source.
pub fn from_csv(text: &str) -> ParsedFile {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // A line by which a spreadsheet program states the separator.
    let first = text.lines().next().unwrap_or_default();
    let (skipped, body) = match first.len() == 5 && first.to_ascii_lowercase().starts_with("sep=") {
        true => (1, text.split_once('\n').map_or("", |(_, rest)| rest)),
        false => (0, text),
    };
    let mut file = ParsedFile::default();
    let mut lines = Lines { text: body, position: 0, line: skipped + 1 };
    let first = body.trim_start_matches(['\r', '\n']);
    let separator = separator(first.lines().next().unwrap_or_default());
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .has_headers(false)
        .delimiter(separator)
        .from_reader(body.as_bytes());
    let mut header = None;
    let mut record = csv::StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                let line = lines.of(error.position().map_or(0, csv::Position::byte));
                file.errors.push(Remark::new(Place::Line(line), "must be valid CSV in UTF-8"));
                break;
            }
        }
        let line = lines.of(record.position().map_or(0, csv::Position::byte));
        if record.iter().all(|value| trim(value).is_empty()) {
            continue;
        }
        let Some(header) = &header else {
            match Header::parse(&record) {
                Ok(parsed) => header = Some(parsed),
                Err(message) => return ParsedFile::invalid(Place::Line(line), message),
            }
            continue;
        };
        match header.rule(&record) {
            Ok(new) => file.entries.push(Entry::new(Place::Line(line), new)),
            Err(messages) => {
                file.errors.extend(messages.into_iter().map(|text| Remark::new(Place::Line(line), text)));
            }
        }
    }
    match header {
        None => ParsedFile::invalid(Place::Line(1), Header::rule_of_columns()),
        Some(Header { unknown, .. }) => {
            for name in unknown {
                let message = format!("the column {name:.50} is unknown and ignored");
                file.warnings.push(Remark::new(Place::Line(skipped + 1), message));
            }
            file
        }
    }
}

/// Returns the separator in the first line: the one with which it contains the most known columns.
fn separator(line: &str) -> u8 {
    let known = |separator: &u8| {
        let names = line.split(char::from(*separator)).map(|name| name.trim().trim_matches('"'));
        names.filter(|name| COLUMNS.iter().any(|column| column.eq_ignore_ascii_case(name))).count()
    };
    // The first one of several with the same number.
    SEPARATORS.into_iter().rev().max_by_key(known).unwrap_or(b',')
}

/// Counts the lines of a text at ascending positions. The reader of the library does not count a line feed
/// that follows a carriage return until it reads the next record.
struct Lines<'a> {
    text: &'a str,
    position: usize,
    line: u64,
}

impl Lines<'_> {
    /// Returns the line of the record that begins at this byte, or after line breaks at this byte.
    fn of(&mut self, byte: u64) -> u64 {
        let bytes = self.text.as_bytes();
        let mut at = usize::try_from(byte).unwrap_or(usize::MAX).min(bytes.len());
        while at < bytes.len() && matches!(bytes[at], b'\r' | b'\n') {
            at += 1;
        }
        let passed = bytes.get(self.position..at).unwrap_or_default();
        // A carriage return alone ends a line too.
        let next_of = |i: usize| passed.get(i + 1).or(bytes.get(at));
        let is_end =
            |(i, byte): (usize, &u8)| *byte == b'\n' || (*byte == b'\r' && next_of(i) != Some(&b'\n'));
        self.line += passed.iter().enumerate().filter(|item| is_end(*item)).count() as u64;
        self.position = at.max(self.position);
        self.line
    }
}

impl Header {
    fn rule_of_columns() -> String {
        let columns = COLUMNS.join(", ");
        format!(
            "the first line must name the columns source and destination; the other columns are {columns}"
        )
    }

    fn parse(record: &csv::StringRecord) -> Result<Self, String> {
        let mut header = Header { positions: [None; COLUMNS.len()], unknown: BTreeSet::new(), width: 0 };
        for (i, name) in record.iter().enumerate() {
            let name = name.trim();
            if name.is_empty() {
                continue;
            }
            header.width = i + 1;
            let Some(column) = COLUMNS.iter().position(|column| column.eq_ignore_ascii_case(name)) else {
                header.unknown.insert(name.to_owned());
                continue;
            };
            if header.positions[column].replace(i).is_some() {
                return Err(format!("the first line must not name a column twice, got {name} twice"));
            }
        }
        match header.positions[0].is_some() && header.positions[1].is_some() {
            true => Ok(header),
            false => Err(Header::rule_of_columns()),
        }
    }

    fn rule(&self, record: &csv::StringRecord) -> Result<RedirectInput, Vec<String>> {
        let value = |column: usize| {
            let position = self.positions[column];
            position.and_then(|i| record.get(i)).map(trim).unwrap_or_default()
        };
        let mut errors = Vec::new();
        if record.iter().skip(self.width).any(|value| !trim(value).is_empty()) {
            let message =
                "must not have more values than the first line; put a value with the separator in quotes";
            errors.push(message.to_owned());
        }
        let mut read = |column: usize, rule: &str, valid: bool| {
            if !valid {
                errors.push(format!("{}: must be {rule}, got {:.40}", COLUMNS[column], value(column)));
            }
        };
        let switch = "true or false (or 1 or 0)";
        let permanent = boolean(value(2));
        read(2, switch, permanent.is_some());
        let times = [3, 4].map(|column| {
            let time = time(value(column));
            read(column, "an RFC 3339 date-time or a date such as 2027-03-01", time.is_some());
            time.flatten()
        });
        let status = match value(5) {
            "" => Some(None),
            code => code.parse().ok().and_then(RedirectStatus::from_code).map(Some),
        };
        read(5, "303, 307 or 308", status.is_some());
        let external = boolean(value(6));
        read(6, switch, external.is_some());
        if !errors.is_empty() {
            return Err(errors);
        }
        let [starts_at, ends_at] = times;
        Ok(RedirectInput {
            source: value(0).into(),
            destination: value(1).into(),
            permanent: permanent.unwrap_or_default(),
            status: status.flatten(),
            external: external.unwrap_or_default(),
            starts_at,
            ends_at,
        })
    }
}

/// Removes spaces, but not the white space of other scripts, which a path can contain.
fn trim(value: &str) -> &str {
    value.trim_matches([' ', '\t', '\r', '\n'])
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "" | "false" | "0" => Some(false),
        _ => None,
    }
}

/// Parses a time, or a date, which means its begin in UTC. Returns `None` for an invalid one, and
/// `Some(None)` for none.
fn time(text: &str) -> Option<Option<Timestamp>> {
    if text.is_empty() {
        return Some(None);
    }
    let parsed = text.parse().or_else(|_| format!("{text}T00:00:00Z").parse());
    parsed.ok().map(Some)
}

/// Writes rules as CSV. Every value begins with a slash, a letter or a digit, so no spreadsheet evaluates one
/// as a formula.
pub fn to_csv(rules: &[RedirectInput]) -> Result<String, csv::Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for rule in rules {
        let time = |time: &Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
        writer.write_record([
            rule.source.as_str(),
            &rule.destination,
            if rule.permanent { "true" } else { "false" },
            &time(&rule.starts_at),
            &time(&rule.ends_at),
            &rule.status.map(|status| status.code().to_string()).unwrap_or_default(),
            if rule.external { "true" } else { "" },
        ])?;
    }
    let bytes = writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
