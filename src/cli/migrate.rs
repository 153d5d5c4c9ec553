//! `tenon migrate`: applies, reverts and lists the migrations of the database schema.
use std::process::ExitCode;

use clap::Subcommand;

use super::{connect, errors::database_message, print};
use crate::{
    config::Config,
    infra::schema::{ExclusiveSchema, Reversal},
};

#[derive(Subcommand)]
pub enum Migrate {
    /// Apply all pending migrations
    Up,
    /// Revert the last migrations, and delete the data in their tables and columns. No service may run
    Down {
        /// Number of migrations to revert
        #[arg(long, default_value_t = 1)]
        steps: u32,
        /// Confirm that tables and columns are dropped
        #[arg(long)]
        yes: bool,
    },
    /// List the migrations and their state
    Status,
}

impl Migrate {
    pub async fn run(self, config: &Config) -> Result<ExitCode, String> {
        let url = config.database_url();
        let db = match self {
            Migrate::Up => {
                let db = connect::open_or_create(&url, None).await?;
                db.migrate().await.map_err(|error| database_message(&error))?;
                db
            }
            Migrate::Down { steps, yes } => {
                roll_back(&url, steps, yes).await?;
                connect::open(&url, None).await?
            }
            Migrate::Status => connect::open(&url, None).await?,
        };
        for (step, applied) in db.migrations().await.map_err(|error| database_message(&error))? {
            print(&format!("{} {step}\n", if applied { "applied" } else { "pending" }));
        }
        db.close().await.map_err(|error| database_message(&error))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Reverts the last `steps` migrations. Data is deleted only if `confirmed`.
async fn roll_back(url: &str, steps: u32, confirmed: bool) -> Result<(), String> {
    connect::check(url).await?;
    let schema = ExclusiveSchema::lock(url).await.map_err(|error| database_message(&error))?;
    let schema = schema.ok_or("the database is in use: stop the service, then repeat the command")?;
    let applied = schema.applied().await.map_err(|error| database_message(&error))?;
    if steps as usize > applied {
        return Err(format!(
            "--steps: must be at most {applied}, the number of applied migrations, got {steps}"
        ));
    }
    if !confirmed {
        let reversals = schema.losses(steps).await.map_err(|error| database_message(&error))?;
        if let Some(losses) = describe(&reversals) {
            return Err(format!("this deletes data, so nothing was changed. Confirm with --yes:\n{losses}"));
        }
    }
    schema.rollback(steps).await.map_err(|error| database_message(&error))
}

/// Returns a line for each migration that drops tables or columns; `None` if there is none.
fn describe(reversals: &[Reversal]) -> Option<String> {
    let line = |reversal: &Reversal| {
        let losses: Vec<String> = reversal.losses.iter().map(ToString::to_string).collect();
        format!("  {}: {}", reversal.name, losses.join(", "))
    };
    let lines: Vec<String> =
        reversals.iter().filter(|reversal| !reversal.losses.is_empty()).map(line).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}
