//! Reads JSON files: arrays of customers, invoices and revenues, and objects of redirects.
use std::{
    collections::HashSet,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::report::Report;
use crate::domain::date::{Date, Month};

/// The maximum size of a file, in bytes. A file is read into memory as a whole.
const MAX_FILE: u64 = 64 * 1024 * 1024;
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// A record of a file.
#[derive(Debug, Clone)]
pub struct ImportedRecord {
    /// The path as given on the command line, and the number of the record, from 1: `invoices.json#3`.
    pub file: String,
    pub record: Record,
}

/// The content of a record. The limits of its fields are validated later, against the schemas of the API.
#[derive(Debug, Clone)]
pub enum Record {
    Customer(CustomerRecord),
    Invoice(InvoiceRecord),
    Revenue(RevenueRecord),
    /// All redirect rules of a file, by source. They are validated together.
    Redirects(Map<String, Value>),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CustomerRecord {
    pub id: Option<String>,
    pub name: String,
    pub email: String,
    #[serde(alias = "image_url")]
    pub image_url: Option<String>,
    #[serde(flatten)]
    unused: Map<String, Value>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InvoiceRecord {
    pub id: Option<String>,
    #[serde(alias = "customer_id")]
    pub customer_id: String,
    /// The amount in minor units.
    pub amount: i64,
    #[serde(default = "default_currency")]
    pub currency: String,
    pub status: String,
    pub date: String,
    #[serde(flatten)]
    unused: Map<String, Value>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RevenueRecord {
    pub month: String,
    /// The amount in minor units.
    pub amount: i64,
    #[serde(default = "default_currency")]
    pub currency: String,
    #[serde(flatten)]
    unused: Map<String, Value>,
}

fn default_currency() -> String {
    "USD".to_owned()
}

/// The year of months without a year.
#[derive(Debug, Clone, Copy)]
pub enum DefaultYear {
    /// The year of `--year`.
    Fixed(i32),
    /// The year in which the month is one of the twelve months up to the month of this date.
    LastTwelveMonths(Date),
}

impl DefaultYear {
    /// Parses a month in the form 2026-11, or an English month name. Compares the first three letters of a
    /// name.
    pub fn month(self, text: &str) -> Option<Month> {
        if let Ok(month) = text.parse() {
            return Some(month);
        }
        let name = text.get(..3)?.to_ascii_lowercase();
        let number = MONTHS.iter().position(|known| *known == name)? + 1;
        let in_year = |year: i32| format!("{year:04}-{number:02}").parse::<Month>().ok();
        match self {
            DefaultYear::Fixed(year) => in_year(year),
            DefaultYear::LastTwelveMonths(day) => {
                let now = Month::from_date(day);
                let year: i32 = now.to_string().get(..4)?.parse().ok()?;
                in_year(year).filter(|month| *month <= now).or_else(|| in_year(year - 1))
            }
        }
    }
}

/// Reads the records of all files, sorted by type, so that customers precede their invoices, and then by the
/// order of the files.
pub(super) fn plan(paths: &[PathBuf], report: &mut Report) -> Vec<ImportedRecord> {
    let mut records = Vec::new();
    for path in paths {
        let name = path.to_string_lossy().into_owned();
        match read(path) {
            Ok(Value::Array(entries)) => add_records(&name, entries, &mut records, report),
            Ok(Value::Object(rules)) => {
                records.push(ImportedRecord { file: name, record: Record::Redirects(rules) });
            }
            Ok(_) => report.fail(&name, "must be an array of records or an object of redirects"),
            Err(reason) => report.fail(&name, reason),
        }
    }
    records.sort_by_key(|record| match record.record {
        Record::Customer(_) => 0,
        Record::Invoice(_) => 1,
        Record::Revenue(_) => 2,
        Record::Redirects(_) => 3,
    });
    records
}

fn read(path: &Path) -> Result<Value, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| format!("cannot read the file: {error}"))?;
    // The size is limited while reading, because the file may grow after its metadata was read.
    file.take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("cannot read the file: {error}"))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(format!("larger than {} MiB: split the file", MAX_FILE / (1024 * 1024)));
    }
    serde_json::from_slice(&bytes).map_err(|error| format!("invalid JSON: {error}"))
}

fn add_records(name: &str, entries: Vec<Value>, records: &mut Vec<ImportedRecord>, report: &mut Report) {
    let mut seen = HashSet::new();
    for (entry, number) in entries.into_iter().zip(1..) {
        let file = format!("{name}#{number}");
        match record(entry) {
            Ok(record) if record.key().is_some_and(|key| !seen.insert(key)) => {
                report.fail(&file, "duplicate of an earlier record in this file");
            }
            Ok(record) => {
                for field in record.unused() {
                    *report.unused_fields.entry(field.clone()).or_default() += 1;
                }
                records.push(ImportedRecord { file, record });
            }
            Err(reason) => report.fail(&file, reason),
        }
    }
}

/// Determines the type of a record by the fields that only this type has, and parses it.
fn record(entry: Value) -> Result<Record, String> {
    let has = |names: &[&str]| names.iter().any(|name| entry.get(name).is_some());
    if has(&["customerId", "customer_id"]) {
        parse(entry).map(Record::Invoice)
    } else if has(&["email"]) {
        parse(entry).map(Record::Customer)
    } else if has(&["month"]) {
        parse(entry).map(Record::Revenue)
    } else {
        Err("unknown record type: expected a customer (email), an invoice (customerId) or a revenue (month)"
            .to_owned())
    }
}

fn parse<T: DeserializeOwned>(entry: Value) -> Result<T, String> {
    serde_json::from_value(entry).map_err(|error| error.to_string())
}

impl Record {
    /// Returns the key for detecting duplicates within a file, if the record has one.
    fn key(&self) -> Option<(u8, String)> {
        match self {
            Record::Customer(customer) => Some((0, customer.id.clone()?)),
            Record::Invoice(invoice) => Some((1, invoice.id.clone()?)),
            Record::Revenue(revenue) => Some((2, revenue.month.to_ascii_lowercase())),
            Record::Redirects(_) => None,
        }
    }

    /// Returns the names of unused fields.
    fn unused(&self) -> Vec<&String> {
        match self {
            Record::Customer(customer) => customer.unused.keys().collect(),
            Record::Invoice(invoice) => invoice.unused.keys().collect(),
            Record::Revenue(revenue) => revenue.unused.keys().collect(),
            Record::Redirects(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_without_a_year_is_one_of_the_last_twelve_months() {
        let today = DefaultYear::LastTwelveMonths("2026-11-21".parse().unwrap());
        for (text, year, month) in [
            ("Jan", today, "2026-01"),
            ("november", today, "2026-11"),
            ("Dec", today, "2025-12"),
            ("2024-02", today, "2024-02"),
            ("Dec", DefaultYear::Fixed(2023), "2023-12"),
            ("2024-02", DefaultYear::Fixed(2023), "2024-02"),
        ] {
            assert_eq!(year.month(text).map(|month| month.to_string()).as_deref(), Some(month), "{text}");
        }
        for text in ["", "J", "Foo", "2026-13", "äöü"] {
            assert!(today.month(text).is_none(), "{text}");
        }
    }
}
