//! Password rules, Argon2id hashing, and verification that costs the same whether or not the account exists.
use std::{num::NonZero, sync::Arc, thread};

use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version};
use tokio::{sync::Semaphore, task};

use crate::{domain::secret::Secret, infra::metrics::Gauge};

pub const MIN_CHARACTERS: usize = 8;
pub const MAX_CHARACTERS: usize = 128;

const MEMORY_KIB: u32 = 19_456;
const ITERATIONS: u32 = 2;
const LANES: u32 = 1;

/// A hash with the parameters of stored hashes that no password matches. It is verified for accounts that do
/// not exist, so that the response time does not reveal whether an e-mail address has an account.
const DUMMY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm8gc3VjaCBhY2NvdW50IQ$bm8gcGFzc3dvcmQgaGFzIGV2ZXIgaGFkIHRoaXMgaGE";

/// Common passwords of at least eight characters, in lower case, one per line.
const COMMON: &str = include_str!("common_passwords.txt");

/// The reason why a new password is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    #[error("must be at least 8 characters long")]
    TooShort,
    #[error("must be at most 128 characters long")]
    TooLong,
    #[error("is a commonly used password: choose another one")]
    Common,
}

/// The hash could not be computed. This is a server error and does not mean that the password is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the password could not be hashed")]
pub struct HashingFailed;

/// Validates a new password: 8 to 128 characters and not a common password. Length is counted in characters,
/// not bytes. No character classes are required (NIST SP 800-63B).
pub fn validate(password: &Secret<String>) -> Result<(), PasswordError> {
    let password = password.expose();
    match password.chars().count() {
        ..MIN_CHARACTERS => Err(PasswordError::TooShort),
        MIN_CHARACTERS..=MAX_CHARACTERS if is_common(password) => Err(PasswordError::Common),
        MIN_CHARACTERS..=MAX_CHARACTERS => Ok(()),
        _ => Err(PasswordError::TooLong),
    }
}

fn is_common(password: &str) -> bool {
    let folded = password.to_lowercase();
    COMMON.lines().any(|common| common == folded)
}

/// Hashes and verifies passwords, with at most one concurrent operation per core. Each takes 19 MiB of memory
/// and about 20 ms of CPU time.
#[derive(Clone)]
pub struct Passwords {
    permits: Arc<Semaphore>,
    cores: usize,
    /// Operations that wait for a core.
    waiting: Arc<Gauge>,
}

impl Default for Passwords {
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        Self { permits: Arc::new(Semaphore::new(cores)), cores, waiting: Arc::default() }
    }
}

impl Passwords {
    /// Returns the number of operations that run, and of those that wait.
    pub fn load(&self) -> (usize, i64) {
        (self.cores.saturating_sub(self.permits.available_permits()), self.waiting.get())
    }

    /// Returns the hash as a PHC string.
    pub async fn hash(&self, password: Secret<String>) -> Result<String, HashingFailed> {
        self.run(move || {
            let hash = argon2()?.hash_password(password.expose().as_bytes());
            hash.map(|hash| hash.to_string()).map_err(|_| HashingFailed)
        })
        .await
    }

    /// Returns whether the password matches the stored hash. Without a stored hash, or with one that cannot
    /// be parsed, verifies against a dummy hash and returns false, so that the duration is the same.
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
        let waiting = self.waiting.enter();
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| HashingFailed)?;
        drop(waiting);
        // The blocking task owns the permit: if the request is cancelled, the core is busy until the hash is
        // done.
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
    use super::*;

    fn secret(text: impl Into<String>) -> Secret<String> {
        Secret::new(text.into())
    }

    #[test]
    fn rejects_short_long_and_common_passwords() {
        for (password, error) in [
            (String::new(), PasswordError::TooShort),
            ("seven77".into(), PasswordError::TooShort),
            // Fourteen bytes, seven characters.
            ("ééééééé".into(), PasswordError::TooShort),
            ("🔒".repeat(7), PasswordError::TooShort),
            ("x".repeat(129), PasswordError::TooLong),
            ("🔒".repeat(129), PasswordError::TooLong),
            ("password".into(), PasswordError::Common),
            ("PassWord".into(), PasswordError::Common),
            ("12345678".into(), PasswordError::Common),
            ("qwertyuiop".into(), PasswordError::Common),
        ] {
            assert_eq!(validate(&secret(password.clone())), Err(error), "{password:?}");
        }
    }

    #[test]
    fn accepts_any_composition() {
        for password in
            ["tulip-73".to_owned(), "        ".into(), "éééééééé".into(), "x".repeat(128), "🔒".repeat(128)]
        {
            assert_eq!(validate(&secret(password.clone())), Ok(()), "{password:?}");
        }
    }

    #[test]
    fn common_passwords_are_long_enough_and_unique() {
        let mut seen = std::collections::HashSet::new();
        for common in COMMON.lines() {
            assert!(common.len() >= MIN_CHARACTERS, "{common} is already too short");
            assert_eq!(common, common.to_lowercase(), "compared with folded text");
            assert!(seen.insert(common), "{common} is listed twice");
        }
        assert!(seen.len() >= 100, "{}", seen.len());
    }

    #[tokio::test]
    async fn verifies_only_the_same_password() {
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
        assert_ne!(stored, again, "each hash has its own salt");
    }

    #[tokio::test]
    async fn verifies_the_last_character_of_a_long_password() {
        let passwords = Passwords::default();
        let long = "🔒".repeat(127);
        let stored = passwords.hash(secret(format!("{long}a"))).await.unwrap();
        assert_eq!(passwords.verify(secret(format!("{long}a")), Some(stored.clone())).await, Ok(true));
        assert_eq!(passwords.verify(secret(format!("{long}b")), Some(stored)).await, Ok(false));
    }

    #[tokio::test]
    async fn rejects_a_missing_or_malformed_hash() {
        let passwords = Passwords::default();
        for stored in
            [None, Some(""), Some("plain text"), Some("$argon2id$v=19$m=1,t=0,p=0$x$y"), Some(DUMMY)]
        {
            let verified = passwords.verify(secret("anything at all"), stored.map(str::to_owned)).await;
            assert_eq!(verified, Ok(false), "{stored:?}");
        }
    }

    #[test]
    fn the_dummy_hash_has_the_parameters_of_stored_hashes() {
        let dummy = PasswordHash::new(DUMMY).unwrap();
        let stored = argon2().unwrap().hash_password(b"any password").unwrap();
        assert_eq!((dummy.algorithm, dummy.version), (stored.algorithm, stored.version));
        assert_eq!(dummy.params, stored.params);
        let lengths = |hash: &PasswordHash| (hash.salt.unwrap().len(), hash.hash.unwrap().len());
        assert_eq!(lengths(&dummy), lengths(&stored));
    }
}
