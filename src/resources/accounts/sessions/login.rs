//! Sign-in with a password.
use entity::{
    redacted::Redacted,
    session,
    user::{self, Status},
};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, QuerySelect, Set};
use uuid::Uuid;

use super::{
    refresh_token::{self, RefreshToken},
    service::Sessions,
    token::{self, Grant},
    types::{Credentials, Login, TokenType},
};
use crate::{
    domain::{
        audit::{AuditAction, AuthFailure},
        secret::{Secret, random_token, token_digest},
        text::Email,
    },
    http::{
        extract::Client,
        problem::{Error, Result},
    },
    infra::{audit_log::NewEntry, shared_limits::SharedLimit},
    resources::accounts::{
        attempts::rejection,
        users::{hashing_error, to_user},
    },
};

/// A new session, with the values of the cookies if the client requested them.
pub struct LoginResult {
    pub login: Login,
    pub cookies: Option<Cookies>,
}

/// The values of the cookies of a sign-in.
pub struct Cookies {
    pub session: Secret<String>,
    pub device: Secret<String>,
}

impl Sessions {
    /// Signs in with a password. An unknown account, a disabled account, an account without a password and a
    /// wrong password return the same error after the same work, so that the response does not reveal which
    /// accounts exist. `device` is the value of the device cookie.
    pub async fn login(
        &self,
        credentials: Credentials,
        client: &Client,
        device: Option<&Secret<String>>,
    ) -> Result<LoginResult> {
        let Credentials { email, password, cookie } = credentials;
        let email = Email::from(email.as_str());
        let found =
            user::Entity::find().filter(user::Column::Email.eq(email.as_str())).one(self.db.read()).await?;
        let account = found.as_ref().map(|user| user.id);
        let device =
            device.and_then(|cookie| self.devices.verify(cookie.expose(), found.as_ref(), self.clock.now()));
        let delay = self.attempts.delay(&email, device);
        let begun = self.attempts.begin(self.attempts.sign_in(client, &delay), &self.passwords).await;
        let slot = match begun {
            Ok(slot) => slot,
            Err(error) => return Err(self.reject_login(error, account, &email).await),
        };
        let class = match &found {
            None => AuthFailure::UnknownAccount,
            Some(user) if user.status != Status::Active => AuthFailure::Disabled,
            Some(_) => AuthFailure::WrongPassword,
        };
        let usable = found.filter(|user| user.status == Status::Active);
        let stored = usable.as_ref().and_then(|user| user.password_hash.clone()).map(Redacted::into_inner);
        let password = Secret::new(password.into());
        let verified = self.passwords.verify(&slot, password, stored).await.map_err(hashing_error)?;
        let result = match usable.filter(|_| verified) {
            Some(user) => self.create(user, client, cookie, delay).await,
            None => Err(Error::InvalidCredentials),
        };
        if matches!(result, Err(Error::InvalidCredentials)) {
            self.failures.record(class, account, &email).await;
        }
        result
    }

    /// Records an attempt that was rejected before its password was verified.
    async fn reject_login(&self, error: Error, account: Option<Uuid>, email: &str) -> Error {
        match rejection(&error) {
            Some(class @ AuthFailure::Delayed) => self.failures.record(class, account, email).await,
            // Without the e-mail address: a client must not get another entry for each address that it invents.
            Some(class) => self.failures.record(class, None, "").await,
            None => {}
        }
        error
    }

    async fn create(
        &self,
        verified: user::Model,
        client: &Client,
        cookie: bool,
        delay: SharedLimit,
    ) -> Result<LoginResult> {
        let (now, refresh, id) = (self.clock.now(), RefreshToken::generate(), Uuid::now_v7());
        let cookies =
            cookie.then(|| Cookies { session: random_token(), device: self.devices.issue(&verified, now) });
        let agent = client.user_agent.clone();
        let row = session::ActiveModel {
            id: Set(id),
            user_id: Set(verified.id),
            family_hash: Set(refresh.family_hash()),
            secret_hash: Set(token_digest(refresh.session_secret().expose())),
            refresh_hash: Set(refresh.refresh_hash()),
            rotation_salt: Set(None),
            rotated_at: Set(None),
            cookie_hash: Set(cookies.as_ref().map(|cookies| token_digest(cookies.session.expose()))),
            user_agent: Set(agent.filter(|agent| !agent.is_empty())),
            ip: Set(Some(client.address.clone()).filter(|address| !address.is_empty())),
            created_at: Set(now),
            last_used_at: Set(now),
            expires_at: Set(now + refresh_token::LIFETIME),
            revoked_at: Set(None),
        };
        let attempts = self.attempts.clone();
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
                attempts.succeeded(&tx, &delay).await?;
                tx.record(NewEntry::new(AuditAction::SessionCreated, id, now).by_session(user.id, id));
                Ok::<_, Error>(user)
            })
            .await?;
        Ok(LoginResult { login: self.login_response(id, user, &refresh)?, cookies })
    }

    /// Issues an access token and builds the response.
    pub(super) fn login_response(
        &self,
        session: Uuid,
        user: user::Model,
        refresh: &RefreshToken,
    ) -> Result<Login> {
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
}
