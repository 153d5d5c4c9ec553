//! Refresh tokens: each is good for one use, and a used one that comes back ends its session (RFC 9700, section 4.14).
//!
//! A token is `<family>.<secret>`. The family stays the same as long as the session lives, the secret changes with
//! each use. So every token that ever was good is known again, however often the session has moved on since: a thief
//! who refreshes twice before the owner does is found out like one who refreshes once. And who has never held a token
//! of the session cannot end it by guessing.
//!
//! An answer may be lost on its way, and two tabs may refresh at once. For ten seconds the token used last gets the
//! same answer again: the next secret is computed from the used one and a salt that only the row knows. Nothing forks:
//! whoever holds the used token can at most get the same next one, and the second to use that is found out.
use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::contract::secret::{Secret, digest, is_token, random_token, same};

/// How long a session lives, however busy it is, in milliseconds.
pub const LIFETIME: i64 = 30 * 24 * 3_600_000;

/// How long the token used last is answered once more, in milliseconds.
pub const GRACE: i64 = 10_000;

/// A refresh token as clients hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    family: Secret<String>,
    secret: Secret<String>,
}

impl RefreshToken {
    /// The first token of a new session.
    pub fn generate() -> Self {
        Self { family: random_token(), secret: random_token() }
    }

    /// Takes only what [`RefreshToken::write`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (family, secret) = text.split_once('.')?;
        let part = |text: &str| is_token(text).then(|| Secret::new(text.to_owned()));
        Some(Self { family: part(family)?, secret: part(secret)? })
    }

    pub fn write(&self) -> Secret<String> {
        Secret::new(format!("{}.{}", self.family.expose(), self.secret.expose()))
    }

    /// What the session's row is found by.
    pub fn family_hash(&self) -> String {
        digest(self.family.expose())
    }

    /// What the row holds of the token that is good.
    pub fn refresh_hash(&self) -> String {
        digest(self.secret.expose())
    }

    fn successor(&self, salt: &str) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, salt.as_bytes());
        let secret = BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&key, self.secret.expose().as_bytes()));
        Self { family: self.family.clone(), secret: Secret::new(secret) }
    }
}

/// What a session's row says about its refresh token. Times are Unix milliseconds.
#[derive(Clone, Debug)]
pub struct Stored {
    pub refresh_hash: String,
    /// Absent until the first rotation, as is the next.
    pub rotation_salt: Option<Secret<String>>,
    pub rotated_at: Option<i64>,
    pub expires_at: i64,
    pub revoked_at: Option<i64>,
}

/// What the row holds after a rotation. To be written in the transaction that read the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated {
    pub refresh_hash: String,
    pub rotation_salt: Secret<String>,
    pub rotated_at: i64,
}

/// What becomes of a presented refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was good: store the values, give out an access token and the next refresh token.
    Rotate(RefreshToken, Rotated),
    /// It was good a moment ago: give out the same next refresh token with a fresh access token, store nothing.
    Repeat(RefreshToken),
    /// It was used before, so it was stolen, now or then: revoke the session.
    Reused,
    /// The session has expired or was revoked.
    Ended,
}

impl Stored {
    /// Judges a token of this session, that is one whose family led to the row.
    pub fn judge(&self, presented: &RefreshToken, now: i64) -> Verdict {
        if self.revoked_at.is_some() || now >= self.expires_at {
            return Verdict::Ended;
        }
        if same(presented.refresh_hash(), &self.refresh_hash) {
            let rotation_salt = random_token();
            let next = presented.successor(rotation_salt.expose());
            let rotated = Rotated { refresh_hash: next.refresh_hash(), rotation_salt, rotated_at: now };
            return Verdict::Rotate(next, rotated);
        }
        self.repeat(presented, now).map_or(Verdict::Reused, Verdict::Repeat)
    }

    fn repeat(&self, presented: &RefreshToken, now: i64) -> Option<RefreshToken> {
        let next = presented.successor(self.rotation_salt.as_ref()?.expose());
        // A clock that was set back must not stretch the grace either.
        let recent = now.abs_diff(self.rotated_at?) <= GRACE.unsigned_abs();
        (recent & same(next.refresh_hash(), &self.refresh_hash)).then_some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_790_000_000_000;

    fn session() -> (RefreshToken, Stored) {
        let token = RefreshToken::generate();
        let stored = Stored {
            refresh_hash: token.refresh_hash(),
            rotation_salt: None,
            rotated_at: None,
            expires_at: NOW + LIFETIME,
            revoked_at: None,
        };
        (token, stored)
    }

    fn rotate(stored: &mut Stored, token: &RefreshToken, now: i64) -> RefreshToken {
        let Verdict::Rotate(next, values) = stored.judge(token, now) else { panic!("not rotated") };
        stored.refresh_hash = values.refresh_hash;
        stored.rotation_salt = Some(values.rotation_salt);
        stored.rotated_at = Some(values.rotated_at);
        next
    }

    #[test]
    fn each_token_leads_to_the_next_for_thirty_days() {
        let (mut token, mut stored) = session();
        let family = token.family_hash();
        for day in 0..30 {
            let next = rotate(&mut stored, &token, NOW + day * 24 * 3_600_000);
            assert_ne!(next, token);
            assert_eq!(next.family_hash(), family);
            assert_eq!(RefreshToken::parse(next.write().expose()), Some(next.clone()));
            token = next;
        }
        assert!(matches!(stored.judge(&token, NOW + LIFETIME - 1), Verdict::Rotate(..)));
        assert_eq!(stored.judge(&token, NOW + LIFETIME), Verdict::Ended);
    }

    #[test]
    fn the_token_used_last_gets_the_same_answer_for_ten_seconds() {
        let (first, mut stored) = session();
        let second = rotate(&mut stored, &first, NOW);
        for (now, expected) in [
            (NOW, Verdict::Repeat(second.clone())),
            (NOW + GRACE, Verdict::Repeat(second.clone())),
            (NOW + GRACE + 1, Verdict::Reused),
            (NOW - GRACE, Verdict::Repeat(second.clone())),
            (NOW - GRACE - 1, Verdict::Reused),
            (i64::MIN, Verdict::Reused),
            (NOW + LIFETIME - 1, Verdict::Reused),
            (NOW + LIFETIME, Verdict::Ended),
        ] {
            assert_eq!(stored.judge(&first, now), expected, "{now}");
        }
    }

    #[test]
    fn once_the_next_token_is_used_the_grace_is_over() {
        let (first, mut stored) = session();
        let second = rotate(&mut stored, &first, NOW);
        let third = rotate(&mut stored, &second, NOW + 1);
        assert_eq!(stored.judge(&first, NOW + 2), Verdict::Reused);
        assert_eq!(stored.judge(&second, NOW + 2), Verdict::Repeat(third));
    }

    #[test]
    fn a_thief_is_found_out_however_often_he_refreshes() {
        for times in 1..5 {
            let (stolen, mut stored) = session();
            let mut thief = stolen.clone();
            for _ in 0..times {
                thief = rotate(&mut stored, &thief, NOW);
            }
            assert_eq!(stored.judge(&stolen, NOW + GRACE + 1), Verdict::Reused, "{times}");
        }
    }

    #[test]
    fn two_who_share_a_token_cannot_both_go_on() {
        let (shared, mut stored) = session();
        let owner = rotate(&mut stored, &shared, NOW);
        let Verdict::Repeat(thief) = stored.judge(&shared, NOW + 1) else { panic!("within the grace") };
        assert_eq!(owner, thief);
        rotate(&mut stored, &thief, NOW + 60_000);
        assert_eq!(stored.judge(&owner, NOW + 900_000), Verdict::Reused);
    }

    #[test]
    fn who_holds_a_used_token_cannot_compute_the_next() {
        let (first, mut stored) = session();
        let second = rotate(&mut stored, &first, NOW);
        for guess in
            ["", first.secret.expose(), &stored.refresh_hash, first.family.expose(), &NOW.to_string()]
        {
            assert_ne!(first.successor(guess), second);
        }
        let (_, mut again) = session();
        again.refresh_hash = first.refresh_hash();
        assert_ne!(rotate(&mut again, &first, NOW), second, "salted afresh");
    }

    #[test]
    fn an_ended_session_stays_ended() {
        let (token, stored) = session();
        let revoked = Stored { revoked_at: Some(NOW), ..stored.clone() };
        assert_eq!(revoked.judge(&token, NOW), Verdict::Ended);
        assert_eq!(revoked.judge(&RefreshToken::generate(), NOW), Verdict::Ended);
        assert_eq!(stored.judge(&token, i64::MAX), Verdict::Ended);
        assert_eq!(stored.judge(&RefreshToken::generate(), NOW), Verdict::Reused);
    }

    #[test]
    fn nothing_shows_a_token() {
        let (first, mut stored) = session();
        let verdict = stored.judge(&first, NOW);
        let second = rotate(&mut stored, &first, NOW);
        let shown = format!("{first:?} {second:?} {stored:?} {verdict:?} {:?}", first.write());
        for secret in [&first.family, &first.secret, &second.secret, stored.rotation_salt.as_ref().unwrap()] {
            assert!(!shown.contains(secret.expose().as_str()), "{shown}");
        }
    }

    #[test]
    fn any_other_spelling_is_refused() {
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
