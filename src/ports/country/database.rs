//! A database of countries in the MaxMind DB format, read into memory and checked as a whole.
use std::{
    fs::File,
    io::Read,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
};

use maxminddb::{Reader, WithinOptions, path};

use super::Country;

/// The largest file that is read; those of countries have a tenth of it.
pub const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// How many networks are looked at for one with a country.
const SAMPLES: usize = 10_000;

pub struct Database(Reader<Vec<u8>>);

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
        let damaged = |error: maxminddb::MaxMindDbError| format!("it is damaged, or no MMDB file: {error}");
        let database = Database(Reader::from_source(bytes).map_err(damaged)?);
        database.0.verify().map_err(damaged)?;
        match database.names_countries() {
            true => Ok(database),
            false => Err(format!("it names no countries: its type is {}", database.kind())),
        }
    }

    /// The country of an address that the internet knows.
    pub fn country(&self, address: IpAddr) -> Option<Country> {
        let address = address.to_canonical();
        if !public(address) || (address.is_ipv6() && self.0.metadata().ip_version == 4) {
            return None;
        }
        country(&self.0.lookup(address).ok()?)
    }

    /// What it calls itself.
    pub fn kind(&self) -> &str {
        &self.0.metadata().database_type
    }

    /// When it was made, in milliseconds.
    pub fn built(&self) -> i64 {
        i64::try_from(self.0.metadata().build_epoch).unwrap_or_default().saturating_mul(1000)
    }

    pub fn nodes(&self) -> u32 {
        self.0.metadata().node_count
    }

    /// Whether it knows addresses of IPv4 alone.
    pub fn only_v4(&self) -> bool {
        self.0.metadata().ip_version == 4
    }

    fn names_countries(&self) -> bool {
        let Ok(networks) = self.0.networks(WithinOptions::default()) else { return false };
        networks.take(SAMPLES).flatten().any(|network| country(&network).is_some())
    }
}

/// Some files tell of a country at length, others by its letters alone.
fn country(found: &maxminddb::LookupResult<'_, Vec<u8>>) -> Option<Country> {
    let long = found.decode_path::<&str>(&path!["country", "iso_code"]);
    let letters = match long {
        Ok(Some(letters)) => letters,
        _ => found.decode_path::<&str>(&path!["country_code"]).ok()??,
    };
    letters.parse().ok()
}

/// Whether an address can be anybody's on the internet: a file that tells of others is wrong there.
fn public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => public_v4(address),
        IpAddr::V6(address) => public_v6(address),
    }
}

fn public_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    let shared = first == 100 && second & 0b1100_0000 == 64;
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || shared
        || first == 0
        || first >= 240)
}

/// Those of 2000::/3 are given out, but for the examples.
fn public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    first & 0xe000 == 0x2000 && !(first == 0x2001 && second == 0xdb8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_have_a_country() {
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.1.1",
            "172.16.0.1",
            "192.168.1.1",
            "192.0.2.1",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "2001:db8::1",
        ] {
            assert!(!public(address.parse().unwrap()), "{address}");
        }
        for address in ["8.8.8.8", "100.128.0.1", "172.32.0.1", "2001:4860:4860::8888", "2a01:e00::1"] {
            assert!(public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn what_is_no_database_is_told() {
        for bytes in [vec![], b"<html>".to_vec(), b"\xab\xcd\xefMaxMind.com".to_vec(), vec![0; 4096]] {
            assert!(Database::read(bytes).is_err_and(|wrong| wrong.starts_with("it is damaged")));
        }
    }
}
