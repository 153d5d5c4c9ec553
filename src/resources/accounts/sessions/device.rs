//! The credential in the device cookie. It proves that the browser has signed in to the account before, and passes the
//! delay of the account. It does not sign in.
//!
//! The value is `<nonce>.<expiry>.<tag>`. The tag authenticates the account and its password hash as well, so a change
//! of the password invalidates all devices of the account, and nothing is stored.
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use entity::{redacted::Redacted, user};
use ring::hmac;

use crate::{
    domain::secret::{Secret, is_token, random_token},
    http::device_cookie::MAX_AGE,
};

/// Issues and verifies the values of device cookies.
#[derive(Clone)]
pub struct Devices(hmac::Key);

impl Devices {
    pub fn new(key: hmac::Key) -> Self {
        Devices(key)
    }

    /// Returns the cookie of another device of the account.
    pub fn issue(&self, user: &user::Model, now: i64) -> Secret<String> {
        let (nonce, expires) = (random_token(), now / 1000 + i64::from(MAX_AGE));
        let tag = hmac::sign(&self.0, &message(Some(user), nonce.expose(), expires));
        let tag = BASE64_URL_SAFE_NO_PAD.encode(tag);
        Secret::new(format!("{}.{expires}.{tag}", nonce.expose()))
    }

    /// Returns the nonce of a device of the account; `None` if the cookie is of another account, expired or forged. An
    /// unknown account costs the same work.
    pub fn verify<'a>(&self, cookie: &'a str, user: Option<&user::Model>, now: i64) -> Option<&'a str> {
        let (nonce, rest) = cookie.split_once('.')?;
        let (expires, tag) = rest.split_once('.')?;
        let expires = expires.parse::<i64>().ok().filter(|_| is_token(nonce) && is_token(tag))?;
        let tag = BASE64_URL_SAFE_NO_PAD.decode(tag).ok()?;
        let is_signed = hmac::verify(&self.0, &message(user, nonce, expires), &tag).is_ok();
        (is_signed && user.is_some() && now / 1000 < expires).then_some(nonce)
    }
}

fn message(user: Option<&user::Model>, nonce: &str, expires: i64) -> Vec<u8> {
    let id = user.map(|user| user.id).unwrap_or_default();
    let hash = user.and_then(|user| user.password_hash.as_ref()).map_or("", Redacted::expose);
    format!("device\n{id}\n{nonce}\n{expires}\n{hash}").into_bytes()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const NOW: i64 = 1_795_251_600_000;

    fn user(id: u128, hash: &str) -> user::Model {
        user::Model {
            id: Uuid::from_u128(id),
            email: None,
            name: String::new(),
            bio: None,
            url: None,
            avatar_url: None,
            role: user::Role::Reader,
            status: user::Status::Active,
            password_hash: Some(hash.to_owned().into()),
            source: None,
            version: 1,
            created_at: NOW,
            updated_at: NOW,
        }
    }

    #[test]
    fn a_device_belongs_to_one_account_and_one_password_for_a_year() {
        let devices = Devices::new(hmac::Key::new(hmac::HMAC_SHA256, b"key"));
        let ada = user(1, "first");
        let cookie = devices.issue(&ada, NOW);
        let cookie = cookie.expose();
        let nonce = cookie.split('.').next();
        assert_eq!(devices.verify(cookie, Some(&ada), NOW), nonce);
        let year = i64::from(MAX_AGE) * 1000;
        assert_eq!(devices.verify(cookie, Some(&ada), NOW + year - 1000), nonce);
        assert_eq!(devices.verify(cookie, Some(&ada), NOW + year), None);
        for other in [Some(user(2, "first")), Some(user(1, "second")), None] {
            assert_eq!(devices.verify(cookie, other.as_ref(), NOW), None, "{other:?}");
        }
        let other_key = Devices::new(hmac::Key::new(hmac::HMAC_SHA256, b"other"));
        assert_eq!(other_key.verify(cookie, Some(&ada), NOW), None);
        assert_ne!(devices.issue(&ada, NOW).expose(), cookie, "each device has its own nonce");
    }

    #[test]
    fn rejects_changed_and_malformed_cookies() {
        let devices = Devices::new(hmac::Key::new(hmac::HMAC_SHA256, b"key"));
        let ada = user(1, "first");
        let cookie = devices.issue(&ada, NOW).expose().clone();
        let parts: Vec<&str> = cookie.split('.').collect();
        let later = parts[1].parse::<i64>().expect("a number") + 1;
        for wrong in [
            String::new(),
            "..".to_owned(),
            parts[0].to_owned(),
            format!("{}.{}", parts[0], parts[1]),
            format!("{}.{later}.{}", parts[0], parts[2]),
            format!("{}.{}.{}", random_token().expose(), parts[1], parts[2]),
            format!("{}.{}.{}", parts[0], parts[1], random_token().expose()),
            format!("{cookie}."),
            format!("{cookie}A"),
        ] {
            assert_eq!(devices.verify(&wrong, Some(&ada), NOW), None, "{wrong}");
        }
        // The tag of an unknown account is computable only with the key.
        let unknown = hmac::sign(&devices.0, &message(None, parts[0], later));
        let forged = format!("{}.{later}.{}", parts[0], BASE64_URL_SAFE_NO_PAD.encode(unknown));
        assert_eq!(devices.verify(&forged, None, NOW), None);
    }
}
