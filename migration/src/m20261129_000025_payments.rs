//! Payments of invoices that providers reported, and the ids by which the providers name them.
use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        create_table(
            m,
            "payments",
            vec![
                uuid("id"),
                uuid("invoice_id"),
                text("provider"),
                text("reference"),
                nullable_text("transaction_id"),
                bigint("amount"),
                text("currency"),
                bigint("refunded"),
                text("outcome"),
                bigint("created_at"),
                bigint("updated_at"),
            ],
            |t| {
                primary_key(t, &["id"]);
                // An invoice with payments cannot be deleted.
                foreign_key(t, &["invoice_id"], "invoices", &["id"], ForeignKeyAction::Restrict);
            },
        )
        .await?;
        create_index(m, "payments", &["invoice_id", "id"], false).await?;
        create_index(m, "payments", &["provider", "transaction_id"], true).await?;
        create_table(
            m,
            "payment_references",
            vec![text("provider"), text("reference"), uuid("payment_id")],
            |t| {
                primary_key(t, &["provider", "reference"]);
                foreign_key(t, &["payment_id"], "payments", &["id"], ForeignKeyAction::Cascade);
            },
        )
        .await?;
        create_index(m, "payment_references", &["payment_id"], false).await
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(m, &["payment_references", "payments"]).await
    }
}
