//! The hops that forwarded fields tell of: `X-Forwarded-For` with `X-Forwarded-Proto`, or `Forwarded`
//! (RFC 7239). What a proxy appends to may be anything: when its borders are unclear, nothing is read.
use std::net::IpAddr;

use poem::http::HeaderMap;

use super::address::Field;

/// One hop, in the order of the field; without an address it hides, or is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hop {
    pub address: Option<IpAddr>,
    pub https: bool,
}

/// The hops that the field tells of, the nearest last.
pub fn hops(field: Field, headers: &HeaderMap) -> Vec<Hop> {
    match field {
        Field::XForwardedFor => {
            // Proxies replace this one; where they append, the nearest of them has the last word.
            let nearest = words(headers, "x-forwarded-proto").pop();
            let https = nearest.is_some_and(|word| word.eq_ignore_ascii_case("https"));
            let mut hops = words(headers, "x-forwarded-for");
            if hops.is_empty() {
                hops.push(String::new());
            }
            hops.into_iter().map(|hop| Hop { address: address(&hop), https }).collect()
        }
        Field::Forwarded => {
            let lines: Option<Vec<&str>> =
                headers.get_all("forwarded").iter().map(|value| value.to_str().ok()).collect();
            lines.and_then(|lines| elements(&lines.join(","))).unwrap_or_default()
        }
    }
}

fn words(headers: &HeaderMap, name: &str) -> Vec<String> {
    let values = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default());
    values.flat_map(|value| value.split(',')).map(|word| word.trim().to_owned()).collect()
}

/// The elements of `Forwarded`, if all of them keep to its grammar. Clients choose the host that a proxy
/// quotes, so commas and semicolons count only outside of quotes.
fn elements(text: &str) -> Option<Vec<Hop>> {
    let mut hops = Vec::new();
    for element in split(text, ',')? {
        let (mut from, mut proto) = (None, None);
        for pair in split(element, ';')?.into_iter().map(str::trim).filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=')?;
            let value = unquoted(value)?;
            let known = match name.to_ascii_lowercase().as_str() {
                "for" => from.replace(value),
                "proto" => proto.replace(value),
                _ => None,
            };
            if known.is_some() {
                return None;
            }
        }
        let https = proto.is_some_and(|proto| proto.eq_ignore_ascii_case("https"));
        hops.push(Hop { address: from.and_then(|from| address(&from)), https });
    }
    Some(hops)
}

/// The parts between separators outside of quotes; none if a quote does not end.
fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut parts, mut begin, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if letter == separator && !quoted => {
                parts.push(&text[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[begin..]);
    (!quoted).then_some(parts)
}

/// A token or a quoted string; many proxies leave out the quotes that a port or an IPv6 address asks for.
fn unquoted(value: &str) -> Option<String> {
    let plain = |text: &str| !text.is_empty() && !text.contains(['"', '\\', ' ', '\t']);
    match value.strip_prefix('"') {
        None => plain(value).then(|| value.to_owned()),
        Some(rest) => rest.strip_suffix('"').filter(|inner| plain(inner)).map(str::to_owned),
    }
}

/// An address with or without port: `192.0.2.1:80`, `[2001:db8::1]:80`, `2001:db8::1`.
fn address(text: &str) -> Option<IpAddr> {
    let port = |text: &str| {
        text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
    };
    let parsed: Option<IpAddr> = match text.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(bracketed) => bracketed.filter(|(_, rest)| port(rest)).and_then(|(host, _)| host.parse().ok()),
        None => text.parse().ok().or_else(|| {
            let (host, number) = text.split_at(text.rfind(':')?);
            host.parse().ok().filter(|host: &IpAddr| host.is_ipv4() && port(number))
        }),
    };
    parsed.map(|address| address.to_canonical())
}
