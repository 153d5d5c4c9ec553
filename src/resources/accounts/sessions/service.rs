//! Session service: sign-in, refresh, sign-out and revocation. The only writer of the `sessions` table.
use std::sync::{Arc, atomic::AtomicI64};

use entity::{
    session,
    user::{self, Status},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, Set,
    sea_query::Expr,
};
use uuid::Uuid;

use super::{
    device::Devices,
    keys::SigningKeys,
    refresh_token::{self, RefreshCheck, RefreshToken, TokenState},
    token::AccessTokens,
    types::{Login, Session},
};
use crate::{
    domain::{
        audit::{AuditAction, AuthFailure, RejectedCredential},
        id::Id,
        secret::{Secret, token_digest},
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
        sealing::Sealer,
    },
    resources::accounts::{
        api_keys::ApiKeys,
        attempts::{Attempts, rejection},
        users::password::Passwords,
        verified::{CREDENTIALS, VerifiedCredentials},
    },
};

/// How long a session lives without use, in milliseconds.
pub const IDLE_TIMEOUT: i64 = 7 * 24 * 3_600_000;

/// The `Max-Age` of the session cookie, in seconds.
pub const COOKIE_SECONDS: u32 = (refresh_token::LIFETIME / 1000) as u32;

#[derive(Clone)]
pub struct Sessions {
    pub(in crate::resources) db: Db,
    pub(in crate::resources) clock: Clock,
    pub passwords: Passwords,
    pub attempts: Attempts,
    pub(super) devices: Devices,
    pub(super) cursors: CursorKey,
    pub(in crate::resources) api_keys: ApiKeys,
    pub(super) sealer: Sealer,
    pub(super) keys: Arc<SigningKeys>,
    pub(super) tokens: AccessTokens,
    pub(super) reloaded_at: Arc<AtomicI64>,
    pub(super) verified: Arc<VerifiedCredentials>,
    pub failures: AuthFailures,
}

impl Sessions {
    /// Creates the service and loads the signing keys. `issuer` is the issuer and the audience of access
    /// tokens.
    pub async fn new(
        api_keys: ApiKeys,
        cursors: CursorKey,
        sealer: Sealer,
        issuer: &str,
        attempts: Attempts,
        devices: Devices,
    ) -> Result<Self> {
        let (db, clock) = (api_keys.db.clone(), api_keys.clock.clone());
        let keys = Arc::new(SigningKeys::default());
        let tokens = AccessTokens::new(issuer, issuer, keys.clone());
        let passwords = Passwords::default();
        let reloaded_at = Arc::new(AtomicI64::new(i64::MIN));
        let verified = Arc::new(VerifiedCredentials::new(db.notifier().versions()));
        let failures = AuthFailures::new(db.clone(), clock.clone());
        let sessions = Sessions {
            db,
            clock,
            passwords,
            attempts,
            devices,
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
    pub fn passwords_load(&self) -> (usize, usize) {
        self.passwords.load()
    }

    /// Exchanges a refresh token for the next one. A token that was used before revokes its session.
    pub async fn refresh(&self, presented: &str, client: &Client) -> Result<Login> {
        let Some(presented) = RefreshToken::parse(presented) else {
            let reason = "the refresh token is malformed";
            let rejected = RejectedCredential::new(AuthFailure::Malformed, reason);
            return Err(self.reject_refresh(rejected, client).await);
        };
        let now = self.clock.now();
        match self.db.write(async move |tx| rotate(&tx, &presented, now).await).await? {
            Rotation::Rotated(session, user, next) => self.login_response(session, *user, &next),
            // The transaction has recorded it.
            Rotation::Reused(rejected) => Err(Error::InvalidToken(rejected)),
            Rotation::Inactive(rejected) => Err(self.reject_refresh(rejected, client).await),
        }
    }

    /// Counts and records a failed refresh. Returns a 429 instead of the 401 if the client has too many.
    async fn reject_refresh(&self, rejected: RejectedCredential, client: &Client) -> Error {
        if let Err(error) = self.attempts.count_failed_refresh(client).await {
            if let Some(class) = rejection(&error) {
                self.failures.record(class, None, "").await;
            }
            return error;
        }
        let identity = rejected.account.map_or_else(String::new, |account| account.to_string());
        self.failures.record(rejected.class, rejected.account, &identity).await;
        Error::InvalidToken(rejected)
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
