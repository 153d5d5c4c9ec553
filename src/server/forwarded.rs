//! Parses the hops of `X-Forwarded-For` with `X-Forwarded-Proto`, or of `Forwarded` (RFC 7239).
//!
//! Everything but the last element comes from the client or from an unknown proxy. If `Forwarded` does not
//! match its grammar, the border of the last element is ambiguous, so the whole header is ignored.
use std::net::IpAddr;

use poem::http::HeaderMap;

use super::client_address::ForwardedHeader;

/// One hop, in the order of the header. The address is `None` if it is obfuscated or invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hop {
    pub address: Option<IpAddr>,
    pub https: bool,
}

/// Returns the hops of the header, the nearest one last.
pub fn hops(field: ForwardedHeader, headers: &HeaderMap) -> Vec<Hop> {
    match field {
        ForwardedHeader::XForwardedFor => {
            // Proxies replace this header. Where several of them append, the nearest one wrote the last
            // value.
            let nearest = list_values(headers, "x-forwarded-proto").pop();
            let https = nearest.is_some_and(|value| value.eq_ignore_ascii_case("https"));
            let mut hops = list_values(headers, "x-forwarded-for");
            if hops.is_empty() {
                hops.push(String::new());
            }
            hops.into_iter().map(|hop| Hop { address: parse_address(&hop), https }).collect()
        }
        ForwardedHeader::Forwarded => {
            let lines: Option<Vec<&str>> =
                headers.get_all("forwarded").iter().map(|value| value.to_str().ok()).collect();
            lines.and_then(|lines| parse_forwarded(&lines.join(","))).unwrap_or_default()
        }
    }
}

fn list_values(headers: &HeaderMap, name: &str) -> Vec<String> {
    let values = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default());
    values.flat_map(|value| value.split(',')).map(|value| value.trim().to_owned()).collect()
}

/// Parses the elements of `Forwarded`; `None` if one of them violates the grammar. Commas and semicolons in
/// quoted strings do not separate: the client chooses the host name that a proxy quotes.
fn parse_forwarded(text: &str) -> Option<Vec<Hop>> {
    let mut hops = Vec::new();
    for element in split(text, ',')? {
        let (mut for_value, mut proto) = (None, None);
        for pair in split(element, ';')?.into_iter().map(str::trim).filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=')?;
            let value = unquote(value)?;
            let previous = match name.to_ascii_lowercase().as_str() {
                "for" => for_value.replace(value),
                "proto" => proto.replace(value),
                _ => None,
            };
            if previous.is_some() {
                return None;
            }
        }
        let https = proto.is_some_and(|proto| proto.eq_ignore_ascii_case("https"));
        hops.push(Hop { address: for_value.and_then(|value| parse_address(&value)), https });
    }
    Some(hops)
}

/// Splits at separators outside of quoted strings; `None` if a quoted string is not terminated.
fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (index, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if letter == separator && !quoted => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    (!quoted).then_some(parts)
}

/// Parses a token or a quoted string. Many proxies omit the quotes that a port or an IPv6 address requires.
fn unquote(value: &str) -> Option<String> {
    let plain = |text: &str| !text.is_empty() && !text.contains(['"', '\\', ' ', '\t']);
    match value.strip_prefix('"') {
        None => plain(value).then(|| value.to_owned()),
        Some(rest) => rest.strip_suffix('"').filter(|inner| plain(inner)).map(str::to_owned),
    }
}

/// Parses an address with or without port: `192.0.2.1:80`, `[2001:db8::1]:80`, `2001:db8::1`.
fn parse_address(text: &str) -> Option<IpAddr> {
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
