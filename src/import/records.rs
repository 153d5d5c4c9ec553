//! JSON files, made into the records of an office: lists of customers, invoices and revenues, and maps of redirects.
use std::{
    collections::HashSet,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::report::Report;
use crate::contract::date::{Date, Month};

/// The most bytes that one file may have; it is held in memory as a whole.
const MAX_FILE: u64 = 64 * 1024 * 1024;
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// One entry of a file.
#[derive(Debug, Clone)]
pub struct ImportedRecord {
    /// The file as it was named, and the number of the entry in it, from 1.
    pub file: String,
    pub record: Record,
}

/// What an entry says. Its bounds are not looked at here.
#[derive(Debug, Clone)]
pub enum Record {
    Customer(CustomerRecord),
    Invoice(InvoiceRecord),
    Revenue(RevenueRecord),
    /// A whole file of rules, by source: they are checked against each other.
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
    /// In minor units.
    pub amount: i64,
    #[serde(default = "dollar")]
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
    /// In minor units.
    pub amount: i64,
    #[serde(default = "dollar")]
    pub currency: String,
    #[serde(flatten)]
    unused: Map<String, Value>,
}

fn dollar() -> String {
    "USD".to_owned()
}

/// What the months of a file mean that have a name and no year.
#[derive(Debug, Clone, Copy)]
pub enum Year {
    /// This one.
    Of(i32),
    /// Whichever makes the month one of the twelve that end on this day.
    Before(Date),
}

impl Year {
    /// The month by its number or its English name.
    pub fn month(self, text: &str) -> Option<Month> {
        if let Ok(month) = text.parse() {
            return Some(month);
        }
        let name = text.get(..3)?.to_ascii_lowercase();
        let number = MONTHS.iter().position(|known| *known == name)? + 1;
        let of = |year: i32| format!("{year:04}-{number:02}").parse::<Month>().ok();
        match self {
            Year::Of(year) => of(year),
            Year::Before(day) => {
                let now = Month::of(day);
                let year: i32 = now.to_string().get(..4)?.parse().ok()?;
                of(year).filter(|month| *month <= now).or_else(|| of(year - 1))
            }
        }
    }
}

/// The records of some files: customers before their invoices, else in the order of the files.
pub(super) fn plan(paths: &[PathBuf], report: &mut Report) -> Vec<ImportedRecord> {
    let mut records = Vec::new();
    for path in paths {
        let shown = path.to_string_lossy().into_owned();
        match read(path) {
            Ok(Value::Array(entries)) => entries_of(&shown, entries, &mut records, report),
            Ok(Value::Object(rules)) => {
                records.push(ImportedRecord { file: shown, record: Record::Redirects(rules) });
            }
            Ok(_) => report.fail(&shown, "is neither a list of records nor a map of redirects"),
            Err(reason) => report.fail(&shown, reason),
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
    let file = File::open(path).map_err(|error| format!("cannot be read: {error}"))?;
    // The length is measured while reading: a file may grow after it was looked at.
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(format!("is larger than {} MiB: split it", MAX_FILE / (1024 * 1024)));
    }
    serde_json::from_slice(&bytes).map_err(|error| format!("is no JSON: {error}"))
}

fn entries_of(name: &str, entries: Vec<Value>, records: &mut Vec<ImportedRecord>, report: &mut Report) {
    let mut seen = HashSet::new();
    for (entry, number) in entries.into_iter().zip(1..) {
        let file = format!("{name}#{number}");
        match record(entry) {
            Ok(record) if record.name().is_some_and(|name| !seen.insert(name)) => {
                report.fail(&file, "stands in this file twice");
            }
            Ok(record) => {
                for member in record.unused() {
                    *report.unused_members.entry(member.clone()).or_default() += 1;
                }
                records.push(ImportedRecord { file, record });
            }
            Err(reason) => report.fail(&file, reason),
        }
    }
}

/// Which kind an entry is, by the members that only that kind has.
fn record(entry: Value) -> Result<Record, String> {
    let has = |names: &[&str]| names.iter().any(|name| entry.get(name).is_some());
    if has(&["customerId", "customer_id"]) {
        typed(entry).map(Record::Invoice)
    } else if has(&["email"]) {
        typed(entry).map(Record::Customer)
    } else if has(&["month"]) {
        typed(entry).map(Record::Revenue)
    } else {
        Err("is no customer (email), no invoice (customerId) and no revenue (month)".to_owned())
    }
}

fn typed<T: DeserializeOwned>(entry: Value) -> Result<T, String> {
    serde_json::from_value(entry).map_err(|error| error.to_string())
}

impl Record {
    /// What an entry of a file is known by, if it has a name of its own.
    fn name(&self) -> Option<(u8, String)> {
        match self {
            Record::Customer(customer) => Some((0, customer.id.clone()?)),
            Record::Invoice(invoice) => Some((1, invoice.id.clone()?)),
            Record::Revenue(revenue) => Some((2, revenue.month.to_ascii_lowercase())),
            Record::Redirects(_) => None,
        }
    }

    /// The names of members that mean nothing here.
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
    fn a_month_without_a_year_is_one_of_the_last_twelve() {
        let today = Year::Before("2026-11-21".parse().unwrap());
        for (text, year, month) in [
            ("Jan", today, "2026-01"),
            ("november", today, "2026-11"),
            ("Dec", today, "2025-12"),
            ("2024-02", today, "2024-02"),
            ("Dec", Year::Of(2023), "2023-12"),
            ("2024-02", Year::Of(2023), "2024-02"),
        ] {
            assert_eq!(year.month(text).map(|month| month.to_string()).as_deref(), Some(month), "{text}");
        }
        for text in ["", "J", "Foo", "2026-13", "äöü"] {
            assert!(today.month(text).is_none(), "{text}");
        }
    }
}
