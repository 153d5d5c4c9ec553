//! The command line: what an operator can do, each with the services that the API uses.
mod account;
mod archive;
mod demo;
mod geo;
mod given;
mod import;
mod openapi;
mod rates;
mod reach;
mod schema;
mod scratch;
mod serve;
mod told;

pub use serve::edge;

use std::{io::Write, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::{
    app::{App, Settings},
    config::{self, Config},
    ports::clock::Clock,
};
use told::{plain, told};

/// A backend for front-end teams whose OpenAPI document is true.
#[derive(Parser)]
#[command(name = "tenon", version, propagate_version = true)]
struct Command {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    task: Task,
}

/// Where the data is.
#[derive(Args, Clone)]
struct Place {
    /// Folder of the SQLite database and of the settings file `tenon.toml` [default: ./data]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<String>,
    /// postgres://… or sqlite://… [default: SQLite in the data folder]
    #[arg(long, global = true, value_name = "URL")]
    database_url: Option<String>,
}

#[derive(Subcommand)]
enum Task {
    /// Bring the schema up to date, then serve
    Serve(serve::Serve),
    /// Change the schema by hand
    #[command(subcommand)]
    Migrate(schema::Migrate),
    /// Make accounts
    #[command(subcommand)]
    User(account::User),
    /// Make API keys
    #[command(subcommand)]
    Key(account::Key),
    /// Bring content in from files
    #[command(subcommand)]
    Import(import::Import),
    /// Fetch the rates between currencies
    #[command(subcommand)]
    Rates(rates::Rates),
    /// Look after the file that knows the countries of addresses
    #[command(subcommand)]
    Geo(geo::Geo),
    /// Print the OpenAPI document
    Openapi(openapi::Openapi),
    /// Print the settings in force and where each comes from
    Config,
}

/// Runs the command of this process. Exit codes: 0 done, 1 failed, 2 wrong usage.
pub fn run() -> ExitCode {
    let command = Command::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("cannot start: {error}")),
    };
    match runtime.block_on(perform(command)) {
        Ok(code) => code,
        Err(message) => failed(&message),
    }
}

fn failed(message: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "error: {message}");
    ExitCode::from(1)
}

fn warn(message: &str) {
    let _ = writeln!(std::io::stderr(), "warning: {message}");
}

/// Writes to standard output; a closed pipe is no failure of ours.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
    let _ = std::io::stdout().flush();
}

async fn perform(command: Command) -> Result<ExitCode, String> {
    let Command { place, task } = command;
    let config = |more: &[(&'static str, Option<String>)]| {
        let mut flags =
            vec![("data_dir", place.data_dir.clone()), ("database_url", place.database_url.clone())];
        flags.extend_from_slice(more);
        config::strangers().iter().for_each(|warning| warn(warning));
        Config::read(&flags)
    };
    match task {
        Task::Openapi(task) => task.run(),
        Task::Config => {
            say(&config(&[])?.describe());
            Ok(ExitCode::SUCCESS)
        }
        Task::User(task) => task.run(&config(&[])?).await,
        Task::Key(task) => task.run(&config(&[])?).await,
        Task::Geo(task) => task.run(&config(&[])?).await,
        Task::Import(task) => task.run(&config(&[])?).await,
        Task::Rates(task) => task.run(&config(&[])?).await,
        Task::Migrate(task) => task.run(&config(&[])?).await,
        Task::Serve(task) => {
            let flags =
                [("listen", task.listen.clone()), ("forwarded_header", task.forwarded_header.clone())];
            let config = config(&flags)?;
            task.run(config).await
        }
    }
}

/// The services on the database of these settings.
async fn app(config: &Config) -> Result<App, String> {
    app_on(&config.database_url(), config).await
}

/// The services on the database at this address, with the present schema.
async fn app_on(url: &str, config: &Config) -> Result<App, String> {
    let db = reach::open(url, config.log_sql.watch()).await?;
    db.migrate().await.map_err(|error| format!("cannot bring the schema up to date: {}", plain(&error)))?;
    App::new(db, Clock::System, Settings::of(config))
        .await
        .map_err(|error| format!("cannot start the services: {}", told(&error)))
}
