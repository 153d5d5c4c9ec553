//! From the text of a setting to its value, or what is wrong with it.
use std::{net::SocketAddr, time::Duration};

use poem::http::{HeaderName, Uri};
use rust_decimal::Decimal;
use tracing::Level;

use crate::{
    domain::{
        locale::{Locale, Locales},
        money::Currency,
    },
    infra::{blobs::S3Config, geoip::Country, http_client::RequestUrl, query_log::QueryLog},
    resources::billing::{
        invoices::{CountryRoutes, Seller},
        rates::{FallbackRates, RateSource, is_plausible},
    },
    server::Proxies,
};

/// The form of a line in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

pub fn switch(name: &str, text: &str) -> Result<bool, String> {
    match text {
        "on" | "true" | "1" => Ok(true),
        "off" | "false" | "0" => Ok(false),
        other => Err(format!("{name} is on or off, not {other}")),
    }
}

pub fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// A number of things, at least one of them.
pub fn count(name: &str, text: &str) -> Result<usize, String> {
    let known = text.parse().ok().filter(|count| (1..=1_000_000).contains(count));
    known.ok_or_else(|| format!("{name} is a number between 1 and 1000000, not {text}"))
}

pub fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("listen is an address such as 127.0.0.1:8080, not {text}"))
}

pub fn proxies(blocks: &str, field: &str, country: &str) -> Result<Proxies, String> {
    Ok(Proxies {
        blocks: list(blocks).map(str::parse).collect::<Result<_, _>>()?,
        forwarded_header: field.parse()?,
        country_header: header("geo_header", country)?,
    })
}

fn header(name: &str, text: &str) -> Result<Option<HeaderName>, String> {
    let header = || HeaderName::from_bytes(text.as_bytes());
    let wrong = |_| format!("{name} is the name of a field such as cf-ipcountry, not {text}");
    if text.is_empty() { Ok(None) } else { header().map(Some).map_err(wrong) }
}

/// `FR:fr,BE:fr`: countries, each with the locale that its clients are led to.
pub fn routes(text: &str, told_by: &str) -> Result<CountryRoutes, String> {
    let mut to: Vec<(Country, Locale)> = Vec::new();
    for pair in list(text) {
        let form = || format!("geo_routes are pairs such as FR:fr, not {pair}");
        let (country, locale) = pair.split_once(':').ok_or_else(form)?;
        let country = country.parse().map_err(|_| form())?;
        if to.iter().any(|(known, _)| *known == country) {
            return Err(format!("geo_routes lead {country} to several locales"));
        }
        to.push((country, locale_name(locale).ok_or_else(form)?));
    }
    Ok(CountryRoutes {
        locales: to,
        country_header: Some(told_by.to_owned()).filter(|field| !field.is_empty()),
    })
}

fn locale_name(text: &str) -> Option<Locale> {
    let known = text.split('-').all(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_lowercase()));
    (known && text.len() <= 5).then(|| Locale(text.to_owned()))
}

pub fn origins(text: &str) -> Result<Vec<String>, String> {
    match list(text).find(|origin| !origin.starts_with("http") || origin.contains('*')) {
        Some(wrong) => Err(format!("cors_origins are origins such as https://www.acme.test, not {wrong}")),
        None => Ok(list(text).map(str::to_owned).collect()),
    }
}

/// `shop.acme.test,acme.test:8443`, in lower case.
pub fn hosts(text: &str) -> Result<Vec<String>, String> {
    let plain = |host: &str| host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b));
    match list(text).find(|host| !plain(host)) {
        Some(wrong) => Err(format!("redirect_hosts are hosts such as shop.acme.test, not {wrong}")),
        None => Ok(list(text).map(str::to_ascii_lowercase).collect()),
    }
}

/// Other addresses are made by adding a path to this one.
pub fn public_url(text: &str) -> Result<(), String> {
    let fits = |url: Uri| {
        let host = url.authority().filter(|host| !host.host().is_empty() && !host.as_str().contains('@'));
        let port = |host: &str| host.rsplit_once(']').map_or(host, |(_, port)| port).contains(':');
        matches!(url.scheme_str(), Some("http" | "https"))
            && host.is_some_and(|host| host.port_u16().is_some() || !port(host.as_str()))
    };
    let plain = text.is_ascii() && !text.contains(['?', '#']);
    match text.is_empty() || (plain && text.parse().is_ok_and(fits)) {
        true => Ok(()),
        false => Err("public_url is an absolute http or https URL without user, query and fragment, \
             such as https://api.acme.test"
            .to_owned()),
    }
}

/// The bucket that keeps the pictures, if one is named. A service on one's own network may do without TLS.
pub fn bucket<'a>(text: impl Fn(&str) -> &'a str, virtual_host: bool) -> Result<Option<S3Config>, String> {
    let [bucket, endpoint, prefix] = ["s3_bucket", "s3_endpoint", "s3_prefix"].map(&text);
    let plain = |text: &str| {
        text.split('/').all(|part| !part.is_empty() && !part.starts_with('.'))
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b))
    };
    let host = endpoint.strip_prefix("https://").or_else(|| endpoint.strip_prefix("http://"));
    let host = host.is_some_and(|host| !host.is_empty() && !host.contains(['@', '?', '#', ' ']));
    if !(endpoint.is_empty() || host) {
        return Err("s3_endpoint is an address such as https://s3.acme.test, without keys in it".to_owned());
    }
    if !(prefix.is_empty() || plain(prefix)) {
        return Err(format!("s3_prefix is a path such as site/media, not {prefix}"));
    }
    if bucket.is_empty() {
        return Ok(None);
    }
    if !plain(bucket) || bucket.contains('/') {
        return Err(format!("s3_bucket is the name of a bucket, not {bucket}"));
    }
    let [region, access_key, secret_key] =
        ["s3_region", "s3_access_key", "s3_secret_key"].map(|name| text(name).to_owned());
    if access_key.is_empty() || secret_key.is_empty() {
        return Err("s3_bucket needs s3_access_key and s3_secret_key".to_owned());
    }
    Ok(Some(S3Config {
        endpoint: endpoint.to_owned(),
        region,
        bucket: bucket.to_owned(),
        access_key,
        secret_key,
        prefix: prefix.to_owned(),
        virtual_host,
    }))
}

/// The text is not repeated in the error: it may hold a password.
pub fn database_url(text: &str) -> Result<(), String> {
    let schemes = ["sqlite://", "postgres://", "postgresql://"];
    let rest = schemes.iter().find_map(|scheme| text.strip_prefix(scheme));
    match text.is_empty() || rest.is_some_and(|rest| !rest.is_empty()) {
        true => Ok(()),
        false => Err("database_url is sqlite://PATH or postgres://HOST/NAME".to_owned()),
    }
}

pub fn factor(text: &str) -> Result<f64, String> {
    let factor: Option<f64> = text.parse().ok();
    factor.filter(|factor| factor.is_finite()).ok_or_else(|| format!("timeout_scale is a number, not {text}"))
}

pub fn level(text: &str) -> Result<Level, String> {
    text.parse().map_err(|_| format!("log is error, warn, info, debug or trace, not {text}"))
}

pub fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        other => Err(format!("log_format is text or json, not {other}")),
    }
}

pub fn log_sql(text: &str) -> Result<QueryLog, String> {
    match text {
        "off" => Ok(QueryLog::Off),
        "all" => Ok(QueryLog::All),
        milliseconds => match milliseconds.parse() {
            Ok(milliseconds) => Ok(QueryLog::Slow(Duration::from_millis(milliseconds))),
            Err(_) => Err("log_sql is a number of milliseconds, all or off".to_owned()),
        },
    }
}

/// `en-us:USD,fr:EUR`: each locale with its currency.
pub fn locales(text: &str) -> Result<Locales, String> {
    let pair = |pair: &str| {
        let form = || format!("locales are pairs such as fr:EUR, not {pair}");
        let (locale, currency) = pair.split_once(':').ok_or_else(form)?;
        Ok((locale_name(locale).ok_or_else(form)?, currency.parse()?))
    };
    let locales: Vec<(Locale, Currency)> = list(text).map(pair).collect::<Result<_, String>>()?;
    let known = |place: usize| locales[..place].iter().any(|(locale, _)| *locale == locales[place].0);
    if (0..locales.len()).any(known) {
        return Err(format!("locales name one of them twice: {text}"));
    }
    match locales.is_empty() {
        true => Err("locales name at least one, such as en-us:USD".to_owned()),
        false => Ok(Locales(locales)),
    }
}

/// The text is not repeated in the error: it may hold a key.
pub fn rates(url: &str, every: &str, private: bool) -> Result<Option<RateSource>, String> {
    let every = time(every).ok_or_else(|| format!("rates_every lies between 5m and 24h, unlike {every}"))?;
    if url.is_empty() {
        return Ok(None);
    }
    let target = RequestUrl::parse(url).map_err(|error| format!("rates_url: {error}"))?;
    if !target.https && !private {
        return Err("rates_url starts with https://, unless outgoing_private = on".to_owned());
    }
    Ok(Some(RateSource { url: url.to_owned(), interval: every }))
}

/// `90m` or `6h`, between five minutes and a day.
fn time(text: &str) -> Option<Duration> {
    let (number, unit) = match text.strip_suffix('h') {
        Some(hours) => (hours, 3600),
        None => (text.strip_suffix('m')?, 60),
    };
    let seconds = number.parse::<u64>().ok()?.checked_mul(unit)?;
    (300..=86_400).contains(&seconds).then(|| Duration::from_secs(seconds))
}

/// `EUR:0.86,JPY:150`: what a dollar is; each locale's currency must be among them.
pub fn fallback(text: &str, locales: &Locales) -> Result<FallbackRates, String> {
    let pair = |pair: &str| {
        let form = || format!("rates_fallback are pairs such as EUR:0.86, not {pair}");
        let (currency, rate) = pair.split_once(':').ok_or_else(form)?;
        let rate: Decimal = rate.parse().map_err(|_| form())?;
        if !is_plausible(rate) {
            return Err(form());
        }
        Ok((currency.parse()?, rate))
    };
    let rates: Vec<(Currency, Decimal)> = list(text).map(pair).collect::<Result<_, String>>()?;
    for (locale, currency) in &locales.0 {
        if *currency != Currency::USD && !rates.iter().any(|(known, _)| known == currency) {
            return Err(format!("{locale} shows {currency}, and rates_fallback has no rate for it"));
        }
    }
    Ok(FallbackRates(rates))
}

/// What somebody reads on a page; longer than a line of it is a mistake.
fn readable(name: &str, text: &str) -> Result<String, String> {
    match text.chars().count() <= 200 && !text.chars().any(char::is_control) {
        true => Ok(text.trim().to_owned()),
        false => Err(format!("{name} has a line of more than 200 characters, or control characters")),
    }
}

/// Who sends the invoices.
pub fn seller<'a>(text: impl Fn(&str) -> &'a str) -> Result<Seller, String> {
    Ok(Seller {
        name: line("seller_name", text("seller_name"))?,
        address: lines("seller_address", text("seller_address"))?,
        tax_id: line("seller_tax_id", text("seller_tax_id"))?,
        email: line("seller_email", text("seller_email"))?,
        note: lines("seller_note", text("seller_note"))?,
        due_days: days("payment_days", text("payment_days"))?,
    })
}

/// One line, if there is anything in it.
fn line(name: &str, text: &str) -> Result<Option<String>, String> {
    readable(name, text).map(|line| (!line.is_empty()).then_some(line))
}

/// Lines between semicolons.
fn lines(name: &str, text: &str) -> Result<Vec<String>, String> {
    let lines: Vec<String> = text.split(';').map(|line| readable(name, line)).collect::<Result<_, _>>()?;
    let lines: Vec<String> = lines.into_iter().filter(|line| !line.is_empty()).collect();
    if lines.len() > 6 {
        return Err(format!("{name} has more than the 6 lines that fit on an invoice"));
    }
    Ok(lines)
}

/// A number of days within a year.
pub fn days(name: &str, text: &str) -> Result<u16, String> {
    let days = text.parse().ok().filter(|days| *days <= 366);
    days.ok_or_else(|| format!("{name} is a number of days up to 366, not {text}"))
}
