//! Authentication of requests by access token, API key or session cookie.
use std::sync::{Arc, atomic::Ordering};

use entity::{
    session,
    user::{self, Status},
};
use sea_orm::{
    ColumnTrait, EntityTrait, JoinType, QueryFilter, QuerySelect, RelationTrait, Select, sea_query::Expr,
};

use super::{
    service::{IDLE_TIMEOUT, Sessions},
    token::{TokenError, VerifiedToken},
};
use crate::{
    domain::{
        audit::{AuthFailure, RejectedCredential},
        result_ext::ResultExt,
        secret::token_digest,
    },
    http::{
        auth::{Principal, Via},
        problem::{Error, Result},
    },
    resources::accounts::{
        active::LAST_USED_INTERVAL,
        verified::{CredentialKind, Verified},
    },
};

/// The minimum time between two reloads of the signing keys, in milliseconds. Without it, tokens with made-up
/// key ids would cause a query each.
const RELOAD_INTERVAL: i64 = 10_000;

impl Sessions {
    /// Returns the principal of a credential that was verified before and is still valid.
    pub fn verified(&self, kind: CredentialKind, credential: &str) -> Option<Arc<Principal>> {
        self.verified.get(kind, credential, self.clock.now())
    }

    /// Authenticates a bearer token: an API key or an access token.
    pub async fn authenticate_bearer(&self, bearer: &str) -> Result<Principal> {
        let (now, version) = (self.clock.now(), self.verified.version());
        let verified = match bearer.starts_with("tenon_") {
            true => self.api_keys.authenticate(bearer).await?,
            false => {
                let access = self.verify(bearer).await?;
                let find = session::Entity::find_by_id(access.grant.session);
                let secret_hash = token_digest(access.grant.session_secret.expose());
                let find = find
                    .filter(session::Column::UserId.eq(access.grant.user))
                    .filter(session::Column::SecretHash.eq(secret_hash));
                let Verified { principal, valid_until } = self.load_principal(find).await?;
                Verified { principal, valid_until: valid_until.min(access.expires_at) }
            }
        };
        Ok(self.verified.insert((CredentialKind::Bearer, bearer), verified, now, version))
    }

    /// Authenticates the value of the session cookie.
    pub async fn authenticate_cookie(&self, cookie: &str) -> Result<Principal> {
        let (now, version) = (self.clock.now(), self.verified.version());
        let find = session::Entity::find().filter(session::Column::CookieHash.eq(token_digest(cookie)));
        let verified = self.load_principal(find).await?;
        Ok(self.verified.insert((CredentialKind::Cookie, cookie), verified, now, version))
    }

    async fn verify(&self, token: &str) -> Result<VerifiedToken> {
        let error = match self.tokens.verify(token, self.clock.now()) {
            Ok(access) => return Ok(access),
            Err(error) => error,
        };
        // Another process may have created a key since the last load.
        if error == TokenError::UnknownKey && self.may_reload() {
            self.load_keys().await?;
            return self.tokens.verify(token, self.clock.now()).map_err(invalid_token);
        }
        Err(invalid_token(error))
    }

    fn may_reload(&self) -> bool {
        let now = self.clock.now();
        let due = |last: i64| (!(0..RELOAD_INTERVAL).contains(&now.saturating_sub(last))).then_some(now);
        self.reloaded_at.fetch_update(Ordering::SeqCst, Ordering::SeqCst, due).is_ok()
    }

    /// Loads the session and its user in one query, and fails unless both are active. The role comes from the
    /// row of the user, not from the token, so that a role change takes effect immediately.
    async fn load_principal(&self, find: Select<session::Entity>) -> Result<Verified> {
        let now = self.clock.now();
        let find = find.join(JoinType::InnerJoin, session::Relation::User.def()).select_also(user::Entity);
        let row = find.one(self.db.read()).await?;
        let Some((session, Some(user))) = row else {
            return Err(Error::invalid_token(AuthFailure::Unknown, "the session is unknown"));
        };
        let reason = match &session {
            _ if user.status != Status::Active => Some((AuthFailure::Disabled, "the account is disabled")),
            session if session.revoked_at.is_some() => Some((AuthFailure::Revoked, "the session is revoked")),
            session if session.expires_at <= now => Some((AuthFailure::Expired, "the session is expired")),
            session if now - session.last_used_at > IDLE_TIMEOUT => {
                Some((AuthFailure::Expired, "the session was idle for too long"))
            }
            _ => None,
        };
        if let Some((class, reason)) = reason {
            let reason = format!("{reason} (session {})", session.id);
            return Err(Error::InvalidToken(RejectedCredential::new(class, reason).of(user.id)));
        }
        let mut last_used_at = session.last_used_at.min(now);
        if now - last_used_at >= LAST_USED_INTERVAL {
            self.record_use(session.id, now).await.ok_or_log("recording the last use of a session");
            last_used_at = now;
        }
        let principal = Principal { user: user.id, role: user.role, via: Via::Session(session.id) };
        Ok(Verified { principal, valid_until: session.expires_at.min(last_used_at + LAST_USED_INTERVAL) })
    }

    /// Writes the time of the last use. The condition on the stored value keeps a slower process from moving
    /// it back.
    async fn record_use(&self, id: uuid::Uuid, now: i64) -> Result<()> {
        self.db
            .write(async move |tx| {
                session::Entity::update_many()
                    .col_expr(session::Column::LastUsedAt, Expr::val(now))
                    .filter(session::Column::Id.eq(id))
                    .filter(session::Column::LastUsedAt.lt(now))
                    .exec(&*tx)
                    .await?;
                Ok(())
            })
            .await
    }
}

fn invalid_token(error: TokenError) -> Error {
    let class = match error {
        TokenError::Malformed => AuthFailure::Malformed,
        TokenError::Expired => AuthFailure::Expired,
        _ => AuthFailure::Forged,
    };
    Error::invalid_token(class, format!("the access token is rejected: {error}"))
}
