//! Limits per client address: connections, request bodies, concurrent reads, and memory of responses that are
//! not yet read.
use std::{collections::HashMap, net::IpAddr, sync::Arc, time::Instant};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{client_address::Proxies, limits::Limits, timeouts::ConnectionTimers};
use crate::domain::network::client_network;

/// The limits and the usage of all client addresses.
pub struct ClientLimits {
    proxies: Proxies,
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    bytes: u64,
    clients: HashMap<IpAddr, ClientUsage>,
    /// The last id of a connection.
    last_id: u64,
}

struct ClientUsage {
    /// The open connections by id.
    connections: HashMap<u64, Arc<ConnectionTimers>>,
    trusted: bool,
    bytes: u64,
    reads: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
}

impl ClientLimits {
    pub fn new(limits: &Limits, proxies: Proxies) -> Arc<Self> {
        Arc::new(ClientLimits { proxies, limits: limits.clone(), state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Returns a permit for a connection of this peer, or `None` if it has too many. A trusted proxy has no
    /// limit, because it carries many clients.
    pub fn connect(self: &Arc<Self>, peer: IpAddr) -> Option<Arc<Permit>> {
        let (trusted, address) = (self.proxies.trusted(peer), client_network(peer.to_canonical()));
        let mut state = self.state();
        state.last_id += 1;
        let id = state.last_id;
        let new_usage = || ClientUsage {
            connections: HashMap::new(),
            trusted,
            bytes: 0,
            reads: Arc::new(Semaphore::new(self.limits.reads_per_client)),
            bodies: Arc::new(Semaphore::new(self.limits.bodies_per_client)),
        };
        let usage = state.clients.entry(address).or_insert_with(new_usage);
        if usage.connections.len() >= self.limits.connections_per_client && !trusted {
            return None;
        }
        let timers = ConnectionTimers::new(&self.limits, trusted);
        usage.connections.insert(id, timers.clone());
        let (reads, bodies) = (usage.reads.clone(), usage.bodies.clone());
        drop(state);
        Some(Arc::new(Permit { limits: self.clone(), id, address, trusted, timers, reads, bodies }))
    }

    /// Returns whether the client of a connection has others. A trusted proxy counts as a client with one connection.
    pub fn has_others(&self, permit: &Permit) -> bool {
        let state = self.state();
        let usage = state.clients.get(&permit.address).filter(|_| !permit.trusted);
        usage.is_some_and(|usage| usage.connections.len() > 1)
    }

    /// Returns the connection to close for the connection `new` when all connections are in use: the longest idle one of
    /// the client with the most connections.
    ///
    /// That client has at least as many connections as the client of the new one, and is another one, so that a client
    /// neither replaces its own connections nor those of a client with fewer. A trusted proxy counts as a client with one
    /// connection, and its connections are not closed, because it carries many clients.
    pub fn eviction_for(&self, new: &Permit) -> Option<Arc<ConnectionTimers>> {
        let state = self.state();
        let usage = state.clients.get(&new.address).filter(|_| !new.trusted);
        let mut most = usage.map_or(1, |usage| usage.connections.len());
        let mut longest: Option<(Instant, &Arc<ConnectionTimers>)> = None;
        for (address, usage) in &state.clients {
            let count = usage.connections.len();
            if *address == new.address || usage.trusted || count < most {
                continue;
            }
            let idle = usage.connections.values().filter_map(|timers| Some((timers.idle_since()?, timers)));
            let Some(first) = idle.min_by_key(|(since, _)| *since) else { continue };
            if count > most || longest.is_none_or(|(since, _)| first.0 < since) {
                (most, longest) = (count, Some(first));
            }
        }
        longest.map(|(_, timers)| timers.clone())
    }
}

/// A connection of one client address.
pub struct Permit {
    limits: Arc<ClientLimits>,
    id: u64,
    address: IpAddr,
    pub trusted: bool,
    pub timers: Arc<ConnectionTimers>,
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
        let limits = &self.limits.limits;
        let mut state = self.limits.state();
        let fits = |used: u64, max: u64| used == 0 || used + bytes <= max;
        let usage = state.clients.get(&self.address).map_or(0, |usage| usage.bytes);
        let has_capacity = fits(state.bytes, limits.unread_bytes)
            && (self.trusted || fits(usage, limits.unread_bytes_per_client));
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
            usage.connections.remove(&self.id);
            if usage.connections.is_empty() {
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
    use futures_util::FutureExt;

    use super::{
        super::timeouts::{Exchange, Expired},
        *,
    };

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
    fn a_client_has_others_from_its_second_connection() {
        let limits = limits();
        let first = connect(&limits, "192.0.2.1").expect("a connection");
        assert!(!limits.has_others(&first));
        let second = connect(&limits, "192.0.2.1").expect("a connection");
        assert!(limits.has_others(&first) && limits.has_others(&second));
        drop(second);
        assert!(!limits.has_others(&first));
        let proxies = ["2001:db8:9::1", "2001:db8:9::1"].map(|peer| connect(&limits, peer).expect(peer));
        assert!(!limits.has_others(&proxies[0]), "a proxy counts as a client with one connection");
    }

    #[tokio::test]
    async fn limits_bodies_and_reads_of_a_client_and_bodies_of_all_clients() {
        let limits = Limits { bodies_per_client: 1, reads_per_client: 1, ..Limits::default() };
        let blocks = ["192.0.2.9".parse().unwrap_or_else(|error| panic!("{error}"))];
        let limits = ClientLimits::new(&limits, Proxies { blocks: blocks.into(), ..Proxies::default() });
        let [client, other, third, proxy] = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.9"]
            .map(|peer| connect(&limits, peer).expect(peer));
        let all = Semaphore::new(3);
        let bodies = [client.body_permits(&all), proxy.body_permits(&all), proxy.body_permits(&all)];
        assert!(bodies.iter().all(Option::is_some), "a proxy has no limit of its own");
        assert!(other.body_permits(&all).is_none(), "exceeds the total");
        drop(bodies);
        let body = client.body_permits(&all);
        assert!(body.is_some() && client.body_permits(&all).is_none(), "exceeds the limit of the client");
        assert!(third.body_permits(&all).is_some());
        let read = client.read_permit().await;
        assert!(read.is_some() && client.read_permit().now_or_never().is_none(), "waits for the other read");
        assert!(proxy.read_permit().await.is_none());
        drop(read);
        assert!(client.read_permit().now_or_never().flatten().is_some());
    }

    #[test]
    fn a_new_connection_replaces_the_longest_idle_one_of_the_client_with_the_most() {
        let limits = Limits { connections_per_client: 9, ..Limits::default() };
        let blocks = ["192.0.2.9".parse().unwrap_or_else(|error| panic!("{error}"))];
        let limits = ClientLimits::new(&limits, Proxies { blocks: blocks.into(), ..Proxies::default() });
        let open = |peer: &str| connect(&limits, peer).expect(peer);
        let evicted = |new: &Permit, expected: Option<&Permit>| {
            let found = limits.eviction_for(new);
            let is_expected =
                |found: &Arc<ConnectionTimers>, expected: &Permit| Arc::ptr_eq(found, &expected.timers);
            match (&found, expected) {
                (Some(found), Some(expected)) => assert!(is_expected(found, expected)),
                (found, expected) => assert!(found.is_none() && expected.is_none()),
            }
        };
        let proxy = [open("192.0.2.9"), open("192.0.2.9"), open("192.0.2.9"), open("192.0.2.9")];
        let two = [open("192.0.2.2"), open("192.0.2.2")];
        let three = [open("192.0.2.3"), open("192.0.2.3"), open("192.0.2.3")];
        let new = open("192.0.2.1");
        evicted(&new, Some(&three[0]));
        evicted(&proxy[3], Some(&three[0]));
        evicted(&three[2], None);
        let busy = [Exchange::start(&three[0].timers), Exchange::start(&three[2].timers)];
        evicted(&new, Some(&three[1]));
        three[1].timers.start_head();
        evicted(&new, Some(&two[0]));
        drop(busy);
        // Its request has ended later.
        evicted(&new, Some(&three[0]));
        three[0].timers.evict();
        evicted(&new, Some(&three[2]));
        let more = [open("192.0.2.1"), open("192.0.2.1")];
        evicted(&more[1], Some(&three[2]));
        let fourth = open("192.0.2.1");
        evicted(&fourth, None);
    }

    #[test]
    fn the_number_of_connections_precedes_the_idle_time() {
        let limits = Limits { connections_per_client: 9, ..Limits::default() };
        let limits = ClientLimits::new(&limits, Proxies::default());
        let open = |peer: &str| connect(&limits, peer).expect(peer);
        // Many clients, because they are examined in a random order.
        let peers: Vec<String> = (10..40).map(|number| format!("192.0.2.{number}")).collect();
        let twos: Vec<_> = peers.iter().map(|peer| [open(peer), open(peer)]).collect();
        let three = [open("192.0.2.3"), open("192.0.2.3"), open("192.0.2.3")];
        let new = open("192.0.2.1");
        let found = limits.eviction_for(&new).expect("a connection");
        assert!(Arc::ptr_eq(&found, &three[0].timers), "of the client with the most connections");
        drop(three);
        let found = limits.eviction_for(&new).expect("a connection");
        assert!(Arc::ptr_eq(&found, &twos[0][0].timers), "the longest idle one of several such clients");
    }

    #[test]
    fn a_request_that_arrives_before_the_eviction_keeps_the_connection() {
        let timers = connect(&limits(), "192.0.2.1").expect("a connection").timers.clone();
        timers.evict();
        assert_eq!((timers.expired(), timers.idle_since()), (Some(Expired::Evicted), None));
        drop(Exchange::start(&timers));
        assert_eq!(timers.expired(), None);
        assert!(timers.idle_since().is_some(), "can be evicted later");
        for is_head in [true, false] {
            let request = Exchange::start(&timers);
            if is_head {
                drop(request);
                timers.start_head();
                timers.evict();
                timers.stop_head();
            } else {
                timers.evict();
                assert_eq!(timers.expired(), None, "a request is in progress");
                drop(request);
            }
            assert_eq!(timers.expired(), None, "the request arrived first");
        }
        timers.evict();
        assert_eq!(timers.expired(), Some(Expired::Evicted));
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
