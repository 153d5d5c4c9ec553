//! The command line interface. Each command calls the services that the API uses.
mod account;
mod archive;
mod audit;
mod backup;
mod connect;
mod demo;
mod doctor;
mod errors;
mod geo;
mod health;
mod import;
mod migrate;
mod openapi;
mod rates;
mod restore;
mod restore_report;
mod secret_key;
mod serve;
mod temp;
mod validate;

pub use serve::{access_log, build_server};

use std::{io::Write, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::{
    api,
    app::App,
    config::{self, Config},
    infra::{
        audit_log::Origin,
        clock::{Clock, process_start},
        private_files::{self, Private},
        traces::observe_statements,
    },
};
use errors::{database_message, message};

/// A backend with a typed HTTP API; the server enforces its OpenAPI document
#[derive(Parser)]
#[command(name = "tenon", version, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    data: DataArgs,
    #[command(subcommand)]
    command: Command,
}

/// The location of the data.
#[derive(Args, Clone)]
struct DataArgs {
    /// Folder with the SQLite database and the settings file `tenon.toml` [default: ./data]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<String>,
    /// Database URL: postgres://… or sqlite://… [default: SQLite in the data folder]
    #[arg(long, global = true, value_name = "URL")]
    database_url: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Migrate the database schema, then start the server
    Serve(serve::Serve),
    /// Migrate the database schema, or show its state
    #[command(subcommand)]
    Migrate(migrate::Migrate),
    /// Manage user accounts
    #[command(subcommand)]
    User(account::UserCommand),
    /// Manage API keys
    #[command(subcommand)]
    ApiKey(account::ApiKeyCommand),
    /// Verify the audit log
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Import content and records from files
    #[command(subcommand)]
    Import(import::Import),
    /// Fetch exchange rates
    #[command(subcommand)]
    Rates(rates::Rates),
    /// Check and install the GeoIP database
    #[command(subcommand)]
    Geo(geo::Geo),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Doctor(doctor::Doctor),
    Health(health::Health),
    /// Manage the key that seals secrets in the database
    #[command(subcommand)]
    SecretKey(secret_key::SecretKeyCommand),
    /// Print the OpenAPI document
    Openapi(openapi::Openapi),
    /// Print the effective settings and the source of each
    Config,
}

/// Parses the arguments and runs the command. Exit codes: 0 success, 1 failure, 2 usage error.
pub fn run() -> ExitCode {
    process_start();
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("cannot start the async runtime: {error}")),
    };
    match runtime.block_on(dispatch(cli)) {
        Ok(code) => code,
        Err(message) => fail(&message),
    }
}

/// Prints an error to standard error, and returns exit code 1.
fn fail(message: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "error: {message}");
    ExitCode::from(1)
}

/// Prints a warning to standard error.
fn warn(message: &str) {
    let _ = writeln!(std::io::stderr(), "warning: {message}");
}

/// Writes to standard output. Ignores errors such as a closed pipe.
fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
    let _ = std::io::stdout().flush();
}

async fn dispatch(cli: Cli) -> Result<ExitCode, String> {
    let Cli { data, command } = cli;
    let read = |extra: &[(&'static str, Option<String>)]| {
        let mut flags =
            vec![("data_dir", data.data_dir.clone()), ("database_url", data.database_url.clone())];
        flags.extend_from_slice(extra);
        config::unknown_env_vars().iter().for_each(|warning| warn(warning));
        Config::check(&flags)
    };
    let check = &read;
    let config = |extra: &[(&'static str, Option<String>)]| check(extra).map_err(|all| all.join("\n"));
    // The actor of the audit entries of a command. The server acts for itself.
    let origin = command.name().map_or_else(Origin::default, Origin::cli);
    let run = async move {
        match command {
            Command::Openapi(command) => command.run(),
            Command::Config => {
                print(&config(&[])?.describe());
                Ok(ExitCode::SUCCESS)
            }
            Command::User(command) => command.run(&config(&[])?).await,
            Command::ApiKey(command) => command.run(&config(&[])?).await,
            Command::Audit(command) => command.run(&config(&[])?).await,
            Command::Backup(command) => command.run(&config(&[])?).await,
            Command::Doctor(command) => command.run(check(&[])).await,
            Command::Restore(command) => command.run(&config(&[])?).await,
            Command::Geo(command) => command.run(&config(&[])?).await,
            Command::Import(command) => command.run(&config(&[])?).await,
            Command::Rates(command) => command.run(&config(&[])?).await,
            Command::SecretKey(command) => command.run(&config(&[])?).await,
            Command::Migrate(command) => command.run(&config(&[])?).await,
            Command::Health(command) => {
                let config = config(&[("listen", command.listen.clone())])?;
                command.run(&config).await
            }
            Command::Serve(command) => {
                let flags = [
                    ("listen", command.listen.clone()),
                    ("forwarded_header", command.forwarded_header.clone()),
                ];
                let config = config(&flags)?;
                command.run(config).await
            }
        }
    };
    origin.scope(run).await
}

impl Command {
    /// Returns the name of a command that writes; `None` for the server.
    fn name(&self) -> Option<&'static str> {
        match self {
            Command::Migrate(_) => Some("migrate"),
            Command::User(_) => Some("user"),
            Command::ApiKey(_) => Some("api-key"),
            Command::Audit(_) => Some("audit"),
            Command::Backup(_) => Some("backup"),
            Command::Doctor(_) => Some("doctor"),
            Command::Restore(_) => Some("restore"),
            Command::Import(_) => Some("import"),
            Command::Rates(_) => Some("rates"),
            Command::Geo(_) => Some("geo"),
            Command::SecretKey(_) => Some("secret-key"),
            Command::Serve(_) | Command::Health(_) | Command::Openapi(_) | Command::Config => None,
        }
    }
}

/// Creates the services on the database of these settings, which must exist.
async fn existing_app(config: &Config) -> Result<App, String> {
    connect::check(&config.database_url()).await?;
    app(config).await
}

/// Creates the services on the database of these settings. A SQLite database that does not exist is created.
async fn app(config: &Config) -> Result<App, String> {
    app_on(&config.database_url(), config).await
}

/// Creates the services on the database with this URL, and migrates its schema.
async fn app_on(url: &str, config: &Config) -> Result<App, String> {
    private_files::restrict(&config.storage.data_dir, Private::Folder)?;
    if let Some(file) = config.file_with_secrets() {
        private_files::restrict(file, Private::ProvidedFile)?;
    }
    let log = config.log.log_sql.observer();
    let observer = match config.telemetry.otlp_endpoint {
        Some(_) => Some(observe_statements(log)),
        None => log,
    };
    let db = connect::open_or_create(url, observer).await?;
    db.migrate()
        .await
        .map_err(|error| format!("cannot migrate the database schema: {}", database_message(&error)))?;
    App::new(db, Clock::System, config, api::operation_paths())
        .await
        .map_err(|error| format!("cannot start the services: {}", message(&error)))
}
