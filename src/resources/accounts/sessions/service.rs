//! Session service: sign-in, refresh, sign-out and revocation. The only writer of the `sessions` table.
use std::sync::{Arc, atomic::AtomicI64};

use entity::{
    redacted::Redacted,
    session,
    user::{self, Status},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, Set,
    sea_query::Expr,
};
use uuid::Uuid;

use super::{
    keys::SigningKeys,
    refresh_token::{self, RefreshCheck, RefreshToken, TokenState},
    token::{self, AccessTokens, Grant},
    types::{Credentials, Login, Session, TokenType},
};
use crate::{
    domain::{
        audit::{AuditAction, AuthFailure, RejectedCredential},
        id::Id,
        secret::{Secret, random_token, token_digest},
        text::Email,
    },
    http::{
        auth::Principal,
        cursor::CursorKey,
        extract::Client,
        problem::{Error, Result},
    },
    infra::{
        audit_log::{AuthFailures, NewEntry},
        clock::Clock,
        db::{Db, Tx},
        rate_limiter::{Policy, RateLimiter},
        sealing::Sealer,
    },
    resources::accounts::{
        api_keys::ApiKeys,
        users::{hashing_error, password::Passwords, to_user},
        verified::{CREDENTIALS, VerifiedCredentials},
    },
};

/// How long a session lives without use, in milliseconds.
pub const IDLE_TIMEOUT: i64 = 7 * 24 * 3_600_000;

/// The `Max-Age` of the session cookie, in seconds.
pub const COOKIE_SECONDS: u32 = (refresh_token::LIFETIME / 1000) as u32;

/// The rate limit of sign-in attempts for each pair of account and client address.
pub const ACCOUNT_LIMIT: Policy = Policy { name: "login", quota: 5, window_seconds: 60, burst: 5 };
/// The rate limit of sign-in attempts for each client address, over all accounts.
pub const ADDRESS_LIMIT: Policy = Policy { name: "logins", quota: 30, window_seconds: 60, burst: 30 };

#[derive(Clone)]
pub struct Sessions {
    pub(in crate::resources) db: Db,
    pub(in crate::resources) clock: Clock,
    pub(in crate::resources) passwords: Passwords,
    pub(in crate::resources) limiter: Arc<RateLimiter>,
    pub(super) cursors: CursorKey,
    pub(in crate::resources) api_keys: ApiKeys,
    pub(super) sealer: Sealer,
    pub(super) keys: Arc<SigningKeys>,
    pub(super) tokens: AccessTokens,
    pub(super) reloaded_at: Arc<AtomicI64>,
    pub(super) verified: Arc<VerifiedCredentials>,
    pub failures: AuthFailures,
}

/// A new session, with the value of the cookie if the client requested one.
pub struct LoginResult {
    pub login: Login,
    pub cookie: Option<Secret<String>>,
}

impl Sessions {
    /// Creates the service and loads the signing keys. `issuer` is the issuer and the audience of access
    /// tokens.
    pub async fn new(
        api_keys: ApiKeys,
        cursors: CursorKey,
        sealer: Sealer,
        issuer: &str,
        limiter: RateLimiter,
    ) -> Result<Self> {
        let (db, clock) = (api_keys.db.clone(), api_keys.clock.clone());
        let keys = Arc::new(SigningKeys::default());
        let tokens = AccessTokens::new(issuer, issuer, keys.clone());
        let (passwords, limiter) = (Passwords::default(), Arc::new(limiter));
        let reloaded_at = Arc::new(AtomicI64::new(i64::MIN));
        let verified = Arc::new(VerifiedCredentials::new(db.notifier().versions()));
        let failures = AuthFailures::new(db.clone(), clock.clone());
        let sessions = Sessions {
            db,
            clock,
            passwords,
            limiter,
            cursors,
            api_keys,
            sealer,
            keys,
            tokens,
            reloaded_at,
            verified,
            failures,
        };
        sessions.load_keys().await?;
        Ok(sessions)
    }

    /// Returns the number of password hashes that are being computed, and of those that wait.
    pub fn passwords_load(&self) -> (usize, i64) {
        self.passwords.load()
    }

    /// Returns the number of rejected sign-in attempts and password checks, by rate limit.
    pub fn rate_limit_rejections(&self) -> Vec<(&'static str, u64)> {
        self.limiter.rejections()
    }

    /// Signs in with a password. An unknown account, a disabled account, an account without a password and a
    /// wrong password return the same error after the same work, so that the response does not reveal which
    /// accounts exist.
    pub async fn login(&self, credentials: Credentials, client: &Client) -> Result<LoginResult> {
        let Credentials { email, password, cookie } = credentials;
        let email = Email::from(email.as_str());
        if let Err(error) = self.throttle(&email, &client.address) {
            // Without the e-mail address: a client must not get another entry for each address that it invents.
            self.failures.record(AuthFailure::RateLimited, None, "").await;
            return Err(error);
        }
        let found =
            user::Entity::find().filter(user::Column::Email.eq(email.as_str())).one(self.db.read()).await?;
        let account = found.as_ref().map(|user| user.id);
        let class = match &found {
            None => AuthFailure::UnknownAccount,
            Some(user) if user.status != Status::Active => AuthFailure::Disabled,
            Some(_) => AuthFailure::WrongPassword,
        };
        let usable = found.filter(|user| user.status == Status::Active);
        let stored = usable.as_ref().and_then(|user| user.password_hash.clone()).map(Redacted::into_inner);
        let verified =
            self.passwords.verify(Secret::new(password.into()), stored).await.map_err(hashing_error)?;
        let result = match usable.filter(|_| verified) {
            Some(user) => self.create(user, client, cookie).await,
            None => Err(Error::InvalidCredentials),
        };
        if matches!(result, Err(Error::InvalidCredentials)) {
            self.failures.record(class, account, &email).await;
        }
        result
    }

    fn throttle(&self, email: &str, address: &str) -> Result<()> {
        let now = self.clock.now();
        for (policy, key) in
            [(&ADDRESS_LIMIT, address.to_owned()), (&ACCOUNT_LIMIT, format!("{email}\n{address}"))]
        {
            let decision = self.limiter.try_acquire(policy, &key, now);
            if !decision.allowed {
                return Err(Error::TooManyRequests(decision.retry_after_seconds));
            }
        }
        Ok(())
    }

    async fn create(&self, verified: user::Model, client: &Client, cookie: bool) -> Result<LoginResult> {
        let (now, refresh, id) = (self.clock.now(), RefreshToken::generate(), Uuid::now_v7());
        let cookie = cookie.then(random_token);
        let agent = client.user_agent.clone();
        let row = session::ActiveModel {
            id: Set(id),
            user_id: Set(verified.id),
            family_hash: Set(refresh.family_hash()),
            secret_hash: Set(token_digest(refresh.session_secret().expose())),
            refresh_hash: Set(refresh.refresh_hash()),
            rotation_salt: Set(None),
            rotated_at: Set(None),
            cookie_hash: Set(cookie.as_ref().map(|cookie| token_digest(cookie.expose()))),
            user_agent: Set(agent.filter(|agent| !agent.is_empty())),
            ip: Set(Some(client.address.clone()).filter(|address| !address.is_empty())),
            created_at: Set(now),
            last_used_at: Set(now),
            expires_at: Set(now + refresh_token::LIFETIME),
            revoked_at: Set(None),
        };
        let user = self
            .db
            .write(async move |tx| {
                let user = user::Entity::find_by_id(verified.id).lock_shared().one(&*tx).await?;
                // The account may have changed while the password was verified outside of the transaction.
                let unchanged = |user: &user::Model| {
                    user.status == Status::Active && user.password_hash == verified.password_hash
                };
                let user = user.filter(unchanged).ok_or(Error::InvalidCredentials)?;
                row.insert(&*tx).await?;
                tx.record(NewEntry::new(AuditAction::SessionCreated, id, now).by_session(user.id, id));
                Ok::<_, Error>(user)
            })
            .await?;
        Ok(LoginResult { login: self.login_response(id, user, &refresh)?, cookie })
    }

    /// Issues an access token and builds the response.
    fn login_response(&self, session: Uuid, user: user::Model, refresh: &RefreshToken) -> Result<Login> {
        let (session_secret, role) = (refresh.session_secret(), user.role.to_string());
        let grant = Grant { user: user.id, session, session_secret, role };
        let access = self.tokens.issue(&grant, self.clock.now());
        Ok(Login {
            access_token: access.map_err(|error| Error::Internal(error.to_string()))?.expose().clone().into(),
            token_type: TokenType::Bearer,
            expires_in: token::LIFETIME,
            refresh_token: refresh.encode().expose().clone().into(),
            user: to_user(user),
        })
    }

    /// Exchanges a refresh token for the next one. A token that was used before revokes its session.
    pub async fn refresh(&self, presented: &str) -> Result<Login> {
        let Some(presented) = RefreshToken::parse(presented) else {
            self.failures.record(AuthFailure::Malformed, None, "").await;
            return Err(Error::invalid_token(AuthFailure::Malformed, "the refresh token is malformed"));
        };
        let now = self.clock.now();
        let rotated = self.db.write(async move |tx| rotate(&tx, &presented, now).await).await?;
        let rejected = match rotated {
            Rotation::Rotated(session, user, next) => return self.login_response(session, *user, &next),
            // The transaction has recorded it.
            Rotation::Reused(rejected) => rejected,
            Rotation::Inactive(rejected) => {
                let identity = rejected.account.map_or_else(String::new, |account| account.to_string());
                self.failures.record(rejected.class, rejected.account, &identity).await;
                rejected
            }
        };
        Err(Error::InvalidToken(rejected))
    }

    /// Revokes the session of the caller.
    pub async fn logout(&self, caller: &Principal) -> Result<()> {
        let Some(session) = caller.session() else { return Ok(()) };
        self.revoke(caller.user, session).await.map(|_| ())
    }

    /// Revokes one of the caller's sessions.
    pub async fn remove(&self, caller: &Principal, id: Id<Session>) -> Result<()> {
        match self.revoke(caller.user, id.0).await? {
            0 => Err(Error::NotFound("session")),
            _ => Ok(()),
        }
    }

    /// Revokes an active session of the user, and returns the number of rows changed.
    async fn revoke(&self, user: Uuid, session: Uuid) -> Result<u64> {
        let now = self.clock.now();
        let result = self.db.write(async move |tx| {
            let revoked = session::Entity::update_many()
                .col_expr(session::Column::RevokedAt, Expr::val(now))
                .filter(session::Column::Id.eq(session))
                .filter(session::Column::UserId.eq(user))
                .filter(session::Column::RevokedAt.is_null())
                .filter(session::Column::ExpiresAt.gt(now))
                .exec(&*tx)
                .await?;
            if revoked.rows_affected > 0 {
                tx.record(NewEntry::new(AuditAction::SessionRevoked, session, now));
                tx.touch(CREDENTIALS).await?;
            }
            Ok::<_, Error>(revoked)
        });
        Ok(result.await?.rows_affected)
    }

    /// Revokes all active sessions of a user, except one.
    pub async fn revoke_all(&self, tx: &Tx, user: Uuid, except: Option<Uuid>) -> Result<()> {
        let mut update = session::Entity::update_many()
            .col_expr(session::Column::RevokedAt, Expr::val(self.clock.now()))
            .filter(session::Column::UserId.eq(user))
            .filter(session::Column::RevokedAt.is_null());
        if let Some(except) = except {
            update = update.filter(session::Column::Id.ne(except));
        }
        if update.exec(&**tx).await?.rows_affected > 0 {
            tx.record(NewEntry::new(AuditAction::SessionsRevoked, user, self.clock.now()));
        }
        tx.touch(CREDENTIALS).await?;
        Ok(())
    }

    /// Deletes the sessions of all users, and returns their number.
    pub async fn delete_all(&self) -> Result<u64> {
        let now = self.clock.now();
        self.db
            .write(async move |tx| {
                let deleted = session::Entity::delete_many().exec(&*tx).await?;
                if deleted.rows_affected > 0 {
                    tx.record(NewEntry::new(AuditAction::SessionsRevoked, "", now));
                }
                tx.touch(CREDENTIALS).await?;
                Ok(deleted.rows_affected)
            })
            .await
    }

    /// Deletes expired sessions.
    pub async fn delete_expired(&self) -> Result<()> {
        let now = self.clock.now();
        self.db
            .write(async move |tx| {
                let expired = session::Entity::delete_many().filter(session::Column::ExpiresAt.lte(now));
                expired.exec(&*tx).await?;
                Ok(())
            })
            .await
    }
}

/// The result of a rotation. A revocation must be committed, so it is not an error.
enum Rotation {
    /// The session, its user and the next token.
    Rotated(Uuid, Box<user::Model>, RefreshToken),
    Inactive(RejectedCredential),
    /// The token was used before, and its session is now revoked.
    Reused(RejectedCredential),
}

/// Rotates the refresh token of a session, or revokes the session because of reuse.
///
/// The row is locked, so that two concurrent requests with one token cannot both rotate it: the second one
/// sees the first rotation and gets the same next token.
async fn rotate(tx: &Tx, presented: &RefreshToken, now: i64) -> Result<Rotation> {
    let inactive = |class: AuthFailure, reason: &str| RejectedCredential::new(class, reason);
    let row = session::Entity::find()
        .filter(session::Column::FamilyHash.eq(presented.family_hash()))
        .lock_exclusive()
        .one(&**tx)
        .await?;
    let Some(row) = row else {
        return Ok(Rotation::Inactive(inactive(AuthFailure::Unknown, "the refresh token is unknown")));
    };
    let (id, account) = (row.id, row.user_id);
    if now - row.last_used_at > IDLE_TIMEOUT {
        let rejected = inactive(AuthFailure::Expired, "the session was idle for too long");
        return Ok(Rotation::Inactive(rejected.of(account)));
    }
    let user = user::Entity::find_by_id(account).one(&**tx).await?;
    let Some(user) = user.filter(|user| user.status == Status::Active) else {
        return Ok(Rotation::Inactive(
            inactive(AuthFailure::Disabled, "the account is disabled").of(account),
        ));
    };
    let stored = TokenState {
        refresh_hash: row.refresh_hash.clone(),
        rotation_salt: row.rotation_salt.clone().map(Secret::new),
        rotated_at: row.rotated_at,
        expires_at: row.expires_at,
        revoked_at: row.revoked_at,
    };
    let is_revoked = row.revoked_at.is_some();
    let entry = |action: AuditAction| NewEntry::new(action, id, now);
    let mut row = row.into_active_model();
    match stored.check(presented, now) {
        RefreshCheck::Rotate(next, rotated) => {
            row.refresh_hash = Set(rotated.refresh_hash);
            // A session from before access tokens had a secret has no hash.
            row.secret_hash = Set(token_digest(next.session_secret().expose()));
            row.rotation_salt = Set(Some(rotated.rotation_salt.expose().clone()));
            row.rotated_at = Set(Some(rotated.rotated_at));
            row.last_used_at = Set(now);
            row.update(&**tx).await?;
            tx.record(entry(AuditAction::SessionRefreshed).by_session(account, id));
            Ok(Rotation::Rotated(id, Box::new(user), next))
        }
        // It changes nothing, and the first exchange is recorded.
        RefreshCheck::Repeat(next) => Ok(Rotation::Rotated(id, Box::new(user), next)),
        RefreshCheck::Reused => {
            tracing::warn!(session = %id, "refresh token reuse detected: session revoked");
            row.revoked_at = Set(Some(now));
            row.update(&**tx).await?;
            tx.record(entry(AuditAction::SessionReused));
            tx.touch(CREDENTIALS).await?;
            let rejected =
                inactive(AuthFailure::Revoked, "the refresh token was used before: session revoked");
            Ok(Rotation::Reused(rejected.of(account)))
        }
        RefreshCheck::Inactive => {
            let (class, reason) = match is_revoked {
                true => (AuthFailure::Revoked, "the session is revoked"),
                false => (AuthFailure::Expired, "the session is expired"),
            };
            Ok(Rotation::Inactive(inactive(class, reason).of(account)))
        }
    }
}
