//! `tenon doctor`: checks the installation and the data, and changes no data.
mod database;
mod files;
mod media;

use std::process::ExitCode;

use clap::Args;

use super::{errors::database_message, print};
use crate::{config::Config, infra::db::Db};

/// Check the data and the installation, also while the service runs
///
/// Checks the settings, permissions, free space, secret key, integrity, references, audit log, counters, clock, images and
/// scheduled backups. Changes no data. Exits with 1 if a check fails, and prints what to do.
#[derive(Args)]
pub struct Doctor {}

/// The result of a check: a summary, or the problems, each with its fix.
type Check = Result<String, Vec<String>>;

/// Prints the results of checks.
#[derive(Default)]
struct Report {
    failed: usize,
}

impl Report {
    fn add(&mut self, name: &str, check: Check) {
        match check {
            Ok(summary) => print(&format!("ok      {name}: {summary}\n")),
            Err(problems) => {
                self.failed += 1;
                for problem in problems {
                    print(&format!("failed  {name}: {problem}\n"));
                }
            }
        }
    }

    /// Prints that a check was not made, and the reason.
    fn skip(&self, name: &str, reason: &str) {
        print(&format!("skipped {name}: {reason}\n"));
    }
}

impl Doctor {
    /// Runs the checks. `config` is the settings, or their problems.
    pub async fn run(self, config: Result<Config, Vec<String>>) -> Result<ExitCode, String> {
        let mut report = Report::default();
        let config = match config {
            Ok(config) => &config.clone(),
            Err(problems) => {
                report.add("settings", Err(problems));
                return Err("the other checks need valid settings".to_owned());
            }
        };
        report.add("settings", Ok("valid".to_owned()));
        report.add("permissions", files::permissions(config));
        report.add("free space", files::free_space(config));
        match Db::open_existing(&config.database_url()).await {
            Ok(db) => {
                check_data(&mut report, &db, config).await;
                db.close().await.map_err(|error| database_message(&error))?;
            }
            Err(error) => {
                let fix = "start the service, or restore a backup with tenon restore";
                report.add("database", Err(vec![format!("{}: {fix}", database_message(&error))]));
            }
        }
        match report.failed {
            0 => Ok(ExitCode::SUCCESS),
            1 => Err("1 check failed".to_owned()),
            failed => Err(format!("{failed} checks failed")),
        }
    }
}

async fn check_data(report: &mut Report, db: &Db, config: &Config) {
    report.add("integrity", database::integrity(db, &config.database_url()).await);
    report.add("clock", database::clock(db).await);
    report.add("scheduled backups", files::scheduled_backups(config).await);
    let schema = database::schema(db).await;
    let is_current = schema.is_ok();
    report.add("schema", schema);
    if !is_current {
        // They query tables of the current schema.
        for name in ["secret key", "audit log", "counters", "images", "orphaned images"] {
            report.skip(name, "it needs the schema of this program");
        }
        return;
    }
    report.add("secret key", database::secret_key(db, config).await);
    report.add("audit log", database::audit_log(db).await);
    report.add("counters", database::counters(db).await);
    match config.media_store() {
        Ok(store) => {
            report.add("images", media::missing(db, &store).await);
            report.add("orphaned images", media::orphans(db, &store).await);
        }
        Err(error) => {
            report.add("images", Err(vec![format!("{error}: check the settings s3_…")]));
            report.skip("orphaned images", "it needs the storage of the images");
        }
    }
}
