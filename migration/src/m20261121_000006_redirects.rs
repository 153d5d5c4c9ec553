//! Redirects: which paths lead elsewhere, and how often they did.
use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        create(
            m,
            "redirects",
            vec![
                id("id"),
                text("kind"),
                text("source"),
                text("key_form"),
                text("destination"),
                small("permanent"),
                maybe_number("starts_at"),
                maybe_number("ends_at"),
                number("hits"),
                text("search"),
                number("version"),
                number("created_at"),
                number("updated_at"),
            ],
            |t| primary(t, &["id"]),
        )
        .await?;
        index(m, "redirects", &["kind", "source"], true).await?;
        index(m, "redirects", &["source", "id"], false).await?;
        index(m, "redirects", &["key_form"], false).await?;
        index(m, "redirects", &["hits", "id"], false).await?;
        index(m, "redirects", &["created_at", "id"], false).await?;
        // Writers of rules take turns on this row, also before the first rule is there.
        let first = Query::insert()
            .into_table(Alias::new("collections"))
            .columns([Alias::new("name"), Alias::new("version")])
            .values_panic(["redirects".into(), 1.into()])
            .to_owned();
        m.exec_stmt(first).await
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        let gone = Query::delete()
            .from_table(Alias::new("collections"))
            .and_where(Expr::col(Alias::new("name")).eq("redirects"))
            .to_owned();
        m.exec_stmt(gone).await?;
        drop(m, &["redirects"]).await
    }
}
