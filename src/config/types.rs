//! The types of settings that have rules of their own.
use std::{fs, path::PathBuf, time::Duration};

use poem::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use rust_decimal::Decimal;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use toml::{Table, Value};
use tracing::Level;
use webpki::EndEntityCert;

use super::value::rules;
use crate::{
    domain::{
        locale::{Locale, Locales},
        money::{Currency, is_plausible_rate},
        origin::AllowedOrigin,
        secret::Secret,
    },
    infra::{
        geoip::Country, http_client::RequestUrl, postgres_url, query_log::QueryLog, sealing::SecretKeys,
    },
    server::{Block, ClientAddressLog, ForwardedHeader, LogFormat, MetricsAccess},
};

/// The images in a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum BackupMedia {
    /// The backup contains the images.
    Include,
    /// The backup contains a list of their names and hashes.
    List,
}

/// The bearer token of `/metrics`.
#[derive(Debug, Clone)]
pub struct MetricsToken(pub Secret<String>);

/// The base URL of a collector of traces, without a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtlpEndpoint(pub String);

/// The headers of the requests to the collector. Their values may be credentials.
#[derive(Debug, Clone, Default)]
pub struct OtlpHeaders(pub HeaderMap);

/// A part of a whole: 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SampleRatio(pub f64);

/// A number of days within a year: 0 to 366.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days(pub u16);

/// A number of days within ten years: 1 to 3,660.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditDays(pub u16);

/// The destination of the audit log as JSON lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditOutput {
    Off,
    Stdout,
    File(PathBuf),
}

/// A number of bytes: 0 to 1 TiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteCount(pub u64);

/// Maximum bytes of an uploaded image: 1 KiB to 100 MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageBytes(pub u64);

/// Maximum pixels of an uploaded image: 10,000 to 200 million.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImagePixels(pub u64);

/// Widths and heights of image variants: 1 to 32 numbers of pixels from 1 to 4,096, in ascending order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaSizes(pub Vec<u32>);

/// A maximum number: 1 to 1,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(pub usize);

/// A factor on durations: 0.001 to 100.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimeoutScale(pub f64);

/// An interval such as `90m` or `6h`, from 5 minutes to 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval(pub Duration);

/// An absolute http or https URL without user, query and fragment. Links are this URL followed by a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(pub String);

/// `sqlite://PATH` or `postgres://HOST/NAME`. It may contain a password.
#[derive(Debug, Clone)]
pub struct DatabaseUrl(pub Secret<String>);

/// The URL of a source of exchange rates. It may contain an API key.
#[derive(Debug, Clone)]
pub struct RatesUrl {
    pub url: Secret<String>,
    pub https: bool,
}

/// An origin that browsers send, such as `https://www.acme.test`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(pub AllowedOrigin);

/// A host in lower case, with its port if it is not the default one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host(pub String);

/// The name of a header, with the capitalization of the setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderTitle {
    pub text: String,
    pub name: HeaderName,
}

/// A line that is printed on invoices: at most 200 characters, no control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintedLine(pub String);

/// At most 6 printed lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrintedLines(pub Vec<String>);

/// Countries with the locales that their clients are redirected to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CountryLocales(pub Vec<(Country, Locale)>);

/// The value of one US dollar in other currencies.
#[derive(Debug, Clone)]
pub struct FallbackRates(pub Vec<(Currency, Decimal)>);

/// The name of an S3 bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketName(pub String);

/// A path in a bucket. May be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketPath(pub String);

/// The URL of an S3 service, without credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Endpoint(pub String);

/// The secrets with which a provider signs webhooks: at least one, each of at least 16 characters.
#[derive(Debug, Clone)]
pub struct WebhookSecrets(pub Vec<Secret<String>>);

/// An API key of Stripe: `sk_…` or `rk_…`.
#[derive(Debug, Clone)]
pub struct StripeApiKey(pub Secret<String>);

/// The id of a PayPal webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookId(pub String);

/// The X.509 certificates of a PEM file: at least one.
#[derive(Debug, Clone)]
pub struct Certificates(pub Vec<CertificateDer<'static>>);

rules! {
    Block: String => |text| text.parse();
    ForwardedHeader: String => |text| text.parse();
    ClientAddressLog: String => |text| text.parse();
    OtlpEndpoint: String => |url| match RequestUrl::parse(&url) {
        Ok(_) if url.trim_end_matches('/').ends_with("/v1/traces") => Err(format!(
            "must be the URL of the collector without /v1/traces, which the exporter appends, got {url}"
        )),
        Ok(_) if !url.contains('?') => Ok(OtlpEndpoint(url)),
        Ok(_) => Err("must be a URL without a query, such as http://127.0.0.1:4318".to_owned()),
        Err(error) => Err(format!("must be a valid URL such as http://127.0.0.1:4318: {error}")),
    };
    OtlpHeaders: Table => otlp_headers;
    SampleRatio: f64 => |ratio| match (0.0..=1.0).contains(&ratio) {
        true => Ok(SampleRatio(ratio)),
        false => Err(format!("must be 0 to 1, got {ratio}")),
    };
    MetricsAccess: String => |text| text.parse();
    MetricsToken: String => |token| {
        match token.len() >= 16 && token.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(MetricsToken(Secret::new(token))),
            false => Err("must be at least 16 visible ASCII characters".to_owned()),
        }
    };
    Level: String => |text| {
        text.parse().map_err(|_| format!("must be error, warn, info, debug or trace, got {text}"))
    };
    LogFormat: String => |text| match text.as_str() {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        other => Err(format!("must be text or json, got {other}")),
    };
    BackupMedia: String => |text| match text.as_str() {
        "include" => Ok(BackupMedia::Include),
        "list" => Ok(BackupMedia::List),
        other => Err(format!("must be include or list, got {other}")),
    };
    QueryLog: Value => query_log;
    Days: i64 => |days| match u16::try_from(days) {
        Ok(days @ 0..=366) => Ok(Days(days)),
        _ => Err(format!("must be a number of days from 0 to 366, got {days}")),
    };
    AuditDays: i64 => |days| match u16::try_from(days) {
        Ok(days @ 1..=3660) => Ok(AuditDays(days)),
        _ => Err(format!("must be a number of days from 1 to 3660, got {days}")),
    };
    AuditOutput: String => |text| match text.as_str() {
        "" => Err("must be off, stdout or the path of a file".to_owned()),
        "off" => Ok(AuditOutput::Off),
        "stdout" => Ok(AuditOutput::Stdout),
        path => Ok(AuditOutput::File(path.into())),
    };
    ByteCount: i64 => |bytes| match u64::try_from(bytes) {
        Ok(count @ 0..=0x100_0000_0000) => Ok(ByteCount(count)),
        _ => Err(format!("must be a number of bytes from 0 to 1099511627776 (1 TiB), got {bytes}")),
    };
    ImageBytes: i64 => |bytes| match u64::try_from(bytes) {
        Ok(count @ 1024..=0x640_0000) => Ok(ImageBytes(count)),
        _ => Err(format!("must be a number of bytes from 1024 to 104857600 (100 MiB), got {bytes}")),
    };
    ImagePixels: i64 => |pixels| match u64::try_from(pixels) {
        Ok(count @ 10_000..=200_000_000) => Ok(ImagePixels(count)),
        _ => Err(format!("must be a number of pixels from 10000 to 200000000, got {pixels}")),
    };
    MediaSizes: Vec<i64> => media_sizes;
    Limit: i64 => |limit| match usize::try_from(limit) {
        Ok(limit @ 1..=1_000_000) => Ok(Limit(limit)),
        _ => Err(format!("must be 1 to 1000000, got {limit}")),
    };
    TimeoutScale: f64 => |factor| match (0.001..=100.0).contains(&factor) {
        true => Ok(TimeoutScale(factor)),
        false => Err(format!("must be 0.001 to 100, got {factor}")),
    };
    Interval: String => |text| {
        interval(&text).map(Interval).ok_or_else(|| format!("must be 5m to 24h, such as 90m or 6h, got {text}"))
    };
    PublicUrl: String => public_url;
    DatabaseUrl: String => |text| {
        let schemes = ["sqlite://", "postgres://", "postgresql://"];
        let rest = schemes.iter().find_map(|scheme| text.strip_prefix(scheme));
        if rest.is_none_or(str::is_empty) {
            return Err("must be sqlite://PATH or postgres://HOST/NAME".to_owned());
        }
        if !text.starts_with("sqlite://") {
            postgres_url::validate(&text)?;
        }
        Ok(DatabaseUrl(Secret::new(text)))
    };
    RatesUrl: String => |url| {
        let target = RequestUrl::parse(&url).map_err(|error| format!("must be a valid URL: {error}"))?;
        Ok(RatesUrl { https: target.https, url: Secret::new(url) })
    };
    Origin: String => |origin| match AllowedOrigin::parse(&origin) {
        Some(allowed) => Ok(Origin(allowed)),
        None => Err(format!(
            "must be origins such as https://www.acme.test, in lower case, without path, trailing slash and default \
             port, or with the first label * before at least two others, such as https://*.preview.acme.test, got {origin}"
        )),
    };
    Host: String => |host| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b);
        match !host.is_empty() && host.bytes().all(allowed) {
            true => Ok(Host(host.to_ascii_lowercase())),
            false => Err(format!("must be hosts such as shop.acme.test, got {host}")),
        }
    };
    HeaderTitle: String => |text| match HeaderName::from_bytes(text.as_bytes()) {
        Ok(name) => Ok(HeaderTitle { text, name }),
        Err(_) => Err(format!("must be the name of a header such as cf-ipcountry, got {text}")),
    };
    PrintedLine: String => |text| match text.chars().count() <= 200 && !text.chars().any(char::is_control) {
        true => Ok(PrintedLine(text.trim().to_owned())),
        false => Err("must be a line of at most 200 characters without control characters".to_owned()),
    };
    PrintedLines: Vec<PrintedLine> => |lines| {
        let lines: Vec<String> = lines.into_iter().map(|line| line.0).filter(|line| !line.is_empty()).collect();
        match lines.len() {
            0..=6 => Ok(PrintedLines(lines)),
            count => Err(format!("must have at most 6 lines, got {count}")),
        }
    };
    BucketName: String => |name| match is_object_name(&name) {
        true => Ok(BucketName(name)),
        false => Err(format!("must be the name of a bucket, got {name}")),
    };
    BucketPath: String => |path| match path.is_empty() || path.split('/').all(is_object_name) {
        true => Ok(BucketPath(path)),
        false => Err(format!("must be a path such as site/media, got {path}")),
    };
    S3Endpoint: String => |text| {
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        match host.is_some_and(|host| !host.is_empty() && !host.contains(['@', '?', '#', ' '])) {
            true => Ok(S3Endpoint(text)),
            false => Err("must be a URL such as https://s3.acme.test, without credentials".to_owned()),
        }
    };
    Locales: Table => locales;
    FallbackRates: Table => |table| entries(table, fallback_rate).map(FallbackRates);
    CountryLocales: Table => |table| entries(table, country_locale).map(CountryLocales);
    WebhookSecrets: Vec<Secret<String>> => |secrets| {
        match !secrets.is_empty() && secrets.iter().all(|secret| secret.expose().len() >= 16) {
            true => Ok(WebhookSecrets(secrets)),
            false => Err("must be one or more secrets of at least 16 characters".to_owned()),
        }
    };
    StripeApiKey: String => |key| {
        let is_key = (16..=255).contains(&key.len())
            && ["sk_", "rk_"].iter().any(|prefix| key.starts_with(prefix))
            && key.bytes().all(|byte| byte.is_ascii_graphic());
        match is_key {
            true => Ok(StripeApiKey(Secret::new(key))),
            false => Err("must be a secret or restricted key of Stripe, which begins with sk_ or rk_".to_owned()),
        }
    };
    SecretKeys: String => |keys| {
        let rule = "must be one or more keys of 32 bytes, in base64 or in hexadecimal digits";
        SecretKeys::parse(&keys).ok_or_else(|| rule.to_owned())
    };
    WebhookId: String => |id| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        match (8..=50).contains(&id.len()) && id.bytes().all(allowed) {
            true => Ok(WebhookId(id)),
            false => Err(format!("must be 8 to 50 letters, digits and hyphens, got {id}")),
        }
    };
    Certificates: PathBuf => |file| {
        let error = |error: String| format!("must be a PEM file, got {}: {error}", file.display());
        let pem = fs::read(&file).map_err(|cause| error(cause.to_string()))?;
        Certificates::parse(&pem).map_err(error)
    };
}

impl Certificates {
    /// Parses the certificates of a PEM file.
    pub fn parse(pem: &[u8]) -> Result<Self, String> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let certificates = certificates.map_err(|error| format!("invalid PEM: {error}"))?;
        if let Some(error) = certificates.iter().find_map(|one| EndEntityCert::try_from(one).err()) {
            return Err(format!("invalid certificate: {error}"));
        }
        match certificates.is_empty() {
            true => Err("the file contains no certificate".to_owned()),
            false => Ok(Certificates(certificates)),
        }
    }
}

fn query_log(value: Value) -> Result<QueryLog, String> {
    match value {
        Value::Integer(milliseconds @ 0..) => {
            Ok(QueryLog::Slow(Duration::from_millis(milliseconds.unsigned_abs())))
        }
        Value::String(text) if text == "all" => Ok(QueryLog::All),
        Value::String(text) if text == "off" => Ok(QueryLog::Off),
        other => Err(format!("must be a number of milliseconds, \"all\" or \"off\", got {other}")),
    }
}

fn media_sizes(sizes: Vec<i64>) -> Result<MediaSizes, String> {
    if !(1..=32).contains(&sizes.len()) {
        return Err(format!("must be 1 to 32 sizes, got {}", sizes.len()));
    }
    if let Some(pair) = sizes.windows(2).find(|pair| pair[0] >= pair[1]) {
        return Err(format!("must be in ascending order, got {} before {}", pair[0], pair[1]));
    }
    let size = |size: i64| match u32::try_from(size) {
        Ok(size @ 1..=4096) => Ok(size),
        _ => Err(format!("must be sizes from 1 to 4096 pixels, got {size}")),
    };
    sizes.into_iter().map(size).collect::<Result<_, _>>().map(MediaSizes)
}

fn is_object_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    !name.is_empty() && !name.starts_with('.') && name.bytes().all(allowed)
}

fn interval(text: &str) -> Option<Duration> {
    let (number, unit) = match text.strip_suffix('h') {
        Some(hours) => (hours, 3600),
        None => (text.strip_suffix('m')?, 60),
    };
    let seconds = number.parse::<u64>().ok()?.checked_mul(unit)?;
    (300..=86_400).contains(&seconds).then(|| Duration::from_secs(seconds))
}

fn public_url(text: String) -> Result<PublicUrl, String> {
    let valid = |url: Uri| {
        let host = url.authority().filter(|host| !host.host().is_empty() && !host.as_str().contains('@'));
        let has_port = |host: &str| host.rsplit_once(']').map_or(host, |(_, port)| port).contains(':');
        matches!(url.scheme_str(), Some("http" | "https"))
            && host.is_some_and(|host| host.port_u16().is_some() || !has_port(host.as_str()))
    };
    match text.is_ascii() && !text.contains(['?', '#']) && text.parse().is_ok_and(valid) {
        true => Ok(PublicUrl(text)),
        false => Err("must be an absolute http or https URL without user, query and fragment, \
                      such as https://api.acme.test"
            .to_owned()),
    }
}

fn otlp_headers(table: Table) -> Result<OtlpHeaders, String> {
    let header = |(name, value): (String, Value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        let mut value = HeaderValue::from_str(value.as_str()?).ok()?;
        value.set_sensitive(true);
        Some((name, value))
    };
    let headers: Option<HeaderMap> = table.into_iter().map(header).collect();
    headers
        .map(OtlpHeaders)
        .ok_or_else(|| "must map names of headers to texts, such as authorization = \"Bearer …\"".to_owned())
}

/// Reads the entries of a table in their order.
fn entries<T>(table: Table, read: fn(&str, &Value) -> Result<T, String>) -> Result<Vec<T>, String> {
    table.iter().map(|(key, value)| read(key, value)).collect()
}

fn locale_name(text: &str) -> Option<Locale> {
    let valid = text.split('-').all(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_lowercase()));
    (valid && text.len() <= 5).then(|| Locale(text.to_owned()))
}

fn locales(table: Table) -> Result<Locales, String> {
    let locale = |name: &str, currency: &Value| {
        let error =
            || format!("must map locales to currencies, such as fr = \"EUR\", got {name} = {currency}");
        let locale = locale_name(name).ok_or_else(error)?;
        let currency = currency.as_str().and_then(|currency| currency.parse().ok()).ok_or_else(error)?;
        Ok((locale, currency))
    };
    let locales = entries(table, locale)?;
    match locales.is_empty() {
        true => Err("must have at least one locale, such as en-us = \"USD\"".to_owned()),
        false => Ok(Locales(locales)),
    }
}

fn fallback_rate(currency: &str, rate: &Value) -> Result<(Currency, Decimal), String> {
    let error = || format!("must map currencies to rates, such as EUR = \"0.86\", got {currency} = {rate}");
    let number = rate.as_str().map_or_else(|| rate.to_string(), str::to_owned);
    let number = number.parse().ok().filter(|number| is_plausible_rate(*number)).ok_or_else(error)?;
    Ok((currency.parse().map_err(|_| error())?, number))
}

fn country_locale(country: &str, locale: &Value) -> Result<(Country, Locale), String> {
    let error = || format!("must map countries to locales, such as FR = \"fr\", got {country} = {locale}");
    let locale = locale.as_str().and_then(locale_name).ok_or_else(error)?;
    Ok((country.parse().map_err(|_| error())?, locale))
}
