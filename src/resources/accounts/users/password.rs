//! Argon2id hashing of passwords, and verification that costs the same whether or not the account exists.
use std::{num::NonZero, sync::Arc, thread};

use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version};
use tokio::task;

use crate::{
    domain::secret::Secret,
    infra::{
        audit_log::Origin,
        client_permits::{AcceptedWork, ClientPermits, PermitLimits},
        traces::{SpanKind, in_span},
    },
};

const MEMORY_KIB: u32 = 19_456;
const ITERATIONS: u32 = 2;
const LANES: u32 = 1;

/// A hash with the parameters of stored hashes that no password matches. It is verified for accounts that do
/// not exist, so that the response time does not reveal whether an e-mail address has an account.
const DUMMY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm8gc3VjaCBhY2NvdW50IQ$bm8gcGFzc3dvcmQgaGFzIGV2ZXIgaGFkIHRoaXMgaGE";

/// Passwords that may wait to be hashed, per core. Each takes about 20 ms of a core: more of them would only make all sign-ins
/// slow, and the last ones would be hashed after their clients have disconnected.
const WAITING_PER_CORE: usize = 2;

/// The hash could not be computed. This is a server error and does not mean that the password is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the password could not be hashed")]
pub struct HashingFailed;

/// Too many other passwords wait to be hashed, of this client or of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being hashed")]
pub struct QueueFull;

/// Hashes and verifies passwords, with at most one concurrent operation per core and a short queue. Each operation takes 19
/// MiB of memory and about 20 ms of CPU time.
#[derive(Clone)]
pub struct Passwords(ClientPermits);

/// A slot of the queue. It is occupied until it is dropped and its operation has ended.
#[derive(Clone)]
pub struct HashSlot(Arc<AcceptedWork>);

/// Returns the numbers of operations that run, and of those that run or wait. A client has at most half of both, so that
/// it cannot keep others from signing in.
fn limits(cores: usize) -> PermitLimits {
    let accepted = cores * (1 + WAITING_PER_CORE);
    PermitLimits {
        running: cores,
        running_per_client: cores.div_ceil(2),
        accepted,
        accepted_per_client: accepted.div_ceil(2),
    }
}

impl Default for Passwords {
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        Passwords(ClientPermits::new(limits(cores)))
    }
}

impl Passwords {
    /// Returns the number of operations that run, and of those that wait.
    pub fn load(&self) -> (usize, usize) {
        self.0.load()
    }

    /// Reserves a slot of the queue for the client of the current request.
    ///
    /// # Errors
    ///
    /// [`QueueFull`] if all of them are occupied, or all of the client.
    pub fn reserve(&self) -> Result<HashSlot, QueueFull> {
        let work = self.0.accept(Origin::current().client()).map_err(|_| QueueFull)?;
        Ok(HashSlot(Arc::new(work)))
    }

    /// Returns the hash as a PHC string.
    pub async fn hash(&self, slot: &HashSlot, password: Secret<String>) -> Result<String, HashingFailed> {
        self.run("passwords.hash", slot, move || {
            let hash = argon2()?.hash_password(password.expose().as_bytes());
            hash.map(|hash| hash.to_string()).map_err(|_| HashingFailed)
        })
        .await
    }

    /// Returns whether the password matches the stored hash. Without a stored hash, or with one that cannot
    /// be parsed, verifies against a dummy hash and returns false, so that the duration is the same.
    pub async fn verify(
        &self,
        slot: &HashSlot,
        password: Secret<String>,
        stored: Option<String>,
    ) -> Result<bool, HashingFailed> {
        self.run("passwords.verify", slot, move || {
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
        span: &'static str,
        slot: &HashSlot,
        work: impl FnOnce() -> Result<T, HashingFailed> + Send + 'static,
    ) -> Result<T, HashingFailed> {
        let permit = slot.0.step().await.ok_or(HashingFailed)?;
        // The blocking task owns the permits: if the request is cancelled, the core is busy until the hash is
        // done.
        let slot = slot.clone();
        let worker = task::spawn_blocking(move || {
            let result = work();
            drop((permit, slot));
            result
        });
        in_span(span, SpanKind::Internal, worker).await.map_err(|_| HashingFailed)?
    }
}

fn argon2() -> Result<Argon2<'static>, HashingFailed> {
    let params = Params::new(MEMORY_KIB, ITERATIONS, LANES, None).map_err(|_| HashingFailed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use uuid::Uuid;

    use super::*;
    use crate::domain::client_key::ClientKey;

    fn secret(text: impl Into<String>) -> Secret<String> {
        Secret::new(text.into())
    }

    async fn hash(passwords: &Passwords, password: &str) -> String {
        let slot = passwords.reserve().expect("a slot");
        passwords.hash(&slot, secret(password)).await.expect("a hash")
    }

    async fn verify(passwords: &Passwords, password: &str, stored: Option<&str>) -> bool {
        let slot = passwords.reserve().expect("a slot");
        passwords.verify(&slot, secret(password), stored.map(str::to_owned)).await.expect("verified")
    }

    #[tokio::test]
    async fn rejects_more_passwords_than_two_per_core_that_wait() {
        let passwords = Passwords(ClientPermits::new(limits(2)));
        let held: Vec<_> = std::iter::from_fn(|| passwords.reserve().ok()).take(1000).collect();
        assert_eq!(held.len(), 6, "one per core is being hashed");
        assert_eq!(passwords.reserve().err(), Some(QueueFull));
        assert_eq!(passwords.load(), (0, 6));
        let core = held[0].0.step().now_or_never().flatten().expect("no password is being hashed");
        assert_eq!(passwords.load(), (1, 5));
        drop(core);
        drop(held);
        assert_eq!(passwords.load(), (0, 0));
        hash(&passwords, "correct horse").await;
        assert_eq!(passwords.load(), (0, 0));
    }

    #[tokio::test]
    async fn a_client_occupies_at_most_half_of_the_queue() {
        let passwords = Passwords(ClientPermits::new(limits(2)));
        let of = |number: u128| {
            let client = ClientKey::Account(Uuid::from_u128(number));
            Origin::request(None, client, "a").run(|| passwords.reserve())
        };
        let held: Vec<_> = std::iter::from_fn(|| of(1).ok()).take(1000).collect();
        assert_eq!((held.len(), of(1).err()), (3, Some(QueueFull)));
        let other = of(2).expect("a slot for another client");
        // The other client does not wait for the passwords of the first one.
        let first = held[0].0.step().now_or_never().flatten();
        assert!(first.is_some() && held[1].0.step().now_or_never().is_none());
        assert!(other.0.step().now_or_never().flatten().is_some());
    }

    #[tokio::test]
    async fn verifies_only_the_same_password() {
        let passwords = Passwords::default();
        let stored = hash(&passwords, "correct horse").await;
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        for (tried, expected) in
            [("correct horse", true), ("correct hors", false), ("Correct horse", false), ("", false)]
        {
            assert_eq!(verify(&passwords, tried, Some(&stored)).await, expected, "{tried:?}");
        }
        let again = hash(&passwords, "correct horse").await;
        assert_ne!(stored, again, "each hash has its own salt");
    }

    #[tokio::test]
    async fn verifies_the_last_character_of_a_long_password() {
        let passwords = Passwords::default();
        let long = "🔒".repeat(127);
        let stored = hash(&passwords, &format!("{long}a")).await;
        assert!(verify(&passwords, &format!("{long}a"), Some(&stored)).await);
        assert!(!verify(&passwords, &format!("{long}b"), Some(&stored)).await);
    }

    #[tokio::test]
    async fn rejects_a_missing_or_malformed_hash() {
        let passwords = Passwords::default();
        for stored in
            [None, Some(""), Some("plain text"), Some("$argon2id$v=19$m=1,t=0,p=0$x$y"), Some(DUMMY)]
        {
            assert!(!verify(&passwords, "anything at all", stored).await, "{stored:?}");
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
