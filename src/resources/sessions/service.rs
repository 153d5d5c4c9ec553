//! What may happen to sessions. The only writer of the `sessions` table; every road to a session is here.
use std::sync::{Arc, atomic::AtomicI64};

use entity::{hidden::Hidden, session, user};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, Set,
    sea_query::Expr,
};
use uuid::Uuid;

use super::{
    super::users::{normalized, password::Passwords, unhashed, wire},
    keys::SigningKeys,
    rotation::{self, RefreshToken, Stored, Verdict},
    token::{self, AccessTokens, Grant},
    types::{Credentials, Login, Session, TokenType},
};
use crate::{
    contract::{
        caller::Principal,
        cursor::CursorKey,
        id::Id,
        problem::{Error, Result},
        request::Client,
        secret::{Secret, digest, random_token},
    },
    ports::{
        clock::Clock,
        db::{Db, Tx},
        limiter::{Limiter, Policy},
    },
    resources::api_keys::ApiKeys,
};

/// How long a session lives without use, in milliseconds.
pub const IDLE: i64 = 7 * 24 * 3_600_000;

/// How long a browser keeps the session cookie, in seconds.
pub const COOKIE_SECONDS: u32 = (rotation::LIFETIME / 1000) as u32;

/// One account from one address, and one address for whatever account.
const ACCOUNT: Policy = Policy { name: "login", quota: 5, window_seconds: 60, burst: 5 };
const ADDRESS: Policy = Policy { name: "logins", quota: 30, window_seconds: 60, burst: 30 };

#[derive(Clone)]
pub struct Sessions {
    pub(in crate::resources) db: Db,
    pub(in crate::resources) clock: Clock,
    pub(in crate::resources) passwords: Passwords,
    pub(in crate::resources) limiter: Arc<Limiter>,
    pub(super) cursors: CursorKey,
    pub(in crate::resources) api_keys: ApiKeys,
    pub(super) keys: Arc<SigningKeys>,
    pub(super) tokens: AccessTokens,
    pub(super) reloaded_at: Arc<AtomicI64>,
}

/// A new session, with the cookie's value if one was asked for.
pub struct SignedIn {
    pub login: Login,
    pub cookie: Option<Secret<String>>,
}

impl Sessions {
    /// The service with the signing keys that the database holds; `issuer` is what tokens say they come from.
    pub async fn new(api_keys: ApiKeys, cursors: CursorKey, issuer: &str, limiter: Limiter) -> Result<Self> {
        let (db, clock) = (api_keys.db.clone(), api_keys.clock.clone());
        let keys = Arc::new(SigningKeys::default());
        let tokens = AccessTokens::new(issuer, issuer, keys.clone());
        let (passwords, limiter) = (Passwords::default(), Arc::new(limiter));
        let reloaded_at = Arc::new(AtomicI64::new(i64::MIN));
        let sessions =
            Sessions { db, clock, passwords, limiter, cursors, api_keys, keys, tokens, reloaded_at };
        sessions.load_keys().await?;
        Ok(sessions)
    }

    /// Signs in by password. Whether the account is unknown, disabled or without password, or the password
    /// is wrong: the answer is the same, and comes after the same work.
    pub async fn login(&self, credentials: Credentials, client: &Client) -> Result<SignedIn> {
        let Credentials { email, password, cookie } = credentials;
        let email = normalized(&email);
        self.throttle(&email, &client.address)?;
        let found = user::Entity::find().filter(user::Column::Email.eq(&email)).one(self.db.read()).await?;
        let usable = found.filter(|user| user.status == "active");
        let stored = usable.as_ref().and_then(|user| user.password_hash.clone()).map(Hidden::into_inner);
        let proven = self.passwords.verify(Secret::new(password), stored).await.map_err(unhashed)?;
        let Some(user) = usable.filter(|_| proven) else { return Err(Error::WrongPassword) };
        self.open(user, client, cookie).await
    }

    fn throttle(&self, email: &str, address: &str) -> Result<()> {
        let now = self.clock.now();
        for (policy, key) in [(&ADDRESS, address.to_owned()), (&ACCOUNT, format!("{email}\n{address}"))] {
            let verdict = self.limiter.take(policy, &key, now);
            if !verdict.allowed {
                return Err(Error::TooMany(verdict.retry_after_seconds));
            }
        }
        Ok(())
    }

    async fn open(&self, proven: user::Model, client: &Client, cookie: bool) -> Result<SignedIn> {
        let (now, refresh, id) = (self.clock.now(), RefreshToken::generate(), Uuid::now_v7());
        let cookie = cookie.then(random_token);
        let agent = client.agent.clone();
        let row = session::ActiveModel {
            id: Set(id),
            user_id: Set(proven.id),
            family_hash: Set(refresh.family_hash()),
            refresh_hash: Set(refresh.refresh_hash()),
            rotation_salt: Set(None),
            rotated_at: Set(None),
            cookie_hash: Set(cookie.as_ref().map(|cookie| digest(cookie.expose()))),
            user_agent: Set(agent.filter(|agent| !agent.is_empty())),
            ip: Set(Some(client.address.clone()).filter(|address| !address.is_empty())),
            created_at: Set(now),
            last_used_at: Set(now),
            expires_at: Set(now + rotation::LIFETIME),
            revoked_at: Set(None),
        };
        let user = self
            .db
            .write(async move |tx| {
                let user = user::Entity::find_by_id(proven.id).lock_shared().one(&*tx).await?;
                // The account may have changed while the password was checked.
                let same = |user: &user::Model| {
                    user.status == "active" && user.password_hash == proven.password_hash
                };
                let user = user.filter(same).ok_or(Error::WrongPassword)?;
                row.insert(&*tx).await?;
                Ok::<_, Error>(user)
            })
            .await?;
        Ok(SignedIn { login: self.told(id, user, &refresh)?, cookie })
    }

    /// The tokens of a session, for its owner.
    fn told(&self, session: Uuid, user: user::Model, refresh: &RefreshToken) -> Result<Login> {
        let grant = Grant { user: user.id, session, role: user.role.clone() };
        let access = self.tokens.issue(&grant, self.clock.now());
        Ok(Login {
            access_token: access.map_err(|error| Error::Internal(error.to_string()))?.expose().clone(),
            token_type: TokenType::Bearer,
            expires_in: token::LIFETIME,
            refresh_token: refresh.write().expose().clone(),
            user: wire(user)?,
        })
    }

    /// Takes a refresh token and gives out the next. One that was used before ends its session.
    pub async fn refresh(&self, presented: &str) -> Result<Login> {
        let presented = RefreshToken::parse(presented).ok_or(Error::InvalidToken)?;
        let now = self.clock.now();
        // The end of a session must be committed, so it is no failure in there.
        let gone_on = self.db.write(async move |tx| rotate(&tx, &presented, now).await).await?;
        let (session, user, next) = gone_on.ok_or(Error::InvalidToken)?;
        self.told(session, user, &next)
    }

    /// Ends the caller's own session.
    pub async fn logout(&self, caller: &Principal) -> Result<()> {
        let Some(session) = caller.session() else { return Ok(()) };
        self.end(caller.user, session).await.map(|_| ())
    }

    /// Ends one of the caller's sessions.
    pub async fn remove(&self, caller: &Principal, id: Id<Session>) -> Result<()> {
        match self.end(caller.user, id.0).await? {
            0 => Err(Error::NotFound("session")),
            _ => Ok(()),
        }
    }

    async fn end(&self, user: Uuid, session: Uuid) -> Result<u64> {
        let now = self.clock.now();
        let ended = self.db.write(async move |tx| {
            session::Entity::update_many()
                .col_expr(session::Column::RevokedAt, Expr::val(now))
                .filter(session::Column::Id.eq(session))
                .filter(session::Column::UserId.eq(user))
                .filter(session::Column::RevokedAt.is_null())
                .filter(session::Column::ExpiresAt.gt(now))
                .exec(&*tx)
                .await
                .map_err(Error::from)
        });
        Ok(ended.await?.rows_affected)
    }

    /// Ends all sessions of a user but one.
    pub async fn end_all(&self, tx: &Tx, user: Uuid, but: Option<Uuid>) -> Result<()> {
        let mut end = session::Entity::update_many()
            .col_expr(session::Column::RevokedAt, Expr::val(self.clock.now()))
            .filter(session::Column::UserId.eq(user))
            .filter(session::Column::RevokedAt.is_null());
        if let Some(kept) = but {
            end = end.filter(session::Column::Id.ne(kept));
        }
        end.exec(&**tx).await?;
        Ok(())
    }

    /// Forgets sessions that have ended for good.
    pub async fn sweep(&self) -> Result<()> {
        let now = self.clock.now();
        self.db
            .write(async move |tx| {
                let ended = session::Entity::delete_many().filter(session::Column::ExpiresAt.lte(now));
                ended.exec(&*tx).await?;
                Ok(())
            })
            .await
    }
}

/// One step of a session: who it belongs to and its next token, or nothing where it has ended.
async fn rotate(
    tx: &Tx,
    presented: &RefreshToken,
    now: i64,
) -> Result<Option<(Uuid, user::Model, RefreshToken)>> {
    let row = session::Entity::find()
        .filter(session::Column::FamilyHash.eq(presented.family_hash()))
        .lock_exclusive()
        .one(&**tx)
        .await?;
    let Some(row) = row.filter(|row| now - row.last_used_at <= IDLE) else { return Ok(None) };
    let user = user::Entity::find_by_id(row.user_id).one(&**tx).await?;
    let Some(user) = user.filter(|user| user.status == "active") else { return Ok(None) };
    let stored = Stored {
        refresh_hash: row.refresh_hash.clone(),
        rotation_salt: row.rotation_salt.clone().map(Secret::new),
        rotated_at: row.rotated_at,
        expires_at: row.expires_at,
        revoked_at: row.revoked_at,
    };
    let id = row.id;
    let mut row = row.into_active_model();
    match stored.judge(presented, now) {
        Verdict::Rotate(next, rotated) => {
            row.refresh_hash = Set(rotated.refresh_hash);
            row.rotation_salt = Set(Some(rotated.rotation_salt.expose().clone()));
            row.rotated_at = Set(Some(rotated.rotated_at));
            row.last_used_at = Set(now);
            row.update(&**tx).await?;
            Ok(Some((id, user, next)))
        }
        Verdict::Repeat(next) => Ok(Some((id, user, next))),
        Verdict::Reused => {
            tracing::warn!(session = %id, "a used refresh token came back: the session ends");
            row.revoked_at = Set(Some(now));
            row.update(&**tx).await?;
            Ok(None)
        }
        Verdict::Ended => Ok(None),
    }
}
