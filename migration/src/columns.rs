//! Kinds of columns. Text that is compared or sorted is ordered by code point on every database.
use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend},
};

pub fn id(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).uuid().not_null().take()
}

pub fn maybe_id(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).uuid().take()
}

pub fn number(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).big_integer().not_null().take()
}

pub fn maybe_number(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).big_integer().take()
}

pub fn small(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).integer().not_null().take()
}

pub fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).text().not_null().take()
}

pub fn maybe_text(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).text().take()
}

/// Makes a table; on PostgreSQL all its text is ordered by code point, as SQLite does anyway.
pub async fn create(
    manager: &SchemaManager<'_>,
    name: &'static str,
    columns: Vec<ColumnDef>,
    finish: impl FnOnce(&mut TableCreateStatement),
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
    finish(&mut table);
    manager.create_table(table).await?;
    if manager.get_database_backend() == DbBackend::Postgres {
        for column in texts {
            let sql = format!("ALTER TABLE \"{name}\" ALTER COLUMN \"{column}\" TYPE text COLLATE \"C\"");
            manager.get_connection().execute_unprepared(&sql).await?;
        }
    }
    Ok(())
}

pub fn primary(table: &mut TableCreateStatement, columns: &[&'static str]) {
    let mut index = Index::create();
    for column in columns {
        index.col(Alias::new(*column));
    }
    table.primary_key(&mut index);
}

/// What happens to a row when the row that it points to goes.
pub fn reference(
    table: &mut TableCreateStatement,
    from: &[&'static str],
    to: &'static str,
    columns: &[&'static str],
    gone: ForeignKeyAction,
) {
    let mut key = ForeignKey::create();
    let own = table.get_table_name().cloned();
    if let Some(own) = own {
        key.from_tbl(own);
    }
    key.to_tbl(Alias::new(to)).on_delete(gone);
    for column in from {
        key.from_col(Alias::new(*column));
    }
    for column in columns {
        key.to_col(Alias::new(*column));
    }
    table.foreign_key(&mut key);
}

pub async fn index(
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

pub async fn drop(manager: &SchemaManager<'_>, tables: &[&'static str]) -> Result<(), DbErr> {
    for table in tables {
        manager.drop_table(Table::drop().table(Alias::new(*table)).to_owned()).await?;
    }
    Ok(())
}
