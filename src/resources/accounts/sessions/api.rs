//! Operations on sessions and on the public signing keys.
use macros::operations;

use super::{
    login::Cookies,
    service::{COOKIE_SECONDS, Sessions},
    types::{Credentials, JwkSet, Login, Refresh, Session, SessionQuery},
};
use crate::{
    domain::{id::Id, secret::Secret},
    http::{
        auth::{Caller, NoAuth, SessionOnly},
        cache_control::CacheControl,
        device_cookie::{self, DeviceCookie},
        extract::{Client, IfNoneMatch, JsonBody, Path, Query},
        problem::{ApiError, BadRequest, NotFound, TooManyRequests, Unauthorized},
        response::{GetResponse, ListResponse, NoContent, UncachedResponse},
        session_cookie::{self, CookieSite, WithCookies},
    },
};

pub struct SessionsApi(pub Sessions);

/// Returns the `Set-Cookie` headers of a sign-in.
fn set_cookies(cookies: &Cookies, site: CookieSite) -> [Secret<String>; 2] {
    let session = session_cookie::set_cookie(&cookies.session, COOKIE_SECONDS, site);
    [session, device_cookie::set_cookie(&cookies.device, site)]
}

#[operations(prefix_path = "/api/auth", tag = "super::TAG")]
impl SessionsApi {
    /// Sign in
    ///
    /// An unknown account, a disabled account and a wrong password get the same response after the same time.
    /// Rate limit: 30 attempts per minute of a client address. After five failed attempts on an e-mail address,
    /// each further one is delayed, from one second up to 15 minutes. With `cookie`, the response also sets the
    /// cookie `__Host-device`: a browser that sends it is not delayed by the failures of others. 503 with the code
    /// `hashing-busy` means that too many passwords are being hashed.
    #[oai(path = "/login", method = "post", operation_id = "sessionsLogin")]
    async fn login(
        &self,
        _auth: NoAuth,
        client: Client,
        device: DeviceCookie,
        site: CookieSite,
        credentials: JsonBody<Credentials>,
    ) -> Result<WithCookies<UncachedResponse<Login>>, ApiError<(Unauthorized, TooManyRequests)>> {
        let result = self.0.login(credentials.0, &client, device.0.as_ref()).await?;
        let cookies = result.cookies.iter().flat_map(|cookies| set_cookies(cookies, site)).collect();
        Ok(WithCookies(UncachedResponse::new(result.login), cookies))
    }

    /// Refresh the access token
    ///
    /// A refresh token is valid for one use, and the response contains the next one. For ten seconds after
    /// its use, the last refresh token may be sent again and returns the same next token. Any later reuse
    /// revokes the session (RFC 9700, section 4.14). Rate limit: 30 failed requests per minute of a client address.
    #[oai(path = "/refresh", method = "post", operation_id = "sessionsRefresh")]
    async fn refresh(
        &self,
        _auth: NoAuth,
        client: Client,
        refresh: JsonBody<Refresh>,
    ) -> Result<UncachedResponse<Login>, ApiError<(Unauthorized, TooManyRequests)>> {
        Ok(UncachedResponse::new(self.0.refresh(&refresh.0.refresh_token, &client).await?))
    }

    /// Sign out
    ///
    /// Revokes the session of the caller immediately and clears the session cookie.
    #[oai(path = "/logout", method = "post", operation_id = "sessionsLogout")]
    async fn logout(
        &self,
        caller: Caller<SessionOnly>,
        site: CookieSite,
    ) -> Result<WithCookies<NoContent>, ApiError<()>> {
        self.0.logout(&caller).await?;
        Ok(WithCookies(NoContent::new(), vec![Secret::new(session_cookie::clear_cookie(site))]))
    }

    /// List your sessions, newest first
    ///
    /// Each session is a client that is signed in. Expired and revoked sessions are not included.
    #[oai(path = "/sessions", method = "get", operation_id = "sessionsList")]
    async fn list(
        &self,
        caller: Caller<SessionOnly>,
        query: Query<SessionQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<ListResponse<Session>, ApiError<BadRequest>> {
        let page = self.0.list(&caller, &query).await?;
        Ok(ListResponse::with_content_etag(page, &if_none_match.0, &query.target, CacheControl::Private))
    }

    /// Revoke one of your sessions
    ///
    /// Its tokens and its cookie are rejected immediately.
    #[oai(path = "/sessions/:id", method = "delete", operation_id = "sessionsDelete")]
    async fn delete(
        &self,
        caller: Caller<SessionOnly>,
        /// The session's id.
        id: Path<Id<Session>>,
    ) -> Result<NoContent, ApiError<NotFound>> {
        self.0.remove(&caller, id.0).await?;
        Ok(NoContent::new())
    }
}

pub struct JwksApi(pub Sessions);

#[operations(prefix_path = "/.well-known", tag = "super::TAG")]
impl JwksApi {
    /// Read the public keys of access tokens
    ///
    /// A JWK set (RFC 7517) for other services that verify access tokens. A key is published one day before
    /// it signs tokens.
    #[oai(path = "/jwks.json", method = "get", operation_id = "sessionsGetKeys")]
    async fn get_keys(
        &self,
        _auth: NoAuth,
        if_none_match: IfNoneMatch,
    ) -> Result<GetResponse<JwkSet>, ApiError<()>> {
        Ok(GetResponse::new(self.0.jwks(), &if_none_match.0))
    }
}
