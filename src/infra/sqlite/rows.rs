//! Conversion of bound values and of result rows.
use std::collections::BTreeMap;

use rusqlite::{
    CachedStatement, Row, ToSql,
    types::{ToSqlOutput, ValueRef},
};
use sea_orm::{
    DbErr, ProxyRow, Value,
    sea_query::{OptionEnum, Values},
};
use uuid::Uuid;

use super::error::query_error;

/// SeaORM decodes tuples of up to this number of columns by index.
const MAX_TUPLE: usize = 12;

/// Binds the values of a statement.
pub fn bind(prepared: &mut CachedStatement<'_>, values: Option<&Values>) -> Result<(), rusqlite::Error> {
    let values = values.map_or(&[][..], |values| &values.0);
    if prepared.parameter_count() != values.len() {
        return Err(rusqlite::Error::InvalidParameterCount(values.len(), prepared.parameter_count()));
    }
    for (index, value) in (1..).zip(values) {
        prepared.raw_bind_parameter(index, Parameter(value))?;
    }
    Ok(())
}

struct Parameter<'a>(&'a Value);

impl ToSql for Parameter<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let integer = |value: Option<i64>| value.map_or(ValueRef::Null, ValueRef::Integer);
        let real = |value: Option<f64>| value.map_or(ValueRef::Null, ValueRef::Real);
        let value = match self.0 {
            Value::Bool(value) => integer(value.map(i64::from)),
            Value::TinyInt(value) => integer(value.map(i64::from)),
            Value::SmallInt(value) => integer(value.map(i64::from)),
            Value::Int(value) => integer(value.map(i64::from)),
            Value::BigInt(value) => integer(*value),
            Value::TinyUnsigned(value) => integer(value.map(i64::from)),
            Value::SmallUnsigned(value) => integer(value.map(i64::from)),
            Value::Unsigned(value) => integer(value.map(i64::from)),
            Value::BigUnsigned(value) => {
                let value = value.map(i64::try_from).transpose();
                integer(value.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?)
            }
            Value::Float(value) => real(value.map(f64::from)),
            Value::Double(value) => real(*value),
            Value::String(value) => value.as_ref().map_or(ValueRef::Null, |text| text_ref(text)),
            Value::Enum(OptionEnum::Some(value)) => text_ref(&value.value),
            Value::Enum(OptionEnum::None(_)) => ValueRef::Null,
            Value::Bytes(value) => value.as_ref().map_or(ValueRef::Null, |bytes| ValueRef::Blob(bytes)),
            Value::Uuid(value) => value.as_ref().map_or(ValueRef::Null, |id| ValueRef::Blob(id.as_bytes())),
            Value::Char(None) | Value::Json(None) => ValueRef::Null,
            Value::Char(Some(value)) => return Ok(ToSqlOutput::from(value.to_string())),
            Value::Json(Some(value)) => return Ok(ToSqlOutput::from(value.to_string())),
            other => {
                let message = format!("a value of this type cannot be stored in SQLite: {other:?}");
                return Err(rusqlite::Error::ToSqlConversionFailure(message.into()));
            }
        };
        Ok(ToSqlOutput::Borrowed(value))
    }
}

fn text_ref(text: &str) -> ValueRef<'_> {
    ValueRef::Text(text.as_bytes())
}

/// How the columns of a prepared statement are decoded.
///
/// SeaORM decodes a row of another driver from a map of values by name. By name it calls `get`, by index it takes
/// the entry at this position in the order of the names. So the map of a row that can be decoded as a tuple has two
/// entries per column, and those for the index sort before all names.
pub struct Columns {
    /// The keys of the map in ascending order, with the index of their column.
    keys: Box<[(String, Source)]>,
}

#[derive(Clone, Copy)]
enum Source {
    Column {
        index: usize,
        kind: Kind,
    },
    /// A value that no type accepts.
    Undecodable,
}

/// The declared type, where the stored value does not determine the Rust type.
#[derive(Clone, Copy)]
enum Kind {
    /// `int`: `i32`.
    Int,
    /// `boolean`: `bool`.
    Boolean,
    /// `json_text`: JSON.
    Json,
    /// All others. The Rust type follows from the value: `i64`, `f64`, `String`, `Uuid` or `Vec<u8>`.
    Stored,
}

impl Kind {
    fn of(declared: Option<&str>) -> Kind {
        let is = |name: &str| declared.is_some_and(|declared| declared.eq_ignore_ascii_case(name));
        match () {
            () if is("int") => Kind::Int,
            () if is("boolean") => Kind::Boolean,
            () if is("json_text") || is("jsonb_text") => Kind::Json,
            () => Kind::Stored,
        }
    }
}

impl Columns {
    pub fn of(prepared: &CachedStatement<'_>) -> Columns {
        let columns = prepared.columns();
        let column = |index: usize| Source::Column { index, kind: Kind::of(columns[index].decl_type()) };
        // Of two columns with one name, the last one is found by name.
        let named: BTreeMap<&str, usize> =
            columns.iter().enumerate().map(|(index, column)| (column.name(), index)).collect();
        let mut keys: Vec<(String, Source)> =
            named.iter().map(|(name, index)| ((*name).to_owned(), column(*index))).collect();
        if !named.values().copied().eq(0..columns.len()) {
            let by_index: Vec<(String, Source)> = if columns.len() <= MAX_TUPLE {
                // A name cannot begin with a control character: SeaORM quotes names that are Rust identifiers.
                (0..columns.len()).map(|index| (char::from(index as u8).to_string(), column(index))).collect()
            } else {
                // Decoding by index would find the columns in the order of their names, so it must fail.
                vec![('\0'.to_string(), Source::Undecodable)]
            };
            keys.splice(0..0, by_index);
        }
        Columns { keys: keys.into() }
    }

    pub fn decode(&self, row: &Row<'_>) -> Result<ProxyRow, DbErr> {
        let values = self.keys.iter().map(|(key, source)| Ok((key.clone(), source.value(key, row)?)));
        Ok(ProxyRow { values: values.collect::<Result<_, DbErr>>()? })
    }
}

impl Source {
    fn value(self, name: &str, row: &Row<'_>) -> Result<Value, DbErr> {
        let Source::Column { index, kind } = self else { return Ok(Value::Char(None)) };
        let failure = |message: String| DbErr::Type(format!("column {name:?}: {message}"));
        let value = row.get_ref(index).map_err(query_error)?;
        Ok(match (value, kind) {
            // SeaORM decodes any absent value as NULL, and also any value of another type than the requested one: an
            // `Option` is then `None`, without an error. `tests/storage/decoding.rs` compares all columns.
            (ValueRef::Null, _) => Value::BigInt(None),
            (ValueRef::Integer(value), Kind::Int) => {
                let value = i32::try_from(value).map_err(|_| failure(format!("{value} exceeds 32 bits")))?;
                Value::Int(Some(value))
            }
            (ValueRef::Integer(value), Kind::Boolean) => Value::Bool(Some(value != 0)),
            (ValueRef::Integer(value), _) => Value::BigInt(Some(value)),
            (ValueRef::Real(value), _) => Value::Double(Some(value)),
            (ValueRef::Text(text), kind) => {
                let text = str::from_utf8(text).map_err(|error| failure(error.to_string()))?;
                match kind {
                    Kind::Json => {
                        let json = serde_json::from_str(text).map_err(|error| failure(error.to_string()))?;
                        Value::Json(Some(json))
                    }
                    _ => Value::String(Some(text.to_owned())),
                }
            }
            (ValueRef::Blob(bytes), _) => match Uuid::from_slice(bytes) {
                Ok(id) => Value::Uuid(Some(id)),
                Err(_) => Value::Bytes(Some(bytes.to_vec())),
            },
        })
    }
}
