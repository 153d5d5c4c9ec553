//! `tenon secret-key`: generates a key, and replaces the key that seals secrets in the database.
use std::process::ExitCode;

use clap::Subcommand;

use super::{connect, errors::message, print};
use crate::{
    app::reseal,
    config::Config,
    infra::{
        db::Db,
        sealing::{
            KeyFileError, SealError, Sealer, SecretKeys, lock_key_file, read_key_file, write_key_file,
        },
    },
};

#[derive(Subcommand)]
pub enum SecretKeyCommand {
    /// Generate a key and print it, for secret_key
    Generate,
    /// Seal all secrets with a new key, while the service runs
    ///
    /// With a key file, generates the new key and adds it to the file, where the previous key remains until the next
    /// rotation. All instances must read the same file. With secret_key, uses its first key, which all instances must
    /// already have.
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

async fn rotate(config: &Config) -> Result<(), String> {
    let db = connect::open(&config.database_url(), config.log.log_sql.observer()).await?;
    let (changed, key, previous) = match &config.storage.secret_key {
        Some(keys) => (reseal_with(&db, keys).await?, keys.first(), keys.clone()),
        None => {
            let file = config.secret_key_file();
            let error = |error: KeyFileError| format!("the secret key: {error}");
            let _lock = lock_key_file(&file).map_err(error)?;
            let new = SecretKeys::generate().map_err(|error: SealError| error.to_string())?;
            let old = read_key_file(&file).map_err(error)?;
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
    print(&format!("sealed {changed} secrets with the key {}\n", key.ids()));
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
