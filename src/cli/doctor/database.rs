//! Checks of the database.
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::Check;
use crate::{
    cli::{connect::RESTORE, errors::database_message},
    config::Config,
    infra::{
        audit_log::Verified,
        clock::Clock,
        db::{Db, sqlite_path},
        db_error::{Fault, fault},
        dump::{check_sqlite, is_damaged},
        sealing::{key_id, read_key_file},
    },
};

/// Maximum difference of the clocks of this machine and of the database, in milliseconds.
const MAX_DIFFERENCE: i64 = 5000;

/// The counters: a query for the number of wrong values, their name, and the statement that fixes them.
const COUNTERS: [(&str, &str, &str); 3] = [
    (
        "the number of comments of posts",
        "SELECT COUNT(*) AS n FROM posts WHERE comments_count <> (SELECT COUNT(*) FROM comments \
         WHERE comments.post_id = posts.id AND comments.status = 'approved')",
        "UPDATE posts SET comments_count = (SELECT COUNT(*) FROM comments WHERE comments.post_id = posts.id \
         AND comments.status = 'approved')",
    ),
    (
        "the sequence of events",
        "SELECT COUNT(*) AS n FROM events WHERE position > COALESCE((SELECT value FROM sequences \
         WHERE name = 'events'), 0)",
        "UPDATE sequences SET value = (SELECT MAX(position) FROM events) WHERE name = 'events'",
    ),
    (
        "the sequence of invoice numbers",
        "SELECT COUNT(*) AS n FROM invoices WHERE number > COALESCE((SELECT value FROM sequences \
         WHERE name = 'invoices'), 0)",
        "UPDATE sequences SET value = (SELECT MAX(number) FROM invoices) WHERE name = 'invoices'",
    ),
];

/// Returns the message of a failed check, with its fix.
pub fn problem(error: &DbErr) -> Vec<String> {
    vec![match fault(error) {
        _ if is_damaged(error) => format!("{}. {RESTORE}", database_message(error)),
        Fault::TimeLimit => format!("not checked, because of the time limit: {}", database_message(error)),
        _ => format!("{}: check the database", database_message(error)),
    }]
}

/// Returns the text columns of the rows of a query.
async fn texts(db: &Db, sql: &str) -> Result<Vec<String>, DbErr> {
    let rows = db.read().query_all_raw(Statement::from_string(db.read().get_database_backend(), sql)).await?;
    rows.iter().map(|row| row.try_get_by_index(0)).collect()
}

async fn number(db: &Db, sql: &str) -> Result<i64, DbErr> {
    let row = db.read().query_one_raw(Statement::from_string(db.read().get_database_backend(), sql)).await?;
    row.map_or(Ok(0), |row| Ok(row.try_get_by_index::<Option<i64>>(0)?.unwrap_or(0)))
}

/// Checks the structure of the SQLite file and all references, without a time limit. PostgreSQL does this with checksums, if
/// they are enabled, and constraints.
pub async fn integrity(db: &Db, url: &str) -> Check {
    let Some(path) = sqlite_path(url) else {
        let checksums = texts(db, "SELECT current_setting('data_checksums')").await;
        return Ok(match checksums.map_err(|error| problem(&error))?.first().map(String::as_str) {
            Some("on") => "PostgreSQL checks its pages and references".to_owned(),
            _ => "PostgreSQL checks its references, and not its pages, because data_checksums is off"
                .to_owned(),
        });
    };
    let problems = check_sqlite(path).await.map_err(|error| problem(&error))?;
    match problems.is_empty() {
        true => Ok("the pages, indexes and references of the database are consistent".to_owned()),
        false => Err(problems.into_iter().map(|text| format!("{text}. {RESTORE}")).collect()),
    }
}

pub async fn schema(db: &Db) -> Check {
    let pending = db.migrations().await.map_err(|error| problem(&error))?;
    let pending: Vec<String> =
        pending.into_iter().filter(|(_, applied)| !applied).map(|(name, _)| name).collect();
    match pending.is_empty() {
        true => Ok("all migrations are applied".to_owned()),
        false => Err(vec![format!(
            "{} {} not applied: run tenon migrate up, or start the service",
            pending.join(", "),
            if pending.len() == 1 { "is" } else { "are" }
        )]),
    }
}

/// All sealed values must have been sealed with a configured key.
pub async fn secret_key(db: &Db, config: &Config) -> Check {
    let columns = "SELECT value FROM secrets UNION SELECT private_key FROM signing_keys \
                   UNION SELECT secret FROM webhook_endpoints";
    let sealed = texts(db, columns).await.map_err(|error| problem(&error))?;
    let file = config.secret_key_file();
    let keys = match &config.storage.secret_key {
        Some(keys) => keys.clone(),
        None => read_key_file(&file).map_err(|error| vec![format!("{error}: copy the key file there")])?,
    };
    let unknown = sealed.iter().filter_map(|value| key_id(value)).find(|id| !keys.contains(id));
    match unknown {
        None => Ok(format!("the keys {} open all secrets", keys.ids())),
        Some(id) => Err(vec![format!(
            "a secret is sealed with the key {id}, and the configured keys are {}: add that key to secret_key or to {}",
            keys.ids(),
            file.display()
        )]),
    }
}

/// Verifies the hash chain of all entries of the audit log.
pub async fn audit_log(db: &Db) -> Check {
    match db.verify_audit_log().await.map_err(|error| problem(&error))? {
        Ok(Verified { entries, position, .. }) => Ok(format!("{entries} entries verified, up to {position}")),
        Err(broken) => Err(vec![format!("{broken}: compare the log with its copies and with a backup")]),
    }
}

pub async fn counters(db: &Db) -> Check {
    let mut problems = Vec::new();
    for (name, wrong, fix) in COUNTERS {
        match number(db, wrong).await {
            Ok(0) => {}
            Ok(count) => {
                problems.push(format!("{name}: {count} wrong values: stop the service and run {fix}"))
            }
            Err(error) => problems.extend(problem(&error)),
        }
    }
    match problems.is_empty() {
        true => Ok(format!("{} counters are correct", COUNTERS.len())),
        false => Err(problems),
    }
}

/// The clock must not be behind the newest data, or differ from the clock of PostgreSQL.
pub async fn clock(db: &Db) -> Check {
    let latest = match db.read().get_database_backend() {
        DbBackend::Sqlite => "SELECT MAX(occurred_at) FROM events",
        _ => "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
    };
    let latest = number(db, latest).await.map_err(|error| problem(&error))?;
    let ahead = latest - Clock::System.now();
    let differs = match db.read().get_database_backend() {
        DbBackend::Sqlite => ahead > MAX_DIFFERENCE,
        _ => ahead.abs() > MAX_DIFFERENCE,
    };
    match differs {
        false => Ok("the clock is not behind the data".to_owned()),
        true => Err(vec![format!(
            "the clock of this machine differs from the database by {} seconds: enable NTP",
            ahead.abs() / 1000
        )]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::db_error::TOO_LONG;

    #[test]
    fn a_time_limit_is_no_reason_to_restore_a_backup() {
        for (error, expected) in [
            (TOO_LONG, "not checked, because of the time limit"),
            ("connection reset", "connection reset: check the database"),
        ] {
            let message = problem(&DbErr::Custom(error.to_owned())).concat();
            assert!(message.contains(expected) && !message.contains("restore"), "{message}");
        }
    }
}
