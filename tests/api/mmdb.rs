//! Serializes small databases in the MaxMind DB format: a binary tree over the bits of addresses, whose leaves point
//! to records.
use std::net::IpAddr;

/// The schema of a record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// `{ "country": { "iso_code": "FR" } }`
    Long,
    /// `{ "country_code": "FR" }`
    Flat,
    /// `{ "asn": "FR" }`: a record without a country field.
    Other,
}

#[derive(Clone, Copy)]
enum Branch {
    Empty,
    Node(usize),
    Leaf(usize),
}

/// Returns the bytes of a database with these networks, which must not overlap. IPv4 networks are stored below `::/96`.
pub fn database(shape: Shape, networks: &[(&str, &str)]) -> Vec<u8> {
    let mut nodes = vec![[Branch::Empty; 2]];
    let mut data = Vec::new();
    for (network, country) in networks {
        let (address, bits) = network.split_once('/').expect("a network");
        let bits: u32 = bits.parse().expect("a number of bits");
        let (address, bits) = match address.parse().expect("an address") {
            IpAddr::V4(address) => (u128::from(address.to_bits()), bits + 96),
            IpAddr::V6(address) => (address.to_bits(), bits),
        };
        let mut node = 0;
        for depth in 0..bits {
            let side = (address >> (127 - depth) & 1) as usize;
            if depth + 1 == bits {
                nodes[node][side] = Branch::Leaf(data.len());
                continue;
            }
            node = match nodes[node][side] {
                Branch::Node(next) => next,
                _ => {
                    nodes.push([Branch::Empty; 2]);
                    let next = nodes.len() - 1;
                    nodes[node][side] = Branch::Node(next);
                    next
                }
            };
        }
        data.extend(record(shape, country));
    }
    let count = nodes.len();
    let pointer = |branch: &Branch| match branch {
        Branch::Empty => count,
        Branch::Node(node) => *node,
        Branch::Leaf(at) => count + 16 + at,
    };
    let tree = nodes.iter().flatten().flat_map(|branch| (pointer(branch) as u32).to_be_bytes());
    let mut bytes: Vec<u8> = tree.collect();
    bytes.extend([0; 16]);
    bytes.extend(data);
    bytes.extend(b"\xab\xcd\xefMaxMind.com");
    bytes.extend(metadata(count));
    bytes
}

fn record(shape: Shape, country: &str) -> Vec<u8> {
    match shape {
        Shape::Long => map(&[("country", map(&[("iso_code", text(country))]))]),
        Shape::Flat => map(&[("country_code", text(country))]),
        Shape::Other => map(&[("asn", text(country))]),
    }
}

fn metadata(nodes: usize) -> Vec<u8> {
    map(&[
        ("binary_format_major_version", number(5, &[2])),
        ("binary_format_minor_version", number(5, &[])),
        ("build_epoch", extended(2, &1_795_251_600u32.to_be_bytes())),
        ("database_type", text("Test-Country")),
        ("description", map(&[("en", text("Made for a test"))])),
        ("ip_version", number(5, &[6])),
        ("languages", extended(4, &[])),
        ("node_count", number(6, &(nodes as u32).to_be_bytes())),
        ("record_size", number(5, &[32])),
    ])
}

/// Serializes a map (type 7).
fn map(fields: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = vec![7 << 5 | fields.len() as u8];
    for (name, value) in fields {
        bytes.extend(text(name));
        bytes.extend(value);
    }
    bytes
}

/// Serializes a string (type 2) of at most 284 bytes.
fn text(text: &str) -> Vec<u8> {
    let length = text.len();
    let mut bytes =
        if length < 29 { vec![2 << 5 | length as u8] } else { vec![2 << 5 | 29, (length - 29) as u8] };
    bytes.extend(text.as_bytes());
    bytes
}

/// Serializes an integer of a type below 8 from its big-endian bytes.
fn number(kind: u8, value: &[u8]) -> Vec<u8> {
    [&[kind << 5 | value.len() as u8], value].concat()
}

/// Serializes a value of a type above 7: an empty array, or an integer. The second byte contains the type minus 7.
fn extended(kind: u8, value: &[u8]) -> Vec<u8> {
    [&[value.len() as u8, kind], value].concat()
}
