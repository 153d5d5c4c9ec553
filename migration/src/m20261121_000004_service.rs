//! What the service keeps for itself: answers to repeated creates, and counters of change.
use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        create(
            m,
            "idempotency_keys",
            vec![
                text("scope"),
                text("fingerprint"),
                small("status"),
                maybe_text("location"),
                maybe_text("etag"),
                text("body"),
                number("created_at"),
                number("expires_at"),
            ],
            |t| {
                primary(t, &["scope"]);
            },
        )
        .await?;
        index(m, "idempotency_keys", &["expires_at"], false).await?;
        let came = vec![text("kind"), text("source"), text("digest"), id("target"), number("version")];
        create(m, "imports", came, |t| {
            primary(t, &["kind", "source"]);
        })
        .await?;
        create(m, "collections", vec![text("name"), number("version")], |t| {
            primary(t, &["name"]);
        })
        .await?;
        Ok(())
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        drop(m, &["collections", "imports", "idempotency_keys"]).await
    }
}
