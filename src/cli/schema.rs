//! `tenon migrate`: the schema, step by step.
use std::process::ExitCode;

use clap::Subcommand;

use super::say;
use crate::{config::Config, ports::db::Db};

#[derive(Subcommand)]
pub enum Migrate {
    /// Take all steps that are missing
    Up,
    /// Take the last steps back, with everything in their tables
    Down {
        /// How many
        #[arg(long, default_value_t = 1)]
        steps: u32,
    },
    /// Show the steps
    Status,
}

impl Migrate {
    pub async fn run(self, config: &Config) -> Result<ExitCode, String> {
        let db = Db::open(&config.database_url())
            .await
            .map_err(|error| format!("cannot open the database: {error}"))?;
        match self {
            Migrate::Up => db.migrate().await,
            Migrate::Down { steps } => db.rollback(steps).await,
            Migrate::Status => Ok(()),
        }
        .map_err(|error| error.to_string())?;
        for (step, taken) in db.steps().await.map_err(|error| error.to_string())? {
            say(&format!("{} {step}\n", if taken { "taken  " } else { "missing" }));
        }
        Ok(ExitCode::SUCCESS)
    }
}
