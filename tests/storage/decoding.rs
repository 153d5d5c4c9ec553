//! Declared types of the columns. The SQLite driver decodes `int` columns as `i32` and all other numbers as `i64`.
use std::path::Path;

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::support::*;

/// Returns the columns of the entities whose type is `i32`, as `table.column`.
fn columns_of_32_bits() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("entity/src");
    let mut columns = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let Some((_, rest)) = text.split_once("#[sea_orm(table_name = \"") else { continue };
        let (table, model) = rest.split_once('"').unwrap();
        let model = model.split("\n}").next().unwrap();
        for field in model.lines().filter_map(|line| line.trim().strip_prefix("pub ")) {
            if let Some((column, "i32," | "Option<i32>,")) = field.split_once(": ") {
                columns.push(format!("{table}.{column}"));
            }
        }
    }
    columns.sort();
    columns
}

#[tokio::test]
async fn columns_of_32_bits_are_declared_as_int() {
    let db = migrated().await;
    if !on_sqlite(&db) {
        return;
    }
    let declared = "SELECT t.name || '.' || c.name AS name FROM sqlite_schema t, pragma_table_info(t.name) c \
                    WHERE t.type = 'table' AND lower(c.type) = 'int' AND t.name NOT LIKE 'sqlite%' ORDER BY name";
    let rows = db.read().query_all_raw(Statement::from_string(DbBackend::Sqlite, declared)).await.unwrap();
    let declared: Vec<String> = rows.iter().map(|row| row.try_get("", "name").unwrap()).collect();
    assert_eq!(declared, columns_of_32_bits());
    assert!(!declared.is_empty());
}
