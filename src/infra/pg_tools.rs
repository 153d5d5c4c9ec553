//! Runs `pg_dump` and `pg_restore`, the tools of PostgreSQL for backups.
use std::{
    fs::{self, File},
    io::{ErrorKind, Read},
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::postgres_url;
use crate::domain::secret::Secret;

/// How often a running tool is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Maximum length of an error message in bytes. Longer messages are cut.
const MAX_MESSAGE: u64 = 2000;

/// Dumps the database into the new file `path`, in the custom format of `pg_dump`.
///
/// # Errors
///
/// The message of `pg_dump`, or that it is not installed.
pub async fn dump(url: &Secret<String>, path: &Path) -> Result<(), String> {
    let file = format!("--file={}", path.display());
    super::private_files::write_new_file(path, b"")
        .map_err(|error| format!("cannot create {}: {error}", path.display()))?;
    run("pg_dump", &["--format=custom", "--no-owner", "--no-privileges", &file], url, path).await
}

/// Restores a dump into an empty database, in one transaction.
///
/// # Errors
///
/// The message of `pg_restore`, or that it is not installed.
pub async fn restore(url: &Secret<String>, path: &Path) -> Result<(), String> {
    let file = path.display().to_string();
    let options = ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction", &file];
    run("pg_restore", &options, url, path).await
}

/// Sets a flag when it is dropped.
struct SetOnDrop(Arc<AtomicBool>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs a tool until it exits. Dropping the future kills it. Messages of the tool are written to a file beside `path`.
async fn run(
    tool: &'static str,
    arguments: &[&str],
    url: &Secret<String>,
    path: &Path,
) -> Result<(), String> {
    let connection = Connection::parse(url)?;
    let errors = path.with_extension("errors");
    let failed = move |error: std::io::Error| format!("cannot run {tool}: {error}");
    let log = File::create(&errors).map_err(failed)?;
    let mut command = Command::new(tool);
    command.args(arguments).arg(format!("--dbname={}", connection.url)).arg("--no-password");
    // In the environment, because other users can read the arguments of a process.
    if let Some(password) = &connection.password {
        command.env("PGPASSWORD", password.expose());
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    let mut child = command.spawn().map_err(|error| match error.kind() {
        ErrorKind::NotFound => format!(
            "{tool} is not installed: install the client tools of PostgreSQL (Debian: postgresql-client), in the version \
             of the server or later"
        ),
        _ => failed(error),
    })?;
    let dropped = Arc::new(AtomicBool::new(false));
    let guard = SetOnDrop(dropped.clone());
    let wait = move || loop {
        if dropped.load(Ordering::Relaxed) {
            child.kill()?;
        }
        match child.try_wait()? {
            Some(status) => return Ok(status),
            None => std::thread::sleep(POLL_INTERVAL),
        }
    };
    let status = tokio::task::spawn_blocking(wait).await.map_err(std::io::Error::other).flatten();
    drop(guard);
    if status.map_err(failed)?.success() {
        let _ = fs::remove_file(errors);
        return Ok(());
    }
    let mut message = String::new();
    let _ = File::open(errors).map(|file| file.take(MAX_MESSAGE).read_to_string(&mut message));
    Err(format!("{tool} failed: {}", message.trim()))
}

/// The URL of a database without its password, and the password. Without one, the tools use that of the environment or of
/// the password file.
struct Connection {
    url: String,
    password: Option<Secret<String>>,
}

impl Connection {
    fn parse(url: &Secret<String>) -> Result<Self, String> {
        let invalid = || "database_url: is not a valid PostgreSQL URL".to_owned();
        let (scheme, rest) = url.expose().split_once("://").ok_or_else(invalid)?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        postgres_url::validate(url.expose()).map_err(|error| format!("database_url: {error}"))?;
        let (user, password, host) = match authority.rsplit_once('@') {
            Some((user, host)) => match user.split_once(':') {
                Some((user, password)) => (format!("{user}@"), Some(password), host),
                None => (format!("{user}@"), None, host),
            },
            None => (String::new(), None, authority),
        };
        let password = password.map(|text| percent_decode(text).map(Secret::new).ok_or_else(invalid));
        let password = password.transpose()?;
        let url = postgres_url::for_tools(&format!("{scheme}://{user}{host}{rest}"));
        Ok(Connection { url, password })
    }
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16).map(|value| value as u8);
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => digit(rest.next())? << 4 | digit(rest.next())?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_not_an_argument() {
        for (url, expected, password) in [
            (
                "postgres://ada:p%40ss%3A@db:5432/tenon?sslmode=require",
                "postgres://ada@db:5432/tenon?sslmode=require",
                Some("p@ss:"),
            ),
            ("postgresql://ada@db/tenon", "postgresql://ada@db/tenon", None),
            ("postgres://db", "postgres://db", None),
        ] {
            let connection = Connection::parse(&Secret::new(url.to_owned())).unwrap();
            assert_eq!(
                (connection.url.as_str(), connection.password.as_ref().map(|it| it.expose().as_str())),
                (expected, password)
            );
        }
        let in_query = Secret::new("postgres://ada@db/tenon?password=geheim".to_owned());
        let error = Connection::parse(&in_query).err().unwrap();
        assert!(error.contains("before the host") && !error.contains("geheim"), "{error}");
    }
}
