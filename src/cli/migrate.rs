//! `tenon migrate`: applies, reverts and lists the migrations of the database schema.
use std::process::ExitCode;

use clap::Subcommand;
use sea_orm::{ConnectionTrait, DbErr, Statement};

use super::{connect, errors::database_message, print, temp::TempDatabase};
use crate::{config::Config, infra::db::Db};

#[derive(Subcommand)]
pub enum Migrate {
    /// Apply all pending migrations
    Up,
    /// Revert the last migrations, and delete the data in their tables
    Down {
        /// Number of migrations to revert; more than one requires --yes
        #[arg(long, default_value_t = 1)]
        steps: u32,
        /// Confirm that the data of several migrations is deleted
        #[arg(long)]
        yes: bool,
    },
    /// List the migrations and their state
    Status,
}

impl Migrate {
    pub async fn run(self, config: &Config) -> Result<ExitCode, String> {
        let db = connect::open(&config.database_url(), None).await?;
        match self {
            Migrate::Up => db.migrate().await,
            Migrate::Down { steps, yes: false } if steps > 1 => {
                let effect = describe_rollback(&db, steps).await.map_err(|error| database_message(&error))?;
                return Err(format!("{effect}. Confirm with --yes"));
            }
            Migrate::Down { steps, .. } => db.rollback(steps).await,
            Migrate::Status => Ok(()),
        }
        .map_err(|error| database_message(&error))?;
        for (step, applied) in db.migrations().await.map_err(|error| database_message(&error))? {
            print(&format!("{} {step}\n", if applied { "applied" } else { "pending" }));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Describes the effect of reverting the last migrations: the tables that are dropped, with their numbers of
/// rows. Finds the tables by migrating and reverting an empty temporary database.
async fn describe_rollback(db: &Db, steps: u32) -> Result<String, DbErr> {
    let all = db.migrations().await?;
    let applied: Vec<String> =
        all.iter().filter(|(_, applied)| *applied).map(|(step, _)| step.clone()).collect();
    let reverted: Vec<&str> = applied.iter().rev().take(steps as usize).map(String::as_str).collect();
    let temp = TempDatabase::new();
    let trial = Db::open(&temp.url()).await?;
    trial.migrate().await?;
    trial.rollback((all.len() - applied.len()) as u32).await?;
    let before = tables(&trial).await?;
    trial.rollback(steps).await?;
    let after = tables(&trial).await?;
    trial.close().await?;
    let mut rows = Vec::new();
    for table in before.iter().filter(|table| !after.contains(table)) {
        rows.push(format!("{table} ({})", count(db, table).await?));
    }
    Ok(format!(
        "this reverts {} and drops these tables with their rows: {}",
        reverted.join(", "),
        rows.join(", ")
    ))
}

async fn tables(db: &Db) -> Result<Vec<String>, DbErr> {
    let names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' \
                 AND name <> 'seaql_migrations' ORDER BY name";
    let rows = db.read().query_all_raw(Statement::from_string(db.read().get_database_backend(), names));
    rows.await?.iter().map(|row| row.try_get("", "name")).collect()
}

async fn count(db: &Db, table: &str) -> Result<i64, DbErr> {
    let rows = format!("SELECT COUNT(*) AS count FROM \"{table}\"");
    let row = db.read().query_one_raw(Statement::from_string(db.read().get_database_backend(), rows)).await?;
    row.map_or(Ok(0), |row| row.try_get("", "count"))
}
