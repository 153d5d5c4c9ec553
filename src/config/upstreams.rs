//! Who may be asked through the service. No text of an authorization is repeated in an error.
use std::{net::IpAddr, time::Duration};

use super::value::list;
use crate::{
    domain::secret::Secret,
    infra::http_client::{RequestUrl, address},
    resources::upstreams::{UpstreamSettings, UpstreamTarget},
};

/// How long an upstream is waited for.
const TIME: Duration = Duration::from_secs(5);

const MOST: usize = 32;
const LONGEST_NAME: usize = 32;
/// With the longest path and query an address that can still be asked.
const LONGEST_BASE: usize = 400;
const LONGEST_AUTHORIZATION: usize = 4000;

pub fn settings<'a>(
    text: impl Fn(&str) -> &'a str,
    private: bool,
    scale: f64,
) -> Result<UpstreamSettings, String> {
    let known = known(text("upstreams"), text("upstreams_authorization"), private)?;
    Ok(UpstreamSettings {
        targets: known,
        allow_private_networks: private,
        timeout: TIME.mul_f64(scale.clamp(0.001, 1000.0)),
    })
}

fn known(upstreams: &str, authorizations: &str, private: bool) -> Result<Vec<UpstreamTarget>, String> {
    let mut known: Vec<UpstreamTarget> = Vec::new();
    for pair in list(upstreams) {
        let upstream = destination(pair, private)?;
        if known.iter().any(|other| other.name == upstream.name) {
            return Err(format!("upstreams names {} twice: give one of them another name", upstream.name));
        }
        known.push(upstream);
    }
    if known.len() > MOST {
        return Err(format!("upstreams has {} names: {MOST} is the most", known.len()));
    }
    for pair in list(authorizations) {
        authorize(&mut known, pair)?;
    }
    Ok(known)
}

fn destination(pair: &str, private: bool) -> Result<UpstreamTarget, String> {
    let form = || format!("upstreams are pairs such as weather=https://api.acme.test/v1, not {pair}");
    let (name, base) =
        pair.split_once('=').map(|(name, base)| (name.trim(), base.trim())).ok_or_else(form)?;
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(plain) {
        return Err(format!(
            "upstreams: a name has up to {LONGEST_NAME} small letters, digits and -, unlike {name}"
        ));
    }
    let base = base.strip_suffix('/').unwrap_or(base);
    if base.len() > LONGEST_BASE {
        return Err(format!("upstreams: the address of {name} has more than {LONGEST_BASE} characters"));
    }
    let target = RequestUrl::parse(base).map_err(|error| format!("upstreams: {name}: {error}"))?;
    let path = base.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, path)| path);
    let whole = |path: &str| !path.split('/').any(|segment| matches!(segment, "" | "." | ".."));
    if base.contains('?') || !path.is_none_or(whole) {
        return Err(format!("upstreams: the address of {name} has a host and a plain path, and no query"));
    }
    if !target.https && !private {
        return Err(format!(
            "upstreams: the address of {name} starts with https://, unless upstreams_private = on"
        ));
    }
    let literal = target.host.parse::<IpAddr>().ok();
    if !private && literal.is_some_and(|literal| !address::is_public(literal)) {
        return Err(format!("upstreams: {name} is at no public address: that needs upstreams_private = on"));
    }
    Ok(UpstreamTarget { name: name.to_owned(), base: base.to_owned(), authorization: None })
}

fn authorize(known: &mut [UpstreamTarget], pair: &str) -> Result<(), String> {
    let form =
        || "upstreams_authorization are pairs such as weather=Bearer …, without commas in them".to_owned();
    let (name, value) =
        pair.split_once('=').map(|(name, value)| (name.trim(), value.trim())).ok_or_else(form)?;
    let value = Some(value).filter(|value| {
        (1..=LONGEST_AUTHORIZATION).contains(&value.len()) && value.bytes().all(|b| matches!(b, 0x20..=0x7e))
    });
    let value = value.ok_or_else(form)?;
    // What is no name of an upstream may be a piece of a secret.
    let upstream = known
        .iter_mut()
        .find(|upstream| upstream.name == name)
        .ok_or_else(|| "upstreams_authorization names an upstream that upstreams does not name".to_owned())?;
    if upstream.authorization.replace(Secret::new(value.to_owned())).is_some() {
        return Err(format!("upstreams_authorization names {name} twice"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "weather=https://api.acme.test/v1/, stock = https://stock.acme.test:8443";

    #[test]
    fn upstreams_have_their_own_authorization() {
        let read = known(TWO, "stock = Basic YTpiPT0=", false).expect("settings");
        let [weather, stock] = &read[..] else { panic!("{read:?}") };
        assert_eq!((weather.name.as_str(), weather.base.as_str()), ("weather", "https://api.acme.test/v1"));
        assert_eq!((stock.name.as_str(), stock.base.as_str()), ("stock", "https://stock.acme.test:8443"));
        assert!(weather.authorization.is_none());
        let value = stock.authorization.as_ref().map(|value| value.expose().as_str());
        assert_eq!(value, Some("Basic YTpiPT0="), "all behind the first = is the value");
        assert!(!format!("{read:?}").contains("YTpiPT0="));
        assert_eq!(settings(|_| "", false, -1.0).map(|read| read.timeout), Ok(TIME.mul_f64(0.001)));
    }

    #[test]
    fn what_is_wrong_is_said_without_the_secret() {
        for (authorizations, words) in [
            ("stock", "are pairs"),
            ("stock=", "are pairs"),
            ("stock=Bearer geheim\u{7f}", "are pairs"),
            ("other=Bearer geheim", "does not name"),
            ("stock=Bearer geheim, geheim", "are pairs"),
            ("stock=Bearer geheim, stock=Bearer geheim", "stock twice"),
        ] {
            let error = known(TWO, authorizations, false).expect_err(authorizations);
            assert!(error.contains(words) && !error.contains("geheim"), "{error}");
        }
        let many: Vec<String> = (0..=MOST).map(|n| format!("u{n}=https://acme.test")).collect();
        assert!(known(&many.join(","), "", false).is_err_and(|error| error.contains("32 is the most")));
        let long = format!("long=https://acme.test/{}", "a".repeat(LONGEST_BASE));
        assert!(known(&long, "", false).is_err_and(|error| error.contains("400 characters")));
        for own in ["own=http://127.0.0.1:9", "own=https://[::1]/v1"] {
            assert!(known(own, "", false).is_err_and(|error| error.contains("upstreams_private")), "{own}");
            assert!(known(own, "", true).is_ok(), "{own}");
        }
    }
}
