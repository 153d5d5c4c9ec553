//! On PostgreSQL, notifies the other instances of changed collections, so that they invalidate their caches.
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

const UP: &str = "CREATE FUNCTION notify_collections() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_notify('tenon_collections', ''); RETURN NULL; END $$;
    CREATE TRIGGER notify_collections AFTER INSERT OR UPDATE ON collections
    FOR EACH STATEMENT EXECUTE FUNCTION notify_collections();";

const DOWN: &str = "DROP TRIGGER notify_collections ON collections; DROP FUNCTION notify_collections();";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        on_postgres(m, UP).await
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        on_postgres(m, DOWN).await
    }
}

async fn on_postgres(m: &SchemaManager<'_>, sql: &str) -> Result<(), DbErr> {
    if m.get_database_backend() != sea_orm::DbBackend::Postgres {
        return Ok(());
    }
    m.get_connection().execute_unprepared(sql).await.map(|_| ())
}
