//! `tenon restore`: restores a backup.
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use sea_orm::{ConnectionTrait, Statement};

use super::{app_on, backup, connect, errors::database_message, print, restore_report, warn};
use crate::{
    app::App,
    backup::{
        BackupInfo, DatabaseKind,
        restore::{VerifiedBackup, missing_images, verify},
    },
    config::Config,
    domain::{secret::Secret, timestamp::Timestamp},
    infra::{
        clock::Clock,
        dump::{ExclusiveLock, check_sqlite, lock_exclusively},
        pg_tools, private_files,
        sealing::read_key_file,
        work_folder::{WorkFolder, folder_of, sync_folder_of},
    },
};

/// Restore a backup into a data folder without a database, or into an empty PostgreSQL database
///
/// Verifies all hashes before it changes anything, ends all sessions and replaces the signing key. The secret key of the
/// backup must be configured.
#[derive(Args)]
pub struct Restore {
    /// File of the backup
    file: PathBuf,
    /// Replace the SQLite database of the data folder, and keep its files in another folder
    #[arg(long)]
    replace: bool,
}

impl Restore {
    pub async fn run(self, config: &Config) -> Result<ExitCode, String> {
        let temp = WorkFolder::create(&std::env::temp_dir()).map_err(|error| error.to_string())?;
        let verified = verify(&self.file, &temp)
            .map_err(|error| format!("{}: {}", self.file.display(), backup::message(&error)))?;
        check_schema(&verified.info)?;
        check_key(&verified.info, config)?;
        let url = config.database_url();
        match (url.strip_prefix("sqlite://"), verified.info.database) {
            (Some(path), DatabaseKind::Sqlite) => {
                self.restore_sqlite(&verified, Path::new(path), config).await?
            }
            (None, DatabaseKind::Postgres) if self.replace => {
                return Err(
                    "--replace: applies to SQLite only. Create an empty database, and set database_url"
                        .to_owned(),
                );
            }
            (None, DatabaseKind::Postgres) => restore_postgres(&verified, &url, config).await?,
            (_, kind) => {
                return Err(format!(
                    "the backup is of another database system ({kind:?}): set database_url accordingly"
                ));
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Prepares the database in a new folder, then links it to its path.
    async fn restore_sqlite(
        &self,
        verified: &VerifiedBackup<'_>,
        path: &Path,
        config: &Config,
    ) -> Result<(), String> {
        let lock = self.lock_existing(path)?;
        let work = WorkFolder::create(folder_of(path))
            .map_err(|error| format!("{}: {error}", folder_of(path).display()))?;
        let new = work.file("tenon.db");
        verified.extract_database(&new).map_err(|error| backup::message(&error))?;
        if let Some(problem) = check_sqlite(&new).await.map_err(|error| database_message(&error))?.first() {
            return Err(format!("the database in the backup is damaged: {problem}"));
        }
        let app = app_on(&format!("sqlite://{}", new.display()), config).await?;
        let report = finish(&app, verified, config).await?;
        app.db.close().await.map_err(|error| database_message(&error))?;
        if path.exists() {
            let old = keep_existing(path)?;
            print(&format!("the previous database is in {}\n", old.display()));
        }
        // Closing the locked connection deletes a write-ahead log at the path.
        drop(lock);
        // A link does not replace a file that a service has created in the meantime.
        fs::hard_link(&new, path).and_then(|()| sync_folder_of(path)).map_err(|error| {
            format!("cannot create {}: {error}. Stop all services and repeat", path.display())
        })?;
        print(&report);
        Ok(())
    }

    /// Locks the existing database, so that no service opens it.
    fn lock_existing(&self, path: &Path) -> Result<Option<ExclusiveLock>, String> {
        if !path.exists() {
            return Ok(None);
        }
        let lock = match lock_exclusively(path) {
            Ok(Some(lock)) => Some(lock),
            Ok(None) => {
                return Err(format!(
                    "{} is in use: stop the service, then repeat the command",
                    path.display()
                ));
            }
            // A damaged database is a reason to restore a backup.
            Err(error) => {
                warn(&format!("{}: {}", path.display(), database_message(&error)));
                None
            }
        };
        match self.replace {
            true => Ok(lock),
            false => Err(format!(
                "{} exists: add --replace to replace it (its files are kept in another folder), or set --data-dir",
                path.display()
            )),
        }
    }
}

/// Rejects a backup of a newer program.
fn check_schema(info: &BackupInfo) -> Result<(), String> {
    match migration::is_known(&info.schema) {
        true => Ok(()),
        false => {
            Err(format!("the backup has the migration {} of a newer program: use that program", info.schema))
        }
    }
}

/// Checks that the secret key of the backup is configured.
fn check_key(info: &BackupInfo, config: &Config) -> Result<(), String> {
    let Some(needed) = &info.secret_key else { return Ok(()) };
    let file = config.secret_key_file();
    let keys = match &config.storage.secret_key {
        Some(keys) => Ok(keys.clone()),
        None => read_key_file(&file),
    };
    let known = match keys {
        Ok(keys) if keys.contains(needed) => return Ok(()),
        Ok(keys) => format!("the configured keys are {}", keys.ids()),
        Err(error) => error.to_string(),
    };
    Err(format!(
        "the secrets in the backup are sealed with the secret key {needed}: {known}. Copy the key file of the backed up \
         service to {}, or set secret_key",
        file.display()
    ))
}

/// Moves the files of the existing database to a new folder beside them, and returns the folder.
fn keep_existing(path: &Path) -> Result<PathBuf, String> {
    let time = Timestamp(Clock::System.now()).to_string().replace(':', "");
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let folder = path.with_file_name(format!("{name}-before-restore-{time}"));
    let keep = || {
        private_files::create_folder(&folder)?;
        // The database last: without it, the other files have no effect.
        for suffix in ["-shm", "-wal", ""] {
            let file = path.with_file_name(format!("{name}{suffix}"));
            if file.exists() {
                fs::rename(&file, folder.join(format!("{name}{suffix}")))?;
            }
        }
        sync_folder_of(path)
    };
    match keep() {
        Ok(()) => Ok(folder),
        Err(error) => Err(format!("cannot move {} to {}: {error}", path.display(), folder.display())),
    }
}

async fn restore_postgres(verified: &VerifiedBackup<'_>, url: &str, config: &Config) -> Result<(), String> {
    let db = connect::open(url, None).await?;
    let tables = "SELECT COUNT(*) AS n FROM information_schema.tables WHERE table_schema = current_schema()";
    let found =
        db.read().query_one_raw(Statement::from_string(db.read().get_database_backend(), tables)).await;
    let found: Option<i64> = found
        .and_then(|row| row.map(|row| row.try_get("", "n")).transpose())
        .map_err(|error| database_message(&error))?;
    db.close().await.map_err(|error| database_message(&error))?;
    if found != Some(0) {
        return Err("the database is not empty: create an empty database, and set database_url".to_owned());
    }
    let parent = &config.storage.data_dir;
    let work = WorkFolder::create(parent).map_err(|error| format!("{}: {error}", parent.display()))?;
    let dump = work.file("database");
    verified.extract_database(&dump).map_err(|error| backup::message(&error))?;
    pg_tools::restore(&Secret::new(url.to_owned()), &dump).await?;
    let app = app_on(url, config).await?;
    let report = finish(&app, verified, config).await?;
    app.db.close().await.map_err(|error| database_message(&error))?;
    print(&report);
    Ok(())
}

/// Restores the images, ends all sessions and replaces the signing key. Returns the report for the operator.
async fn finish(app: &App, verified: &VerifiedBackup<'_>, config: &Config) -> Result<String, String> {
    let service = |error: crate::http::problem::Error| super::errors::message(&error);
    let sessions = app.sessions.delete_all().await.map_err(service)?;
    app.sessions.replace_keys().await.map_err(service)?;
    let media = config.media_store().map_err(|error| format!("the S3 bucket cannot be used: {error}"))?;
    let images = verified.restore_images(&media).await.map_err(|error| backup::message(&error))?;
    let missing = missing_images(&app.db, &media).await.map_err(|error| backup::message(&error))?;
    if missing.0 > 0 {
        warn(&format!(
            "the bytes of {} images are not in the storage of images, such as {}: copy them from the backed up service",
            missing.0,
            missing.1.join(", ")
        ));
    }
    let accounts = restore_report::credentials(&app.db).await.map_err(|error| database_message(&error))?;
    Ok(format!(
        "restored the backup of {}\nimages: {} stored, {} unchanged\nended {sessions} sessions and replaced the signing \
         key\n{accounts}",
        verified.info.created_at, images.stored, images.unchanged
    ))
}
