//! Streamed exports: CSV (RFC 4180) and newline-delimited JSON, sent while the rows are read.
use std::{borrow::Cow, io, marker::PhantomData};

use bytes::Bytes;
use futures_util::StreamExt;
use poem::Body;
use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef, Registry},
    types::Type,
};
use serde::Serialize;

use super::{
    cache_control::CacheControl,
    etag::{ETag, EntityTags},
    file_response::{FileResponse, Media},
    problem::Result,
    row_stream::BatchStream,
};

/// The byte order mark, by which spreadsheet programs detect UTF-8.
const BOM: &[u8] = "\u{feff}".as_bytes();

/// A column of a CSV table.
pub struct Column<T: 'static> {
    pub name: &'static str,
    /// The field name that selects this column in the `fields` parameter.
    pub field: &'static str,
    pub description: &'static str,
    /// Appends the text of the cell.
    pub write: fn(&T, &mut String),
}

/// A type that is exported as rows of a CSV table.
pub trait CsvTable: Sized + Send + 'static {
    const COLUMNS: &'static [Column<Self>];
    /// The first lines of a table, as the example in the OpenAPI document.
    const EXAMPLE: &'static str;
}

/// Options of a CSV export: the selected columns and the byte order mark.
pub struct CsvOptions<T: 'static> {
    columns: Vec<&'static Column<T>>,
    bom: bool,
}

impl<T: CsvTable> CsvOptions<T> {
    /// Selects the first column and the columns of `fields` (comma-separated), or all columns for `None`.
    pub fn new(fields: Option<&str>, bom: bool) -> Self {
        let selected = |name: &str| fields.is_none_or(|fields| fields.split(',').any(|field| field == name));
        let columns = T::COLUMNS.iter().enumerate();
        let columns = columns.filter(|(index, column)| *index == 0 || selected(column.field));
        CsvOptions { columns: columns.map(|(_, column)| column).collect(), bom }
    }

    fn head(&self) -> Result<Bytes, csv::Error> {
        let mut bytes = if self.bom { BOM.to_vec() } else { Vec::new() };
        let mut writer = csv_writer(&mut bytes);
        writer.write_record(self.columns.iter().map(|column| column.name))?;
        drop(writer);
        Ok(bytes.into())
    }

    fn body(&self, batch: &[T]) -> Result<Bytes, csv::Error> {
        let mut bytes = Vec::with_capacity(batch.len() * 160);
        let mut writer = csv_writer(&mut bytes);
        let mut cell = String::new();
        for entry in batch {
            for column in &self.columns {
                cell.clear();
                (column.write)(entry, &mut cell);
                writer.write_field(escape_formula(&cell).as_bytes())?;
            }
            writer.write_record(None::<&[u8]>)?;
        }
        drop(writer);
        Ok(bytes.into())
    }
}

fn csv_writer(bytes: &mut Vec<u8>) -> csv::Writer<&mut Vec<u8>> {
    csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(bytes)
}

const FORMULA_PREFIXES: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

fn is_separator(c: char) -> bool {
    matches!(c, ';' | '\t' | '\r' | '\n')
}

/// Prevents CSV injection: inserts an apostrophe before a character that begins a formula.
///
/// Spreadsheet programs evaluate a cell that begins with one of [`FORMULA_PREFIXES`], or with a tab or a line
/// break. Some of them also split cells at a semicolon, a tab or a line break, so formulas are escaped after
/// these too.
fn escape_formula(cell: &str) -> Cow<'_, str> {
    let starts_formula =
        cell.starts_with(FORMULA_PREFIXES) || cell.starts_with(|c| c != ';' && is_separator(c));
    // Most cells have no separator.
    if !starts_formula && !cell.bytes().any(|byte| is_separator(char::from(byte))) {
        return Cow::Borrowed(cell);
    }
    let mut escaped = String::with_capacity(cell.len() + 2);
    if starts_formula {
        escaped.push('\'');
    }
    let mut previous = ' ';
    for c in cell.chars() {
        if is_separator(previous) && FORMULA_PREFIXES.contains(&c) {
            escaped.push('\'');
        }
        escaped.push(c);
        previous = c;
    }
    Cow::Owned(escaped)
}

/// A CSV response (RFC 4180), sent while the rows are read.
pub type Csv<T> = FileResponse<CsvMedia<T>>;

/// A response with one JSON text per line, sent while the rows are read.
pub type Ndjson<T> = FileResponse<NdjsonMedia<T>>;

/// The [`Media`] of CSV.
pub struct CsvMedia<T>(PhantomData<fn() -> T>);

/// The [`Media`] of newline-delimited JSON.
pub struct NdjsonMedia<T>(PhantomData<fn() -> T>);

impl<T: CsvTable> Csv<T> {
    /// Returns the 304 if `known` matches `etag`. Call it before any row is read.
    pub fn not_modified(etag: &ETag, known: &Option<EntityTags>) -> Option<Self> {
        Self::current(etag, known, CacheControl::Private)
    }

    pub fn new(form: CsvOptions<T>, rows: BatchStream<T>, name: &str, etag: &ETag) -> Self {
        let head = futures_util::stream::once(std::future::ready(form.head().map_err(io::Error::other)));
        let body = rows.batches().map(move |batch| {
            let batch = batch.map_err(io::Error::other)?;
            form.body(&batch).map_err(io::Error::other)
        });
        Self::found(Body::from_bytes_stream(head.chain(body)), name, etag, CacheControl::Private)
    }
}

impl<T: Type + Serialize + Send + 'static> Ndjson<T> {
    /// Returns the 304 if `known` matches `etag`. Call it before any row is read.
    pub fn not_modified(etag: &ETag, known: &Option<EntityTags>) -> Option<Self> {
        Self::current(etag, known, CacheControl::Private)
    }

    pub fn new(rows: BatchStream<T>, name: &str, etag: &ETag) -> Self {
        let body = rows.batches().map(|batch| {
            let mut bytes = Vec::new();
            for entry in batch.map_err(io::Error::other)? {
                serde_json::to_writer(&mut bytes, &entry).map_err(io::Error::other)?;
                bytes.push(b'\n');
            }
            Ok::<_, io::Error>(Bytes::from(bytes))
        });
        Self::found(Body::from_bytes_stream(body), name, etag, CacheControl::Private)
    }
}

impl<T: CsvTable> Media for CsvMedia<T> {
    const TYPE: &'static str = "text/csv";
    const PARAMETERS: &'static str = "; charset=utf-8; header=present";
    const DESCRIPTION: &'static str = "The CSV table (RFC 4180) with a header line";

    fn schema() -> MetaSchemaRef {
        let column = |column: &Column<T>| format!("- `{}`: {}", column.name, column.description);
        let columns: Vec<String> = T::COLUMNS.iter().map(column).collect();
        let description = format!("Columns, in this order:\n\n{}", columns.join("\n"));
        MetaSchemaRef::Inline(Box::new(MetaSchema {
            description: Some(Box::leak(description.into_boxed_str())),
            min_length: Some(1),
            max_length: Some(1 << 40),
            example: Some(T::EXAMPLE.into()),
            ..MetaSchema::new("string")
        }))
    }
}

impl<T: Type + 'static> Media for NdjsonMedia<T> {
    const TYPE: &'static str = "application/x-ndjson";
    const DESCRIPTION: &'static str = "One JSON text of this schema per line";

    fn schema() -> MetaSchemaRef {
        T::schema_ref()
    }
    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Line([String; 3]);

    impl CsvTable for Line {
        const COLUMNS: &'static [Column<Line>] = &[
            Column { name: "a", field: "a", description: "", write: |line, cell| cell.push_str(&line.0[0]) },
            Column {
                name: "b.c",
                field: "b",
                description: "",
                write: |line, cell| cell.push_str(&line.0[1]),
            },
            Column {
                name: "b.d",
                field: "b",
                description: "",
                write: |line, cell| cell.push_str(&line.0[2]),
            },
        ];
        const EXAMPLE: &'static str = "";
    }

    fn csv(form: &CsvOptions<Line>, batch: &[Line]) -> Vec<u8> {
        [form.head().unwrap(), form.body(batch).unwrap()].concat()
    }

    #[test]
    fn writes_the_selected_columns() {
        let line = || [Line(["1".into(), "x".into(), "y".into()])];
        for (fields, bom, text) in [
            (None, false, "a,b.c,b.d\r\n1,x,y\r\n"),
            (Some("b"), false, "a,b.c,b.d\r\n1,x,y\r\n"),
            (Some("a"), true, "\u{feff}a\r\n1\r\n"),
        ] {
            assert_eq!(csv(&CsvOptions::new(fields, bom), &line()), text.as_bytes(), "{fields:?}");
        }
    }

    /// Returns whether a spreadsheet program may evaluate the cell, or a part of it.
    fn has_formula(cell: &str) -> bool {
        let begins = |text: &str| text.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
        let is_separated = cell.split_inclusive([';', '\t', '\r', '\n']).skip(1).any(begins);
        begins(cell) || cell.starts_with(['\t', '\r', '\n']) || is_separated
    }

    /// Writes 10,000 random rows with separators, quotes and formula prefixes. A reader returns equal rows, apart from the
    /// apostrophes before formulas.
    #[test]
    fn round_trips_every_cell_without_a_formula() {
        let fragments = [
            "=1+1", "+", "-2", "@SUM", "＝1", "＋", "－", "＠", "\t", "\r", "\n", "\r\n", "\"", "\"\"", ",",
            ";", "é", "日本", "", " ", "'", "\u{0}", "\u{feff}", "a",
        ];
        let mut state = uuid::Uuid::now_v7().as_u128() as u64 | 1;
        let mut draw = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        let mut cell = || (0..draw(6)).map(|_| fragments[draw(fragments.len())]).collect::<String>();
        let batch: Vec<Line> = (0..10_000).map(|_| Line([cell(), cell(), cell()])).collect();
        let bytes = csv(&CsvOptions::new(None, false), &batch);
        let mut reader = csv::ReaderBuilder::new().from_reader(bytes.as_slice());
        // Rows of different lengths are an error of the reader.
        let records = reader.records().collect::<Result<Vec<_>, _>>().unwrap();
        assert_eq!(records.len(), batch.len());
        let (mut escaped, mut unchanged) = (0, 0);
        for (record, line) in records.iter().zip(&batch) {
            assert_eq!(record.len(), line.0.len());
            for (read, written) in record.iter().zip(&line.0) {
                assert!(!has_formula(read), "{read:?}");
                if !has_formula(written) {
                    assert_eq!(read, written);
                    unchanged += 1;
                    continue;
                }
                let plain = |text: &str| text.replace('\'', "");
                assert_eq!(plain(read), plain(written));
                assert!(read.len() > written.len(), "{written:?} is {read:?}");
                escaped += 1;
            }
        }
        assert!(escaped > 5_000 && unchanged > 5_000, "{escaped} cells with formulas, {unchanged} without");
    }
}
