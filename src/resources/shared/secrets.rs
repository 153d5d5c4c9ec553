//! Secrets in the database: sealing, and the secrets that all processes of one service share. The only writer of the
//! `secrets` table.
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use entity::{redacted::Redacted, secret};
use sea_orm::{ActiveModelTrait, EntityTrait, QueryOrder, QuerySelect, Set, sea_query::OnConflict};

use crate::{
    config::Config,
    domain::secret::{Secret, random_token},
    http::problem::{Error, Result},
    infra::{
        db::{Db, Tx},
        private_files::{self, Private},
        sealing::{self, KeyFileError, SealError, Sealer, create_key_file, read_key_file},
    },
};

/// Reads the secret keys from the settings or from the key file. Creates the file unless the database was already
/// sealed with another key.
pub async fn open_sealer(db: &Db, config: &Config) -> Result<Sealer> {
    if let Some(keys) = &config.storage.secret_key {
        return Ok(Sealer::new(keys.clone(), None));
    }
    let file = config.secret_key_file();
    let keys = match read_key_file(&file) {
        Err(error) if error.is_missing() => match sealed_with(db).await? {
            None => create_key_file(&file),
            Some(id) => {
                return Err(Error::Internal(format!(
                    "{error}. The secrets in the database are sealed with the secret key {id}: restore this file, or set \
                     secret_key"
                )));
            }
        },
        keys => keys,
    };
    let keys = keys.map_err(|error: KeyFileError| Error::Internal(format!("the secret key: {error}")))?;
    private_files::restrict(&file, Private::ProvidedFile).map_err(Error::Internal)?;
    Ok(Sealer::new(keys, Some(file)))
}

/// Returns the id of the key that a shared secret is sealed with. There is one after the first start of the service.
pub async fn sealed_with(db: &Db) -> Result<Option<String>> {
    let rows = secret::Entity::find().all(db.read()).await?;
    Ok(rows.iter().find_map(|row| sealing::key_id(row.value.expose()).map(str::to_owned)))
}

/// Seals a secret for the row `context`.
pub fn seal(sealer: &Sealer, context: &str, secret: impl AsRef<[u8]>) -> Result<Redacted> {
    sealer.seal(context, secret.as_ref()).map(Redacted::from).map_err(seal_error(context))
}

/// Checks that this instance has the key that the shared secrets are sealed with, before a transaction stores a sealed
/// value. It does not if the key was replaced in the file of another instance, which could not open the value then. A
/// rotation locks the same rows first, so it begins after the transaction or is complete.
///
/// # Errors
///
/// 500 if this instance lacks the key.
pub async fn require_current_key(tx: &Tx, sealer: &Sealer) -> Result<()> {
    let rows = secret::Entity::find().order_by_asc(secret::Column::Name).lock_shared();
    for row in rows.all(&**tx).await? {
        if let Some(id) = sealing::key_id(row.value.expose()) {
            sealer.require_key(id).map_err(seal_error(&context(&row.name)))?;
        }
    }
    Ok(())
}

/// Opens the sealed secret of the row `context`.
pub fn open(sealer: &Sealer, context: &str, sealed: &Redacted) -> Result<Secret<Vec<u8>>> {
    sealer.open(context, sealed.expose()).map_err(seal_error(context))
}

/// Seals a stored value with the current key. Returns `None` if it already is. A value that is not sealed is from a
/// version of the program without sealing.
pub fn reseal(sealer: &Sealer, context: &str, stored: &Redacted) -> Result<Option<Redacted>> {
    if sealer.is_current(stored.expose()) {
        return Ok(None);
    }
    match sealing::key_id(stored.expose()) {
        Some(_) => seal(sealer, context, open(sealer, context, stored)?.expose()).map(Some),
        None => seal(sealer, context, stored.expose()).map(Some),
    }
}

/// How stored values are sealed.
#[derive(Debug, Default, Clone, Copy)]
pub struct SealState {
    /// There is a value that is not sealed with the current key.
    pub is_outdated: bool,
    /// There is a value that is not sealed.
    pub has_plaintext: bool,
}

impl SealState {
    pub fn add(&mut self, sealer: &Sealer, stored: &Redacted) {
        self.is_outdated |= !sealer.is_current(stored.expose());
        self.has_plaintext |= sealing::key_id(stored.expose()).is_none();
    }
}

/// Adds the state of the shared secrets.
pub async fn inspect_secrets(db: &Db, sealer: &Sealer, state: &mut SealState) -> Result<()> {
    let rows = secret::Entity::find().all(db.read()).await?;
    rows.iter().for_each(|row| state.add(sealer, &row.value));
    Ok(())
}

pub fn seal_error(context: &str) -> impl Fn(SealError) -> Error {
    move |error| Error::Internal(format!("the secret of {context}: {error}"))
}

fn context(name: &str) -> String {
    format!("secrets/{name}")
}

/// Returns the secret with this name, and creates it if it does not exist.
pub async fn load_or_create_secret(db: &Db, sealer: &Sealer, name: &'static str) -> Result<Secret<[u8; 32]>> {
    let existing = secret::Entity::find_by_id(name).one(db.read()).await?;
    let row = match existing {
        Some(row) => row,
        None => create(db, sealer, name).await?,
    };
    let opened = open(sealer, &context(name), &row.value)?;
    let mut bytes = [0; 32];
    match BASE64_URL_SAFE_NO_PAD.decode_slice(opened.expose(), &mut bytes) {
        Ok(32) => Ok(Secret::new(bytes)),
        _ => Err(Error::Internal(format!("the stored secret {name} is not 32 bytes"))),
    }
}

/// Inserts a random secret. If another process has inserted one at the same time, returns that one.
async fn create(db: &Db, sealer: &Sealer, name: &'static str) -> Result<secret::Model> {
    let value = seal(sealer, &context(name), random_token().expose())?;
    db.write(async move |tx| {
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

/// Seals all shared secrets with the current key. Returns the number of rows changed.
pub async fn reseal_secrets(tx: &Tx, sealer: &Sealer) -> Result<usize> {
    let mut changed = 0;
    // Locked in one order, because another process may seal or change the rows at the same time.
    let rows = secret::Entity::find().order_by_asc(secret::Column::Name).lock_exclusive();
    for row in rows.all(&**tx).await? {
        if let Some(value) = reseal(sealer, &context(&row.name), &row.value)? {
            secret::ActiveModel { name: Set(row.name), value: Set(value) }.update(&**tx).await?;
            changed += 1;
        }
    }
    Ok(changed)
}
