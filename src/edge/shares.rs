//! What one address may hold of the service: connections, and answers that it has asked for and not taken.
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::{address::Proxies, limits::Limits};

/// The shares of all addresses.
pub struct Shares {
    proxies: Proxies,
    connections: usize,
    all_bytes: u64,
    bytes: u64,
    turns: usize,
    bodies: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    bytes: u64,
    addresses: HashMap<IpAddr, Share>,
}

struct Share {
    connections: usize,
    bytes: u64,
    turns: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
}

impl Shares {
    pub fn new(limits: &Limits, proxies: Proxies) -> Arc<Self> {
        Arc::new(Shares {
            proxies,
            connections: limits.per_address,
            all_bytes: limits.untaken,
            bytes: limits.untaken_share,
            turns: limits.reads,
            bodies: limits.bodies_share,
            state: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more connection of this peer, unless it has its share; proxies speak for many.
    pub fn place(self: &Arc<Self>, peer: IpAddr) -> Option<Arc<Place>> {
        let (trusted, address) = (self.proxies.trusted(peer), network(peer));
        let mut state = self.state();
        let fresh = || Share {
            connections: 0,
            bytes: 0,
            turns: Arc::new(Semaphore::new(self.turns)),
            bodies: Arc::new(Semaphore::new(self.bodies)),
        };
        let share = state.addresses.entry(address).or_insert_with(fresh);
        if share.connections >= self.connections && !trusted {
            return None;
        }
        share.connections += 1;
        let (turns, bodies) = (share.turns.clone(), share.bodies.clone());
        drop(state);
        Some(Arc::new(Place { shares: self.clone(), address, trusted, turns, bodies }))
    }
}

/// One connection of an address.
pub struct Place {
    shares: Arc<Shares>,
    address: IpAddr,
    pub trusted: bool,
    turns: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
}

impl Place {
    /// Leave to send a body, unless the address is sending its share of them; of a proxy all bodies may come.
    pub fn body<'a>(&'a self, all: &'a Semaphore) -> Option<[Option<SemaphorePermit<'a>>; 2]> {
        let own = if self.trusted { None } else { Some(self.bodies.try_acquire().ok()?) };
        Some([own, Some(all.try_acquire().ok()?)])
    }

    /// A turn to make an answer to what only reads; others of the address wait until it is made.
    pub async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        if self.trusted { None } else { self.turns.acquire().await.ok() }
    }

    /// Room for an answer of so many bytes; a single one is never too large. What must be answered in any
    /// case gets its room all the same.
    pub fn hold(self: &Arc<Self>, bytes: u64, in_any_case: bool) -> Option<Held> {
        let mut state = self.shares.state();
        let fits = |known: u64, most: u64| known == 0 || known + bytes <= most;
        let share = state.addresses.get(&self.address).map_or(0, |share| share.bytes);
        let room =
            fits(state.bytes, self.shares.all_bytes) && (self.trusted || fits(share, self.shares.bytes));
        if !room && !in_any_case {
            return None;
        }
        state.bytes += bytes;
        if let Some(share) = state.addresses.get_mut(&self.address) {
            share.bytes += bytes;
        }
        drop(state);
        Some(Held { place: self.clone(), bytes })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.shares.state();
        if let Some(share) = state.addresses.get_mut(&self.address) {
            share.connections -= 1;
            if share.connections == 0 {
                state.addresses.remove(&self.address);
            }
        }
    }
}

/// An answer that is not taken yet.
pub struct Held {
    place: Arc<Place>,
    bytes: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.place.shares.state();
        state.bytes -= self.bytes;
        if let Some(share) = state.addresses.get_mut(&self.place.address) {
            share.bytes -= self.bytes;
        }
    }
}

/// What counts as one address: of IPv6 the /64 that one client owns.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(long) => Ipv6Addr::from_bits(long.to_bits() >> 64 << 64).into(),
        short => short,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares() -> Arc<Shares> {
        let blocks = ["2001:db8:9::1".parse().unwrap_or_else(|error| panic!("{error}"))];
        let limits = Limits { per_address: 2, untaken: 100, untaken_share: 40, ..Limits::default() };
        Shares::new(&limits, Proxies { blocks: blocks.into(), ..Proxies::default() })
    }

    fn place(shares: &Arc<Shares>, peer: &str) -> Option<Arc<Place>> {
        shares.place(peer.parse().unwrap_or_else(|_| panic!("{peer}")))
    }

    #[test]
    fn an_address_has_its_share_of_connections_and_a_proxy_has_more() {
        let shares = shares();
        for (peers, last) in [
            (["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1"], false),
            (["192.0.2.1", "192.0.2.2", "192.0.2.1"], true),
            (["2001:db8::1", "2001:db8::2", "2001:db8::3"], false),
            (["2001:db8::1", "2001:db8::2", "2001:db8:0:1::3"], true),
            (["2001:db8:9::1", "2001:db8:9::1", "2001:db8:9::1"], true),
        ] {
            let places = peers.map(|peer| place(&shares, peer));
            assert_eq!(places.map(|place| place.is_some()), [true, true, last], "{peers:?}");
        }
        assert!(shares.state().addresses.is_empty());
    }

    #[test]
    fn answers_that_are_not_taken_are_bounded() {
        let shares = shares();
        let [one, other, third, proxy] = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8:9::1"]
            .map(|peer| place(&shares, peer).expect(peer));
        let first = one.hold(90, false).expect("a single answer is never too large");
        assert!(one.hold(1, false).is_none(), "beyond the share");
        assert!(other.hold(11, false).is_none(), "beyond all");
        let held = other.hold(10, false).expect("within all and the share");
        drop(first);
        let again = one.hold(40, false).expect("given back");
        assert!(proxy.hold(50, false).is_some(), "a proxy has no share");
        let forced = one.hold(50, true).expect("has to be answered");
        assert!(third.hold(1, false).is_none(), "counted all the same");
        drop((held, again, forced));
        assert_eq!(shares.state().bytes, 0);
    }
}
