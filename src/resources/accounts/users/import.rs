//! Imported authors: users without an e-mail address, who cannot sign in.
use entity::user;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, Set};
use uuid::Uuid;

use super::{service::emit_event, types::Status};
use crate::{
    domain::event::EventType,
    http::{auth::Role, problem::Result},
    infra::db::Tx,
};

/// Returns the id of the imported author with this name, and creates the author if there is none. Authors are
/// identified by their exact name, which the caller has validated as a `PersonName`.
pub async fn find_or_create_author(tx: &Tx, name: &str, now: i64) -> Result<Uuid> {
    let source = format!("author:{name}");
    let existing = user::Entity::find().filter(user::Column::Source.eq(&source)).one(&**tx).await?;
    if let Some(existing) = existing {
        return Ok(existing.id);
    }
    let id = Uuid::now_v7();
    let row = user::ActiveModel {
        id: Set(id),
        email: Set(None),
        name: Set(name.to_owned()),
        bio: Set(None),
        url: Set(None),
        avatar_url: Set(None),
        role: Set(Role::Author),
        status: Set(Status::Active),
        password_hash: Set(None),
        source: Set(Some(source)),
        version: Set(1),
        created_at: Set(now),
        updated_at: Set(now),
    };
    row.insert(&**tx).await?;
    tx.touch("users").await?;
    emit_event(tx, EventType::UserCreated, id, 1, now);
    Ok(id)
}
