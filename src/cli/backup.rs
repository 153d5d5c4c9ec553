//! `tenon backup`: makes a backup of the database and of the images.
use std::{io::IsTerminal, path::PathBuf, process::ExitCode};

use clap::Args;

use super::{
    connect::{self, RESTORE},
    errors::database_message,
    warn,
};
use crate::{
    backup::{BackupError, Backups, Summary},
    config::{BackupMedia, Config},
    infra::{clock::Clock, dump::is_damaged},
    schema::counted,
};

/// Make a backup of the database and of the images, while the service runs
///
/// The backup contains every write that was acknowledged before its start. It does not contain the secret key and the
/// settings.
#[derive(Args)]
pub struct Backup {
    /// File of the backup; an existing one must be a backup, and is replaced when the new one is complete.
    /// - writes to standard output
    file: PathBuf,
    /// Whether the backup includes the images or lists their names and hashes
    #[arg(long, value_enum, default_value = "include")]
    media: BackupMedia,
}

impl Backup {
    pub async fn run(self, config: &Config) -> Result<ExitCode, String> {
        let is_stdout = self.file.as_os_str() == "-";
        if is_stdout && std::io::stdout().is_terminal() {
            return Err("-: standard output is a terminal: redirect it to a file or to a command".to_owned());
        }
        let db = connect::open(&config.database_url(), None).await?;
        let media = config.media_store().map_err(|error| format!("the S3 bucket cannot be used: {error}"))?;
        let backups = Backups::new(db.clone(), Clock::System, media, config);
        let summary = match is_stdout {
            true => backups.write_stream(std::io::stdout(), self.media).await,
            false => backups.write_file(&self.file, self.media).await,
        };
        let summary = summary.map_err(|error| message(&error))?;
        db.close().await.map_err(|error| database_message(&error))?;
        report(&summary, self.media);
        Ok(ExitCode::SUCCESS)
    }
}

/// Returns the message of an error of a backup.
pub fn message(error: &BackupError) -> String {
    match error {
        BackupError::Database(error) if is_damaged(error) => {
            format!("the database is damaged: {}. {RESTORE}", database_message(error))
        }
        BackupError::Database(error) => database_message(error),
        other => other.to_string(),
    }
}

/// Prints the summary to standard error, because the backup may be written to standard output.
fn report(summary: &Summary, media: BackupMedia) {
    let Summary { database_bytes, images, image_bytes, damaged_images, .. } = summary;
    let images = match media {
        BackupMedia::Include => format!("{} ({image_bytes} bytes)", counted(*images, "image")),
        BackupMedia::List => format!("a list of {}, without their bytes", counted(*images, "image")),
    };
    note(&format!("the backup contains the database ({database_bytes} bytes) and {images}"));
    if let Some(key) = &summary.secret_key {
        note(&format!(
            "it does not contain the secret key {key}, which is needed to restore it: keep a copy elsewhere"
        ));
    }
    if *damaged_images > 0 {
        let examples = summary.damaged_examples.join(", ");
        warn(&format!(
            "the backup lacks the bytes of {}, which are missing or damaged, such as {examples}: run tenon doctor",
            counted(*damaged_images, "image")
        ));
    }
}

fn note(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{text}");
}
