//! Every setting, with its default and its meaning. The only reader of the environment.
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{edge::Proxies, ports::statements::Log};

/// Where a value comes from, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Default,
    File,
    Environment,
    Flag,
}

/// One setting: its name in the file, its default, and what it means.
struct Setting {
    name: &'static str,
    default: &'static str,
    meaning: &'static str,
    secret: bool,
}

const SETTINGS: &[Setting] = &[
    Setting {
        name: "listen",
        default: "127.0.0.1:8080",
        meaning: "address and port to listen on; port 0 picks a free one",
        secret: false,
    },
    Setting { name: "data_dir", default: "./data", meaning: "folder of the SQLite database", secret: false },
    Setting {
        name: "database_url",
        default: "",
        meaning: "postgres://… or sqlite://…; empty for SQLite in the data folder",
        secret: true,
    },
    Setting {
        name: "public_url",
        default: "",
        meaning: "how the service is reached from outside; empty for http:// and the listen address",
        secret: false,
    },
    Setting { name: "rate_limits", default: "on", meaning: "whether callers have budgets", secret: false },
    Setting {
        name: "trusted_proxies",
        default: "",
        meaning: "blocks of addresses whose forwarded fields are believed",
        secret: false,
    },
    Setting {
        name: "cors_origins",
        default: "",
        meaning: "origins that browsers may call from",
        secret: false,
    },
    Setting {
        name: "registration",
        default: "off",
        meaning: "whether anybody may make an account as a reader",
        secret: false,
    },
    Setting {
        name: "require_if_match",
        default: "off",
        meaning: "whether a write must name the version that it changes",
        secret: false,
    },
    Setting {
        name: "insecure",
        default: "off",
        meaning: "allows listening beyond this machine without a listed proxy",
        secret: false,
    },
    Setting { name: "log", default: "info", meaning: "error, warn, info, debug or trace", secret: false },
    Setting { name: "log_format", default: "text", meaning: "text or json", secret: false },
    Setting {
        name: "log_sql",
        default: "200",
        meaning: "statements in the log: those that take longer than this many milliseconds, all, or off",
        secret: false,
    },
    Setting {
        name: "timeout_scale",
        default: "1",
        meaning: "factor on all times of the network edge; for tests",
        secret: false,
    },
];

/// The settings in force.
#[derive(Debug, Clone)]
pub struct Config {
    values: BTreeMap<&'static str, (String, Source)>,
    pub listen: SocketAddr,
    pub data_dir: PathBuf,
    pub rate_limits: bool,
    pub registration: bool,
    pub require_if_match: bool,
    pub proxies: Proxies,
    pub cors_origins: Vec<String>,
    pub timeout_scale: f64,
    pub log_sql: Log,
}

impl Config {
    /// Reads the file `tenon.toml` in the data folder (or `TENON_CONFIG`), then the environment, then the
    /// flags; later ones win. Anything that is unknown or cannot be read is an error.
    pub fn read(flags: &[(&'static str, Option<String>)]) -> Result<Config, String> {
        let mut values: BTreeMap<&'static str, (String, Source)> = SETTINGS
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

    fn typed(values: BTreeMap<&'static str, (String, Source)>) -> Result<Config, String> {
        let text =
            |name: &str| values.get(name).map(|(value, _)| value.trim().to_owned()).unwrap_or_default();
        let switch = |name: &str| match text(name).as_str() {
            "on" | "true" | "1" => Ok(true),
            "off" | "false" | "0" => Ok(false),
            other => Err(format!("{name} is on or off, not {other}")),
        };
        let list = |name: &str| -> Vec<String> {
            text(name).split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        let listen: SocketAddr = text("listen")
            .parse()
            .map_err(|_| format!("listen is an address such as 127.0.0.1:8080, not {}", text("listen")))?;
        let proxies =
            Proxies(list("trusted_proxies").iter().map(|block| block.parse()).collect::<Result<_, _>>()?);
        let cors_origins = list("cors_origins");
        if let Some(wrong) =
            cors_origins.iter().find(|origin| !origin.starts_with("http") || origin.contains('*'))
        {
            return Err(format!("cors_origins are origins such as https://www.acme.test, not {wrong}"));
        }
        if !listen.ip().is_loopback() && proxies.0.is_empty() && !switch("insecure")? {
            return Err(format!(
                "{listen} is reached from other machines, and nothing says that TLS is in front: \
                 set trusted_proxies, or insecure = on if you mean it"
            ));
        }
        let timeout_scale =
            text("timeout_scale").parse().map_err(|_| "timeout_scale is a number".to_owned())?;
        let log_sql = log_sql(&text("log_sql"))?;
        Ok(Config {
            listen,
            data_dir: text("data_dir").into(),
            rate_limits: switch("rate_limits")?,
            registration: switch("registration")?,
            require_if_match: switch("require_if_match")?,
            proxies,
            cors_origins,
            timeout_scale,
            log_sql,
            values,
        })
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

fn log_sql(text: &str) -> Result<Log, String> {
    match text {
        "off" => Ok(Log::Off),
        "all" => Ok(Log::All),
        milliseconds => match milliseconds.parse() {
            Ok(milliseconds) => Ok(Log::Slow(Duration::from_millis(milliseconds))),
            Err(_) => Err("log_sql is a number of milliseconds, all or off".to_owned()),
        },
    }
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

    #[test]
    fn flags_win_and_nonsense_is_refused() {
        let flag = |name, value: &str| {
            Config::read(&[("data_dir", Some("/nonexistent".into())), (name, Some(value.to_owned()))])
        };
        assert_eq!(flag("listen", "127.0.0.1:0").map(|config| config.listen.port()), Ok(0));
        for (name, value) in [
            ("listen", "somewhere"),
            ("listen", "0.0.0.0:80"),
            ("rate_limits", "perhaps"),
            ("trusted_proxies", "10.0.0.0/99"),
            ("cors_origins", "*"),
        ] {
            assert!(flag(name, value).is_err(), "{name} = {value}");
        }
    }

    #[test]
    fn secrets_are_hidden() {
        let url = "postgres://tenon:geheim@127.0.0.1/tenon";
        let config = Config::read(&[("database_url", Some(url.to_owned()))]);
        assert!(config.is_ok_and(|config| !config.describe().contains("geheim")));
    }
}
