//! Accounts: users, their sessions and keys, and the keys of the service.
use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        create(
            m,
            "users",
            vec![
                id("id"),
                maybe_text("email"),
                text("name"),
                maybe_text("bio"),
                maybe_text("url"),
                maybe_text("avatar_url"),
                text("role"),
                text("status"),
                maybe_text("password_hash"),
                maybe_text("source"),
                number("version"),
                number("created_at"),
                number("updated_at"),
            ],
            |t| {
                primary(t, &["id"]);
            },
        )
        .await?;
        index(m, "users", &["email"], true).await?;
        index(m, "users", &["source"], true).await?;
        index(m, "users", &["created_at", "id"], false).await?;
        index(m, "users", &["name", "id"], false).await?;
        create(
            m,
            "sessions",
            vec![
                id("id"),
                id("user_id"),
                text("family_hash"),
                text("refresh_hash"),
                maybe_text("rotation_salt"),
                maybe_number("rotated_at"),
                maybe_text("cookie_hash"),
                maybe_text("user_agent"),
                maybe_text("ip"),
                number("created_at"),
                number("last_used_at"),
                number("expires_at"),
                maybe_number("revoked_at"),
            ],
            |t| {
                primary(t, &["id"]);
                reference(t, &["user_id"], "users", &["id"], ForeignKeyAction::Cascade);
            },
        )
        .await?;
        index(m, "sessions", &["family_hash"], true).await?;
        index(m, "sessions", &["cookie_hash"], true).await?;
        index(m, "sessions", &["user_id", "created_at"], false).await?;
        create(
            m,
            "api_keys",
            vec![
                id("id"),
                id("user_id"),
                text("name"),
                text("hash"),
                maybe_text("previous_hash"),
                maybe_number("previous_until"),
                text("scopes"),
                maybe_number("expires_at"),
                maybe_number("last_used_at"),
                number("version"),
                number("created_at"),
                number("updated_at"),
            ],
            |t| {
                primary(t, &["id"]);
                reference(t, &["user_id"], "users", &["id"], ForeignKeyAction::Cascade);
            },
        )
        .await?;
        index(m, "api_keys", &["user_id", "created_at"], false).await?;
        index(m, "api_keys", &["created_at", "id"], false).await?;
        create(
            m,
            "signing_keys",
            vec![
                text("kid"),
                text("private_key"),
                text("public_key"),
                number("created_at"),
                number("active_at"),
                maybe_number("expires_at"),
            ],
            |t| {
                primary(t, &["kid"]);
            },
        )
        .await?;
        create(m, "secrets", vec![text("name"), text("value")], |t| {
            primary(t, &["name"]);
        })
        .await?;
        Ok(())
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        drop(m, &["secrets", "signing_keys", "api_keys", "sessions", "users"]).await
    }
}
