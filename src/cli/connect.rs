//! Connection to the database, with messages that name the cause of a failure and its fix.
use std::{str::FromStr, time::Duration};

use sea_orm::{
    DbErr,
    sqlx::{ConnectOptions, Connection, postgres::PgConnectOptions},
};
use tokio::time::timeout;

use super::errors::{database_message, driver_message};
use crate::infra::{
    db::{Db, sqlite_path},
    postgres_url,
    query_log::QueryObserver,
    work_folder::folder_of,
};

/// Timeout for PostgreSQL to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Opens the database with this URL, which must exist.
pub async fn open(url: &str, watch: Option<QueryObserver>) -> Result<Db, String> {
    require_existing(url)?;
    open_or_create(url, watch).await
}

/// Checks that the database with this URL exists, and that PostgreSQL accepts connections.
pub async fn check(url: &str) -> Result<(), String> {
    require_existing(url)?;
    if url.starts_with("postgres") {
        probe(url).await?;
    }
    Ok(())
}

/// Returns an error if a SQLite database does not exist. A command that only reads or changes data must not create one.
fn require_existing(url: &str) -> Result<(), String> {
    let Some(path) = sqlite_path(url).filter(|path| !path.is_file()) else { return Ok(()) };
    Err(format!(
        "there is no database {} in the folder {}: set --data-dir to the folder of the service, or create a database with \
         tenon migrate up",
        path.file_name().unwrap_or_default().display(),
        folder_of(path).display()
    ))
}

/// Opens the database with this URL. A SQLite database that does not exist is created.
pub async fn open_or_create(url: &str, watch: Option<QueryObserver>) -> Result<Db, String> {
    if url.starts_with("postgres") {
        probe(url).await?;
    }
    Db::open_observed(url, watch).await.map_err(|error| {
        let message = match &error {
            DbErr::Custom(text) => text.clone(),
            other => format!("cannot open the database: {}", database_message(other)),
        };
        format!("{message}. Check --data-dir or --database-url, and the write permission")
    })
}

/// Opens and closes one connection, to report the cause of a failure. A pool retries until it times out, and
/// reports only the timeout.
async fn probe(url: &str) -> Result<(), String> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| format!("--database-url: not a valid PostgreSQL URL: {}", driver_message(&error)))?;
    let server = format!("PostgreSQL at {}:{}", options.get_host(), options.get_port());
    match timeout(CONNECT_TIMEOUT, options.connect()).await {
        Ok(Ok(connection)) => {
            let _ = connection.close().await;
            Ok(())
        }
        Ok(Err(error)) => {
            let (message, cause) = (driver_message(&error), postgres_url::cause(url, &error));
            Err(format!("cannot connect to {server}: {message}. {cause}"))
        }
        Err(_) => Err(format!(
            "cannot connect to {server}: no response within {} s. Check --database-url",
            CONNECT_TIMEOUT.as_secs()
        )),
    }
}
