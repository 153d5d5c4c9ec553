//! Helpers for tables, columns and indexes. Text is compared and sorted by code point on all databases.
use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend},
};

pub fn uuid(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).uuid().not_null().take()
}

pub fn nullable_uuid(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).uuid().take()
}

pub fn bigint(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).big_integer().not_null().take()
}

pub fn nullable_bigint(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).big_integer().take()
}

/// Adds a column of 32 bits. SeaORM declares `integer` on SQLite for 32 and 64 bits; `int` lets the driver distinguish
/// them, and is the same type on PostgreSQL.
pub fn integer(name: &'static str) -> ColumnDef {
    nullable_integer(name).not_null().take()
}

pub fn nullable_integer(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).custom(Alias::new("int")).take()
}

pub fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).text().not_null().take()
}

pub fn nullable_text(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).text().take()
}

/// Creates a table. On PostgreSQL, text columns get the collation `C`, which sorts by code point like SQLite, so that
/// the order of lists is the same on both databases.
pub async fn create_table(
    manager: &SchemaManager<'_>,
    name: &'static str,
    columns: Vec<ColumnDef>,
    constraints: impl FnOnce(&mut TableCreateStatement),
) -> Result<(), DbErr> {
    let texts: Vec<String> = columns
        .iter()
        .filter(|column| matches!(column.get_column_type(), Some(ColumnType::Text)))
        .map(ColumnDef::get_column_name)
        .collect();
    let mut table = Table::create();
    table.table(Alias::new(name));
    for column in columns {
        table.col(column);
    }
    constraints(&mut table);
    manager.create_table(table).await?;
    if manager.get_database_backend() == DbBackend::Postgres {
        for column in texts {
            let sql = format!("ALTER TABLE \"{name}\" ALTER COLUMN \"{column}\" TYPE text COLLATE \"C\"");
            manager.get_connection().execute_unprepared(&sql).await?;
        }
    }
    Ok(())
}

pub fn primary_key(table: &mut TableCreateStatement, columns: &[&'static str]) {
    let mut index = Index::create();
    for column in columns {
        index.col(Alias::new(*column));
    }
    table.primary_key(&mut index);
}

/// Adds a foreign key. `on_delete` is the action on a row when the referenced row is deleted.
pub fn foreign_key(
    table: &mut TableCreateStatement,
    from: &[&'static str],
    to: &'static str,
    columns: &[&'static str],
    on_delete: ForeignKeyAction,
) {
    let mut key = ForeignKey::create();
    let table_name = table.get_table_name().cloned();
    if let Some(table_name) = table_name {
        key.from_tbl(table_name);
    }
    key.to_tbl(Alias::new(to)).on_delete(on_delete);
    for column in from {
        key.from_col(Alias::new(*column));
    }
    for column in columns {
        key.to_col(Alias::new(*column));
    }
    table.foreign_key(&mut key);
}

/// Creates an index with a name derived from the table and the columns.
pub async fn create_index(
    manager: &SchemaManager<'_>,
    table: &'static str,
    columns: &[&'static str],
    unique: bool,
) -> Result<(), DbErr> {
    let name = format!("{}_{table}_{}", if unique { "uq" } else { "ix" }, columns.join("_"));
    let mut index = Index::create();
    index.name(name).table(Alias::new(table));
    for column in columns {
        index.col(Alias::new(*column));
    }
    if unique {
        index.unique();
    }
    manager.create_index(index).await
}

pub async fn drop_tables(manager: &SchemaManager<'_>, tables: &[&'static str]) -> Result<(), DbErr> {
    for table in tables {
        manager.drop_table(Table::drop().table(Alias::new(*table)).to_owned()).await?;
    }
    Ok(())
}
