//! The blocks of IP addresses that the limits of a client count by.
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// The blocks that contain a client, the narrowest first: their prefix lengths, and the factors of their limits. One client
/// usually owns a whole /64 of IPv6, and may own a /56 or a /48.
const IPV6_BLOCKS: &[(u32, u32)] = &[(64, 1), (56, 2), (48, 4)];
const IPV4_BLOCKS: &[(u32, u32)] = &[(32, 1), (24, 4)];

/// A block of addresses that contains a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientBlock {
    pub address: IpAddr,
    pub bits: u32,
    /// The limit of the block, as a multiple of the limit of one client.
    pub factor: u32,
}

impl fmt::Display for ClientBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// Returns the blocks that contain a client, the narrowest first.
pub fn client_blocks(address: IpAddr) -> impl Iterator<Item = ClientBlock> {
    let blocks = if address.is_ipv4() { IPV4_BLOCKS } else { IPV6_BLOCKS };
    blocks.iter().map(move |(bits, factor)| ClientBlock {
        address: network(address, *bits),
        bits: *bits,
        factor: *factor,
    })
}

/// Returns the address of the narrowest block that contains a client.
pub fn client_network(address: IpAddr) -> IpAddr {
    client_blocks(address).next().map_or(address, |block| block.address)
}

/// Returns the address with all bits after the first `bits` cleared. `bits` is at least 1.
pub fn network(address: IpAddr, bits: u32) -> IpAddr {
    match address {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() >> (32 - bits) << (32 - bits)).into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> (128 - bits) << (128 - bits)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_the_blocks_of_a_client_with_growing_limits() {
        for (address, expected) in [
            (
                "2001:db8:1:2fff::9",
                &["2001:db8:1:2fff::/64 1", "2001:db8:1:2f00::/56 2", "2001:db8:1::/48 4"][..],
            ),
            ("192.0.2.7", &["192.0.2.7/32 1", "192.0.2.0/24 4"]),
        ] {
            let blocks = client_blocks(address.parse().expect("an address"));
            let blocks: Vec<_> = blocks.map(|block| format!("{block} {}", block.factor)).collect();
            assert_eq!(blocks, expected);
        }
    }
}
