//! Refresh tokens with rotation: each token is valid for one use, and reuse revokes the session (RFC 9700,
//! section 4.14).
//!
//! A token is `<family>.<secret>`. The family is constant for the lifetime of the session; the secret changes
//! with each use. The session is found by the family, so every former token of the session is recognized,
//! however many rotations ago it was valid. A thief who refreshes twice before the owner does is detected
//! like one who refreshes once. A client that never had a token of the session does not know the family and
//! cannot revoke the session by guessing.
//!
//! A response may be lost, and two browser tabs may refresh at the same time. Therefore the last used token
//! may be sent again for ten seconds and returns the same next token: the next secret is an HMAC of the used
//! secret, with a salt that is stored only in the row. The token chain cannot fork: reuse within the grace
//! period returns the same next token, and the second client that uses that one is detected.
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::hmac;

use crate::domain::secret::{Secret, constant_time_eq, is_token, random_token, token_digest};

/// The maximum lifetime of a session, regardless of use, in milliseconds.
pub const LIFETIME: i64 = 30 * 24 * 3_600_000;

/// How long the last used token may be sent again, in milliseconds.
pub const GRACE_PERIOD: i64 = 10_000;

/// A refresh token in the form that clients store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    family: Secret<String>,
    secret: Secret<String>,
}

impl RefreshToken {
    /// Generates the first token of a new session.
    pub fn generate() -> Self {
        Self { family: random_token(), secret: random_token() }
    }

    /// Parses a token. Accepts exactly the output of [`RefreshToken::encode`].
    pub fn parse(text: &str) -> Option<Self> {
        let (family, secret) = text.split_once('.')?;
        let part = |text: &str| is_token(text).then(|| Secret::new(text.to_owned()));
        Some(Self { family: part(family)?, secret: part(secret)? })
    }

    /// Returns the token as text.
    pub fn encode(&self) -> Secret<String> {
        Secret::new(format!("{}.{}", self.family.expose(), self.secret.expose()))
    }

    /// Returns the hash by which the session is found.
    pub fn family_hash(&self) -> String {
        token_digest(self.family.expose())
    }

    /// Returns the hash of the secret, which the row stores for the valid token.
    pub fn refresh_hash(&self) -> String {
        token_digest(self.secret.expose())
    }

    /// Returns the secret of the session that its access tokens carry. It is constant for the lifetime of the session, and
    /// does not reveal the family.
    pub fn session_secret(&self) -> Secret<String> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.family.expose().as_bytes());
        Secret::new(BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&key, b"access token")))
    }

    /// Returns the next token, derived from the secret and a salt.
    fn successor(&self, salt: &str) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, salt.as_bytes());
        let secret = BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&key, self.secret.expose().as_bytes()));
        Self { family: self.family.clone(), secret: Secret::new(secret) }
    }
}

/// The state of the refresh token in the row of a session. Times are Unix milliseconds.
#[derive(Clone, Debug)]
pub struct TokenState {
    pub refresh_hash: String,
    /// Absent until the first rotation, like `rotated_at`.
    pub rotation_salt: Option<Secret<String>>,
    pub rotated_at: Option<i64>,
    pub expires_at: i64,
    pub revoked_at: Option<i64>,
}

/// The new values of the row after a rotation. Must be written in the transaction that has locked the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotatedToken {
    pub refresh_hash: String,
    pub rotation_salt: Secret<String>,
    pub rotated_at: i64,
}

/// The result of checking a presented refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshCheck {
    /// The token is valid: store the values, and return an access token and the next refresh token.
    Rotate(RefreshToken, RotatedToken),
    /// The token was used within the grace period: return a new access token and the same next refresh token,
    /// and store nothing.
    Repeat(RefreshToken),
    /// The token was used before, so it or its successor was stolen: revoke the session.
    Reused,
    /// The session has expired or was revoked.
    Inactive,
}

impl TokenState {
    /// Checks a token of this session. The caller has found the session by the family of the token.
    pub fn check(&self, presented: &RefreshToken, now: i64) -> RefreshCheck {
        if self.revoked_at.is_some() || now >= self.expires_at {
            return RefreshCheck::Inactive;
        }
        if constant_time_eq(presented.refresh_hash(), &self.refresh_hash) {
            let rotation_salt = random_token();
            let next = presented.successor(rotation_salt.expose());
            let rotated = RotatedToken { refresh_hash: next.refresh_hash(), rotation_salt, rotated_at: now };
            return RefreshCheck::Rotate(next, rotated);
        }
        self.repeat(presented, now).map_or(RefreshCheck::Reused, RefreshCheck::Repeat)
    }

    fn repeat(&self, presented: &RefreshToken, now: i64) -> Option<RefreshToken> {
        let next = presented.successor(self.rotation_salt.as_ref()?.expose());
        // `abs_diff`: a clock that was set back must not extend the grace period.
        let recent = now.abs_diff(self.rotated_at?) <= GRACE_PERIOD.unsigned_abs();
        (recent & constant_time_eq(next.refresh_hash(), &self.refresh_hash)).then_some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_790_000_000_000;

    fn session() -> (RefreshToken, TokenState) {
        let token = RefreshToken::generate();
        let stored = TokenState {
            refresh_hash: token.refresh_hash(),
            rotation_salt: None,
            rotated_at: None,
            expires_at: NOW + LIFETIME,
            revoked_at: None,
        };
        (token, stored)
    }

    fn rotate(stored: &mut TokenState, token: &RefreshToken, now: i64) -> RefreshToken {
        let RefreshCheck::Rotate(next, values) = stored.check(token, now) else { panic!("not rotated") };
        stored.refresh_hash = values.refresh_hash;
        stored.rotation_salt = Some(values.rotation_salt);
        stored.rotated_at = Some(values.rotated_at);
        next
    }

    #[test]
    fn rotates_for_thirty_days() {
        let (mut token, mut stored) = session();
        let family = token.family_hash();
        for day in 0..30 {
            let next = rotate(&mut stored, &token, NOW + day * 24 * 3_600_000);
            assert_ne!(next, token);
            assert_eq!(next.family_hash(), family);
            assert_eq!(RefreshToken::parse(next.encode().expose()), Some(next.clone()));
            token = next;
        }
        assert!(matches!(stored.check(&token, NOW + LIFETIME - 1), RefreshCheck::Rotate(..)));
        assert_eq!(stored.check(&token, NOW + LIFETIME), RefreshCheck::Inactive);
    }

    #[test]
    fn returns_the_same_next_token_for_ten_seconds() {
        let (first, mut stored) = session();
        let second = rotate(&mut stored, &first, NOW);
        for (now, expected) in [
            (NOW, RefreshCheck::Repeat(second.clone())),
            (NOW + GRACE_PERIOD, RefreshCheck::Repeat(second.clone())),
            (NOW + GRACE_PERIOD + 1, RefreshCheck::Reused),
            (NOW - GRACE_PERIOD, RefreshCheck::Repeat(second.clone())),
            (NOW - GRACE_PERIOD - 1, RefreshCheck::Reused),
            (i64::MIN, RefreshCheck::Reused),
            (NOW + LIFETIME - 1, RefreshCheck::Reused),
            (NOW + LIFETIME, RefreshCheck::Inactive),
        ] {
            assert_eq!(stored.check(&first, now), expected, "{now}");
        }
    }

    #[test]
    fn the_grace_period_ends_when_the_next_token_is_used() {
        let (first, mut stored) = session();
        let second = rotate(&mut stored, &first, NOW);
        let third = rotate(&mut stored, &second, NOW + 1);
        assert_eq!(stored.check(&first, NOW + 2), RefreshCheck::Reused);
        assert_eq!(stored.check(&second, NOW + 2), RefreshCheck::Repeat(third));
    }

    #[test]
    fn detects_reuse_after_any_number_of_rotations() {
        for rotations in 1..5 {
            let (stolen, mut stored) = session();
            let mut thief = stolen.clone();
            for _ in 0..rotations {
                thief = rotate(&mut stored, &thief, NOW);
            }
            assert_eq!(stored.check(&stolen, NOW + GRACE_PERIOD + 1), RefreshCheck::Reused, "{rotations}");
        }
    }

    #[test]
    fn two_clients_with_one_token_cannot_both_continue() {
        let (shared, mut stored) = session();
        let owner = rotate(&mut stored, &shared, NOW);
        let RefreshCheck::Repeat(thief) = stored.check(&shared, NOW + 1) else {
            panic!("outside of the grace period")
        };
        assert_eq!(owner, thief);
        rotate(&mut stored, &thief, NOW + 60_000);
        assert_eq!(stored.check(&owner, NOW + 900_000), RefreshCheck::Reused);
    }

    #[test]
    fn a_used_token_does_not_reveal_the_next_one() {
        let (first, mut stored) = session();
        let second = rotate(&mut stored, &first, NOW);
        for guess in
            ["", first.secret.expose(), &stored.refresh_hash, first.family.expose(), &NOW.to_string()]
        {
            assert_ne!(first.successor(guess), second);
        }
        let (_, mut again) = session();
        again.refresh_hash = first.refresh_hash();
        assert_ne!(rotate(&mut again, &first, NOW), second, "each rotation has its own salt");
    }

    #[test]
    fn rejects_all_tokens_of_an_inactive_session() {
        let (token, stored) = session();
        let revoked = TokenState { revoked_at: Some(NOW), ..stored.clone() };
        assert_eq!(revoked.check(&token, NOW), RefreshCheck::Inactive);
        assert_eq!(revoked.check(&RefreshToken::generate(), NOW), RefreshCheck::Inactive);
        assert_eq!(stored.check(&token, i64::MAX), RefreshCheck::Inactive);
        assert_eq!(stored.check(&RefreshToken::generate(), NOW), RefreshCheck::Reused);
    }

    #[test]
    fn debug_output_hides_tokens() {
        let (first, mut stored) = session();
        let check = stored.check(&first, NOW);
        let second = rotate(&mut stored, &first, NOW);
        let output = format!("{first:?} {second:?} {stored:?} {check:?} {:?}", first.encode());
        for secret in [&first.family, &first.secret, &second.secret, stored.rotation_salt.as_ref().unwrap()] {
            assert!(!output.contains(secret.expose().as_str()), "{output}");
        }
    }

    #[test]
    fn rejects_malformed_tokens() {
        let part = "A".repeat(43);
        let good = format!("{part}.{part}");
        assert!(RefreshToken::parse(&good).is_some());
        for wrong in [
            String::new(),
            ".".into(),
            part.clone(),
            format!("{part}."),
            format!(".{part}"),
            format!("{part}_{part}"),
            format!("{part}..{part}"),
            format!("{good}."),
            format!("{good}.{part}"),
            format!("{good}="),
            format!(" {good}"),
            format!("{good}\n"),
            format!("{}.{part}", &part[1..]),
            format!("{part}.{}B", &part[1..]),
            format!("{}B.{part}", &part[1..]),
            format!("{part}.{}+", &part[1..]),
        ] {
            assert_eq!(RefreshToken::parse(&wrong), None, "{wrong:?}");
        }
    }
}
