//! A country database in the MaxMind DB format, loaded into memory and validated completely.
use std::{collections::HashSet, fs::File, io::Read, net::IpAddr, path::Path};

use maxminddb::{LookupResult, Reader, WithinOptions, path};
use serde::de::IgnoredAny;

use super::Country;
use crate::infra::http_client::address::is_public;

/// Maximum file size. Country databases have a tenth of it.
pub const MAX_BYTES: u64 = 256 * 1024 * 1024;

pub struct Database {
    reader: Reader<Vec<u8>>,
    countries: usize,
}

impl Database {
    pub fn open(file: &Path) -> Result<Self, String> {
        let mut bytes = Vec::new();
        let reader = File::open(file).map_err(|error| error.to_string())?;
        reader.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        Database::parse(bytes)
    }

    /// Parses a file. Every record is decoded once, so that no later lookup can fail on a damaged record.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, String> {
        if bytes.len() as u64 > MAX_BYTES {
            return Err(format!("the file must be at most {} MiB", MAX_BYTES >> 20));
        }
        let invalid = |error| format!("the file is damaged or not in MMDB format: {error}");
        let reader = Reader::from_source(bytes).map_err(|error| invalid(error.to_string()))?;
        match countries(&reader).map_err(invalid)? {
            0 => Err(format!(
                "the file contains no countries: its type is {}",
                reader.metadata().database_type
            )),
            countries => Ok(Database { reader, countries }),
        }
    }

    /// Returns the country of a public address. For other addresses the file has no meaningful records.
    pub fn country(&self, address: IpAddr) -> Option<Country> {
        let address = address.to_canonical();
        if !is_public(address) || (address.is_ipv6() && self.reader.metadata().ip_version == 4) {
            return None;
        }
        country(&self.reader.lookup(address).ok()?)
    }

    /// Returns the database type.
    pub fn database_type(&self) -> &str {
        &self.reader.metadata().database_type
    }

    /// Returns the build time, in milliseconds since 1970.
    pub fn built_at(&self) -> i64 {
        i64::try_from(self.reader.metadata().build_epoch).unwrap_or_default().saturating_mul(1000)
    }

    pub fn node_count(&self) -> u32 {
        self.reader.metadata().node_count
    }

    /// Returns whether the database contains IPv4 addresses only.
    pub fn is_ipv4_only(&self) -> bool {
        self.reader.metadata().ip_version == 4
    }

    /// Returns the number of distinct countries.
    pub fn country_count(&self) -> usize {
        self.countries
    }
}

/// Decodes every network and record once, and counts the countries. `Reader::verify` is too strict: it
/// rejects files that omit metadata which lookups do not need.
fn countries(reader: &Reader<Vec<u8>>) -> Result<usize, String> {
    let (mut records, mut countries) = (HashSet::new(), HashSet::new());
    // A binary tree has one leaf more than nodes. A damaged file with shared subtrees would have
    // exponentially many.
    let mut remaining_leaves = u64::from(reader.metadata().node_count) + 1;
    let options = WithinOptions::default().include_networks_without_data();
    for network in reader.networks(options).map_err(|error| error.to_string())? {
        let network = network.map_err(|error| error.to_string())?;
        remaining_leaves = remaining_leaves.checked_sub(1).ok_or("the networks overlap")?;
        if network.offset().is_some_and(|record| records.insert(record)) {
            network.decode::<IgnoredAny>().map_err(|error| error.to_string())?;
            countries.extend(country(&network));
        }
    }
    Ok(countries.len())
}

/// Reads the country code: full databases have `country.iso_code`, reduced ones `country_code`.
fn country(found: &LookupResult<'_, Vec<u8>>) -> Option<Country> {
    let full_code = found.decode_path::<&str>(&path!["country", "iso_code"]);
    let code = match full_code {
        Ok(Some(code)) => code,
        _ => found.decode_path::<&str>(&path!["country_code"]).ok()??,
    };
    code.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_invalid_files() {
        for bytes in [vec![], b"<html>".to_vec(), b"\xab\xcd\xefMaxMind.com".to_vec(), vec![0; 4096]] {
            assert!(Database::parse(bytes).is_err_and(|error| error.starts_with("the file is damaged")));
        }
    }
}
