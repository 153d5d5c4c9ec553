//! `tenon rates`: what currencies are worth, fetched by hand.
use std::process::ExitCode;

use clap::Subcommand;

use super::{
    app, say,
    told::{plain, told},
    warn,
};
use crate::{
    config::Config,
    resources::rates::{Jumps, Taken, Untold},
};

#[derive(Subcommand)]
pub enum Rates {
    /// Ask the source of rates_url now, and print what it told
    Fetch {
        /// Take rates that moved too far as well
        #[arg(long)]
        accept_jumps: bool,
    },
}

impl Rates {
    pub async fn run(self, config: &Config) -> Result<ExitCode, String> {
        let Rates::Fetch { accept_jumps } = self;
        let jumps = if accept_jumps { Jumps::Accepted } else { Jumps::Refused };
        if config.rates.is_none() {
            return Err(Untold::Off.to_string());
        }
        let app = app(config).await?;
        let taken = app.refresh.now(jumps).await.map_err(|error| match error {
            Untold::Storage(error) => told(&error),
            other => other.to_string(),
        });
        app.db.close().await.map_err(|error| plain(&error))?;
        let taken = taken?;
        taken.jumped.iter().for_each(|jump| {
            warn(&format!("{jump} is too far: it stays as it was, unless you say --accept-jumps"))
        });
        say(&written(&taken));
        Ok(ExitCode::SUCCESS)
    }
}

fn written(taken: &Taken) -> String {
    let Taken { source, date, rates, .. } = taken;
    let lines: String = rates.iter().map(|(currency, rate)| format!("{currency} {rate}\n")).collect();
    let noun = if rates.len() == 1 { "rate" } else { "rates" };
    format!("{lines}{} {noun} of {date} from {source}: what a dollar is\n", rates.len())
}
