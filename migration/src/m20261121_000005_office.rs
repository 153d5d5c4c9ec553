//! The back office: who is billed, for what, and the rates between currencies.
use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        create(
            m,
            "customers",
            vec![
                id("id"),
                text("name"),
                text("email"),
                maybe_text("image_url"),
                text("search"),
                number("version"),
                number("created_at"),
                number("updated_at"),
            ],
            |t| primary(t, &["id"]),
        )
        .await?;
        index(m, "customers", &["email"], true).await?;
        index(m, "customers", &["name", "id"], false).await?;
        index(m, "customers", &["created_at", "id"], false).await?;
        create(
            m,
            "invoices",
            vec![
                id("id"),
                number("number"),
                id("customer_id"),
                number("amount"),
                text("currency"),
                text("status"),
                text("date"),
                number("version"),
                number("created_at"),
                number("updated_at"),
                maybe_number("paid_at"),
            ],
            |t| {
                primary(t, &["id"]);
                reference(t, &["customer_id"], "customers", &["id"], ForeignKeyAction::Restrict);
            },
        )
        .await?;
        index(m, "invoices", &["number"], true).await?;
        index(m, "invoices", &["date", "id"], false).await?;
        index(m, "invoices", &["created_at", "id"], false).await?;
        index(m, "invoices", &["customer_id", "date", "id"], false).await?;
        index(m, "invoices", &["status", "date", "id"], false).await?;
        // Sums are read from this one alone.
        index(m, "invoices", &["status", "date", "currency", "amount"], false).await?;
        create(
            m,
            "revenues",
            vec![id("id"), text("month"), number("amount"), text("currency"), number("version")],
            |t| primary(t, &["id"]),
        )
        .await?;
        index(m, "revenues", &["month"], true).await?;
        create(
            m,
            "rates",
            vec![
                text("base"),
                text("quote"),
                text("rate"),
                text("date"),
                text("source"),
                number("fetched_at"),
            ],
            |t| {
                primary(t, &["base", "quote"]);
            },
        )
        .await?;
        create(m, "sequences", vec![text("name"), number("value")], |t| primary(t, &["name"])).await
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        drop(m, &["sequences", "rates", "revenues", "invoices", "customers"]).await
    }
}
