//! `tenon secret-key`: generates a key, and replaces the key that seals secrets in the database.
use std::process::ExitCode;

use clap::Subcommand;

use super::{connect, errors::message, print};
use crate::{
    app::reseal,
    config::Config,
    infra::{
        db::{Db, sqlite_path},
        sealing::{
            KeyFileError, SealError, Sealer, SecretKeys, lock_key_file, read_key_file, write_key_file,
        },
    },
    resources::shared::secrets::sealed_with,
    schema::counted,
};

#[derive(Subcommand)]
pub enum SecretKeyCommand {
    /// Generate a key and print it, for secret_key
    Generate,
    /// Seal all secrets with a new key, while the service runs
    ///
    /// With a key file, generates the new key and adds it to the file, where the previous key remains until the next
    /// rotation. All instances must read the same file, or get a copy at once. With secret_key, makes no key and uses its
    /// first one, which all instances must already have.
    Rotate,
}

impl SecretKeyCommand {
    pub async fn run(self, config: &Config) -> Result<ExitCode, String> {
        match self {
            SecretKeyCommand::Generate => {
                let key = SecretKeys::generate().map_err(|error| error.to_string())?;
                print(key.to_file().expose());
            }
            SecretKeyCommand::Rotate => rotate(config).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The reason why a rotation with secret_key makes no key, and the steps that replace it.
const SECRET_KEY_IS_SET: &str = "secret_key is set, so no new key was made. To replace it, generate a key with \
     tenon secret-key generate, and restart all instances three times: with secret_key = old,new, then new,old, then new";

async fn rotate(config: &Config) -> Result<(), String> {
    let url = config.database_url();
    let db = connect::open(&url, config.log.log_sql.observer()).await?;
    let (changed, key, previous) = match &config.storage.secret_key {
        Some(keys) => {
            let (changed, key) = (reseal_with(&db, keys).await?, keys.first());
            if changed == 0 {
                return Err(format!(
                    "all secrets are already sealed with the key {}: {SECRET_KEY_IS_SET}",
                    key.ids()
                ));
            }
            (changed, key, keys.clone())
        }
        None => {
            let file = config.secret_key_file();
            let error = |error: KeyFileError| format!("the secret key: {error}");
            let _lock = lock_key_file(&file).map_err(error)?;
            let new = SecretKeys::generate().map_err(|error: SealError| error.to_string())?;
            let old = read_key_file(&file).map_err(error)?;
            let sealed = sealed_with(&db).await.map_err(|error| message(&error))?;
            if let Some(id) = sealed.filter(|id| !old.contains(id)) {
                return Err(format!(
                    "the secrets in the database are sealed with the secret key {id}, and {} has {}: copy the key file of \
                     the instance where the key was last rotated",
                    file.display(),
                    old.ids()
                ));
            }
            let all = new.clone().followed_by(&old);
            // The file opens all secrets at any point of an interruption.
            write_key_file(&file, &all).map_err(error)?;
            let changed = reseal_with(&db, &all).await?;
            // A running server may be about to store a value that it sealed with the old key: the next start seals it with
            // the new key.
            write_key_file(&file, &new.clone().followed_by(&old.first())).map_err(error)?;
            (changed, new, old.first())
        }
    };
    db.close().await.map_err(|error| super::errors::database_message(&error))?;
    print(&format!("sealed {} with the key {}\n", counted(changed as u64, "secret"), key.ids()));
    if config.storage.secret_key.is_some() {
        print(&format!("{SECRET_KEY_IS_SET}\n"));
    } else if sqlite_path(&url).is_none() {
        print(&format!(
            "all other instances need this key before they seal again: copy {} to each of them now, unless they read the \
             same file\n",
            config.secret_key_file().display()
        ));
    }
    if previous.ids() != key.ids() {
        print(&format!(
            "backups that were made before need the key with which their secrets are sealed ({}): keep a copy of it\n",
            previous.ids()
        ));
    }
    Ok(())
}

async fn reseal_with(db: &Db, keys: &SecretKeys) -> Result<usize, String> {
    reseal(db, &Sealer::new(keys.clone(), None)).await.map_err(|error| message(&error))
}
