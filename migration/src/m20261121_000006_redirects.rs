//! Redirect rules with their hit counters.
use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        create_table(
            m,
            "redirects",
            vec![
                uuid("id"),
                text("kind"),
                text("source"),
                text("key_form"),
                text("destination"),
                integer("permanent"),
                nullable_bigint("starts_at"),
                nullable_bigint("ends_at"),
                bigint("hits"),
                text("search"),
                bigint("version"),
                bigint("created_at"),
                bigint("updated_at"),
            ],
            |t| primary_key(t, &["id"]),
        )
        .await?;
        create_index(m, "redirects", &["kind", "source"], true).await?;
        create_index(m, "redirects", &["source", "id"], false).await?;
        create_index(m, "redirects", &["key_form"], false).await?;
        create_index(m, "redirects", &["hits", "id"], false).await?;
        create_index(m, "redirects", &["created_at", "id"], false).await?;
        // Writers of redirects lock this row, so it must exist before the first redirect.
        let insert = Query::insert()
            .into_table(Alias::new("collections"))
            .columns([Alias::new("name"), Alias::new("version")])
            .values_panic(["redirects".into(), 1.into()])
            .to_owned();
        m.exec_stmt(insert).await
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        let delete = Query::delete()
            .from_table(Alias::new("collections"))
            .and_where(Expr::col(Alias::new("name")).eq("redirects"))
            .to_owned();
        m.exec_stmt(delete).await?;
        drop_tables(m, &["redirects"]).await
    }
}
