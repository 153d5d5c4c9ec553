//! Billing: customers, invoices, revenues, exchange rates and number sequences.
use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        create_table(
            m,
            "customers",
            vec![
                uuid("id"),
                text("name"),
                text("email"),
                nullable_text("image_url"),
                text("search"),
                bigint("version"),
                bigint("created_at"),
                bigint("updated_at"),
            ],
            |t| primary_key(t, &["id"]),
        )
        .await?;
        create_index(m, "customers", &["email"], true).await?;
        create_index(m, "customers", &["name", "id"], false).await?;
        create_index(m, "customers", &["created_at", "id"], false).await?;
        create_table(
            m,
            "invoices",
            vec![
                uuid("id"),
                bigint("number"),
                uuid("customer_id"),
                bigint("amount"),
                text("currency"),
                text("status"),
                text("date"),
                bigint("version"),
                bigint("created_at"),
                bigint("updated_at"),
                nullable_bigint("paid_at"),
            ],
            |t| {
                primary_key(t, &["id"]);
                foreign_key(t, &["customer_id"], "customers", &["id"], ForeignKeyAction::Restrict);
            },
        )
        .await?;
        create_index(m, "invoices", &["number"], true).await?;
        create_index(m, "invoices", &["date", "id"], false).await?;
        create_index(m, "invoices", &["created_at", "id"], false).await?;
        create_index(m, "invoices", &["customer_id", "date", "id"], false).await?;
        create_index(m, "invoices", &["status", "date", "id"], false).await?;
        // Covers the sums per status and currency, so that they read no table rows.
        create_index(m, "invoices", &["status", "date", "currency", "amount"], false).await?;
        create_table(
            m,
            "revenues",
            vec![uuid("id"), text("month"), bigint("amount"), text("currency"), bigint("version")],
            |t| primary_key(t, &["id"]),
        )
        .await?;
        create_index(m, "revenues", &["month"], true).await?;
        create_table(
            m,
            "rates",
            vec![
                text("base"),
                text("quote"),
                text("rate"),
                text("date"),
                text("source"),
                bigint("fetched_at"),
            ],
            |t| {
                primary_key(t, &["base", "quote"]);
            },
        )
        .await?;
        create_table(m, "sequences", vec![text("name"), bigint("value")], |t| primary_key(t, &["name"])).await
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(m, &["sequences", "rates", "revenues", "invoices", "customers"]).await
    }
}
