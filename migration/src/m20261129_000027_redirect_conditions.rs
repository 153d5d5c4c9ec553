//! Redirect rules with placeholders, conditions, the status 303 and destinations on any host. A source is stored as
//! clients write it, because it contains the conditions.
use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, Statement},
};

#[derive(DeriveMigrationName)]
pub struct Migration;

const UP: [&str; 4] = [
    "ALTER TABLE redirects ADD COLUMN status int NOT NULL DEFAULT 307 CHECK (status IN (303, 307, 308))",
    "ALTER TABLE redirects ADD COLUMN external int NOT NULL DEFAULT 0 CHECK (external IN (0, 1))",
    "UPDATE redirects SET status = CASE permanent WHEN 0 THEN 307 ELSE 308 END",
    "UPDATE redirects SET source = source || '/*' WHERE kind = 'prefix'",
];

/// An earlier version does not support placeholders and conditions.
const DOWN: [&str; 4] = [
    "DELETE FROM redirects WHERE source NOT LIKE '/%' OR source LIKE '%?%' OR source LIKE '%/:%'
        OR source LIKE '% Country=%' OR source LIKE '% Language=%'",
    "UPDATE redirects SET source = substr(source, 1, length(source) - 2) WHERE kind = 'prefix'",
    "UPDATE redirects SET source = replace(source, '/%3A', '/:'), destination = replace(destination, '/%3A', '/:')",
    "UPDATE redirects SET permanent = CASE status WHEN 308 THEN 1 ELSE 0 END",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        let connection = m.get_connection();
        escape_colons(connection).await?;
        for sql in UP {
            connection.execute_unprepared(sql).await?;
        }
        drop_columns(m, &["permanent"]).await
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        let connection = m.get_connection();
        connection
            .execute_unprepared("ALTER TABLE redirects ADD COLUMN permanent int NOT NULL DEFAULT 0")
            .await?;
        for sql in DOWN {
            connection.execute_unprepared(sql).await?;
        }
        drop_columns(m, &["status", "external"]).await
    }
}

async fn drop_columns(m: &SchemaManager<'_>, names: &[&'static str]) -> Result<(), DbErr> {
    for name in names {
        let table = Table::alter().table(Alias::new("redirects")).drop_column(Alias::new(*name)).take();
        m.alter_table(table).await?;
    }
    Ok(())
}

/// Escapes the colons of literal segments such as `/:id`, which are placeholders now.
async fn escape_colons(connection: &SchemaManagerConnection<'_>) -> Result<(), DbErr> {
    let backend = connection.get_database_backend();
    let select = "SELECT kind, source, destination FROM redirects
        WHERE source LIKE '%/:%' OR destination LIKE '%/:%'";
    for row in connection.query_all_raw(Statement::from_string(backend, select)).await? {
        let (kind, source): (String, String) = (row.try_get("", "kind")?, row.try_get("", "source")?);
        let destination: String = row.try_get("", "destination")?;
        let update = Query::update()
            .table(Alias::new("redirects"))
            .value(Alias::new("source"), escaped(&source))
            .value(Alias::new("destination"), escaped(&destination))
            .and_where(Expr::col(Alias::new("kind")).eq(kind))
            .and_where(Expr::col(Alias::new("source")).eq(source))
            .to_owned();
        connection.execute(&update).await?;
    }
    Ok(())
}

fn escaped(text: &str) -> String {
    let mut parts = text.split("/:");
    let mut escaped = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_name = part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        escaped.push_str(if is_name && !part.starts_with("splat") { "/%3A" } else { "/:" });
        escaped.push_str(part);
    }
    escaped
}
