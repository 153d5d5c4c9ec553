//! `tenon geo`: the file that knows the countries of addresses, checked and put in place without a network.
use std::{
    fs::{self, File},
    io::Write,
    net::IpAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Subcommand;

use super::{archive, say};
use crate::{
    config::Config,
    contract::time::Timestamp,
    ports::country::{Database, MOST_BYTES},
};

#[derive(Subcommand)]
pub enum Geo {
    /// Look at the file as a whole, and at what it says of some addresses
    Check {
        /// The file [default: geo_database, or country.mmdb in the data folder]
        file: Option<PathBuf>,
        /// An address to look up; may be given more than once
        #[arg(long, value_name = "ADDRESS")]
        address: Vec<IpAddr>,
    },
    /// Put a file in place once it is checked, while the service runs or not
    Fetch {
        /// An MMDB file, as it is, in gzip, or in a tar archive in gzip (as npm packages are)
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
        /// The name of the file in the archive [default: its largest MMDB file]
        #[arg(long, value_name = "NAME")]
        member: Option<String>,
    },
}

/// Addresses that everybody knows: of resolvers, and of networks that stay in one country.
const SAMPLES: [&str; 5] = ["8.8.8.8", "2.3.4.5", "193.99.144.80", "2001:4860:4860::8888", "2a01:e00::1"];

impl Geo {
    pub async fn run(self, config: &Config) -> Result<ExitCode, String> {
        let config = config.clone();
        let task = tokio::task::spawn_blocking(move || match self {
            Geo::Check { file, address } => check(file, &address, &config),
            Geo::Fetch { from, member } => fetch(&from, member.as_deref(), &config),
        });
        task.await.map_err(|error| error.to_string())??;
        Ok(ExitCode::SUCCESS)
    }
}

fn check(file: Option<PathBuf>, addresses: &[IpAddr], config: &Config) -> Result<(), String> {
    let named = file.is_some();
    let file = file.unwrap_or_else(|| place(config));
    if !named && config.geo_database().is_none() && !file.exists() {
        return Err(format!("geo_database is not set, and there is no {}: name a file", file.display()));
    }
    let database = Database::open(&file).map_err(|wrong| format!("{}: {wrong}", file.display()))?;
    say(&format!("{}\n{}", file.display(), told(&database)));
    if !named {
        say(&unused(config));
    }
    let samples: Vec<IpAddr> = match addresses {
        [] => SAMPLES.iter().filter_map(|sample| sample.parse().ok()).collect(),
        given => given.to_vec(),
    };
    for address in samples {
        let country = database.country(address).map_or_else(|| "-".to_owned(), |country| country.to_string());
        say(&format!("{address} {country}\n"));
    }
    Ok(())
}

fn told(database: &Database) -> String {
    let (kind, built) = (database.kind(), Timestamp(database.built()).day());
    let (nodes, countries) = (database.nodes(), database.countries());
    let without = if database.only_v4() { "it knows no addresses of IPv6\n" } else { "" };
    format!("type {kind}\nbuilt {built}\nnodes {nodes}\ncountries {countries}\n{without}")
}

fn fetch(from: &Path, member: Option<&str>, config: &Config) -> Result<(), String> {
    let wrong = |error: String| format!("{}: {error}", from.display());
    let given = archive::read(from, MOST_BYTES).map_err(wrong)?;
    let bytes = archive::member(given, member, ".mmdb").map_err(wrong)?;
    let database = Database::read(bytes.clone()).map_err(wrong)?;
    let place = place(config);
    replace(&place, &bytes).map_err(|error| format!("cannot write {}: {error}", place.display()))?;
    say(&format!("{}\n{}", place.display(), told(&database)));
    say(&unused(config));
    Ok(())
}

/// Where the file lies: where it is set, or else beside the database.
fn place(config: &Config) -> PathBuf {
    config.geo_database().unwrap_or_else(|| config.data_dir.join("country.mmdb"))
}

/// What there is to say of a file that no setting names.
fn unused(config: &Config) -> String {
    match config.geo_database() {
        Some(_) => String::new(),
        None => format!("it is not used yet: set geo_database = {:?}\n", place(config).display().to_string()),
    }
}

/// Whoever reads the file sees the old one or the new one, and never a part.
fn replace(place: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let new = folder.join(format!(".{name}.{}", uuid::Uuid::now_v7().simple()));
    let written = File::create_new(&new).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, place)?;
        File::open(folder)?.sync_all()
    });
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
}
