//! The response cache: complete responses in memory, with their headers, in the encoding of the client.
//!
//! The operations declare which collections their responses depend on (`cached_by`). A response is used until one of
//! them changes, so it is never older than a write that this process has acknowledged. The key contains everything
//! else that a response depends on: the target, the encoding, and the account of the caller. The scopes of an API key
//! and the access rule of the operation are checked for each request.
use std::{
    hash::Hash,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use foldhash::quality::RandomState;
use poem::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use quick_cache::{
    Equivalent, Lifecycle, Weighter,
    sync::{Cache, PlaceholderGuard},
};
use tokio::time::timeout;
use uuid::Uuid;

use super::{compression::strip_tag_suffixes, content_encoding::Encoding, request_id::REQUEST_ID};
use crate::{
    http::{
        auth::{Principal, RESTRICTED, Role},
        etag::{ETag, EntityTags},
    },
    infra::{
        collection_versions::{CollectionVersions, Dependencies},
        metrics::{Counter, Exposition},
    },
};

/// Bytes of a stored body. A larger response is not stored.
pub const MAX_BODY: u64 = 1024 * 1024;

/// The estimated bytes of an entry without its body, its target and its headers.
const OVERHEAD: usize = 768;

/// The estimated bytes of a header in a map, without its name and its value.
const HEADER_OVERHEAD: usize = 112;

/// The time for which a request waits for an equal one.
const MAX_WAIT: Duration = Duration::from_millis(100);

/// The headers of a 200 that its 304 does not have (RFC 9110, section 15.4.5).
const BODY_HEADERS: [HeaderName; 6] = [
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::LAST_MODIFIED,
    header::LINK,
    HeaderName::from_static("x-robots-tag"),
];

/// The account of an authenticated caller. Two credentials of one account get equal responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Account {
    user: Uuid,
    role: Role,
}

impl From<&Principal> for Account {
    fn from(principal: &Principal) -> Self {
        Account { user: principal.user, role: principal.role }
    }
}

/// The key of a response.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    target: Box<str>,
    /// `None` for anonymous callers.
    account: Option<Account>,
    encoding: Encoding,
}

/// A borrowed [`Key`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyRef<'a> {
    pub target: &'a str,
    pub account: Option<Account>,
    pub encoding: Encoding,
}

impl KeyRef<'_> {
    pub fn to_owned(self) -> Key {
        Key { target: self.target.into(), account: self.account, encoding: self.encoding }
    }
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self.target == *key.target && self.account == key.account && self.encoding == key.encoding
    }
}

/// A response in the cache.
#[derive(Debug)]
pub struct CachedResponse {
    /// The index of the path of its operation.
    pub path_item: usize,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The headers of the 304, created by the first one: most responses are never validated.
    not_modified: OnceLock<HeaderMap>,
    etag: Option<ETag>,
    validity: Validity,
}

/// The properties of a response that may be stored.
pub struct Cacheable {
    /// The index of the path of the operation.
    pub path_item: usize,
    pub account: Option<Account>,
    pub validity: Validity,
    /// Whether all responses of the operation are equal.
    pub is_constant: bool,
}

/// The state of the collections for which a response is valid.
#[derive(Debug, Clone)]
pub struct Validity {
    dependencies: Dependencies,
    version: u64,
}

impl Validity {
    /// Returns whether no collection has changed since.
    pub fn is_current(&self) -> bool {
        self.dependencies.version() == self.version
    }
}

/// The result of the precondition of a request.
pub enum Condition {
    /// The response is sent.
    Modified,
    /// The client's copy is current: a 304 is sent.
    NotModified,
    /// The handler must evaluate the precondition.
    Unknown,
}

impl CachedResponse {
    pub fn new(path_item: usize, mut headers: HeaderMap, body: Bytes, validity: Validity) -> Self {
        // Each response replaces this value. An added header would enlarge the copy of the map.
        headers.insert(REQUEST_ID, HeaderValue::from_static("-"));
        let etag =
            headers.get(header::ETAG).and_then(|tag| ETag::parse(&strip_tag_suffixes(tag.to_str().ok()?)));
        // Without the unused capacity for further headers.
        let headers = headers.clone();
        CachedResponse { path_item, headers, body, not_modified: OnceLock::new(), etag, validity }
    }

    pub fn is_current(&self) -> bool {
        self.validity.is_current()
    }

    /// Evaluates `If-None-Match` (RFC 9110, section 13.1.2).
    pub fn condition(&self, if_none_match: &HeaderValue) -> Condition {
        if self.headers.get(header::ETAG).is_some_and(|tag| tag == if_none_match) {
            return Condition::NotModified;
        }
        let tags =
            if_none_match.to_str().ok().and_then(|value| EntityTags::parse(&strip_tag_suffixes(value)));
        match (tags, &self.etag) {
            // The tag in the 304 is the one that the client has, so the handler selects it.
            (Some(tags), Some(etag)) if !tags.matches_weak(etag) => Condition::Modified,
            _ => Condition::Unknown,
        }
    }

    fn not_modified(&self) -> &HeaderMap {
        self.not_modified.get_or_init(|| {
            let mut headers = self.headers.clone();
            BODY_HEADERS.iter().for_each(|name| drop(headers.remove(name)));
            headers
        })
    }

    /// Returns the bytes in memory, apart from the key. The headers of a 304 are included, because it may be created
    /// later.
    fn bytes(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        let maps = 1 + usize::from(self.etag.is_some());
        OVERHEAD + self.body.len() + headers + maps * self.headers.len() * HEADER_OVERHEAD
    }

    /// Returns the response, or the 304 for a client with a current copy.
    pub fn response(&self, modified: bool) -> hyper::Response<Bytes> {
        let (status, headers, body) = match modified || self.etag.is_none() {
            true => (StatusCode::OK, self.headers.clone(), self.body.clone()),
            false => (StatusCode::NOT_MODIFIED, self.not_modified().clone(), Bytes::new()),
        };
        let mut response = hyper::Response::new(body);
        (*response.status_mut(), *response.headers_mut()) = (status, headers);
        response
    }
}

#[derive(Clone)]
struct ByteWeight;

impl Weighter<Key, Arc<CachedResponse>> for ByteWeight {
    fn weight(&self, key: &Key, response: &Arc<CachedResponse>) -> u64 {
        (key.target.len() + response.bytes()) as u64
    }
}

/// Counts the responses that are removed because the cache is full.
#[derive(Clone, Default)]
struct Evictions(Arc<Counter>);

impl Lifecycle<Key, Arc<CachedResponse>> for Evictions {
    type RequestState = ();

    fn on_evict(&self, (): &mut (), _: Key, _: Arc<CachedResponse>) {
        self.0.increment();
    }
}

type Entries = Cache<Key, Arc<CachedResponse>, ByteWeight, RandomState, Evictions>;

/// The stored responses of all cached operations, limited in bytes.
pub struct ResponseCache {
    /// `None` if the cache is disabled.
    entries: Option<Entries>,
    versions: CollectionVersions,
    /// Whether responses have `Cache-Status`.
    pub shows_status: bool,
    evictions: Evictions,
    /// Responses of cached operations that a handler created.
    pub misses: Counter,
}

/// An empty entry. The request that holds it creates the response, and equal requests wait for it.
pub struct Slot<'a> {
    key: Key,
    guard: PlaceholderGuard<'a, Key, Arc<CachedResponse>, ByteWeight, RandomState, Evictions>,
}

impl ResponseCache {
    /// Creates a cache of at most `bytes` bytes; 0 disables it.
    pub fn new(bytes: u64, versions: CollectionVersions, shows_status: bool) -> Self {
        let items = usize::try_from(bytes / 16_384).unwrap_or(usize::MAX);
        let evictions = Evictions::default();
        let entries = (bytes > 0)
            .then(|| Cache::with(items, bytes, ByteWeight, RandomState::default(), evictions.clone()));
        ResponseCache { entries, versions, shows_status, evictions, misses: Counter::new() }
    }

    /// Writes the metrics of the cache. `hits` is the number of responses that the cache served.
    pub fn write_metrics(&self, out: &mut Exposition, hits: u64) {
        let help = "Responses from the response cache.";
        out.counter("tenon_response_cache_hits_total", help, hits);
        let help = "Responses of cached operations that a handler created.";
        out.counter("tenon_response_cache_misses_total", help, self.misses.get());
        let help = "Responses that were removed because the response cache was full.";
        out.counter("tenon_response_cache_evictions_total", help, self.evictions.0.get());
        let (bytes, entries) =
            self.entries.as_ref().map_or((0, 0), |entries| (entries.weight(), entries.len()));
        out.gauge("tenon_response_cache_bytes", "Size of the stored responses.", bytes);
        out.gauge("tenon_response_cache_entries", "Stored responses.", entries);
    }

    pub fn is_enabled(&self) -> bool {
        self.entries.is_some()
    }

    pub fn disabled() -> Self {
        ResponseCache::new(0, CollectionVersions::default(), false)
    }

    /// Returns what the response of an operation to this caller depends on. Must be called before the first query.
    pub fn cacheable(
        &self,
        path_item: usize,
        collections: &'static [&'static str],
        account: Option<Account>,
    ) -> Cacheable {
        let restricted = account.map(|_| RESTRICTED);
        let dependencies = self.versions.dependencies(collections.iter().copied().chain(restricted));
        let validity = Validity { version: dependencies.version(), dependencies };
        Cacheable { path_item, account, validity, is_constant: collections.is_empty() }
    }

    /// Returns the stored response if it is current.
    pub fn get(&self, key: KeyRef<'_>) -> Option<Arc<CachedResponse>> {
        self.entries.as_ref()?.get(&key).filter(|response| response.is_current())
    }

    /// Returns the current response, waiting for an equal request that is creating it, or the slot for the caller to
    /// fill. `None` if the cache is disabled, or if the wait takes longer than 100 milliseconds.
    ///
    /// A slot that is dropped empty passes to the next waiting request. This happens if the response cannot be stored or
    /// is already stale. Without the time limit, all waiting requests would then run one after another.
    pub async fn get_or_slot(&self, key: Key) -> Option<Result<Arc<CachedResponse>, Slot<'_>>> {
        let entries = self.entries.as_ref()?;
        let found = timeout(MAX_WAIT, async {
            loop {
                match entries.get_value_or_guard_async(&key).await {
                    Ok(response) if response.is_current() => return Ok(response),
                    Ok(stale) => drop(entries.remove_if(&key, |stored| Arc::ptr_eq(stored, &stale))),
                    Err(guard) => return Err(guard),
                }
            }
        });
        match found.await.ok()? {
            Ok(response) => Some(Ok(response)),
            Err(guard) => Some(Err(Slot { key, guard })),
        }
    }

    /// Stores a response, in its slot if the request has one. Returns whether it is stored.
    pub fn insert(&self, key: KeyRef<'_>, slot: Option<Slot<'_>>, response: CachedResponse) -> bool {
        let Some(entries) = &self.entries else { return false };
        if !response.is_current() {
            return false;
        }
        let response = Arc::new(response);
        match slot {
            // The rights of the caller may have changed since the request got the slot.
            Some(slot) if key.equivalent(&slot.key) => slot.guard.insert(response).is_ok(),
            _ => {
                entries.insert(key.to_owned(), response);
                true
            }
        }
    }
}
