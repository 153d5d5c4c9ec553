//! Limits of attempts to sign in, to refresh, to register and to change a password. All processes share them.
use ring::hmac;
use uuid::Uuid;

use super::users::password::{HashSlot, Passwords};
use crate::{
    domain::{
        audit::AuthFailure,
        network::{ClientBlock, client_blocks},
    },
    http::{
        extract::Client,
        problem::{Error, Result},
    },
    infra::{
        clock::Clock,
        db::{Db, Tx},
        rate_limiter::ExceededLimit,
        shared_limits::{Quota, Rule, SharedLimit, SharedLimits},
    },
};

/// Sign-in attempts of a client, successful ones included.
const SIGN_IN: Quota = Quota { name: "sign-in", attempts: 30, window_seconds: 60 };
/// Failed refreshes of a client.
const REFRESH: Quota = Quota { name: "refresh", attempts: 30, window_seconds: 60 };
/// Registrations of a client. A registration reveals whether an e-mail address has an account.
const REGISTRATION: Quota = Quota { name: "registration", attempts: 10, window_seconds: 3600 };

/// Failed attempts on the password of an account, from all clients without its device cookie.
const ACCOUNT: &str = "account";
/// Failed attempts of a device on the account that it has signed in to.
const DEVICE: &str = "device";
/// Failed attempts of the sessions of an account on `currentPassword`.
const CURRENT_PASSWORD: &str = "current-password";

/// The names of all limits, for the metrics.
const NAMES: [&str; 6] = [SIGN_IN.name, REFRESH.name, REGISTRATION.name, ACCOUNT, DEVICE, CURRENT_PASSWORD];

#[derive(Clone)]
pub struct Attempts(pub SharedLimits);

impl Attempts {
    /// Creates the limits; with `enabled` unset, all attempts are allowed.
    pub fn new(db: Db, clock: Clock, key: &hmac::Key, enabled: bool) -> Self {
        Attempts(if enabled {
            SharedLimits::new(db, clock, key.clone(), &NAMES)
        } else {
            SharedLimits::off()
        })
    }

    /// Returns the delay of attempts on the password of an account. An e-mail address without an account has the same one.
    pub fn delay(&self, email: &str, device: Option<&str>) -> SharedLimit {
        match device {
            Some(device) => self.0.limit(Rule::Delay(DEVICE), device),
            None => self.0.limit(Rule::Delay(ACCOUNT), email),
        }
    }

    /// Returns the delay of attempts on the current password, of callers that have a session.
    pub fn current_password_delay(&self, account: Uuid) -> SharedLimit {
        self.0.limit(Rule::Delay(CURRENT_PASSWORD), &account.to_string())
    }

    /// Returns the limits of a sign-in: those of the client, and the delay.
    pub fn sign_in(&self, client: &Client, delay: &SharedLimit) -> Vec<SharedLimit> {
        let mut limits = self.of_client(SIGN_IN, client);
        limits.push(delay.clone());
        limits
    }

    /// Returns the limits of a registration.
    pub fn registration(&self, client: &Client) -> Vec<SharedLimit> {
        self.of_client(REGISTRATION, client)
    }

    /// Returns the limits of the blocks of addresses that contain the client.
    fn of_client(&self, quota: Quota, client: &Client) -> Vec<SharedLimit> {
        let Some(address) = client.ip() else { return vec![self.0.limit(Rule::Quota(quota), "unknown")] };
        let limit = |block: ClientBlock| {
            let quota = Quota { attempts: quota.attempts * block.factor, ..quota };
            self.0.limit(Rule::Quota(quota), &block.to_string())
        };
        client_blocks(address).map(limit).collect()
    }

    /// Counts an attempt and returns the slot to hash its password in.
    ///
    /// The limits are checked before a slot is reserved, and the slot before the attempt is counted: a rejected attempt occupies
    /// no slot, and a full queue costs the client nothing.
    ///
    /// # Errors
    ///
    /// 429 if a limit is exceeded, 503 if too many passwords wait to be hashed.
    pub async fn begin(&self, limits: Vec<SharedLimit>, passwords: &Passwords) -> Result<HashSlot> {
        self.0.check(&limits).await?;
        let slot = passwords.reserve()?;
        self.0.count(limits).await?;
        Ok(slot)
    }

    /// Counts a failed refresh.
    ///
    /// # Errors
    ///
    /// 429 if the client has too many. Only failures are counted and rejected, so that other clients of the same network
    /// can refresh.
    pub async fn count_failed_refresh(&self, client: &Client) -> Result<()> {
        let limits = self.of_client(REFRESH, client);
        self.0.check(&limits).await?;
        Ok(self.0.count(limits).await?)
    }

    /// Ends a delay after a successful attempt.
    pub async fn succeeded(&self, tx: &Tx, delay: &SharedLimit) -> Result<()> {
        Ok(self.0.reset(tx, delay).await?)
    }
}

/// Returns the class of an attempt that was rejected before the password was verified.
pub fn rejection(error: &Error) -> Option<AuthFailure> {
    match error {
        Error::TooManyRequests(ExceededLimit { is_delay: true, .. }) => Some(AuthFailure::Delayed),
        Error::TooManyRequests(_) => Some(AuthFailure::RateLimited),
        Error::HashingBusy => Some(AuthFailure::HashingBusy),
        _ => None,
    }
}
