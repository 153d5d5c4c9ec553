//! What clients can do to sign in and out.
use poem_openapi::OpenApi;

use super::{
    service::{COOKIE_SECONDS, Sessions},
    types::{Credentials, JwkSet, Login, Refresh, Session, SessionQuery},
};
use crate::{
    api::Tag,
    contract::{
        answer::{Found, Gone, Listed, Told},
        cache::Cache,
        caller::{Anyone, Caller, InPerson},
        cookie::{self, WithCookie},
        id::Id,
        problem::{Fault, Invalid, NotFound, Throttled, Unauthorized},
        request::{Body, Client, IfNoneMatch, Path, Query},
    },
};

pub struct SessionsApi(pub Sessions);

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Sessions")]
impl SessionsApi {
    /// Sign in
    ///
    /// An unknown account, a disabled one and a wrong password get the same answer after the same time.
    /// After five tries in a minute the account rests for this address.
    #[oai(path = "/login", method = "post", operation_id = "sessionsLogin")]
    async fn login(
        &self,
        _anyone: Anyone,
        client: Client,
        credentials: Body<Credentials>,
    ) -> Result<WithCookie<Told<Login>>, Fault<(Unauthorized, Throttled)>> {
        let signed_in = self.0.login(credentials.0, &client).await?;
        let cookie = signed_in.cookie.map(|token| cookie::set(&token, COOKIE_SECONDS).expose().clone());
        Ok(WithCookie(Told::new(signed_in.login), cookie))
    }

    /// Get the next access token
    ///
    /// A refresh token is good for one use and comes with its successor. For ten seconds the one used last
    /// gets the same successor again; after that, its return ends the session.
    #[oai(path = "/refresh", method = "post", operation_id = "sessionsRefresh")]
    async fn refresh(
        &self,
        _anyone: Anyone,
        refresh: Body<Refresh>,
    ) -> Result<Told<Login>, Fault<Unauthorized>> {
        Ok(Told::new(self.0.refresh(&refresh.0.refresh_token).await?))
    }

    /// Sign out
    ///
    /// Ends the session of this caller at once, and takes its cookie back.
    #[oai(path = "/logout", method = "post", operation_id = "sessionsLogout")]
    async fn logout(&self, caller: Caller<InPerson>) -> Result<WithCookie<Gone>, Fault<()>> {
        self.0.logout(&caller).await?;
        Ok(WithCookie(Gone::new(), Some(cookie::clear())))
    }

    /// List one's own sessions, newest first
    ///
    /// Each is a client that is signed in; those that have ended are not among them.
    #[oai(path = "/sessions", method = "get", operation_id = "sessionsList")]
    async fn list(
        &self,
        caller: Caller<InPerson>,
        query: Query<SessionQuery>,
        known: IfNoneMatch,
    ) -> Result<Listed<Session>, Fault<Invalid>> {
        let page = self.0.list(&caller, &query).await?;
        Ok(Listed::fresh(page, &known.0, &query.target, Cache::Private))
    }

    /// End one of one's own sessions
    ///
    /// Its tokens and its cookie are refused at once.
    #[oai(path = "/sessions/:id", method = "delete", operation_id = "sessionsRemove")]
    async fn remove(
        &self,
        caller: Caller<InPerson>,
        /// The session's id.
        id: Path<Id<Session>>,
    ) -> Result<Gone, Fault<NotFound>> {
        self.0.remove(&caller, id.0).await?;
        Ok(Gone::new())
    }
}

pub struct KeysApi(pub Sessions);

#[OpenApi(prefix_path = "/.well-known", tag = "Tag::Sessions")]
impl KeysApi {
    /// Read the public keys of access tokens
    ///
    /// For other services that check access tokens themselves. A key is here a day before it signs.
    #[oai(path = "/jwks.json", method = "get", operation_id = "sessionsKeys")]
    async fn keys(&self, _anyone: Anyone, known: IfNoneMatch) -> Result<Found<JwkSet>, Fault<()>> {
        Ok(Found::new(self.0.jwks(), &known.0))
    }
}
