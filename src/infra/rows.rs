//! Rows of hot queries, decoded by the position of their columns. SeaORM decodes rows by name, from a map per row on
//! SQLite, which takes longer than the query itself.
use rusqlite::types::ValueRef;
use sea_orm::{ActiveEnum, ConnectionTrait, DbErr, QueryResult, Statement, TryGetable};
use uuid::Uuid;

/// A type that is decoded from the columns of a row, in the order in which the query selects them.
pub trait FromRow: Sized {
    fn from_row(row: &mut RowReader<'_>) -> Result<Self, DbErr>;
}

/// A connection whose rows can be decoded by the position of their columns.
pub trait FetchRows: ConnectionTrait {
    /// Returns the rows of a query.
    fn fetch_rows<R: FromRow + Send + 'static>(
        &self,
        query: Statement,
    ) -> impl Future<Output = Result<Vec<R>, DbErr>> + Send;
}

/// Decodes the rows of PostgreSQL.
pub(super) fn decode_all<R: FromRow>(rows: &[QueryResult]) -> Result<Vec<R>, DbErr> {
    rows.iter().map(|row| R::from_row(&mut RowReader::postgres(row))).collect()
}

/// Reads the columns of a row from the first to the last.
pub struct RowReader<'a> {
    row: DriverRow<'a>,
    next: usize,
}

enum DriverRow<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a QueryResult),
}

impl<'a> RowReader<'a> {
    pub(super) fn sqlite(row: &'a rusqlite::Row<'a>) -> Self {
        RowReader { row: DriverRow::Sqlite(row), next: 0 }
    }

    pub(super) fn postgres(row: &'a QueryResult) -> Self {
        RowReader { row: DriverRow::Postgres(row), next: 0 }
    }

    /// Decodes the next column.
    pub fn take<T: ColumnValue>(&mut self) -> Result<T, DbErr> {
        let index = self.next;
        self.next += 1;
        let decoded = match self.row {
            DriverRow::Sqlite(row) => match row.get_ref(index) {
                Ok(value) => T::from_sqlite(value),
                Err(error) => Err(error.to_string()),
            },
            DriverRow::Postgres(row) => T::from_postgres(row, index),
        };
        decoded.map_err(|error| DbErr::Type(format!("column {}: {error}", self.name(index))))
    }

    /// Decodes the next column as a stored enum.
    pub fn take_enum<E: ActiveEnum<Value = String>>(&mut self) -> Result<E, DbErr> {
        let index = self.next;
        let text = self.take::<String>()?;
        E::try_from_value(&text)
            .map_err(|_| DbErr::Type(format!("column {}: unknown value {text:?}", self.name(index))))
    }

    fn name(&self, index: usize) -> String {
        match self.row {
            DriverRow::Sqlite(row) => row.as_ref().column_name(index).map(str::to_owned).unwrap_or_default(),
            DriverRow::Postgres(row) => row.column_names().get(index).cloned().unwrap_or_default(),
        }
    }
}

/// A type of a column. The error is the reason why the value is not of this type.
pub trait ColumnValue: Sized {
    fn from_sqlite(value: ValueRef<'_>) -> Result<Self, String>;
    fn from_postgres(row: &QueryResult, index: usize) -> Result<Self, String>;
}

macro_rules! column_values {
    ($($type:ty: $pattern:pat => $value:expr;)+) => {$(
        impl ColumnValue for $type {
            fn from_sqlite(value: ValueRef<'_>) -> Result<Self, String> {
                match value {
                    $pattern => $value,
                    other => Err(format!("expected {}, got {}", stringify!($type), other.data_type())),
                }
            }
            fn from_postgres(row: &QueryResult, index: usize) -> Result<Self, String> {
                row.try_get_by(index).map_err(|error| error.to_string())
            }
        }
    )+};
}

column_values! {
    i64: ValueRef::Integer(value) => Ok(value);
    i32: ValueRef::Integer(value) => value.try_into().map_err(|_| format!("{value} exceeds 32 bits"));
    String: ValueRef::Text(text) => str::from_utf8(text).map(str::to_owned).map_err(|error| error.to_string());
    Uuid: ValueRef::Blob(bytes) => Uuid::from_slice(bytes).map_err(|error| error.to_string());
}

impl<T: ColumnValue + TryGetable> ColumnValue for Option<T> {
    fn from_sqlite(value: ValueRef<'_>) -> Result<Self, String> {
        match value {
            ValueRef::Null => Ok(None),
            value => T::from_sqlite(value).map(Some),
        }
    }
    fn from_postgres(row: &QueryResult, index: usize) -> Result<Self, String> {
        row.try_get_by(index).map_err(|error| error.to_string())
    }
}
