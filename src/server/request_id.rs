//! The id of a request.
use std::{
    cell::Cell,
    fmt,
    hash::{BuildHasher, RandomState},
};

use poem::http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Builder;

use crate::infra::clock::system_time;

const MAX_LENGTH: usize = 64;

/// The header with the id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request. It identifies the request in the response and in all log lines.
#[derive(Clone, Copy)]
pub struct RequestId {
    bytes: [u8; MAX_LENGTH],
    length: u8,
}

impl RequestId {
    /// Returns the client's `X-Request-Id` if it is 1 to 64 characters of `A-Z a-z 0-9 . _ -`, else a new id.
    pub fn new(headers: &HeaderMap) -> Self {
        let sent = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
        sent.and_then(RequestId::from_text).unwrap_or_else(RequestId::generate)
    }

    /// Returns the id with this text, if it is allowed.
    pub fn from_text(text: &str) -> Option<Self> {
        let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        if text.is_empty() || text.len() > MAX_LENGTH || !text.bytes().all(is_allowed) {
            return None;
        }
        let mut bytes = [0; MAX_LENGTH];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Some(RequestId { bytes, length: text.len() as u8 })
    }

    /// Returns a new UUID, version 7. It is unique but predictable: do not use it as a secret.
    pub fn generate() -> Self {
        let millis = system_time().as_millis() as u64;
        let mut random = [0; 10];
        random[..8].copy_from_slice(&next_random().to_ne_bytes());
        random[8..].copy_from_slice(&next_random().to_ne_bytes()[..2]);
        let uuid = Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
        let mut bytes = [0; MAX_LENGTH];
        let length = uuid.hyphenated().encode_lower(&mut bytes).len() as u8;
        RequestId { bytes, length }
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }

    /// Returns the value of `X-Request-Id`.
    pub fn header_value(&self) -> HeaderValue {
        HeaderValue::from_str(self.as_str()).unwrap_or(HeaderValue::from_static("-"))
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Returns the next number of the SplitMix64 generator of this thread. The operating system's generator costs a system
/// call per number.
fn next_random() -> u64 {
    thread_local! {
        // The keys of `RandomState` are random.
        static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(0));
    }
    let state = STATE.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    STATE.set(state);
    let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use uuid::Uuid;

    use super::*;

    #[test]
    fn accepts_only_plain_ids_of_clients() {
        let id = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-request-id", HeaderValue::from_str(text).unwrap());
            RequestId::new(&headers).as_str().to_owned()
        };
        let longest = "a".repeat(64);
        for accepted in ["a", "A-Z_0.9", &longest] {
            assert_eq!(id(accepted), accepted);
        }
        for rejected in ["", "a b", "a\"b", "ä", &"a".repeat(65)] {
            assert!(Uuid::try_parse(&id(rejected)).is_ok(), "{rejected}");
        }
    }

    #[test]
    fn generated_ids_are_unique_uuids_of_version_7() {
        let ids: HashSet<String> = (0..10_000).map(|_| RequestId::generate().as_str().to_owned()).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().all(|id| Uuid::try_parse(id).is_ok_and(|id| id.get_version_num() == 7)));
    }
}
