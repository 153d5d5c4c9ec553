//! The audit log: its entries, the ends of its hash chain, and the settings of the last start.
use sea_orm_migration::{prelude::*, sea_orm::ConnectionTrait};

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// The chain of an empty log. Each hash covers the previous one, so the first one covers 64 zeros.
const EMPTY_CHAIN: &str = r#"
INSERT INTO "audit_chain" ("id", "position", "hash", "anchor_position", "anchor_hash") VALUES (1, 0,
    '0000000000000000000000000000000000000000000000000000000000000000', 0,
    '0000000000000000000000000000000000000000000000000000000000000000')
"#;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        let entries = vec![
            bigint("position"),
            bigint("at"),
            text("action"),
            text("resource"),
            nullable_text("resource_id"),
            text("actor"),
            // No foreign keys: entries retain the ids of deleted accounts, sessions and API keys.
            nullable_uuid("account"),
            nullable_uuid("credential"),
            nullable_text("actor_name"),
            nullable_text("address"),
            nullable_text("request_id"),
            nullable_text("reason"),
            integer("count"),
            text("changes"),
            text("hash"),
        ];
        create_table(m, "audit_entries", entries, |t| primary_key(t, &["position"])).await?;
        // The order of the list is time, then position. Each filter has an index in this order.
        create_index(m, "audit_entries", &["at", "position"], false).await?;
        for filter in ["account", "action", "resource_id"] {
            create_index(m, "audit_entries", &[filter, "at", "position"], false).await?;
        }
        let chain = vec![
            bigint("id"),
            bigint("position"),
            text("hash"),
            bigint("anchor_position"),
            text("anchor_hash"),
        ];
        create_table(m, "audit_chain", chain, |t| primary_key(t, &["id"])).await?;
        m.get_connection().execute_unprepared(EMPTY_CHAIN).await?;
        let settings = vec![text("name"), text("value")];
        create_table(m, "audit_settings", settings, |t| primary_key(t, &["name"])).await
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(m, &["audit_settings", "audit_chain", "audit_entries"]).await
    }
}
