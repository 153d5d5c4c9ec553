//! Passwords: which may be chosen, how they are stored, and the proof of one, at the same cost whether or not the account exists.
use std::{num::NonZero, sync::Arc, thread};

use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version};
use tokio::{sync::Semaphore, task};

use crate::contract::secret::Secret;

pub const MIN_CHARACTERS: usize = 8;
pub const MAX_CHARACTERS: usize = 128;

const MEMORY_KIB: u32 = 19_456;
const ITERATIONS: u32 = 2;
const LANES: u32 = 1;

/// Made like a stored hash but of no password: what is checked for an account that does not exist.
const DUMMY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm8gc3VjaCBhY2NvdW50IQ$bm8gcGFzc3dvcmQgaGFzIGV2ZXIgaGFkIHRoaXMgaGE";

/// The passwords of eight characters and more that guessers try first.
const COMMON: &str = include_str!("common_passwords.txt");

/// Why a password may not be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsuitable {
    #[error("must be at least 8 characters long")]
    TooShort,
    #[error("must be at most 128 characters long")]
    TooLong,
    #[error("is among the passwords that are guessed first")]
    Common,
}

/// The hash could not be computed; nothing is known about the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the password could not be hashed")]
pub struct HashingFailed;

/// Whether a password may be chosen. Length is counted in characters; how they are composed is the owner's affair.
pub fn check(password: &Secret<String>) -> Result<(), Unsuitable> {
    let password = password.expose();
    match password.chars().count() {
        ..MIN_CHARACTERS => Err(Unsuitable::TooShort),
        MIN_CHARACTERS..=MAX_CHARACTERS if is_common(password) => Err(Unsuitable::Common),
        MIN_CHARACTERS..=MAX_CHARACTERS => Ok(()),
        _ => Err(Unsuitable::TooLong),
    }
}

fn is_common(password: &str) -> bool {
    let folded = password.to_lowercase();
    COMMON.lines().any(|common| common == folded)
}

/// Hashes and verifies, at most as many at once as there are cores: each takes 19 MiB and some 20 ms of one.
#[derive(Clone)]
pub struct Passwords {
    permits: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        Self { permits: Arc::new(Semaphore::new(cores)) }
    }
}

impl Passwords {
    /// The PHC string to store.
    pub async fn hash(&self, password: Secret<String>) -> Result<String, HashingFailed> {
        self.run(move || {
            let hash = argon2()?.hash_password(password.expose().as_bytes());
            hash.map(|hash| hash.to_string()).map_err(|_| HashingFailed)
        })
        .await
    }

    /// Whether this is the password of the account whose stored hash is given. Without an account, or with a hash
    /// that cannot be read, the same work is done for nothing and the answer is no.
    pub async fn verify(
        &self,
        password: Secret<String>,
        stored: Option<String>,
    ) -> Result<bool, HashingFailed> {
        self.run(move || {
            let stored = stored.as_deref().and_then(|stored| PasswordHash::new(stored).ok());
            let exists = stored.is_some();
            let hash = match stored {
                Some(hash) => hash,
                None => PasswordHash::new(DUMMY).map_err(|_| HashingFailed)?,
            };
            Ok(argon2()?.verify_password(password.expose().as_bytes(), &hash).is_ok() & exists)
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HashingFailed> + Send + 'static,
    ) -> Result<T, HashingFailed> {
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| HashingFailed)?;
        // The permit goes with the work: when the caller gives up waiting, the core is still busy.
        let worker = task::spawn_blocking(move || {
            let result = work();
            drop(permit);
            result
        });
        worker.await.map_err(|_| HashingFailed)?
    }
}

fn argon2() -> Result<Argon2<'static>, HashingFailed> {
    let params = Params::new(MEMORY_KIB, ITERATIONS, LANES, None).map_err(|_| HashingFailed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn secret(text: impl Into<String>) -> Secret<String> {
        Secret::new(text.into())
    }

    #[test]
    fn unsuitable_passwords_are_refused() {
        for (password, why) in [
            (String::new(), Unsuitable::TooShort),
            ("seven77".into(), Unsuitable::TooShort),
            // Fourteen bytes, seven characters.
            ("ééééééé".into(), Unsuitable::TooShort),
            ("🔒".repeat(7), Unsuitable::TooShort),
            ("x".repeat(129), Unsuitable::TooLong),
            ("🔒".repeat(129), Unsuitable::TooLong),
            ("password".into(), Unsuitable::Common),
            ("PassWord".into(), Unsuitable::Common),
            ("12345678".into(), Unsuitable::Common),
            ("qwertyuiop".into(), Unsuitable::Common),
        ] {
            assert_eq!(check(&secret(password.clone())), Err(why), "{password:?}");
        }
    }

    #[test]
    fn any_other_composition_is_allowed() {
        for password in
            ["tulip-73".to_owned(), "        ".into(), "éééééééé".into(), "x".repeat(128), "🔒".repeat(128)]
        {
            assert_eq!(check(&secret(password.clone())), Ok(()), "{password:?}");
        }
    }

    #[test]
    fn the_list_of_common_passwords_can_be_met() {
        let mut seen = std::collections::HashSet::new();
        for common in COMMON.lines() {
            assert!(common.len() >= MIN_CHARACTERS, "{common} is refused for its length already");
            assert_eq!(common, common.to_lowercase(), "compared with folded text");
            assert!(seen.insert(common), "{common} twice");
        }
        assert!(seen.len() >= 100, "{}", seen.len());
    }

    #[tokio::test]
    async fn only_the_same_password_is_verified() {
        let passwords = Passwords::default();
        let stored = passwords.hash(secret("correct horse")).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        for (tried, expected) in
            [("correct horse", true), ("correct hors", false), ("Correct horse", false), ("", false)]
        {
            assert_eq!(
                passwords.verify(secret(tried), Some(stored.clone())).await,
                Ok(expected),
                "{tried:?}"
            );
        }
        let again = passwords.hash(secret("correct horse")).await.unwrap();
        assert_ne!(stored, again, "salted afresh");
    }

    #[tokio::test]
    async fn the_end_of_a_long_password_counts() {
        let passwords = Passwords::default();
        let long = "🔒".repeat(127);
        let stored = passwords.hash(secret(format!("{long}a"))).await.unwrap();
        assert_eq!(passwords.verify(secret(format!("{long}a")), Some(stored.clone())).await, Ok(true));
        assert_eq!(passwords.verify(secret(format!("{long}b")), Some(stored)).await, Ok(false));
    }

    #[tokio::test]
    async fn no_account_and_a_broken_hash_are_refused() {
        let passwords = Passwords::default();
        for stored in
            [None, Some(""), Some("plain text"), Some("$argon2id$v=19$m=1,t=0,p=0$x$y"), Some(DUMMY)]
        {
            let verified = passwords.verify(secret("anything at all"), stored.map(str::to_owned)).await;
            assert_eq!(verified, Ok(false), "{stored:?}");
        }
    }

    #[test]
    fn the_dummy_costs_what_a_stored_hash_costs() {
        let dummy = PasswordHash::new(DUMMY).unwrap();
        let stored = argon2().unwrap().hash_password(b"any password").unwrap();
        assert_eq!((dummy.algorithm, dummy.version), (stored.algorithm, stored.version));
        assert_eq!(dummy.params, stored.params);
        let lengths = |hash: &PasswordHash| (hash.salt.unwrap().len(), hash.hash.unwrap().len());
        assert_eq!(lengths(&dummy), lengths(&stored));
    }

    #[tokio::test]
    async fn an_unknown_account_takes_as_long_as_a_known_one() {
        let passwords = Passwords::default();
        let stored = passwords.hash(secret("correct horse")).await.unwrap();
        let mut fastest = [f64::MAX; 2];
        for round in 0..20 {
            let account = (round % 2 == 0).then(|| stored.clone());
            let start = Instant::now();
            passwords.verify(secret("wrong horse"), account).await.unwrap();
            let best = &mut fastest[round % 2];
            *best = best.min(start.elapsed().as_secs_f64());
        }
        let ratio = fastest[1] / fastest[0];
        assert!((0.5..2.0).contains(&ratio), "{fastest:?}");
    }
}
