//! `tenon migrate`: the schema, step by step.
use std::process::ExitCode;

use clap::Subcommand;
use sea_orm::{ConnectionTrait, DbErr, Statement};

use super::{reach, say, scratch::Scratch, told::plain};
use crate::{config::Config, ports::db::Db};

#[derive(Subcommand)]
pub enum Migrate {
    /// Take all steps that are missing
    Up,
    /// Take the last steps back, with everything in their tables
    Down {
        /// How many; more than one only with --yes
        #[arg(long, default_value_t = 1)]
        steps: u32,
        /// Lose what is in the tables of several steps
        #[arg(long)]
        yes: bool,
    },
    /// Show the steps
    Status,
}

impl Migrate {
    pub async fn run(self, config: &Config) -> Result<ExitCode, String> {
        let db = reach::open(&config.database_url(), None).await?;
        match self {
            Migrate::Up => db.migrate().await,
            Migrate::Down { steps, yes: false } if steps > 1 => {
                let lost = lost(&db, steps).await.map_err(|error| plain(&error))?;
                return Err(format!("{lost}. Say --yes if that is meant"));
            }
            Migrate::Down { steps, .. } => db.rollback(steps).await,
            Migrate::Status => Ok(()),
        }
        .map_err(|error| plain(&error))?;
        for (step, taken) in db.steps().await.map_err(|error| plain(&error))? {
            say(&format!("{} {step}\n", if taken { "taken  " } else { "missing" }));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What goes with the last steps that were taken. Which tables these made is seen by going the same way in an
/// empty database.
async fn lost(db: &Db, steps: u32) -> Result<String, DbErr> {
    let all = db.steps().await?;
    let taken: Vec<String> = all.iter().filter(|(_, taken)| *taken).map(|(step, _)| step.clone()).collect();
    let back: Vec<&str> = taken.iter().rev().take(steps as usize).map(String::as_str).collect();
    let scratch = Scratch::new();
    let trial = Db::open(&scratch.url()).await?;
    trial.migrate().await?;
    trial.rollback((all.len() - taken.len()) as u32).await?;
    let before = tables(&trial).await?;
    trial.rollback(steps).await?;
    let after = tables(&trial).await?;
    trial.close().await?;
    let mut rows = Vec::new();
    for table in before.iter().filter(|table| !after.contains(table)) {
        rows.push(format!("{table} ({})", count(db, table).await?));
    }
    Ok(format!(
        "this takes back {}, and with them these tables and their rows: {}",
        back.join(", "),
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
