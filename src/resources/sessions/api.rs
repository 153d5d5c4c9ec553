//! Operations on sessions and on the public signing keys.
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
    /// An unknown account, a disabled account and a wrong password get the same response after the same time.
    /// Rate limit: five attempts per minute for each pair of account and client address.
    #[oai(path = "/login", method = "post", operation_id = "sessionsLogin")]
    async fn login(
        &self,
        _auth: Anyone,
        client: Client,
        credentials: Body<Credentials>,
    ) -> Result<WithCookie<Told<Login>>, Fault<(Unauthorized, Throttled)>> {
        let result = self.0.login(credentials.0, &client).await?;
        let cookie = result.cookie.map(|token| cookie::set(&token, COOKIE_SECONDS).expose().clone());
        Ok(WithCookie(Told::new(result.login), cookie))
    }

    /// Refresh the access token
    ///
    /// A refresh token is valid for one use, and the response contains the next one. For ten seconds after
    /// its use, the last refresh token may be sent again and returns the same next token. Any later reuse
    /// revokes the session (RFC 9700, section 4.14).
    #[oai(path = "/refresh", method = "post", operation_id = "sessionsRefresh")]
    async fn refresh(
        &self,
        _auth: Anyone,
        refresh: Body<Refresh>,
    ) -> Result<Told<Login>, Fault<Unauthorized>> {
        Ok(Told::new(self.0.refresh(&refresh.0.refresh_token).await?))
    }

    /// Sign out
    ///
    /// Revokes the session of the caller immediately and clears the session cookie.
    #[oai(path = "/logout", method = "post", operation_id = "sessionsLogout")]
    async fn logout(&self, caller: Caller<InPerson>) -> Result<WithCookie<Gone>, Fault<()>> {
        self.0.logout(&caller).await?;
        Ok(WithCookie(Gone::new(), Some(cookie::clear())))
    }

    /// List your sessions, newest first
    ///
    /// Each session is a client that is signed in. Expired and revoked sessions are not included.
    #[oai(path = "/sessions", method = "get", operation_id = "sessionsList")]
    async fn list(
        &self,
        caller: Caller<InPerson>,
        query: Query<SessionQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<Listed<Session>, Fault<Invalid>> {
        let page = self.0.list(&caller, &query).await?;
        Ok(Listed::fresh(page, &if_none_match.0, &query.target, Cache::Private))
    }

    /// Revoke one of your sessions
    ///
    /// Its tokens and its cookie are rejected immediately.
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

#[OpenApi(prefix_path = "/.well-if_none_match", tag = "Tag::Sessions")]
impl KeysApi {
    /// Read the public keys of access tokens
    ///
    /// A JWK set (RFC 7517) for other services that verify access tokens. A key is published one day before
    /// it signs tokens.
    #[oai(path = "/jwks.json", method = "get", operation_id = "sessionsKeys")]
    async fn keys(&self, _auth: Anyone, if_none_match: IfNoneMatch) -> Result<Found<JwkSet>, Fault<()>> {
        Ok(Found::new(self.0.jwks(), &if_none_match.0))
    }
}
