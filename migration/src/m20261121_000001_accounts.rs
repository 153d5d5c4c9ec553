//! Accounts: users, sessions, API keys, signing keys and secrets.
use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        create_table(
            m,
            "users",
            vec![
                uuid("id"),
                nullable_text("email"),
                text("name"),
                nullable_text("bio"),
                nullable_text("url"),
                nullable_text("avatar_url"),
                text("role"),
                text("status"),
                nullable_text("password_hash"),
                nullable_text("source"),
                bigint("version"),
                bigint("created_at"),
                bigint("updated_at"),
            ],
            |t| {
                primary_key(t, &["id"]);
            },
        )
        .await?;
        create_index(m, "users", &["email"], true).await?;
        create_index(m, "users", &["source"], true).await?;
        create_index(m, "users", &["created_at", "id"], false).await?;
        create_index(m, "users", &["name", "id"], false).await?;
        create_table(
            m,
            "sessions",
            vec![
                uuid("id"),
                uuid("user_id"),
                text("family_hash"),
                text("refresh_hash"),
                nullable_text("rotation_salt"),
                nullable_bigint("rotated_at"),
                nullable_text("cookie_hash"),
                nullable_text("user_agent"),
                nullable_text("ip"),
                bigint("created_at"),
                bigint("last_used_at"),
                bigint("expires_at"),
                nullable_bigint("revoked_at"),
            ],
            |t| {
                primary_key(t, &["id"]);
                foreign_key(t, &["user_id"], "users", &["id"], ForeignKeyAction::Cascade);
            },
        )
        .await?;
        create_index(m, "sessions", &["family_hash"], true).await?;
        create_index(m, "sessions", &["cookie_hash"], true).await?;
        create_index(m, "sessions", &["user_id", "created_at"], false).await?;
        create_table(
            m,
            "api_keys",
            vec![
                uuid("id"),
                uuid("user_id"),
                text("name"),
                text("hash"),
                nullable_text("previous_hash"),
                nullable_bigint("previous_secret_until"),
                text("scopes"),
                nullable_bigint("expires_at"),
                nullable_bigint("last_used_at"),
                bigint("version"),
                bigint("created_at"),
                bigint("updated_at"),
            ],
            |t| {
                primary_key(t, &["id"]);
                foreign_key(t, &["user_id"], "users", &["id"], ForeignKeyAction::Cascade);
            },
        )
        .await?;
        create_index(m, "api_keys", &["user_id", "created_at"], false).await?;
        create_index(m, "api_keys", &["created_at", "id"], false).await?;
        create_table(
            m,
            "signing_keys",
            vec![
                text("kid"),
                text("private_key"),
                text("public_key"),
                bigint("created_at"),
                bigint("active_at"),
                nullable_bigint("expires_at"),
            ],
            |t| {
                primary_key(t, &["kid"]);
            },
        )
        .await?;
        create_table(m, "secrets", vec![text("name"), text("value")], |t| {
            primary_key(t, &["name"]);
        })
        .await?;
        Ok(())
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(m, &["secrets", "signing_keys", "api_keys", "sessions", "users"]).await
    }
}
