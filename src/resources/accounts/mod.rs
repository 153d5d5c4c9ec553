//! Accounts: users, authors, sessions and API keys.
pub mod active;
pub mod api_keys;
pub mod authors;
pub mod me;
pub mod sessions;
pub mod users;
pub mod verified;

use crate::infra::rate_limiter::Policy;

/// The rate limits of sign-in attempts and password checks.
pub const RATE_LIMITS: [&Policy; 3] =
    [&sessions::ACCOUNT_LIMIT, &sessions::ADDRESS_LIMIT, &users::PASSWORD_CHECKS];
