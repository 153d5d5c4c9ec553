//! The credentials that were verified before and are still valid, so that a request needs no query to authenticate.
//!
//! An entry is used until an account, a session or an API key changes: a revoked credential is rejected by the next
//! request of this process. Sessions and keys record their last use once a minute, so an entry is verified again after
//! that time too.
use std::sync::Arc;

use quick_cache::sync::Cache;
use ring::digest::{Context, SHA256};

use crate::{
    domain::principal::Principal,
    infra::collection_versions::{CollectionVersions, Dependencies},
};

/// The collection of the sessions and API keys. It changes when a credential is revoked or replaced.
pub const CREDENTIALS: &str = "credentials";

/// Credentials in the cache. Each has about 200 bytes.
const CAPACITY: usize = 10_000;

/// The hash of a kind and a credential. The cache contains no credentials.
type Digest = [u8; 32];

/// How a credential is sent. A session cookie is not valid as a bearer token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialKind {
    Bearer,
    Cookie,
}

pub struct VerifiedCredentials {
    entries: Cache<Digest, Arc<Entry>>,
    dependencies: Dependencies,
}

struct Entry {
    principal: Arc<Principal>,
    /// The times in milliseconds between which the entry is valid.
    verified_at: i64,
    valid_until: i64,
    version: u64,
}

/// The principal of a verified credential, and the time in milliseconds after which it must be verified again.
pub struct Verified {
    pub principal: Principal,
    pub valid_until: i64,
}

impl VerifiedCredentials {
    pub fn new(versions: &CollectionVersions) -> Self {
        let dependencies = versions.dependencies(["users", CREDENTIALS]);
        VerifiedCredentials { entries: Cache::new(CAPACITY), dependencies }
    }

    /// Returns the state of the accounts and credentials. Must be called before the query that verifies a credential.
    pub fn version(&self) -> u64 {
        self.dependencies.version()
    }

    /// Returns the principal of a credential, if it is still valid.
    pub fn get(&self, kind: CredentialKind, credential: &str, now: i64) -> Option<Arc<Principal>> {
        let entry = self.entries.get(&digest_of(kind, credential))?;
        let is_valid =
            (entry.verified_at..entry.valid_until).contains(&now) && entry.version == self.version();
        is_valid.then(|| entry.principal.clone())
    }

    /// Stores a credential that was verified at `now`, in the state `version`.
    pub fn insert(
        &self,
        (kind, credential): (CredentialKind, &str),
        verified: Verified,
        now: i64,
        version: u64,
    ) -> Principal {
        let Verified { principal, valid_until } = verified;
        let entry = Entry { principal: Arc::new(principal.clone()), verified_at: now, valid_until, version };
        self.entries.insert(digest_of(kind, credential), Arc::new(entry));
        principal
    }
}

fn digest_of(kind: CredentialKind, credential: &str) -> Digest {
    let mut context = Context::new(&SHA256);
    context.update(&[kind as u8]);
    context.update(credential.as_bytes());
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}
