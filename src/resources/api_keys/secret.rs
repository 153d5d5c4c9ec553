//! How an API key is written: `tenon_<id>_<secret>`, so that leak scanners know it and its row is found without a search.
use uuid::Uuid;

use crate::contract::secret::{Secret, TOKEN_LENGTH, digest, is_token, random_token, same};

pub const PREFIX: &str = "tenon_";
const ID_LENGTH: usize = 32;

/// An API key as it is shown once, at its making, and presented with each request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// The key's row. Not a secret.
    pub id: Uuid,
    secret: Secret<String>,
}

impl ApiKey {
    pub fn generate(id: Uuid) -> Self {
        Self { id, secret: random_token() }
    }

    /// Takes only what [`ApiKey::write`] writes, letter by letter: one key has one spelling.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(PREFIX)?;
        let (id, secret) = rest.split_at_checked(ID_LENGTH)?;
        let secret = secret.strip_prefix('_')?;
        let canonical = id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let id = Uuid::try_parse(id).ok().filter(|_| canonical)?;
        is_token(secret).then(|| Self { id, secret: Secret::new(secret.to_owned()) })
    }

    pub fn write(&self) -> Secret<String> {
        Secret::new(format!("{PREFIX}{}_{}", self.id.simple(), self.secret.expose()))
    }

    /// What the row holds in place of the secret.
    pub fn digest(&self) -> String {
        digest(self.secret.expose())
    }

    pub fn matches(&self, stored: &str) -> bool {
        same(self.digest(), stored)
    }
}

/// How many characters a written key has.
pub const LENGTH: usize = PREFIX.len() + ID_LENGTH + 1 + TOKEN_LENGTH;

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(0x0190_a1b2_c3d4_7e5f_8a6b_7c8d_9e0f_1a2b);

    #[test]
    fn a_written_key_is_parsed_again() {
        let key = ApiKey::generate(ID);
        let written = key.write();
        assert_eq!(written.expose().len(), LENGTH);
        assert!(written.expose().starts_with("tenon_0190a1b2c3d47e5f8a6b7c8d9e0f1a2b_"));
        assert_eq!(ApiKey::parse(written.expose()), Some(key));
    }

    #[test]
    fn only_its_own_secret_matches() {
        let (key, other) = (ApiKey::generate(ID), ApiKey::generate(ID));
        assert!(key.matches(&key.digest()));
        assert!(!key.matches(&other.digest()));
        assert!(!key.matches(""));
        assert!(!key.matches(key.secret.expose()), "the secret itself is not what is stored");
        assert!(!key.digest().contains(key.secret.expose()));
    }

    #[test]
    fn a_key_does_not_print() {
        let key = ApiKey::generate(ID);
        assert!(!format!("{key:?} {:?}", key.write()).contains(key.secret.expose()));
    }

    #[test]
    fn any_other_spelling_is_refused() {
        let id = ID.simple().to_string();
        let secret = "A".repeat(TOKEN_LENGTH);
        let good = format!("tenon_{id}_{secret}");
        assert!(ApiKey::parse(&good).is_some());
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
            assert_eq!(ApiKey::parse(&wrong), None, "{wrong:?}");
        }
    }
}
