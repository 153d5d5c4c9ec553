//! Typed settings: one struct per section. The only reader of the environment.
//!
//! To add a setting, add a line to a section in `sections.rs` and read the field where it is used.
mod audited;
mod blobs;
mod section;
mod sections;
mod types;
mod unknown;
mod upstreams;
mod value;

use std::{
    env, fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

pub use audited::SettingText;
pub use sections::{
    AuditConfig, BackupConfig, BillingConfig, CacheConfig, EventsConfig, GeoConfig, LogConfig, MediaConfig,
    RedirectsConfig, SellerConfig, ServerConfig, StorageConfig, TelemetryConfig, UpstreamsConfig,
    WebhooksConfig,
};
pub use types::{
    AuditDays, AuditOutput, BackupMedia, ByteCount, Certificates, CountryLocales, Days, FallbackRates,
    ImageBytes, ImagePixels, Limit, MediaSizes, OtlpEndpoint, PrintedLine, PrintedLines, PublicUrl,
    WebhookId, WebhookSecrets,
};
pub use unknown::unknown_env_vars;
pub use upstreams::ConfiguredUpstream;

use crate::server::{Block, Proxies, all_addresses};
use section::{Flag, Setting, Source, Values};
use unknown::suggestion;

/// Declares the struct of all sections, and the list of their settings.
macro_rules! config {
    ($($field:ident: $section:ident,)+) => {
        /// The effective settings.
        #[derive(Debug, Clone)]
        pub struct Config {
            $(pub $field: $section,)+
            values: Values,
            file: PathBuf,
        }

        /// The settings of all sections.
        fn settings() -> impl Iterator<Item = &'static Setting> {
            [$($section::SETTINGS),+].into_iter().flatten()
        }

        impl Config {
            fn from_values(values: Values, file: PathBuf) -> Result<Config, String> {
                Ok(Config { $($field: $section::read(&values)?,)+ values, file })
            }
        }
    };
}

config! {
    server: ServerConfig,
    log: LogConfig,
    telemetry: TelemetryConfig,
    audit: AuditConfig,
    cache: CacheConfig,
    storage: StorageConfig,
    media: MediaConfig,
    backup: BackupConfig,
    events: EventsConfig,
    redirects: RedirectsConfig,
    billing: BillingConfig,
    seller: SellerConfig,
    geo: GeoConfig,
    webhooks: WebhooksConfig,
    upstreams: UpstreamsConfig,
}

impl Config {
    /// Reads `tenon.toml` in the data folder (or the file in `TENON_CONFIG`), then the environment, then
    /// `flags`. Later sources override earlier ones.
    ///
    /// # Errors
    ///
    /// The file cannot be read, a setting does not exist, or a value is invalid. The message has a line for each problem,
    /// which names the setting and does not contain secrets.
    pub fn read(flags: &[(&'static str, Option<String>)]) -> Result<Config, String> {
        Config::check(flags).map_err(|problems| problems.join("\n"))
    }

    /// Reads the settings like [`Config::read`], and returns each problem.
    pub fn check(flags: &[(&'static str, Option<String>)]) -> Result<Config, Vec<String>> {
        let variable = |key: &str| env::var(format!("TENON_{}", key.to_uppercase())).ok();
        let flag =
            |key: &str| flags.iter().find(|(name, _)| *name == key).and_then(|(_, value)| value.clone());
        let folder = flag("data_dir").or_else(|| variable("data_dir")).unwrap_or_else(|| "./data".to_owned());
        let (file, is_required) = match variable("config") {
            Some(file) => (PathBuf::from(file), true),
            None => (Path::new(&folder).join("tenon.toml"), false),
        };
        let mut values = Values::default();
        for setting in settings() {
            values.0.extend((setting.default)().map(|value| (setting.key, (value, Source::Default))));
        }
        let in_file = |problem: String| format!("{}: {problem}", file.display());
        let mut problems: Vec<String> =
            read_file(&file, is_required, &mut values).into_iter().map(in_file).collect();
        for setting in settings() {
            for (text, source) in
                [(variable(setting.key), Source::Environment), (flag(setting.key), Source::Flag)]
            {
                let Some(text) = text else { continue };
                problems.extend(setting.set_text(&mut values, text.trim(), source).err());
            }
        }
        // The rules for several settings apply to valid values only.
        if !problems.is_empty() {
            return Err(problems);
        }
        let config = Config::from_values(values, file).map_err(|problem| vec![problem])?;
        match config.problems() {
            problems if problems.is_empty() => Ok(config),
            problems => Err(problems),
        }
    }

    /// Returns the violations of rules that concern more than one setting.
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let Config { server, storage, billing, webhooks, upstreams, .. } = self;
        if !server.listen.ip().is_loopback()
            && server.trusted_proxies.is_empty()
            && !server.allow_plaintext_listen
        {
            problems.push(format!(
                "listen: {} accepts connections from other machines without TLS: set trusted_proxies to the \
                 address of the proxy that terminates TLS, or set allow_plaintext_listen = true",
                server.listen
            ));
        }
        if let Some(family) = all_addresses(&server.trusted_proxies) {
            let blocks: Vec<String> = server.trusted_proxies.iter().map(Block::to_string).collect();
            problems.push(format!(
                "trusted_proxies: must not contain all {family} addresses, because every client could choose its \
                 address, got {}: list the addresses of the proxies",
                blocks.join(", ")
            ));
        }
        if storage.s3_bucket.is_some() && (storage.s3_access_key.is_none() || storage.s3_secret_key.is_none())
        {
            problems.push("s3_bucket: requires s3_access_key and s3_secret_key".to_owned());
        }
        if self.backup.backup_s3_prefix.is_some() && storage.s3_bucket.is_none() {
            problems.push("backup_s3_prefix: requires s3_bucket".to_owned());
        }
        for (locale, currency) in &billing.locales.0 {
            let has_rate = billing.rates_fallback.0.iter().any(|(known, _)| known == currency);
            if currency.as_str() != "USD" && !has_rate {
                problems.push(format!(
                    "rates_fallback: must have a rate for {currency}, the currency of the locale {locale}"
                ));
            }
        }
        if billing.rates_url.as_ref().is_some_and(|url| !url.https) && !server.allow_private_networks {
            problems
                .push("rates_url: must start with https://, unless allow_private_networks = true".to_owned());
        }
        if webhooks.webhooks_paypal_id.is_some() != webhooks.webhooks_paypal_certificates.is_some() {
            problems
                .push("webhooks_paypal_id: requires webhooks_paypal_certificates, and vice versa".to_owned());
        }
        if let Some(folder) = webhooks.webhooks_github_docs.as_ref().filter(|folder| !folder.is_dir()) {
            problems.push(format!("webhooks_github_docs: must be a folder, got {}", folder.display()));
        }
        let private = upstreams.upstreams.0.iter().find(|upstream| upstream.is_private);
        if let Some(upstream) = private.filter(|_| !upstreams.upstreams_allow_private_networks) {
            problems.push(format!(
                "upstreams: {} must have an https:// URL with a public address, unless \
                 upstreams_allow_private_networks = true",
                upstream.name
            ));
        }
        problems
    }

    /// Returns the URL of the database.
    pub fn database_url(&self) -> String {
        match &self.storage.database_url {
            Some(url) => url.0.expose().clone(),
            None => format!("sqlite://{}", self.storage.data_dir.join("tenon.db").display()),
        }
    }

    /// Returns the file of the secret keys.
    pub fn secret_key_file(&self) -> PathBuf {
        let file = self.storage.secret_key_file.clone();
        file.unwrap_or_else(|| self.storage.data_dir.join("secret.key"))
    }

    /// Returns the folder of images and of uploads in progress.
    pub fn media_dir(&self) -> PathBuf {
        self.storage.media_dir.clone().unwrap_or_else(|| self.storage.data_dir.join("media"))
    }

    /// Returns the external URL of the server, if it is configured.
    pub fn public_url(&self) -> Option<&str> {
        self.server.public_url.as_ref().map(|url| url.0.as_str())
    }

    /// Returns the trusted proxies and the headers that they set.
    pub fn proxies(&self) -> Proxies {
        Proxies {
            blocks: self.server.trusted_proxies.clone(),
            forwarded_header: self.server.forwarded_header,
            country_header: self.geo.geo_header.as_ref().map(|header| header.name.clone()),
        }
    }

    /// Returns the settings file if it contains a secret.
    pub fn file_with_secrets(&self) -> Option<&Path> {
        let is_secret = |setting: &Setting| setting.has(Flag::Secret) || setting.has(Flag::SecretEntries);
        let from_file = |setting: &Setting| {
            self.values.0.get(setting.key).is_some_and(|(_, source)| *source == Source::File)
        };
        settings().any(|setting| is_secret(setting) && from_file(setting)).then_some(&self.file)
    }

    /// Returns the effective settings as a TOML file, each with its description and source. Secrets are hidden.
    pub fn describe(&self) -> String {
        let entry = |setting: &Setting| {
            let line = match self.values.0.get(setting.key) {
                None => format!("# {} is not set", setting.key),
                // `[hidden]` is for secrets that are set.
                Some((Value::Table(table), _)) if table.is_empty() && setting.has(Flag::Secret) => {
                    format!("# {} is not set", setting.key)
                }
                Some((value, source)) => {
                    let source = format!("{source:?}").to_lowercase();
                    format!("{} = {} # {source}", setting.key, setting.display(value))
                }
            };
            format!("# {}\n{line}\n", setting.description)
        };
        settings().map(entry).collect::<Vec<_>>().join("\n")
    }
}

/// Stores the values of a settings file, and returns its problems.
fn read_file(path: &Path, is_required: bool, values: &mut Values) -> Vec<String> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound && !is_required => return Vec::new(),
        Err(error) => return vec![format!("cannot read the file: {error}")],
    };
    // The full error shows the line of the file, which may contain a secret.
    let table: Table = match text.parse() {
        Ok(table) => table,
        Err(error) => {
            let error: toml::de::Error = error;
            let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
            return vec![format!("line {line}: {}", error.message())];
        }
    };
    let mut set = |(key, value): (String, Value)| {
        let setting = settings().find(|setting| setting.key == key).ok_or_else(|| {
            let hint = suggestion(&key).map(|known| format!("; did you mean {known}?")).unwrap_or_default();
            format!("{key}: no such setting{hint}")
        })?;
        setting.set(values, trimmed(value), Source::File)
    };
    table.into_iter().filter_map(|entry| set(entry).err()).collect()
}

/// Removes the spaces around a string.
fn trimmed(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.trim().to_owned()),
        other => other,
    }
}

#[cfg(test)]
mod tests;
