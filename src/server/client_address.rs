//! The client's address behind trusted proxies.
//!
//! A forwarding header is used only if the peer is a trusted proxy, and only the header that the setting
//! `forwarded_header` names. In that header the rightmost hop that is not a trusted proxy is the client:
//! everything to its left can be forged.
use std::{fmt, net::IpAddr, str::FromStr};

use poem::http::{HeaderMap, HeaderName};

use super::forwarded::{Hop, hops};
use crate::{
    domain::{client_key::ClientKey, network::client_network},
    infra::geoip::Country,
};

/// A block of IP addresses in CIDR notation, such as `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    address: IpAddr,
    bits: u8,
}

impl FromStr for Block {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || format!("must be address blocks such as 10.0.0.0/8, got {text}");
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let address: IpAddr = address.trim().parse().map_err(|_| invalid())?;
        let max = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(max), |bits| bits.parse().map_err(|_| invalid()))?;
        match bits {
            0 => Err(format!(
                "must not contain all addresses, because every client could choose its address, got {text}"
            )),
            bits if bits <= max => Ok(Block { address, bits }),
            _ => Err(invalid()),
        }
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// Returns the address family whose addresses the blocks together contain completely.
pub fn all_addresses(blocks: &[Block]) -> Option<&'static str> {
    [("IPv4", 32), ("IPv6", 128)]
        .into_iter()
        .find(|(_, width)| cover(blocks, *width))
        .map(|(family, _)| family)
}

/// Returns whether blocks contain all addresses with `width` bits.
fn cover(blocks: &[Block], width: u32) -> bool {
    let last = u128::MAX >> (128 - width);
    let mut ranges: Vec<_> = blocks.iter().filter_map(|block| block.range(width)).collect();
    ranges.sort_unstable();
    // The first address that no block so far contains.
    let mut next = 0;
    for (first, end) in ranges {
        if first > next {
            return false;
        }
        if end == last {
            return true;
        }
        next = next.max(end + 1);
    }
    false
}

impl Block {
    /// Returns the first and the last address as numbers; `None` if addresses of the block do not have `width` bits.
    fn range(&self, width: u32) -> Option<(u128, u128)> {
        let address = match (self.address, width) {
            (IpAddr::V4(address), 32) => address.to_bits().into(),
            (IpAddr::V6(address), 128) => address.to_bits(),
            _ => return None,
        };
        let host_bits = (u128::MAX >> (128 - width)).checked_shr(self.bits.into()).unwrap_or(0);
        Some((address & !host_bits, address | host_bits))
    }

    fn contains(&self, other: IpAddr) -> bool {
        let same = |block: u128, other: u128, width: u32| {
            let shift = width - u32::from(self.bits);
            shift >= 128 || block >> shift == other >> shift
        };
        match (self.address, other) {
            (IpAddr::V4(block), IpAddr::V4(other)) => {
                same(block.to_bits().into(), other.to_bits().into(), 32)
            }
            (IpAddr::V6(block), IpAddr::V6(other)) => same(block.to_bits(), other.to_bits(), 128),
            _ => false,
        }
    }
}

/// The header that the trusted proxies write. A client can send the other one, and proxies forward it
/// unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, with `X-Forwarded-Proto`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl FromStr for ForwardedHeader {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "x-forwarded-for" => Ok(ForwardedHeader::XForwardedFor),
            "forwarded" => Ok(ForwardedHeader::Forwarded),
            other => Err(format!("must be x-forwarded-for or forwarded, got {other}")),
        }
    }
}

/// The trusted proxies and the headers that they set.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    pub blocks: Vec<Block>,
    pub forwarded_header: ForwardedHeader,
    /// The header with the client's country, if the proxies set one.
    pub country_header: Option<HeaderName>,
}

/// The client that sent a request.
#[derive(Debug, PartialEq, Eq)]
pub struct ClientAddress {
    /// The IP address; `None` if the request did not arrive over a network.
    pub ip: Option<IpAddr>,
    /// Whether the client uses TLS, as reported by the trusted proxy that it connects to.
    pub https: bool,
}

impl Proxies {
    pub fn trusted(&self, address: IpAddr) -> bool {
        self.blocks.iter().any(|block| block.contains(address.to_canonical()))
    }

    /// Returns the client's country if the peer is a trusted proxy and sends the country header exactly once.
    pub fn country(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Option<Country> {
        peer.filter(|peer| self.trusted(*peer))?;
        let mut values = headers.get_all(self.country_header.as_ref()?).iter();
        match (values.next(), values.next()) {
            (Some(country), None) => country.to_str().ok()?.trim().parse().ok(),
            _ => None,
        }
    }

    /// Returns the client of a request that arrived from `peer`.
    pub fn client_address(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> ClientAddress {
        let Some(peer) = peer else {
            return ClientAddress { ip: None, https: false };
        };
        let mut client = Hop { address: Some(peer.to_canonical()), https: false };
        if self.trusted(peer) {
            // Each hop is reported by the next one, so it is reliable only while the next one is a trusted
            // proxy.
            for hop in hops(self.forwarded_header, headers).into_iter().rev() {
                client = Hop { address: hop.address.or(client.address), https: hop.https };
                if !hop.address.is_some_and(|address| self.trusted(address)) {
                    break;
                }
            }
        }
        ClientAddress { ip: Some(client.address.unwrap_or(peer)), https: client.https }
    }
}

impl ClientAddress {
    /// Returns the address that limits count by: that of the narrowest block of the client.
    pub fn network(&self) -> Option<IpAddr> {
        self.ip.map(client_network)
    }

    /// Returns the key of an anonymous client at this address.
    pub fn key(&self) -> ClientKey {
        ClientKey::Address(self.network())
    }

    /// Returns [`network`](Self::network) as text.
    pub fn text(&self) -> String {
        match self.network() {
            None => "unknown".to_owned(),
            Some(ip @ IpAddr::V4(_)) => ip.to_string(),
            Some(ip @ IpAddr::V6(_)) => format!("{ip}/64"),
        }
    }
}

#[cfg(test)]
mod tests;
