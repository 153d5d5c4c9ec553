//! A database of countries in the MaxMind DB format, read into memory and checked as a whole.
use std::{collections::HashSet, fs::File, io::Read, net::IpAddr, path::Path};

use maxminddb::{LookupResult, Reader, WithinOptions, path};
use serde::de::IgnoredAny;

use super::Country;
use crate::ports::outgoing::address::public;

/// The largest file that is read; those of countries have a tenth of it.
pub const MOST_BYTES: u64 = 256 * 1024 * 1024;

pub struct Database {
    reader: Reader<Vec<u8>>,
    countries: usize,
}

impl Database {
    pub fn open(file: &Path) -> Result<Self, String> {
        let mut bytes = Vec::new();
        let opened = File::open(file).map_err(|error| error.to_string())?;
        opened.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        Database::read(bytes)
    }

    /// A whole file. Each of its parts is looked at, so that no look-up finds it damaged later.
    pub fn read(bytes: Vec<u8>) -> Result<Self, String> {
        if bytes.len() as u64 > MOST_BYTES {
            return Err(format!("it has more than {} MiB", MOST_BYTES >> 20));
        }
        let damaged = |error| format!("it is damaged, or no MMDB file: {error}");
        let reader = Reader::from_source(bytes).map_err(|error| damaged(error.to_string()))?;
        match countries(&reader).map_err(damaged)? {
            0 => Err(format!("it names no countries: its type is {}", reader.metadata().database_type)),
            countries => Ok(Database { reader, countries }),
        }
    }

    /// The country of an address that the internet knows: of others a file tells what is wrong.
    pub fn country(&self, address: IpAddr) -> Option<Country> {
        let address = address.to_canonical();
        if !public(address) || (address.is_ipv6() && self.reader.metadata().ip_version == 4) {
            return None;
        }
        country(&self.reader.lookup(address).ok()?)
    }

    /// What it calls itself.
    pub fn kind(&self) -> &str {
        &self.reader.metadata().database_type
    }

    /// When it was made, in milliseconds.
    pub fn built(&self) -> i64 {
        i64::try_from(self.reader.metadata().build_epoch).unwrap_or_default().saturating_mul(1000)
    }

    pub fn nodes(&self) -> u32 {
        self.reader.metadata().node_count
    }

    /// Whether it knows addresses of IPv4 alone.
    pub fn only_v4(&self) -> bool {
        self.reader.metadata().ip_version == 4
    }

    /// How many countries it names.
    pub fn countries(&self) -> usize {
        self.countries
    }
}

/// Looks at every network and every record once, and counts the countries. The reader's own check would refuse
/// files that leave out words which nobody reads.
fn countries(reader: &Reader<Vec<u8>>) -> Result<usize, String> {
    let (mut records, mut countries) = (HashSet::new(), HashSet::new());
    // A tree has one leaf more than nodes; ways that meet again make more of them, without end.
    let mut left = u64::from(reader.metadata().node_count) + 1;
    let all = WithinOptions::default().include_networks_without_data();
    for network in reader.networks(all).map_err(|error| error.to_string())? {
        let network = network.map_err(|error| error.to_string())?;
        left = left.checked_sub(1).ok_or("its networks overlap")?;
        if network.offset().is_some_and(|record| records.insert(record)) {
            network.decode::<IgnoredAny>().map_err(|error| error.to_string())?;
            countries.extend(country(&network));
        }
    }
    Ok(countries.len())
}

/// Some files tell of a country at length, others by its letters alone.
fn country(found: &LookupResult<'_, Vec<u8>>) -> Option<Country> {
    let long = found.decode_path::<&str>(&path!["country", "iso_code"]);
    let letters = match long {
        Ok(Some(letters)) => letters,
        _ => found.decode_path::<&str>(&path!["country_code"]).ok()??,
    };
    letters.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_database_is_told() {
        for bytes in [vec![], b"<html>".to_vec(), b"\xab\xcd\xefMaxMind.com".to_vec(), vec![0; 4096]] {
            assert!(Database::read(bytes).is_err_and(|wrong| wrong.starts_with("it is damaged")));
        }
    }
}
