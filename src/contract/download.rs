//! Downloads: answers that are sent while they are read, as a table (RFC 4180) or as one JSON text in each line.
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
    cache::Cache,
    etag::{ETag, Tags},
    file::{File, Media},
    problem::Result,
    rows::Rows,
};

/// What spreadsheets take for UTF-8.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// A column of a table.
pub struct Column<T: 'static> {
    pub name: &'static str,
    /// The member that `fields` names to have it.
    pub field: &'static str,
    pub meaning: &'static str,
    pub cell: fn(&T) -> Cow<'_, str>,
}

/// What can be shown as a table.
pub trait Table: Sized + Send + 'static {
    const COLUMNS: &'static [Column<Self>];
    /// The first lines of such a table, for the document.
    const EXAMPLE: &'static str;
}

/// How a table is asked for.
pub struct Form<T: 'static> {
    columns: Vec<&'static Column<T>>,
    mark: bool,
}

impl<T: Table> Form<T> {
    /// The columns of these fields beside the first one, all of them for none; with a byte order mark if it is
    /// asked for.
    pub fn new(fields: Option<&str>, mark: bool) -> Self {
        let wanted = |name: &str| fields.is_none_or(|fields| fields.split(',').any(|field| field == name));
        let columns = T::COLUMNS.iter().enumerate();
        let columns = columns.filter(|(place, column)| *place == 0 || wanted(column.field));
        Form { columns: columns.map(|(_, column)| column).collect(), mark }
    }

    fn head(&self) -> Result<Bytes, csv::Error> {
        let mut bytes = if self.mark { MARK.to_vec() } else { Vec::new() };
        let mut lines = lines(&mut bytes);
        lines.write_record(self.columns.iter().map(|column| column.name))?;
        drop(lines);
        Ok(bytes.into())
    }

    fn body(&self, batch: &[T]) -> Result<Bytes, csv::Error> {
        let mut bytes = Vec::with_capacity(batch.len() * 160);
        let mut lines = lines(&mut bytes);
        for entry in batch {
            for column in &self.columns {
                lines.write_field(safe((column.cell)(entry)).as_bytes())?;
            }
            lines.write_record(None::<&[u8]>)?;
        }
        drop(lines);
        Ok(bytes.into())
    }
}

fn lines(bytes: &mut Vec<u8>) -> csv::Writer<&mut Vec<u8>> {
    csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(bytes)
}

const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
const BREAKS: [char; 4] = [';', '\t', '\r', '\n'];

/// Programs that open tables run what looks like a formula: an apostrophe before it makes it text. Some take more than
/// the comma for the end of a cell.
fn safe(cell: Cow<'_, str>) -> Cow<'_, str> {
    let breaks = |c: char| BREAKS[1..].contains(&c);
    let begins = cell.starts_with(FORMULA) || cell.starts_with(breaks);
    let inside = || cell.chars().zip(cell.chars().skip(1));
    if !begins && !inside().any(|(c, next)| BREAKS.contains(&c) && FORMULA.contains(&next)) {
        return cell;
    }
    let mut safe = String::with_capacity(cell.len() + 2);
    if begins {
        safe.push('\'');
    }
    let mut before = ' ';
    for c in cell.chars() {
        if BREAKS.contains(&before) && FORMULA.contains(&c) {
            safe.push('\'');
        }
        safe.push(c);
        before = c;
    }
    Cow::Owned(safe)
}

/// A table (RFC 4180), sent while its lines are read.
pub type Csv<T> = File<Tabular<T>>;

/// One JSON text in each line, sent while they are read.
pub type Ndjson<T> = File<Lines<T>>;

pub struct Tabular<T>(PhantomData<fn() -> T>);

pub struct Lines<T>(PhantomData<fn() -> T>);

impl<T: Table> Csv<T> {
    /// The 304, decided before a row is read.
    pub fn unchanged(etag: &ETag, known: &Option<Tags>) -> Option<Self> {
        Self::current(etag, known, Cache::Private)
    }

    pub fn new(form: Form<T>, rows: Rows<T>, name: &str, etag: &ETag) -> Self {
        let head = futures_util::stream::once(std::future::ready(form.head().map_err(io::Error::other)));
        let body = rows.batches().map(move |batch| {
            let batch = batch.map_err(io::Error::other)?;
            form.body(&batch).map_err(io::Error::other)
        });
        Self::found(Body::from_bytes_stream(head.chain(body)), name, etag, Cache::Private)
    }
}

impl<T: Type + Serialize + Send + 'static> Ndjson<T> {
    /// The 304, decided before a row is read.
    pub fn unchanged(etag: &ETag, known: &Option<Tags>) -> Option<Self> {
        Self::current(etag, known, Cache::Private)
    }

    pub fn new(rows: Rows<T>, name: &str, etag: &ETag) -> Self {
        let body = rows.batches().map(|batch| {
            let mut bytes = Vec::new();
            for entry in batch.map_err(io::Error::other)? {
                serde_json::to_writer(&mut bytes, &entry).map_err(io::Error::other)?;
                bytes.push(b'\n');
            }
            Ok::<_, io::Error>(Bytes::from(bytes))
        });
        Self::found(Body::from_bytes_stream(body), name, etag, Cache::Private)
    }
}

impl<T: Table> Media for Tabular<T> {
    const TYPE: &'static str = "text/csv";
    const PARAMETERS: &'static str = "; charset=utf-8; header=present";
    const WHAT: &'static str = "The table (RFC 4180), with a line of names";

    fn schema() -> MetaSchemaRef {
        let column = |column: &Column<T>| format!("- `{}`: {}", column.name, column.meaning);
        let columns: Vec<String> = T::COLUMNS.iter().map(column).collect();
        let said = format!("The columns, in this order:\n\n{}", columns.join("\n"));
        MetaSchemaRef::Inline(Box::new(MetaSchema {
            description: Some(Box::leak(said.into_boxed_str())),
            min_length: Some(1),
            max_length: Some(1 << 40),
            example: Some(T::EXAMPLE.into()),
            ..MetaSchema::new("string")
        }))
    }
}

impl<T: Type + 'static> Media for Lines<T> {
    const TYPE: &'static str = "application/x-ndjson";
    const WHAT: &'static str = "In each line one JSON text of this schema";

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

    impl Table for Line {
        const COLUMNS: &'static [Column<Line>] = &[
            Column { name: "a", field: "a", meaning: "", cell: |line| Cow::Borrowed(&line.0[0]) },
            Column { name: "b.c", field: "b", meaning: "", cell: |line| Cow::Borrowed(&line.0[1]) },
            Column { name: "b.d", field: "b", meaning: "", cell: |line| Cow::Borrowed(&line.0[2]) },
        ];
        const EXAMPLE: &'static str = "";
    }

    fn written(form: &Form<Line>, batch: &[Line]) -> Vec<u8> {
        [form.head().unwrap(), form.body(batch).unwrap()].concat()
    }

    #[test]
    fn a_table_has_the_columns_that_were_asked_for() {
        let line = || [Line(["1".into(), "x".into(), "y".into()])];
        for (fields, mark, text) in [
            (None, false, "a,b.c,b.d\r\n1,x,y\r\n"),
            (Some("b"), false, "a,b.c,b.d\r\n1,x,y\r\n"),
            (Some("a"), true, "\u{feff}a\r\n1\r\n"),
        ] {
            assert_eq!(written(&Form::new(fields, mark), &line()), text.as_bytes(), "{fields:?}");
        }
    }

    /// Ten thousand lines of what gets on the nerves of tables, by a generator that starts anywhere.
    #[test]
    fn a_reader_of_tables_finds_what_was_written_and_no_formula() {
        let pieces = [
            "=1+1", "+", "-2", "@SUM", "\t", "\r", "\n", "\"", "\"\"", ",", ";", "é", "日本", "", " ", "'",
            "\u{0}", "a",
        ];
        let mut state = uuid::Uuid::now_v7().as_u128() as u64 | 1;
        let mut draw = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        let mut cell = || (0..draw(6)).map(|_| pieces[draw(pieces.len())]).collect::<String>();
        let batch: Vec<Line> = (0..10_000).map(|_| Line([cell(), cell(), cell()])).collect();
        let bytes = written(&Form::new(None, false), &batch);
        let mut reader = csv::ReaderBuilder::new().from_reader(bytes.as_slice());
        let mut seen = 0;
        for (record, line) in reader.records().zip(&batch) {
            let record = record.unwrap();
            for (read, meant) in record.iter().zip(&line.0) {
                let plain = |text: &str| text.replace('\'', "");
                assert_eq!(plain(read), plain(meant));
                assert!(!read.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']), "{read:?}");
                let runs = |pair: &[u8]| b";\t\r\n".contains(&pair[0]) && b"=+-@".contains(&pair[1]);
                assert!(!read.as_bytes().windows(2).any(runs), "{read:?}");
            }
            seen += 1;
        }
        assert_eq!(seen, batch.len());
    }
}
