//! Every setting, with its default and its meaning. The only reader of the environment.
mod settings;
mod upstreams;
mod value;
mod webhooks;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use tracing::Level;

use crate::{
    domain::locale::Locales,
    infra::{blobs::S3Config, query_log::QueryLog},
    resources::{
        billing::{
            invoices::{CountryRoutes, Seller},
            rates::{FallbackRates, RateSource as RatesSource},
        },
        events::EventLimits,
        upstreams::UpstreamSettings,
        webhooks::inbound::ProviderConfig,
    },
    server::Proxies,
};
use settings::{SETTINGS, Setting, nearest};

pub use value::LogFormat;

/// Where a value comes from, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Default,
    File,
    Environment,
    Flag,
}

/// The settings in force.
#[derive(Debug, Clone)]
pub struct Config {
    values: Values,
    pub listen: SocketAddr,
    pub data_dir: PathBuf,
    pub rate_limits: bool,
    pub registration: bool,
    pub require_if_match: bool,
    pub proxies: Proxies,
    pub cors_origins: Vec<String>,
    pub redirect_hosts: Vec<String>,
    /// The bucket that keeps the pictures, if a folder does not.
    pub bucket: Option<S3Config>,
    pub event_limits: EventLimits,
    pub timeout_scale: f64,
    pub log: Level,
    pub log_format: LogFormat,
    pub log_sql: QueryLog,
    pub locales: Locales,
    pub fallback: FallbackRates,
    pub outgoing_private: bool,
    pub rates: Option<RatesSource>,
    pub geo_routes: CountryRoutes,
    pub seller: Seller,
    pub webhooks: ProviderConfig,
    pub upstreams: UpstreamSettings,
    pub trash_days: u16,
}

type Values = BTreeMap<&'static str, (String, Source)>;

impl Config {
    /// Reads the file `tenon.toml` in the data folder (or `TENON_CONFIG`), then the environment, then the
    /// flags; later ones win. Anything that is unknown or cannot be read is an error.
    pub fn read(flags: &[(&'static str, Option<String>)]) -> Result<Config, String> {
        let mut values: Values = SETTINGS
            .iter()
            .map(|setting| (setting.name, (setting.default.to_owned(), Source::Default)))
            .collect();
        let environment = |name: &str| std::env::var(format!("TENON_{}", name.to_uppercase())).ok();
        let flag =
            |name: &str| flags.iter().find(|(flag, _)| *flag == name).and_then(|(_, value)| value.clone());
        let folder =
            flag("data_dir").or_else(|| environment("data_dir")).unwrap_or_else(|| "./data".to_owned());
        let (file, named) = match environment("config") {
            Some(file) => (PathBuf::from(file), true),
            None => (Path::new(&folder).join("tenon.toml"), false),
        };
        for (name, value) in from_file(&file, named)? {
            values.insert(name, (value, Source::File));
        }
        for setting in SETTINGS {
            if let Some(value) = environment(setting.name) {
                values.insert(setting.name, (value, Source::Environment));
            }
            if let Some(value) = flag(setting.name) {
                values.insert(setting.name, (value, Source::Flag));
            }
        }
        Config::typed(values)
    }

    fn typed(values: Values) -> Result<Config, String> {
        let text = |name: &str| values.get(name).map_or("", |(value, _)| value.trim());
        let switch = |name: &str| value::switch(name, text(name));
        value::public_url(text("public_url"))?;
        value::database_url(text("database_url"))?;
        let private = switch("outgoing_private")?;
        let timeout_scale = value::factor(text("timeout_scale"))?;
        let locales = value::locales(text("locales"))?;
        let config = Config {
            listen: value::listen(text("listen"))?,
            data_dir: text("data_dir").into(),
            rate_limits: switch("rate_limits")?,
            registration: switch("registration")?,
            require_if_match: switch("require_if_match")?,
            proxies: value::proxies(text("trusted_proxies"), text("forwarded_header"), text("geo_header"))?,
            geo_routes: value::routes(text("geo_routes"), text("geo_header"))?,
            cors_origins: value::origins(text("cors_origins"))?,
            redirect_hosts: value::hosts(text("redirect_hosts"))?,
            bucket: value::bucket(text, switch("s3_virtual_host")?)?,
            event_limits: EventLimits {
                total: value::count("events_streams", text("events_streams"))?,
                per_caller: value::count("events_streams_per_caller", text("events_streams_per_caller"))?,
            },
            timeout_scale,
            log: value::level(text("log"))?,
            log_format: value::log_format(text("log_format"))?,
            log_sql: value::log_sql(text("log_sql"))?,
            fallback: value::fallback(text("rates_fallback"), &locales)?,
            outgoing_private: private,
            rates: value::rates(text("rates_url"), text("rates_every"), private)?,
            locales,
            seller: value::seller(text)?,
            webhooks: webhooks::trust(&values)?,
            upstreams: upstreams::settings(text, switch("upstreams_private")?, timeout_scale)?,
            trash_days: value::days("trash_days", text("trash_days"))?,
            values: values.clone(),
        };
        if !config.listen.ip().is_loopback() && config.proxies.blocks.is_empty() && !switch("insecure")? {
            return Err(format!(
                "{} is reached from other machines, and nothing says that TLS is in front: \
                 set trusted_proxies, or insecure = on if you mean it",
                config.listen
            ));
        }
        Ok(config)
    }

    pub fn text(&self, name: &str) -> &str {
        self.values.get(name).map_or("", |(value, _)| value.trim())
    }

    /// The address of the database.
    pub fn database_url(&self) -> String {
        match self.text("database_url") {
            "" => format!("sqlite://{}", self.data_dir.join("tenon.db").display()),
            url => url.to_owned(),
        }
    }

    /// The folder of uploaded pictures, and of uploads on their way.
    pub fn media_dir(&self) -> PathBuf {
        match self.text("media_dir") {
            "" => self.data_dir.join("media"),
            folder => folder.into(),
        }
    }

    /// The file that knows the countries of addresses.
    pub fn geo_database(&self) -> Option<PathBuf> {
        Some(self.text("geo_database")).filter(|file| !file.is_empty()).map(PathBuf::from)
    }

    /// The folder that is imported again when GitHub tells of a push.
    pub fn webhooks_github_docs(&self) -> Option<PathBuf> {
        Some(self.text("webhooks_github_docs")).filter(|folder| !folder.is_empty()).map(PathBuf::from)
    }

    /// What is in force and where it comes from, as the lines of a TOML file; secrets are hidden.
    pub fn describe(&self) -> String {
        let line = |setting: &Setting| {
            let (value, source) = &self.values[setting.name];
            let shown = if setting.secret && !value.is_empty() { "[hidden]" } else { value.as_str() };
            let source = format!("{source:?}").to_lowercase();
            format!("# {}\n{} = {:?} # {source}\n", setting.meaning, setting.name, shown)
        };
        SETTINGS.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// A warning for each variable that looks like a setting and is none. No more than a warning: other programs
/// set such names by themselves, as Kubernetes does for a service called tenon.
pub fn strangers() -> Vec<String> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names.filter_map(|name| stranger(&name)).collect()
}

fn stranger(variable: &str) -> Option<String> {
    let name = variable.strip_prefix("TENON_")?.to_lowercase();
    let known = SETTINGS.iter().any(|setting| setting.name.to_uppercase() == variable["TENON_".len()..]);
    if known || matches!(variable, "TENON_CONFIG" | "TENON_TEST_DATABASE") {
        return None;
    }
    let meant = nearest(&name).map(|name| format!("; did you mean TENON_{}?", name.to_uppercase()));
    Some(format!("{variable} is no setting and is not read{}", meant.unwrap_or_default()))
}

/// A folder that nobody has, for what is needed during one command only.
pub fn scratch_folder() -> PathBuf {
    std::env::temp_dir().join(format!("tenon-{}", uuid::Uuid::now_v7()))
}

fn from_file(path: &Path, named: bool) -> Result<Vec<(&'static str, String)>, String> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !named => return Ok(Vec::new()),
        Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
    };
    let table: toml::Table = text.parse().map_err(|error| format!("{}: {error}", path.display()))?;
    table
        .into_iter()
        .map(|(name, value)| {
            let setting = SETTINGS.iter().find(|setting| setting.name == name);
            let setting = setting.ok_or_else(|| format!("{}: there is no setting {name}", path.display()))?;
            let text = match value {
                toml::Value::String(text) => text,
                toml::Value::Boolean(on) => if on { "on" } else { "off" }.to_owned(),
                toml::Value::Array(parts) => {
                    let parts: Vec<_> = parts.iter().filter_map(toml::Value::as_str).collect();
                    parts.join(",")
                }
                other => other.to_string(),
            };
            Ok((setting.name, text))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONSENSE: [(&str, &str); 78] = [
        ("listen", "somewhere"),
        ("listen", "0.0.0.0:80"),
        ("rate_limits", "perhaps"),
        ("trusted_proxies", "10.0.0.0/99"),
        ("forwarded_header", "x-real-ip"),
        ("geo_header", "cf ipcountry"),
        ("geo_routes", "FR"),
        ("geo_routes", "FRA:fr"),
        ("geo_routes", "FR:french"),
        ("geo_routes", "FR:fr,FR:de"),
        ("locales", ""),
        ("locales", "fr:EUR,en-us:USD,fr:USD"),
        ("cors_origins", "*"),
        ("redirect_hosts", "https://shop.acme.test"),
        ("redirect_hosts", "shop.acme.test/sale"),
        ("redirect_hosts", "*.acme.test"),
        ("s3_bucket", "a/b"),
        ("s3_bucket", "pictures"),
        ("s3_endpoint", "s3.acme.test"),
        ("s3_endpoint", "ftp://s3.acme.test"),
        ("s3_endpoint", "https://key@s3.acme.test"),
        ("s3_prefix", "a//b"),
        ("s3_virtual_host", "perhaps"),
        ("log", "loud"),
        ("payment_days", "-1"),
        ("trash_days", "-1"),
        ("trash_days", "367"),
        ("payment_days", "400"),
        ("seller_name", "a\nb"),
        ("log_format", "xml"),
        ("timeout_scale", "NaN"),
        ("database_url", "mysql://127.0.0.1/tenon"),
        ("database_url", "sqlite://"),
        ("rates_url", "rates.test"),
        ("rates_url", "http://rates.test/"),
        ("rates_url", "https://ada@rates.test/"),
        ("rates_every", "1m"),
        ("rates_every", "25h"),
        ("rates_every", "6"),
        ("outgoing_private", "perhaps"),
        ("upstreams_private", "perhaps"),
        ("public_url", "api.acme.test"),
        ("public_url", "/api"),
        ("public_url", "ftp://api.acme.test"),
        ("public_url", "https://"),
        ("public_url", "https://:443"),
        ("public_url", "https://api.acme.test:port"),
        ("public_url", "https://api.acme.test:99999"),
        ("public_url", "https://api.acme.test/?a=b"),
        ("public_url", "https://api.acme.test/#top"),
        ("public_url", "https://ada@api.acme.test"),
        ("public_url", "https://api acme.test"),
        ("webhooks_stripe_secrets", ""),
        ("webhooks_stripe_secrets", "whsec_short"),
        ("webhooks_stripe_secrets", "whsec_0123456789abcdef,"),
        ("webhooks_stripe_secrets", "whsec_0123456789abcdef,short"),
        ("webhooks_github_secrets", ""),
        ("webhooks_github_secrets", ","),
        ("webhooks_paypal_id", ""),
        ("webhooks_paypal_id", "8PT597110X687430LKGECATA"),
        ("webhooks_paypal_certificates", "/nonexistent/paypal.pem"),
        ("webhooks_github_docs", "/nonexistent/docs"),
        ("upstreams", "weather"),
        ("upstreams", "=https://weather.test"),
        ("upstreams", "Weather=https://weather.test"),
        ("upstreams", "a2345678901234567890123456789012345=https://weather.test"),
        ("upstreams", "weather=weather.test"),
        ("upstreams", "weather=ftp://weather.test"),
        ("upstreams", "weather=http://weather.test"),
        ("upstreams", "weather=https://10.0.0.1"),
        ("upstreams", "weather=https://[::1]:8443/v1"),
        ("upstreams", "weather=https://ada@weather.test"),
        ("upstreams", "weather=https://weather.test/?key=1"),
        ("upstreams", "weather=https://weather.test/#top"),
        ("upstreams", "weather=https://weather.test/a/../b"),
        ("upstreams", "weather=https://weather.test/a//b"),
        ("upstreams", "weather=https://one.test, weather=https://two.test"),
        ("upstreams_authorization", "weather=Bearer geheim"),
    ];

    #[test]
    fn flags_win_and_nonsense_is_refused() {
        let flag = |name, value: &str| {
            Config::read(&[("data_dir", Some("/nonexistent".into())), (name, Some(value.to_owned()))])
        };
        assert_eq!(flag("listen", "127.0.0.1:0").map(|config| config.listen.port()), Ok(0));
        for (name, value) in NONSENSE {
            assert!(flag(name, value).is_err(), "{name} = {value}");
        }
        for url in ["https://api.acme.test", "http://127.0.0.1:8080/", "https://[::1]:443/tenon"] {
            assert!(flag("public_url", url).is_ok(), "{url}");
        }
    }

    #[test]
    fn variables_that_are_no_settings_are_named() {
        for known in ["TENON_LISTEN", "TENON_CONFIG", "TENON_TEST_DATABASE", "PATH", "XTENON_LISTN"] {
            assert_eq!(stranger(known), None);
        }
        let meant =
            |name: &str| stranger(name).and_then(|text| text.split_once("mean ").map(|it| it.1.to_owned()));
        assert_eq!(meant("TENON_LISTN").as_deref(), Some("TENON_LISTEN?"));
        assert_eq!(meant("TENON_DATABASEURL").as_deref(), Some("TENON_DATABASE_URL?"));
        for foreign in ["TENON_SERVICE_HOST", "TENON_PORT", "TENON_PORT_8080_TCP_ADDR", "TENON_"] {
            assert!(stranger(foreign).is_some_and(|text| !text.contains("mean")), "{foreign}");
        }
    }

    #[test]
    fn secrets_are_hidden() {
        for (name, url) in [
            ("database_url", "postgres://tenon:geheim@127.0.0.1/tenon"),
            ("rates_url", "https://rates.test/geheim"),
            ("s3_secret_key", "geheim"),
            ("webhooks_stripe_secrets", "whsec_geheim_geheim"),
            ("webhooks_github_secrets", "geheim_geheim_geheim"),
        ] {
            let config = Config::read(&[(name, Some(url.to_owned()))]);
            let shown = config.map(|config| format!("{} {:?}", config.describe(), config.webhooks));
            assert!(shown.is_ok_and(|shown| !shown.contains("geheim")), "{name}");
        }
        let wrong = Config::read(&[("rates_url", Some("http://rates.test/geheim".to_owned()))]);
        assert!(wrong.is_err_and(|error| !error.contains("geheim")));
    }
}
