//! The way to the database, and what to do when it is barred.
use std::{str::FromStr, time::Duration};

use sea_orm::{
    DbErr,
    sqlx::{ConnectOptions, Connection, postgres::PgConnectOptions},
};
use tokio::time::timeout;

use super::told::{plain, spoken};
use crate::ports::{db::Db, statements::Watch};

const PATIENCE: Duration = Duration::from_secs(3);

/// Opens the database at this address.
pub async fn open(url: &str, watch: Option<Watch>) -> Result<Db, String> {
    if url.starts_with("postgres") {
        knock(url).await?;
    }
    Db::watched(url, watch).await.map_err(|error| {
        let what = match &error {
            DbErr::Custom(text) => text.clone(),
            other => format!("cannot open the database: {}", plain(other)),
        };
        format!("{what}. Check --data-dir or --database-url, and that it may be written")
    })
}

/// A pool tries again until it runs out of time and then knows no reason: one plain connection does.
async fn knock(url: &str) -> Result<(), String> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| format!("--database-url is no address of PostgreSQL: {}", spoken(&error)))?;
    let place = format!("PostgreSQL at {}:{}", options.get_host(), options.get_port());
    match timeout(PATIENCE, options.connect()).await {
        Ok(Ok(connection)) => {
            let _ = connection.close().await;
            Ok(())
        }
        Ok(Err(error)) => Err(format!("cannot connect to {place}: {}. Check --database-url", spoken(&error))),
        Err(_) => {
            Err(format!("{place} does not answer within {} s. Check --database-url", PATIENCE.as_secs()))
        }
    }
}
