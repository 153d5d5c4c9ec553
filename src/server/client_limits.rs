//! Limits per client address: connections, request bodies, concurrent reads, and memory of responses that are
//! not yet read.
use std::{collections::HashMap, net::IpAddr, sync::Arc};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{client_address::Proxies, limits::Limits};
use crate::domain::network::client_network;

/// The limits and the usage of all client addresses.
pub struct ClientLimits {
    proxies: Proxies,
    connections: usize,
    total_bytes: u64,
    bytes: u64,
    reads: usize,
    bodies: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    bytes: u64,
    clients: HashMap<IpAddr, ClientUsage>,
}

struct ClientUsage {
    connections: usize,
    bytes: u64,
    reads: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
}

impl ClientLimits {
    pub fn new(limits: &Limits, proxies: Proxies) -> Arc<Self> {
        Arc::new(ClientLimits {
            proxies,
            connections: limits.connections_per_client,
            total_bytes: limits.unread_bytes,
            bytes: limits.unread_bytes_per_client,
            reads: limits.reads_per_client,
            bodies: limits.bodies_per_client,
            state: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Returns a permit for a connection of this peer, or `None` if it has too many. A trusted proxy has no
    /// limit, because it carries many clients.
    pub fn connect(self: &Arc<Self>, peer: IpAddr) -> Option<Arc<Permit>> {
        let (trusted, address) = (self.proxies.trusted(peer), client_network(peer.to_canonical()));
        let mut state = self.state();
        let new_usage = || ClientUsage {
            connections: 0,
            bytes: 0,
            reads: Arc::new(Semaphore::new(self.reads)),
            bodies: Arc::new(Semaphore::new(self.bodies)),
        };
        let usage = state.clients.entry(address).or_insert_with(new_usage);
        if usage.connections >= self.connections && !trusted {
            return None;
        }
        usage.connections += 1;
        let (reads, bodies) = (usage.reads.clone(), usage.bodies.clone());
        drop(state);
        Some(Arc::new(Permit { limits: self.clone(), address, trusted, reads, bodies }))
    }
}

/// A connection of one client address.
pub struct Permit {
    limits: Arc<ClientLimits>,
    address: IpAddr,
    pub trusted: bool,
    reads: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
}

impl Permit {
    /// Returns permits to send a request body, or `None` if the client or the service has too many bodies in
    /// progress. Trusted proxies have no limit of their own.
    pub fn body_permits<'a>(&'a self, all: &'a Semaphore) -> Option<[Option<SemaphorePermit<'a>>; 2]> {
        let client = if self.trusted { None } else { Some(self.bodies.try_acquire().ok()?) };
        Some([client, Some(all.try_acquire().ok()?)])
    }

    /// Waits for a permit to create the response to a safe request; other safe requests of the client wait
    /// meanwhile.
    pub async fn read_permit(&self) -> Option<SemaphorePermit<'_>> {
        if self.trusted { None } else { self.reads.acquire().await.ok() }
    }

    /// Returns a permit for a response of `bytes` bytes, or `None` if the client or the service buffers too
    /// many. A single response always fits, and `required` responses are counted but never rejected.
    pub fn buffer(self: &Arc<Self>, bytes: u64, required: bool) -> Option<BufferPermit> {
        let mut state = self.limits.state();
        let fits = |used: u64, max: u64| used == 0 || used + bytes <= max;
        let usage = state.clients.get(&self.address).map_or(0, |usage| usage.bytes);
        let has_capacity =
            fits(state.bytes, self.limits.total_bytes) && (self.trusted || fits(usage, self.limits.bytes));
        if !has_capacity && !required {
            return None;
        }
        state.bytes += bytes;
        if let Some(usage) = state.clients.get_mut(&self.address) {
            usage.bytes += bytes;
        }
        drop(state);
        Some(BufferPermit { permit: self.clone(), bytes })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.limits.state();
        if let Some(usage) = state.clients.get_mut(&self.address) {
            usage.connections -= 1;
            if usage.connections == 0 {
                state.clients.remove(&self.address);
            }
        }
    }
}

/// The memory of a response that the client has not read yet.
pub struct BufferPermit {
    permit: Arc<Permit>,
    bytes: u64,
}

impl Drop for BufferPermit {
    fn drop(&mut self) {
        let mut state = self.permit.limits.state();
        state.bytes -= self.bytes;
        if let Some(usage) = state.clients.get_mut(&self.permit.address) {
            usage.bytes -= self.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Arc<ClientLimits> {
        let blocks = ["2001:db8:9::1".parse().unwrap_or_else(|error| panic!("{error}"))];
        let limits = Limits {
            connections_per_client: 2,
            unread_bytes: 100,
            unread_bytes_per_client: 40,
            ..Limits::default()
        };
        ClientLimits::new(&limits, Proxies { blocks: blocks.into(), ..Proxies::default() })
    }

    fn connect(limits: &Arc<ClientLimits>, peer: &str) -> Option<Arc<Permit>> {
        limits.connect(peer.parse().unwrap_or_else(|_| panic!("{peer}")))
    }

    #[test]
    fn limits_connections_per_client() {
        let limits = limits();
        for (peers, last) in [
            (["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1"], false),
            (["192.0.2.1", "192.0.2.2", "192.0.2.1"], true),
            (["2001:db8::1", "2001:db8::2", "2001:db8::3"], false),
            (["2001:db8::1", "2001:db8::2", "2001:db8:0:1::3"], true),
            (["2001:db8:9::1", "2001:db8:9::1", "2001:db8:9::1"], true),
        ] {
            let permits = peers.map(|peer| connect(&limits, peer));
            assert_eq!(permits.map(|permit| permit.is_some()), [true, true, last], "{peers:?}");
        }
        assert!(limits.state().clients.is_empty());
    }

    #[test]
    fn limits_buffered_responses() {
        let limits = limits();
        let [one, other, third, proxy] = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8:9::1"]
            .map(|peer| connect(&limits, peer).expect(peer));
        let first = one.buffer(90, false).expect("a single response always fits");
        assert!(one.buffer(1, false).is_none(), "exceeds the limit of the client");
        assert!(other.buffer(11, false).is_none(), "exceeds the total");
        let buffered = other.buffer(10, false).expect("fits both limits");
        drop(first);
        let third_buffer = one.buffer(40, false).expect("released");
        assert!(proxy.buffer(50, false).is_some(), "a proxy has no limit of its own");
        let required_buffer = one.buffer(50, true).expect("a required response is never rejected");
        assert!(third.buffer(1, false).is_none(), "required responses are counted");
        drop((buffered, third_buffer, required_buffer));
        assert_eq!(limits.state().bytes, 0);
    }
}
