//! `tenon rates`: fetches exchange rates on demand.
use std::process::ExitCode;

use clap::Subcommand;

use super::{
    app,
    errors::{database_message, message},
    print, warn,
};
use crate::{
    config::Config,
    resources::rates::{Jumps, Taken, Untold},
};

#[derive(Subcommand)]
pub enum Rates {
    /// Fetch exchange rates from rates_url now, and print them
    Fetch {
        /// Accept rates that differ too much from the stored ones
        #[arg(long)]
        allow_large_changes: bool,
    },
}

impl Rates {
    pub async fn run(self, config: &Config) -> Result<ExitCode, String> {
        let Rates::Fetch { allow_large_changes } = self;
        let jumps = if allow_large_changes { Jumps::Accepted } else { Jumps::Refused };
        if config.rates.is_none() {
            return Err(Untold::Off.to_string());
        }
        let app = app(config).await?;
        let taken = app.refresh.now(jumps).await.map_err(|error| match error {
            Untold::Storage(error) => message(&error),
            other => other.to_string(),
        });
        app.db.close().await.map_err(|error| database_message(&error))?;
        let taken = taken?;
        taken.jumped.iter().for_each(|jump| {
            warn(&format!("rate change rejected as too large: {jump}. Accept it with --allow-large-changes"))
        });
        print(&format_rates(&taken));
        Ok(ExitCode::SUCCESS)
    }
}

fn format_rates(taken: &Taken) -> String {
    let Taken { source, date, rates, .. } = taken;
    let lines: String = rates.iter().map(|(currency, rate)| format!("{currency} {rate}\n")).collect();
    let noun = if rates.len() == 1 { "rate" } else { "rates" };
    format!("{lines}{} {noun} of {date} from {source}, per US dollar\n", rates.len())
}
