use std::collections::BTreeMap;

use super::{section::Flag, unknown::unknown_env_var, *};

/// A setting and a value that is rejected.
const REJECTED: &[(&str, &str)] = &[
    ("listen", "somewhere"),
    ("listen", "0.0.0.0:80"),
    ("rate_limits", "perhaps"),
    ("trusted_proxies", "10.0.0.0/99"),
    ("forwarded_header", "x-real-ip"),
    ("geo_header", "cf ipcountry"),
    ("geo_routes", "FR"),
    ("geo_routes", r#"{"FRA": "fr"}"#),
    ("geo_routes", r#"{"FR": "french"}"#),
    ("locales", "{}"),
    ("locales", ""),
    ("locales", "fr:EUR"),
    ("locales", r#"{"fr": "EURO"}"#),
    ("locales", r#"{"sv": "SEK"}"#),
    ("trusted_proxies", "0.0.0.0/0"),
    ("trusted_proxies", "::/0"),
    ("trusted_proxies", "10.0.0.0/8,0.0.0.0/0"),
    ("cors_origins", "*"),
    ("cors_origins", "https://*.acme.test"),
    ("cors_origins", "https://www.acme.test/"),
    ("cors_origins", "https://www.acme.test/app"),
    ("cors_origins", "https://WWW.acme.test"),
    ("cors_origins", "https://www.acme.test:443"),
    ("cors_origins", "https://ada@www.acme.test"),
    ("cors_origins", "https://"),
    ("cors_origins", "httpx://www.acme.test"),
    ("redirect_hosts", "https://shop.acme.test"),
    ("redirect_hosts", "shop.acme.test/sale"),
    ("redirect_hosts", "*.acme.test"),
    ("redirect_hosts", "a.test,,b.test"),
    ("s3_bucket", "a/b"),
    ("s3_bucket", "images"),
    ("s3_bucket", ".."),
    ("s3_endpoint", "s3.acme.test"),
    ("s3_endpoint", "ftp://s3.acme.test"),
    ("s3_endpoint", "https://key@s3.acme.test"),
    ("s3_prefix", "a//b"),
    ("s3_virtual_host", "perhaps"),
    ("log", "loud"),
    ("log_sql", "-1"),
    ("cache_bytes", "-1"),
    ("cache_bytes", "64MB"),
    ("cache_bytes", "1099511627777"),
    ("cache_status", "perhaps"),
    ("media_sizes", ""),
    ("media_sizes", "640,320"),
    ("media_sizes", "320,320"),
    ("media_sizes", "0,320"),
    ("media_sizes", "320,4097"),
    ("media_sizes", "wide"),
    (
        "media_sizes",
        "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33",
    ),
    ("invoice_due_days", "-1"),
    ("invoice_due_days", "400"),
    ("trash_retention_days", "-1"),
    ("trash_retention_days", "367"),
    ("seller_name", "a\nb"),
    ("seller_address", "1,2,3,4,5,6,7"),
    ("log_format", "xml"),
    ("log_client_address", "hash"),
    ("metrics", "public"),
    ("otlp_endpoint", "collector:4318"),
    ("otlp_endpoint", "http://127.0.0.1:4318/?a=b"),
    ("otlp_endpoint", "http://key@127.0.0.1:4318"),
    ("otlp_headers", "authorization=x"),
    ("otlp_headers", r#"{"a b": "c"}"#),
    ("otlp_headers", r#"{"a": 1}"#),
    ("otlp_headers", r#"{"a": "b\n"}"#),
    ("trace_sample_ratio", "1.5"),
    ("trace_sample_ratio", "-0.1"),
    ("trace_sample_ratio", "NaN"),
    ("metrics_token", ""),
    ("metrics_token", "0123456789abcde"),
    ("metrics_token", "0123456789 abcdef"),
    ("timeout_scale", "NaN"),
    ("timeout_scale", "0"),
    ("events_max_connections", "0"),
    ("database_url", "mysql://127.0.0.1/tenon"),
    ("database_url", "sqlite://"),
    ("rates_fallback", r#"{"EUR": "much"}"#),
    ("rates_url", "rates.test"),
    ("rates_url", "http://rates.test/"),
    ("rates_url", "https://ada@rates.test/"),
    ("rates_refresh_interval", "1m"),
    ("rates_refresh_interval", "25h"),
    ("rates_refresh_interval", "6"),
    ("allow_private_networks", "perhaps"),
    ("upstreams_allow_private_networks", "perhaps"),
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
    ("webhooks_stripe_secrets", "whsec_0123456789abcdef,"),
    ("webhooks_stripe_secrets", "whsec_short"),
    ("webhooks_stripe_secrets", r#"["whsec_0123456789abcdef", ""]"#),
    ("webhooks_stripe_secrets", "whsec_0123456789abcdef,short"),
    ("webhooks_stripe_api_key", ""),
    ("webhooks_stripe_api_key", "pk_live_0123456789abcdef"),
    ("webhooks_stripe_api_key", "sk_live_0"),
    ("webhooks_stripe_api_key", "sk_live_0123456789 abcdef"),
    ("webhooks_stripe_api_url", "api.stripe.test"),
    ("webhooks_stripe_api_url", "https://api.stripe.test/?a=b"),
    ("webhooks_github_secrets", ""),
    ("webhooks_github_secrets", ","),
    ("webhooks_paypal_id", ""),
    ("webhooks_paypal_id", "8PT597110X687430LKGECATA"),
    ("webhooks_paypal_certificates", "/nonexistent/paypal.pem"),
    ("webhooks_github_docs", "/nonexistent/docs"),
    ("upstreams", "weather"),
    ("upstreams", r#"{"": "https://weather.test"}"#),
    ("upstreams", r#"{"Weather": "https://weather.test"}"#),
    ("upstreams", r#"{"a2345678901234567890123456789012345": "https://weather.test"}"#),
    ("upstreams", r#"{"weather": "weather.test"}"#),
    ("upstreams", r#"{"weather": "ftp://weather.test"}"#),
    ("upstreams", r#"{"weather": "http://weather.test"}"#),
    ("upstreams", r#"{"weather": "https://10.0.0.1"}"#),
    ("upstreams", r#"{"weather": "https://[::1]:8443/v1"}"#),
    ("upstreams", r#"{"weather": "https://ada@weather.test"}"#),
    ("upstreams", r#"{"weather": "https://weather.test/?key=1"}"#),
    ("upstreams", r#"{"weather": "https://weather.test/#top"}"#),
    ("upstreams", r#"{"weather": "https://weather.test/a/../b"}"#),
    ("upstreams", r#"{"weather": "https://weather.test/a//b"}"#),
    ("upstreams", r#"{"weather": {"url": "https://weather.test", "token": "x"}}"#),
    ("upstreams", r#"{"weather": {"url": "https://weather.test", "authorization": ""}}"#),
];

fn with(key: &'static str, value: &str) -> Result<Config, String> {
    Config::read(&[("data_dir", Some("/nonexistent".into())), (key, Some(value.to_owned()))])
}

/// Reads a settings file with this content.
fn file(text: &str) -> Result<Config, String> {
    let folder = env::temp_dir().join(format!("tenon-{}", uuid::Uuid::now_v7()));
    fs::create_dir_all(&folder).expect("the folder is created");
    fs::write(folder.join("tenon.toml"), text).expect("the file is written");
    let config = Config::read(&[("data_dir", Some(folder.display().to_string()))]);
    let _ = fs::remove_dir_all(&folder);
    config
}

#[test]
fn flags_override_defaults() {
    assert_eq!(with("listen", "127.0.0.1:0").map(|config| config.server.listen.port()), Ok(0));
    for url in ["https://api.acme.test", "http://127.0.0.1:8080/", "https://[::1]:443/tenon"] {
        assert!(with("public_url", url).is_ok(), "{url}");
    }
}

#[test]
fn rejects_invalid_values_and_names_the_setting() {
    for (key, value) in REJECTED {
        let error = with(key, value).expect_err(&format!("{key} = {value}"));
        let named = error.split_once(": ").map(|(named, _)| named).unwrap_or_default();
        let group = |key: &str| key.split('_').next().map(str::to_owned);
        assert!(settings().any(|setting| setting.key == named), "{error}");
        assert!(group(named) == group(key) || *key == "locales", "{key} = {value}: {error}");
    }
}

#[test]
fn an_empty_value_unsets_an_optional_setting() {
    let url = |config: Config| config.public_url().map(str::to_owned);
    assert_eq!(with("public_url", "").map(url), Ok(None));
    assert_eq!(file("public_url = ''").map(url), Ok(None));
    assert_eq!(with("geo_routes", "").map(|config| config.geo.geo_routes.0.len()), Ok(0));
    assert_eq!(with("s3_prefix", "").map(|config| config.storage.s3_prefix.0), Ok(String::new()));
}

#[test]
fn lists_are_arrays_in_the_file_and_comma_separated_in_variables() {
    let hosts = |config: Config| {
        config.redirects.redirect_hosts.into_iter().map(|host| host.0).collect::<Vec<_>>().join(" ")
    };
    let two = || Ok("a.test b.test:8443".to_owned());
    assert_eq!(file("redirect_hosts = [\"a.test\", \"B.test:8443\"]").map(hosts), two());
    assert_eq!(with("redirect_hosts", "a.test, B.test:8443").map(hosts), two());
    assert_eq!(with("redirect_hosts", r#"["a.test", "b.test:8443"]"#).map(hosts), two());
    assert!(file("redirect_hosts = \"a.test\"").is_err_and(|error| error.contains("must be an array")));
}

#[test]
fn tables_are_json_in_variables_and_keep_their_order() {
    let locales = |config: Config| {
        config.billing.locales.0.into_iter().map(|(locale, _)| locale.0).collect::<Vec<_>>().join(" ")
    };
    let two = || Ok("ja de".to_owned());
    assert_eq!(file("[locales]\nja = \"JPY\"\nde = \"EUR\"").map(locales), two());
    assert_eq!(with("locales", r#"{"ja": "JPY", "de": "EUR"}"#).map(locales), two());
    assert!(file("[locales]\nfr = \"EUR\"\nfr = \"USD\"").is_err_and(|error| error.contains("duplicate")));
}

#[test]
fn upstreams_are_urls_or_tables_with_an_authorization() {
    let config = file(
        "[upstreams]\nweather = \"https://api.acme.test/v1/\"\n\
         [upstreams.stock]\nurl = \"https://stock.acme.test:8443\"\nauthorization = \"Basic YTpiPT0=\"",
    )
    .expect("valid settings");
    let [weather, stock] = &config.upstreams.upstreams.0[..] else { panic!("{config:?}") };
    assert_eq!((weather.name.as_str(), weather.base.as_str()), ("weather", "https://api.acme.test/v1"));
    assert_eq!((stock.name.as_str(), stock.base.as_str()), ("stock", "https://stock.acme.test:8443"));
    assert!(weather.authorization.is_none());
    assert_eq!(stock.authorization.as_ref().map(|value| value.expose().as_str()), Some("Basic YTpiPT0="));
    let shown = config.describe();
    let line = "upstreams = { weather = \"https://api.acme.test/v1/\", stock = { url = \
                \"https://stock.acme.test:8443\", authorization = \"[hidden]\" } } # file";
    assert!(shown.lines().any(|shown| shown == line), "{shown}");
    let many: BTreeMap<String, &str> = (0..=32).map(|n| (format!("u{n}"), "https://acme.test")).collect();
    let many = with("upstreams", &serde_json::to_string(&many).expect("JSON"));
    assert!(many.is_err_and(|error| error.contains("at most 32 entries, got 33")));
    let long = format!(r#"{{"long": "https://acme.test/{}"}}"#, "a".repeat(400));
    assert!(with("upstreams", &long).is_err_and(|error| error.contains("at most 400 characters")));
    for own in [r#"{"own": "http://127.0.0.1:9"}"#, r#"{"own": "https://[::1]/v1"}"#] {
        assert!(with("upstreams", own).is_err_and(|error| error.contains("allow_private_networks")), "{own}");
        let flags =
            [("upstreams", Some(own.into())), ("upstreams_allow_private_networks", Some("on".into()))];
        assert!(Config::read(&flags).is_ok(), "{own}");
    }
}

#[test]
fn unknown_settings_are_rejected_in_the_file_and_reported_in_the_environment() {
    assert!(file("listn = \"127.0.0.1:80\"").is_err_and(|error| error.contains("did you mean listen?")));
    for known in ["TENON_LISTEN", "TENON_CONFIG", "TENON_TEST_DATABASE", "PATH", "XTENON_LISTN"] {
        assert_eq!(unknown_env_var(known), None);
    }
    let meant = |name: &str| {
        unknown_env_var(name).and_then(|text| text.split_once("mean ").map(|it| it.1.to_owned()))
    };
    assert_eq!(meant("TENON_LISTN").as_deref(), Some("TENON_LISTEN?"));
    assert_eq!(meant("TENON_DATABASEURL").as_deref(), Some("TENON_DATABASE_URL?"));
    for foreign in ["TENON_SERVICE_HOST", "TENON_PORT", "TENON_PORT_8080_TCP_ADDR", "TENON_"] {
        assert!(unknown_env_var(foreign).is_some_and(|text| !text.contains("mean")), "{foreign}");
    }
}

#[test]
fn secrets_are_hidden() {
    for (key, value) in [
        ("database_url", "postgres://tenon:geheim@127.0.0.1/tenon"),
        ("rates_url", "https://rates.test/geheim"),
        ("s3_secret_key", "geheim"),
        ("webhooks_stripe_secrets", "whsec_geheim_geheim"),
        ("webhooks_github_secrets", "geheim_geheim_geheim"),
        ("upstreams", r#"{"weather": {"url": "https://weather.test", "authorization": "Bearer geheim"}}"#),
    ] {
        let config = with(key, value).expect(key);
        let shown = format!("{} {config:?} {config:#?}", config.describe());
        assert!(!shown.contains("geheim") && config.describe().contains("[hidden]"), "{key}: {shown}");
    }
}

#[test]
fn errors_do_not_contain_secrets() {
    let is_secret = |setting: &&Setting| setting.has(Flag::Secret) || setting.has(Flag::SecretEntries);
    for Setting { key, .. } in settings().filter(is_secret) {
        for value in [
            "geheim",
            "http://rates.test/geheim",
            "ftp://tenon:geheim@127.0.0.1/tenon",
            "https://tenon:geheim@127.0.0.1/tenon#geheim",
            "geheim,geheim",
            "{\"a\": {\"authorization\": \"geheim\"}}",
            "{\"a\": {\"url\": \"http://geheim.test\", \"authorization\": \"geheim\"}}",
            "{\"a\": {\"url\": \"https://a.test\", \"authorization\": \"geheim\\u0001\"}}",
            "{\"a\": {\"url\": \"https://a.test\", \"geheim\": \"geheim\"}}",
            "{\"a\": geheim",
            "[\"geheim\"]",
            "[geheim",
        ] {
            let error = with(key, value).err().unwrap_or_default();
            assert!(!error.contains("geheim"), "{key} = {value}: {error}");
        }
        for value in [
            "\"geheim\"",
            "['geheim']",
            "{ a = 'geheim' }",
            "\"geheim",
            "geheim",
            "{ a = 'geheim'",
            "5 geheim",
        ] {
            let error = file(&format!("{key} = {value}\n")).err().unwrap_or_default();
            assert!(!error.contains("geheim"), "{key} = {value}: {error}");
        }
    }
}

/// Formats a default value as in the documentation.
fn documented(default: Option<Value>) -> String {
    match default {
        None => "not set".to_owned(),
        Some(Value::String(text)) => format!("`{text}`"),
        Some(Value::Array(values)) if values.is_empty() => "empty".to_owned(),
        Some(Value::Table(table)) if table.is_empty() => "empty".to_owned(),
        Some(Value::Boolean(true)) => "`on`".to_owned(),
        Some(Value::Boolean(false)) => "`off`".to_owned(),
        Some(value) => format!("`{}`", section::inline(&value, false)),
    }
}

#[test]
fn every_setting_is_documented_with_its_default() {
    let page = include_str!("../../docs/settings.md");
    for setting in settings() {
        let secret = if setting.has(Flag::Secret) { " (secret)" } else { "" };
        let default = documented((setting.default)());
        let variable = setting.key.to_uppercase();
        let row = format!("| `{}`{secret} | `TENON_{variable}` | {default} | ", setting.key);
        assert!(page.lines().any(|line| line.starts_with(&row)), "docs/settings.md: no row {row}");
    }
    let rows = page.lines().filter(|line| line.contains("| `TENON_")).count();
    assert_eq!(rows, settings().count(), "docs/settings.md has a row that is not a setting");
}

/// Other pages repeat the defaults of their settings. Each row must have one setting, or it is skipped.
#[test]
fn all_pages_have_the_same_defaults() {
    let pages = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/docs")).expect("the folder of pages");
    for page in pages.flatten().map(|page| page.path()).filter(|page| !page.ends_with("settings.md")) {
        for line in fs::read_to_string(&page).unwrap_or_default().lines() {
            let mut cells = line.split('|').map(str::trim).skip(1);
            let (Some(name), Some(default)) = (cells.next(), cells.next()) else { continue };
            let key = name.trim_end_matches(" (secret)").trim_matches('`');
            let Some(setting) = settings().find(|setting| setting.key == key) else { continue };
            assert_eq!(default, documented((setting.default)()), "{}: {key}", page.display());
        }
    }
}
