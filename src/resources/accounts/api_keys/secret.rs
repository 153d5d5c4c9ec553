//! The text form of an API key: `tenon_<id>_<secret>`. The prefix lets secret scanners detect leaked keys,
//! and the id is the primary key of its row.
use uuid::Uuid;

use crate::domain::secret::{Secret, TOKEN_LENGTH, constant_time_eq, is_token, random_token, token_digest};

pub const PREFIX: &str = "tenon_";
const ID_LENGTH: usize = 32;

/// An API key with its secret, as returned once on creation and sent with each request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyToken {
    /// The id of the row. Not a secret.
    pub id: Uuid,
    secret: Secret<String>,
}

impl ApiKeyToken {
    pub fn generate(id: Uuid) -> Self {
        Self { id, secret: random_token() }
    }

    /// Parses a key. Accepts only the canonical form that [`ApiKeyToken::encode`] returns.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(PREFIX)?;
        let (id, secret) = rest.split_at_checked(ID_LENGTH)?;
        let secret = secret.strip_prefix('_')?;
        let canonical = id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let id = Uuid::try_parse(id).ok().filter(|_| canonical)?;
        is_token(secret).then(|| Self { id, secret: Secret::new(secret.to_owned()) })
    }

    /// Returns the key as text.
    pub fn encode(&self) -> Secret<String> {
        Secret::new(format!("{PREFIX}{}_{}", self.id.simple(), self.secret.expose()))
    }

    /// Returns the hash of the secret. The database stores only this hash.
    pub fn digest(&self) -> String {
        token_digest(self.secret.expose())
    }

    /// Compares the secret with a stored hash in constant time.
    pub fn matches(&self, stored: &str) -> bool {
        constant_time_eq(self.digest(), stored)
    }
}

/// The length of the text form, in characters.
pub const LENGTH: usize = PREFIX.len() + ID_LENGTH + 1 + TOKEN_LENGTH;

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(0x0190_a1b2_c3d4_7e5f_8a6b_7c8d_9e0f_1a2b);

    #[test]
    fn parses_an_encoded_key() {
        let key = ApiKeyToken::generate(ID);
        let encoded = key.encode();
        assert_eq!(encoded.expose().len(), LENGTH);
        assert!(encoded.expose().starts_with("tenon_0190a1b2c3d47e5f8a6b7c8d9e0f1a2b_"));
        assert_eq!(ApiKeyToken::parse(encoded.expose()), Some(key));
    }

    #[test]
    fn matches_only_the_hash_of_its_own_secret() {
        let (key, other) = (ApiKeyToken::generate(ID), ApiKeyToken::generate(ID));
        assert!(key.matches(&key.digest()));
        assert!(!key.matches(&other.digest()));
        assert!(!key.matches(""));
        assert!(!key.matches(key.secret.expose()), "the hash is stored, not the secret");
        assert!(!key.digest().contains(key.secret.expose()));
    }

    #[test]
    fn debug_output_hides_the_secret() {
        let key = ApiKeyToken::generate(ID);
        assert!(!format!("{key:?} {:?}", key.encode()).contains(key.secret.expose()));
    }

    #[test]
    fn rejects_malformed_keys() {
        let id = ID.simple().to_string();
        let secret = "A".repeat(TOKEN_LENGTH);
        let good = format!("tenon_{id}_{secret}");
        assert!(ApiKeyToken::parse(&good).is_some());
        for wrong in [
            String::new(),
            "tenon_".into(),
            "tenon__".into(),
            format!("tenon_{id}"),
            format!("tenon_{id}_"),
            format!("tenon_{secret}_{id}"),
            format!("TENON_{id}_{secret}"),
            format!("Tenon_{id}_{secret}"),
            format!("tenon-{id}-{secret}"),
            format!("{id}_{secret}"),
            format!("tenon_{}_{secret}", id.to_uppercase()),
            format!("tenon_{}_{secret}", ID.hyphenated()),
            format!("tenon_{{{}_{secret}", &id[1..]),
            format!("tenon_g{}_{secret}", &id[1..]),
            format!("tenon_{}_{secret}", &id[1..]),
            format!("tenon_{}é_{secret}", &id[2..]),
            format!("tenon_{}é_{secret}", &id[1..]),
            format!("tenon_{id}{secret}"),
            format!("tenon_{id}__{}", &secret[1..]) + "!",
            format!("tenon_{id}_{}", &secret[1..]),
            format!("{good}A"),
            format!("{good}="),
            format!("{good}\n"),
            format!(" {good}"),
            format!("{good} "),
            format!("Bearer {good}"),
            format!("tenon_{id}_{}B", &secret[1..]),
            format!("tenon_{id}_{}+", &secret[1..]),
            format!("tenon_{id}_{}\0", &secret[1..]),
            good.replace('A', "Ａ"),
        ] {
            assert_eq!(ApiKeyToken::parse(&wrong), None, "{wrong:?}");
        }
    }
}
