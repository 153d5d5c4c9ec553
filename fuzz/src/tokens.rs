//! Access tokens.
use std::sync::{Arc, LazyLock};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::signature::Ed25519KeyPair;
use tenon::{
    domain::secret::Secret,
    resources::accounts::sessions::{
        keys::{SigningKey, SigningKeys},
        token::{AccessTokens, Grant},
    },
};
use uuid::Uuid;

use super::input::Input;

/// 2026-11-21T09:00:00Z in milliseconds.
const NOW: i64 = 1_795_251_600_000;

struct Fixture {
    tokens: AccessTokens,
    issued: String,
    other_key: Ed25519KeyPair,
}

/// The issued token is accepted. A changed one, one with other contents or the signature of another key, and any other
/// text is rejected.
pub fn tokens(data: &[u8]) {
    let Fixture { tokens, issued, other_key } = &*FIXTURE;
    let parts: Vec<&str> = issued.split('.').collect();
    let mut input = Input::new(data);
    let forged = match input.byte() % 4 {
        0 => {
            let changes = 1 + input.below(3);
            (0..changes).fold(issued.clone(), |token, _| input.mutated(&token).unwrap_or(token))
        }
        1 => format!("{}.{}.{}", parts[0], encode(input.rest()), parts[2]),
        2 => {
            let message = format!("{}.{}", parts[0], encode(input.rest()));
            format!("{message}.{}", encode(other_key.sign(message.as_bytes())))
        }
        _ => String::from_utf8_lossy(input.rest()).into_owned(),
    };
    assert!(
        forged == *issued || tokens.verify(&forged, NOW).is_err(),
        "{forged} is accepted instead of {issued}"
    );
    assert!(tokens.verify(issued, NOW).is_ok(), "{issued} is rejected");
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let new_key = || SigningKey::generate(NOW, NOW).expect("a key");
    let keys = Arc::new(SigningKeys::default());
    keys.replace([new_key()]).expect("a valid key");
    let tokens = AccessTokens::new("https://example.com", "tenon", keys);
    let grant = Grant {
        user: Uuid::from_u128(1),
        session: Uuid::from_u128(2),
        session_secret: Secret::new("the secret of the session".to_owned()),
        role: "author".to_owned(),
    };
    let issued = tokens.issue(&grant, NOW).expect("a token").expose().clone();
    let other_key = Ed25519KeyPair::from_pkcs8(new_key().pkcs8.expose()).expect("a valid key");
    Fixture { tokens, issued, other_key }
});
