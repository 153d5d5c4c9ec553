//! The client that limits count by.
use std::net::IpAddr;

use uuid::Uuid;

/// The account of an authenticated caller, or the address of an anonymous one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClientKey {
    Account(Uuid),
    /// The IPv4 address or the IPv6 /64 network; `None` if the request did not arrive over a network.
    Address(Option<IpAddr>),
}
