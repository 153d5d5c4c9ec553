//! Resolves host names and rejects addresses that are not public.
use std::{
    error::Error as StdError,
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address;

/// Resolves host names. A name is resolved once per request, and the connection uses the checked address.
#[derive(Clone)]
pub enum Resolver {
    System,
    Custom(LookupFn),
}

pub type LookupFn = Arc<dyn Fn(&str) -> Vec<IpAddr> + Send + Sync>;

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Resolver::System) { "System" } else { "Custom" })
    }
}

/// The error of a DNS lookup.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub(super) enum LookupError {
    #[error("the name has no address")]
    NotFound,
    #[error("the address {0} is not public")]
    Private(IpAddr),
}

/// The resolver of a client. If any address of a name is not public, the name is rejected.
pub(super) struct PublicResolver {
    pub(super) lookup: Resolver,
    pub(super) allow_private: bool,
}

impl Resolve for PublicResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (lookup, allow_private) = (self.lookup.clone(), self.allow_private);
        Box::pin(async move {
            let addresses = addresses(&lookup, name.as_str()).await;
            let is_rejected = |address: &IpAddr| !allow_private && !address::is_public(*address);
            let error = match addresses.iter().copied().find(is_rejected) {
                Some(address) => LookupError::Private(address),
                None if addresses.is_empty() => LookupError::NotFound,
                // reqwest replaces port 0 with the port of the URL.
                None => {
                    let sockets = addresses.into_iter().map(|address| SocketAddr::new(address, 0));
                    return Ok(Box::new(sockets) as Addrs);
                }
            };
            Err(Box::new(error) as Box<dyn StdError + Send + Sync>)
        })
    }
}

async fn addresses(lookup: &Resolver, host: &str) -> Vec<IpAddr> {
    match lookup {
        Resolver::Custom(lookup) => lookup(host),
        Resolver::System => match tokio::net::lookup_host((host, 0)).await {
            Ok(found) => found.map(|address| address.ip()).collect(),
            Err(_) => Vec::new(),
        },
    }
}
