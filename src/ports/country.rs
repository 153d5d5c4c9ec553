//! In which country an address is, by a file on this machine that is read again when it changes. Nobody
//! outside is asked, and whatever is wrong with the file, the worst is that no country is known.
mod database;

use std::{
    fmt,
    net::IpAddr,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

pub use database::{Database, MOST_BYTES};

/// How often the file is looked at.
const EVERY: Duration = Duration::from_secs(30);

/// A country by its two letters (ISO 3166-1).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Country([u8; 2]);

impl FromStr for Country {
    type Err = String;
    /// Words such as `T1`, and `XX` and `ZZ`, which say that none is known, are no country.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.as_bytes() {
            [first, second] if first.is_ascii_alphabetic() && second.is_ascii_alphabetic() => {
                let letters = [first.to_ascii_uppercase(), second.to_ascii_uppercase()];
                if matches!(&letters, b"XX" | b"ZZ") {
                    return Err(format!("{text} says that no country is known"));
                }
                Ok(Country(letters))
            }
            _ => Err(format!("{text} is no country: use two letters such as FR")),
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

/// The countries of addresses, as far as the file knows them.
#[derive(Clone)]
pub struct Countries(Arc<Inner>);

struct Inner {
    file: Option<PathBuf>,
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    database: Option<Arc<Database>>,
    /// The state of the file that was read last, whatever came of it.
    seen: Option<Stamp>,
    /// What is wrong, if it has been told.
    told: Option<String>,
}

/// What tells one state of a file from another: another file by this name is another state, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    length: u64,
    changed: (i64, i64),
}

impl Stamp {
    fn of(file: &Path) -> std::io::Result<Stamp> {
        let it = std::fs::metadata(file)?;
        Ok(Stamp { inode: it.ino(), length: it.len(), changed: (it.mtime(), it.mtime_nsec()) })
    }
}

impl Countries {
    /// Of this file, which is not read yet; without one, no country is ever known.
    pub fn new(file: Option<PathBuf>) -> Self {
        Countries(Arc::new(Inner { file, known: RwLock::default() }))
    }

    /// The country of an address, if it is a public one and the file knows it.
    pub fn of(&self, address: IpAddr) -> Option<Country> {
        let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
        let database = known.database.clone()?;
        drop(known);
        database.country(address)
    }

    /// Looks at the file, and reads it if it is another than before. One that cannot be read leaves what is
    /// known as it is: it may only be half copied.
    pub async fn refresh(&self) {
        let inner = self.0.clone();
        let _ = tokio::task::spawn_blocking(move || inner.refresh()).await;
    }

    /// Looks at the file for as long as the service runs.
    pub async fn keep(self) {
        if self.0.file.is_none() {
            return;
        }
        let mut times = tokio::time::interval(EVERY);
        times.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            times.tick().await;
            self.refresh().await;
        }
    }
}

impl Inner {
    fn refresh(&self) {
        let Some(file) = &self.file else { return };
        let stamp = Stamp::of(file);
        let seen = self.known.read().unwrap_or_else(PoisonError::into_inner).seen;
        if stamp.as_ref().is_ok_and(|stamp| seen == Some(*stamp)) {
            return;
        }
        let read = match &stamp {
            Ok(_) => Database::open(file),
            Err(error) => Err(error.to_string()),
        };
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.seen = stamp.ok();
        match read {
            Ok(database) => {
                tracing::info!(file = %file.display(), kind = database.kind(), "read the country database");
                *known =
                    Known { database: Some(Arc::new(database)), told: None, ..std::mem::take(&mut known) };
            }
            Err(wrong) if known.told.as_ref() != Some(&wrong) => {
                let kept = known.database.is_some();
                tracing::warn!(file = %file.display(), cause = wrong, kept, "the country database cannot be read");
                known.told = Some(wrong);
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_is_two_letters() {
        for (text, country) in [("FR", "FR"), ("fr", "FR"), ("gB", "GB")] {
            assert_eq!(text.parse::<Country>().map(|country| country.to_string()), Ok(country.to_owned()));
        }
        for text in ["", "F", "FRA", "T1", "XX", "xx", "ZZ", "é", "F ", "--", "FR,US"] {
            assert!(text.parse::<Country>().is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn no_file_knows_no_country() {
        for file in [None, Some(PathBuf::from("/nonexistent.mmdb"))] {
            let countries = Countries::new(file);
            countries.refresh().await;
            assert_eq!(countries.of([8, 8, 8, 8].into()), None);
        }
    }
}
