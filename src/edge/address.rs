//! Where a request really comes from: forwarded fields are believed only when the peer is a listed proxy,
//! and then the rightmost hop that is none (RFC 7239; `X-Forwarded-For`).
use std::{net::IpAddr, str::FromStr};

use poem::http::HeaderMap;

/// A block of addresses, such as `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    address: IpAddr,
    bits: u8,
}

impl FromStr for Block {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text} is no block of addresses such as 10.0.0.0/8");
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let address: IpAddr = address.trim().parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| bits.parse().map_err(|_| wrong()))?;
        if bits <= most { Ok(Block { address, bits }) } else { Err(wrong()) }
    }
}

impl Block {
    fn has(&self, other: IpAddr) -> bool {
        let same = |own: u128, other: u128, width: u32| {
            let shift = width - u32::from(self.bits);
            shift >= 128 || own >> shift == other >> shift
        };
        match (self.address, other) {
            (IpAddr::V4(own), IpAddr::V4(other)) => same(own.to_bits().into(), other.to_bits().into(), 32),
            (IpAddr::V6(own), IpAddr::V6(other)) => same(own.to_bits(), other.to_bits(), 128),
            _ => false,
        }
    }
}

/// The proxies that are believed.
#[derive(Debug, Clone, Default)]
pub struct Proxies(pub Vec<Block>);

impl Proxies {
    pub fn trusted(&self, address: IpAddr) -> bool {
        self.0.iter().any(|block| block.has(address.to_canonical()))
    }

    /// The client's address as text; IPv6 addresses are cut to their /64, which one client owns.
    pub fn client(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> String {
        let Some(peer) = peer else { return "unknown".to_owned() };
        let mut client = peer.to_canonical();
        if self.trusted(client) {
            for hop in hops(headers).into_iter().rev() {
                let Some(hop) = hop else { break };
                client = hop;
                if !self.trusted(hop) {
                    break;
                }
            }
        }
        match client {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                let network = std::net::Ipv6Addr::from_bits(address.to_bits() >> 64 << 64);
                format!("{network}/64")
            }
        }
    }

    /// Whether the client speaks TLS with a listed proxy, as that proxy says.
    pub fn https(&self, headers: &HeaderMap) -> bool {
        !self.0.is_empty() && headers.get("x-forwarded-proto").is_some_and(|value| value == "https")
    }
}

/// The hops that the fields name, in their order; a hop that is no address ends what can be believed.
fn hops(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let all = |name: &str| -> Vec<String> {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).map(|hop| hop.trim().to_owned()).collect()
    };
    let forwarded = all("forwarded");
    if forwarded.is_empty() {
        return all("x-forwarded-for").iter().map(|hop| address(hop)).collect();
    }
    let by = |hop: &String| {
        let found = hop.split(';').find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            name.trim().eq_ignore_ascii_case("for").then(|| value.trim().trim_matches('"').to_owned())
        });
        found.and_then(|value| address(&value))
    };
    forwarded.iter().map(by).collect()
}

/// An address with or without port: `192.0.2.1:80`, `[2001:db8::1]:80`, `2001:db8::1`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.split(']').next()).unwrap_or(text);
    let parsed = bare.parse::<IpAddr>().ok().or_else(|| {
        let (host, port) = bare.rsplit_once(':')?;
        port.parse::<u16>().ok()?;
        host.parse().ok()
    });
    parsed.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_proxies_are_believed() {
        let proxies = Proxies(vec!["10.0.0.0/8".parse().unwrap_or_else(|error| panic!("{error}"))]);
        for (peer, field, value, client) in [
            ("192.0.2.7", "x-forwarded-for", "203.0.113.9", "192.0.2.7"),
            ("10.0.0.1", "x-forwarded-for", "203.0.113.9", "203.0.113.9"),
            ("10.0.0.1", "x-forwarded-for", "1.2.3.4, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
            ("10.0.0.1", "x-forwarded-for", "nonsense, 10.0.0.2", "10.0.0.2"),
            ("10.0.0.1", "forwarded", "for=\"[2001:db8:1:2:3::4]:99\";proto=https", "2001:db8:1:2::/64"),
            ("10.0.0.1", "forwarded", "for=_hidden", "10.0.0.1"),
            ("::ffff:10.0.0.1", "x-forwarded-for", "203.0.113.9:4711", "203.0.113.9"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(field, value.parse().unwrap_or_else(|_| panic!("{value}")));
            assert_eq!(proxies.client(peer.parse().ok(), &headers), client, "{peer} {value}");
        }
    }
}
