//! `tenon rates`: fetches exchange rates on demand.
use std::process::ExitCode;

use clap::Subcommand;

use super::{
    errors::{database_message, message},
    existing_app, print, warn,
};
use crate::{
    config::Config,
    resources::billing::rates::{FetchError, FetchSummary, MaxChange},
};

#[derive(Subcommand)]
pub enum Rates {
    /// Fetch exchange rates from rates_url now, and print them
    Fetch {
        /// Store rates even if they differ from the stored ones by more than the permitted factor
        #[arg(long)]
        allow_large_changes: bool,
    },
}

impl Rates {
    pub async fn run(self, config: &Config) -> Result<ExitCode, String> {
        let Rates::Fetch { allow_large_changes } = self;
        let max_change = if allow_large_changes { MaxChange::Ignored } else { MaxChange::Enforced };
        if config.billing.rates_url.is_none() {
            return Err(FetchError::NoSource.to_string());
        }
        let app = existing_app(config).await?;
        let taken = app.rate_fetcher.fetch_now(max_change).await.map_err(|error| match error {
            FetchError::Storage(error) => message(&error),
            other => other.to_string(),
        });
        app.db.close().await.map_err(|error| database_message(&error))?;
        let taken = taken?;
        taken.rejected.iter().for_each(|jump| {
            warn(&format!("rate change rejected as too large: {jump}. Accept it with --allow-large-changes"))
        });
        print(&format_rates(&taken));
        Ok(ExitCode::SUCCESS)
    }
}

fn format_rates(taken: &FetchSummary) -> String {
    let FetchSummary { source, date, rates, .. } = taken;
    let lines: String = rates.iter().map(|(currency, rate)| format!("{currency} {rate}\n")).collect();
    let noun = if rates.len() == 1 { "rate" } else { "rates" };
    format!("{lines}{} {noun} of {date} from {source}, per US dollar\n", rates.len())
}
