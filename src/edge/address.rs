//! Where a request really comes from: forwarded fields are believed only when the peer is a listed proxy,
//! of them only the one that the proxies write, and of that the rightmost hop that is none of them.
use std::{net::IpAddr, str::FromStr};

use poem::http::{HeaderMap, HeaderName};

use super::forwarded::{Hop, hops};
use crate::ports::country::Country;

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

/// The field that the proxies write. A client may send the other one, and a proxy hands it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Field {
    /// `X-Forwarded-For`, with `X-Forwarded-Proto`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl FromStr for Field {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "x-forwarded-for" => Ok(Field::XForwardedFor),
            "forwarded" => Ok(Field::Forwarded),
            other => Err(format!("forwarded_header is x-forwarded-for or forwarded, not {other}")),
        }
    }
}

/// The proxies that are believed, and by which field.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    pub blocks: Vec<Block>,
    pub field: Field,
    /// The field in which they tell of the client's country, if they do.
    pub country: Option<HeaderName>,
}

/// Who sends a request.
#[derive(Debug, PartialEq, Eq)]
pub struct Sender {
    /// The address as text; IPv6 addresses are cut to their /64, which one client owns.
    pub address: String,
    /// Whether it speaks TLS with a listed proxy, as that proxy says.
    pub https: bool,
}

impl Proxies {
    pub fn trusted(&self, address: IpAddr) -> bool {
        self.blocks.iter().any(|block| block.has(address.to_canonical()))
    }

    /// The client's country, if this peer is one of them and tells of exactly one.
    pub fn country(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Option<Country> {
        peer.filter(|peer| self.trusted(*peer))?;
        let mut told = headers.get_all(self.country.as_ref()?).iter();
        match (told.next(), told.next()) {
            (Some(country), None) => country.to_str().ok()?.trim().parse().ok(),
            _ => None,
        }
    }

    /// The sender of a request that this peer hands over.
    pub fn sender(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Sender {
        let Some(peer) = peer else { return Sender { address: "unknown".to_owned(), https: false } };
        let mut sender = Hop { address: Some(peer.to_canonical()), https: false };
        if self.trusted(peer) {
            // Each hop is told of by the next one: as long as that is a listed proxy, it is true.
            for hop in hops(self.field, headers).into_iter().rev() {
                sender = Hop { address: hop.address.or(sender.address), https: hop.https };
                if !hop.address.is_some_and(|address| self.trusted(address)) {
                    break;
                }
            }
        }
        let address = match sender.address.unwrap_or(peer) {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                let network = std::net::Ipv6Addr::from_bits(address.to_bits() >> 64 << 64);
                format!("{network}/64")
            }
        };
        Sender { address, https: sender.https }
    }
}

#[cfg(test)]
mod tests;
