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
        BackupError, BackupInfo, DatabaseKind,
        restore::{ListedImages, VerifiedBackup, missing_images, verify},
    },
    config::Config,
    domain::{secret::Secret, timestamp::Timestamp},
    infra::{
        clock::Clock,
        database_files::{MovedFiles, existing_files},
        db::sqlite_path,
        dump::{ExclusiveLock, check_sqlite, is_damaged, lock_exclusively},
        pg_tools,
        sealing::read_key_file,
        work_folder::{WorkFolder, folder_of, sync_folder_of},
    },
    schema::counted,
};

/// Restore a backup into a data folder without a database, or into an empty PostgreSQL database
///
/// Verifies all hashes before it changes anything, ends all sessions, deletes all preview links and replaces the signing
/// key. The secret key of the backup must be configured.
#[derive(Args)]
pub struct Restore {
    /// File of the backup
    file: PathBuf,
    /// Replace the SQLite database of the data folder, and move its files to another folder
    #[arg(long)]
    replace: bool,
}

impl Restore {
    pub async fn run(self, config: &Config) -> Result<ExitCode, String> {
        if self.file.as_os_str() == "-" {
            return Err("-: a backup is read several times: write standard input to a file first".to_owned());
        }
        let temp = WorkFolder::create(&std::env::temp_dir()).map_err(|error| error.to_string())?;
        let verified = verify(&self.file, &temp).map_err(|error| match &error {
            BackupError::File { .. } => error.to_string(),
            other => format!("{}: {}", self.file.display(), backup::message(other)),
        })?;
        check_schema(&verified.info)?;
        check_key(&verified.info, config)?;
        let url = config.database_url();
        match (sqlite_path(&url), verified.info.database) {
            (Some(path), DatabaseKind::Sqlite) => self.restore_sqlite(&verified, path, config).await?,
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
        let moved = move_existing(path)?;
        // Closing the locked connection deletes a write-ahead log at the path.
        drop(lock);
        // A link does not replace a file that a service has created in the meantime.
        if let Err(error) = fs::hard_link(&new, path) {
            let rest = moved.map_or(Ok(()), |moved| move_back(path, moved));
            let rest = rest.err().map_or_else(String::new, |message| format!(". {message}"));
            return Err(format!(
                "cannot create {}: {error}{rest}. Stop all services and repeat",
                path.display()
            ));
        }
        if let Some(moved) = moved {
            print(&format!("the previous database is in {}\n", moved.folder().display()));
        }
        sync_folder_of(path)
            .map_err(|error| format!("cannot sync the folder of {}: {error}", path.display()))?;
        print(&report);
        Ok(())
    }

    /// Locks the existing database, so that no service opens it. Its logs may exist without it.
    fn lock_existing(&self, path: &Path) -> Result<Option<ExclusiveLock>, String> {
        let existing = existing_files(path);
        let Some(first) = existing.first() else { return Ok(None) };
        let lock = if path.exists() { lock(path)? } else { None };
        match self.replace {
            true => Ok(lock),
            false => Err(format!(
                "{} exists: add --replace to replace the database (its files are moved to another folder), or set \
                 --data-dir",
                first.display()
            )),
        }
    }
}

/// Locks a database. Returns `None` if it is damaged.
fn lock(path: &Path) -> Result<Option<ExclusiveLock>, String> {
    match lock_exclusively(path) {
        Ok(Some(lock)) => Ok(Some(lock)),
        Ok(None) => Err(format!("{} is in use: stop the service, then repeat the command", path.display())),
        // A damaged database must not prevent a restore.
        Err(error) if is_damaged(&error) => {
            warn(&format!("{}: {}", path.display(), database_message(&error)));
            Ok(None)
        }
        Err(error) => Err(format!(
            "cannot lock {}: {}. Check the path, its permissions and the disk",
            path.display(),
            database_message(&error)
        )),
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

/// Moves the files of the existing database, if there are any, to a new folder beside them.
fn move_existing(path: &Path) -> Result<Option<MovedFiles>, String> {
    if existing_files(path).is_empty() {
        return Ok(None);
    }
    let time = Timestamp(Clock::System.now()).to_string().replace(':', "");
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let folder = path.with_file_name(format!("{name}-before-restore-{time}"));
    let moved = MovedFiles::move_to(path, folder.clone());
    moved
        .map(Some)
        .map_err(|error| format!("cannot move {} to {}: {error}", path.display(), folder.display()))
}

fn move_back(path: &Path, moved: MovedFiles) -> Result<(), String> {
    let folder = moved.folder().to_owned();
    moved.undo().map_err(|error| {
        format!(
            "The files of {} are in {} and cannot be moved back: {error}",
            path.display(),
            folder.display()
        )
    })
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

/// Restores the images, ends all sessions, deletes all preview links and replaces the signing key. Returns the report for
/// the operator.
async fn finish(app: &App, verified: &VerifiedBackup<'_>, config: &Config) -> Result<String, String> {
    let service = |error: crate::http::problem::Error| super::errors::message(&error);
    let sessions = app.sessions.delete_all().await.map_err(service)?;
    app.sessions.replace_keys().await.map_err(service)?;
    let media = config.media_store().map_err(|error| format!("the S3 bucket cannot be used: {error}"))?;
    let links = app.posts.delete_all_previews().await.map_err(service)?;
    let images = verified.restore_images(&app.db, &media).await.map_err(|error| backup::message(&error))?;
    let missing = missing_images(&app.db, &media).await.map_err(|error| backup::message(&error))?;
    if images.rejected > 0 {
        warn(&format!(
            "the bytes of {} in the backup do not belong to the database and were not stored: run tenon doctor",
            counted(images.rejected, "image")
        ));
    }
    if missing.0 > 0 {
        warn(&format!(
            "the bytes of {} are not in the storage of images, such as {}: copy them from the backed up service",
            counted(missing.0, "image"),
            missing.1.join(", ")
        ));
    }
    let accounts = restore_report::credentials(&app.db).await.map_err(|error| database_message(&error))?;
    let stored = match images.listed {
        Some(ListedImages { total, present }) => {
            format!("{present} of {total} listed in the backup are in the storage of images")
        }
        None => format!("{} stored, {} unchanged", images.stored, images.unchanged),
    };
    Ok(format!(
        "restored the backup of {}\nimages: {stored}\nended {}, deleted {} and replaced the signing key\n{accounts}",
        verified.info.created_at,
        counted(sessions, "session"),
        counted(links, "preview link")
    ))
}
