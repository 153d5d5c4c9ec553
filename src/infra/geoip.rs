//! GeoIP: the country of an address, from a local MMDB file that is reloaded when it changes. No external
//! service is called. An unreadable file only means that the country is unknown.
mod database;

use std::{
    fmt,
    net::IpAddr,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use parking_lot::RwLock;

pub use database::{Database, MAX_BYTES};

/// Interval between checks of the file.
const CHECK_INTERVAL: Duration = Duration::from_secs(30);

/// A country as its two-letter code (ISO 3166-1 alpha-2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

impl FromStr for Country {
    type Err = String;
    /// Parses a code. `XX` and `ZZ` (unknown), and proxy codes such as `T1` (Tor), are not countries.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.as_bytes() {
            [first, second] if first.is_ascii_alphabetic() && second.is_ascii_alphabetic() => {
                let letters = [first.to_ascii_uppercase(), second.to_ascii_uppercase()];
                if matches!(&letters, b"XX" | b"ZZ") {
                    return Err(format!("{text}: means that the country is unknown"));
                }
                Ok(Country(letters))
            }
            _ => Err(format!("{text}: must be a two-letter country code such as FR")),
        }
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.0).unwrap_or_default())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A GeoIP lookup on a file. Clones share the loaded database.
#[derive(Clone)]
pub struct GeoIp(Arc<Inner>);

struct Inner {
    file: Option<PathBuf>,
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    database: Option<Arc<Database>>,
    /// The state of the file at the last attempt to read it, whether or not that succeeded.
    last_read: Option<FileVersion>,
    /// The last error that was logged, so that it is not logged every 30 seconds.
    logged_error: Option<String>,
}

/// Identifies a version of the file. Replacing the file changes the inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileVersion {
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl FileVersion {
    fn of(file: &Path) -> std::io::Result<FileVersion> {
        let metadata = std::fs::metadata(file)?;
        Ok(FileVersion {
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        })
    }
}

impl GeoIp {
    /// Creates a lookup; the file is not read yet. Without a file every country is unknown.
    pub fn new(file: Option<PathBuf>) -> Self {
        GeoIp(Arc::new(Inner { file, state: RwLock::default() }))
    }

    /// Returns the country of a public address, if the database contains it.
    pub fn country(&self, address: IpAddr) -> Option<Country> {
        let state = self.0.state.read();
        let database = state.database.clone()?;
        drop(state);
        database.country(address)
    }

    /// Reloads the file if it has changed. If it cannot be read, for example because it is still being
    /// copied, the loaded database stays in use.
    pub async fn refresh(&self) {
        let inner = self.0.clone();
        let _ = tokio::task::spawn_blocking(move || inner.refresh()).await;
    }

    /// Reloads the file periodically, for as long as the service runs.
    pub async fn reload_periodically(self) {
        if self.0.file.is_none() {
            return;
        }
        let mut timer = tokio::time::interval(CHECK_INTERVAL);
        timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            timer.tick().await;
            self.refresh().await;
        }
    }
}

impl Inner {
    fn refresh(&self) {
        let Some(file) = &self.file else { return };
        let version = FileVersion::of(file);
        let last_read = self.state.read().last_read;
        if version.as_ref().is_ok_and(|version| last_read == Some(*version)) {
            return;
        }
        let read = match &version {
            Ok(_) => Database::open(file),
            Err(error) => Err(error.to_string()),
        };
        let mut state = self.state.write();
        state.last_read = version.ok();
        match read {
            Ok(database) => {
                tracing::info!(file = %file.display(), kind = database.database_type(), "loaded the GeoIP database");
                *state = State {
                    database: Some(Arc::new(database)),
                    logged_error: None,
                    ..std::mem::take(&mut state)
                };
            }
            Err(error) if state.logged_error.as_ref() != Some(&error) => {
                let retained = state.database.is_some();
                tracing::warn!(file = %file.display(), cause = error, retained, "the GeoIP database cannot be read");
                state.logged_error = Some(error);
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_two_letter_codes() {
        for (text, country) in [("FR", "FR"), ("fr", "FR"), ("gB", "GB")] {
            assert_eq!(text.parse::<Country>().map(|country| country.to_string()), Ok(country.to_owned()));
        }
        for text in ["", "F", "FRA", "T1", "XX", "xx", "ZZ", "é", "F ", "--", "FR,US"] {
            assert!(text.parse::<Country>().is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn has_no_countries_without_a_file() {
        for file in [None, Some(PathBuf::from("/nonexistent.mmdb"))] {
            let countries = GeoIp::new(file);
            countries.refresh().await;
            assert_eq!(countries.country([8, 8, 8, 8].into()), None);
        }
    }
}
