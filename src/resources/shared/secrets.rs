//! Secrets shared by all processes of one service. The only writer of the `secrets` table.
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use entity::secret;
use sea_orm::{EntityTrait, Set, sea_query::OnConflict};

use crate::{
    domain::secret::{Secret, random_token},
    http::problem::{Error, Result},
    infra::db::Db,
};

/// Returns the secret with this name, and creates it if it does not exist.
pub async fn load_or_create_secret(db: &Db, name: &'static str) -> Result<Secret<[u8; 32]>> {
    let existing = secret::Entity::find_by_id(name).one(db.read()).await?;
    let row = match existing {
        Some(row) => row,
        None => create(db, name).await?,
    };
    let mut bytes = [0; 32];
    match BASE64_URL_SAFE_NO_PAD.decode_slice(row.value.expose(), &mut bytes) {
        Ok(32) => Ok(Secret::new(bytes)),
        _ => Err(Error::Internal(format!("the stored secret {name} is not 32 bytes"))),
    }
}

/// Inserts a random secret. If another process has inserted one at the same time, returns that one.
async fn create(db: &Db, name: &'static str) -> Result<secret::Model> {
    db.write(async move |tx| {
        let value = random_token().expose().clone().into();
        let row = secret::ActiveModel { name: Set(name.to_owned()), value: Set(value) };
        secret::Entity::insert(row)
            .on_conflict(OnConflict::column(secret::Column::Name).do_nothing().to_owned())
            .exec_without_returning(&*tx)
            .await?;
        let stored = secret::Entity::find_by_id(name).one(&*tx).await?;
        stored.ok_or_else(|| Error::Internal(format!("the secret {name} is missing after its insertion")))
    })
    .await
}
