//! Who is behind a credential. Each request asks the database, so what has ended is ended at once.
use std::sync::atomic::Ordering;

use entity::{session, user};
use sea_orm::{
    ColumnTrait, EntityTrait, JoinType, QueryFilter, QuerySelect, RelationTrait, Select, sea_query::Expr,
};

use super::{
    service::{IDLE, Sessions},
    token::{Access, Refused},
};
use crate::contract::{
    caller::{Principal, Via},
    or_log::OrLog,
    problem::{Error, Result},
    secret::digest,
};
use crate::resources::standing::NOTED;

/// How often an unknown key makes us look for new ones at most, in milliseconds.
const RELOAD: i64 = 10_000;

impl Sessions {
    /// By what stands behind `Bearer`: an API key or an access token.
    pub async fn by_bearer(&self, bearer: &str) -> Result<Principal> {
        if bearer.starts_with("tenon_") {
            return self.api_keys.authenticate(bearer).await;
        }
        let access = self.verify(bearer).await?;
        let find = session::Entity::find_by_id(access.grant.session);
        self.alive(find.filter(session::Column::UserId.eq(access.grant.user))).await
    }

    /// By the value of the session cookie.
    pub async fn by_cookie(&self, cookie: &str) -> Result<Principal> {
        self.alive(session::Entity::find().filter(session::Column::CookieHash.eq(digest(cookie)))).await
    }

    async fn verify(&self, token: &str) -> Result<Access> {
        let refused = match self.tokens.verify(token, self.clock.now()) {
            Ok(access) => return Ok(access),
            Err(refused) => refused,
        };
        // Another process may have made a key since.
        if refused == Refused::UnknownKey && self.may_reload() {
            self.load_keys().await?;
            return self.tokens.verify(token, self.clock.now()).map_err(|_| Error::InvalidToken);
        }
        tracing::debug!(%refused, "an access token was not taken");
        Err(Error::InvalidToken)
    }

    fn may_reload(&self) -> bool {
        let now = self.clock.now();
        let due = |last: i64| (!(0..RELOAD).contains(&now.saturating_sub(last))).then_some(now);
        self.reloaded_at.fetch_update(Ordering::SeqCst, Ordering::SeqCst, due).is_ok()
    }

    /// The session with its user in one select, if both are still good. What the user may do is what the
    /// row says now, whatever the token said.
    async fn alive(&self, find: Select<session::Entity>) -> Result<Principal> {
        let now = self.clock.now();
        let find = find.join(JoinType::InnerJoin, session::Relation::User.def()).select_also(user::Entity);
        let row = find.one(self.db.read()).await?;
        let Some((session, Some(user))) = row else { return Err(Error::InvalidToken) };
        let good = session.revoked_at.is_none()
            && session.expires_at > now
            && now - session.last_used_at <= IDLE
            && user.status == "active";
        if !good {
            return Err(Error::InvalidToken);
        }
        if now - session.last_used_at >= NOTED {
            self.note(session.id, now).await.or_log("noting a session's use");
        }
        let role = user.role.parse().map_err(Error::Internal)?;
        Ok(Principal { user: user.id, role, via: Via::Session(session.id) })
    }

    async fn note(&self, id: uuid::Uuid, now: i64) -> Result<()> {
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
