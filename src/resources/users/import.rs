//! Authors that come from files: users without e-mail, who cannot sign in.
use entity::user;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, Set};
use uuid::Uuid;

use super::service::tell;
use crate::{
    contract::{caller::Role, event::EventType, problem::Result},
    ports::db::Tx,
};

/// The author of this name, made if there is none yet; the same name is the same author.
pub async fn author_named(tx: &Tx, name: &str, now: i64) -> Result<Uuid> {
    let source = format!("author:{name}");
    let known = user::Entity::find().filter(user::Column::Source.eq(&source)).one(&**tx).await?;
    if let Some(known) = known {
        return Ok(known.id);
    }
    let id = Uuid::now_v7();
    let row = user::ActiveModel {
        id: Set(id),
        email: Set(None),
        name: Set(name.to_owned()),
        bio: Set(None),
        url: Set(None),
        avatar_url: Set(None),
        role: Set(Role::Author.to_string()),
        status: Set("active".to_owned()),
        password_hash: Set(None),
        source: Set(Some(source)),
        version: Set(1),
        created_at: Set(now),
        updated_at: Set(now),
    };
    row.insert(&**tx).await?;
    tx.touch("users").await?;
    tell(tx, EventType::UserCreated, id, 1, now);
    Ok(id)
}
