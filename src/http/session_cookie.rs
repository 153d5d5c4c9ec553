//! The session cookie: parsing, setting and clearing it, and the CSRF check of requests that carry it.
use poem::{
    IntoResponse, Request, RequestBody, Response,
    http::{HeaderValue, header},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions,
    registry::{MetaResponses, Registry},
};

use super::{
    extract::ValidatedRequest,
    operation::{Argument, DeclareArgument, DeclareResponse, Operation},
    response::UNUSED_META,
};
use crate::domain::{
    origin::AllowedOrigin,
    secret::{Secret, is_token},
};

/// With the `__Host-` prefix, browsers reject the cookie from other hosts, without TLS and with a `Path` or
/// `Domain`.
pub const COOKIE_NAME: &str = "__Host-session";

/// The request has a malformed session cookie, or more than one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session cookie is malformed or repeated")]
pub struct InvalidCookie;

/// Returns the value of the session cookie in the `Cookie` headers (HTTP/2 allows several).
pub fn parse<'a>(
    headers: impl IntoIterator<Item = &'a str>,
) -> Result<Option<Secret<String>>, InvalidCookie> {
    let mut values = values(headers, COOKIE_NAME);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) if is_token(value) => Ok(Some(Secret::new(value.to_owned()))),
        // Of two cookies, one may have been injected by a related host (cookie tossing). Both are rejected.
        _ => Err(InvalidCookie),
    }
}

/// Returns the values of the cookies with a name in the `Cookie` headers.
pub(super) fn values<'a>(
    headers: impl IntoIterator<Item = &'a str>,
    name: &'static str,
) -> impl Iterator<Item = &'a str> {
    let pairs = headers.into_iter().flat_map(|header| header.split(';'));
    pairs.filter_map(move |pair| {
        let (found, value) = pair.trim_matches([' ', '\t']).split_once('=')?;
        (found == name).then_some(value)
    })
}

/// Returns the `Set-Cookie` header of a new session.
pub fn set_cookie(token: &Secret<String>, max_age_seconds: u32, site: CookieSite) -> Secret<String> {
    Secret::new(header(COOKIE_NAME, token.expose(), max_age_seconds, site))
}

/// Returns the `Set-Cookie` header that deletes the cookie.
pub fn clear_cookie(site: CookieSite) -> String {
    header(COOKIE_NAME, "", 0, site)
}

pub(super) fn header(name: &str, value: &str, max_age_seconds: u32, site: CookieSite) -> String {
    let attributes = match site {
        CookieSite::Same => "SameSite=Lax",
        CookieSite::Cross => "SameSite=None; Partitioned",
    };
    format!("{name}={value}; Path=/; Secure; HttpOnly; {attributes}; Max-Age={max_age_seconds}")
}

/// The site of the page that sends a request. Browsers store a cookie for pages of another site only with `SameSite=None`,
/// and several only with `Partitioned` (CHIPS): the cookie is then separate for each site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CookieSite {
    #[default]
    Same,
    /// Another site, whose origin is allowed.
    Cross,
}

impl CookieSite {
    pub fn new(sec_fetch_site: Option<&str>, origin: Option<&str>, allowed: &[AllowedOrigin]) -> Self {
        let is_allowed = origin.is_some_and(|origin| allowed.iter().any(|allowed| allowed.matches(origin)));
        match sec_fetch_site == Some("cross-site") && is_allowed {
            true => CookieSite::Cross,
            false => CookieSite::Same,
        }
    }
}

/// The OpenAPI document declares the resulting header `Set-Cookie`.
impl DeclareArgument for CookieSite {
    fn declare(_: &mut Operation, _: Argument) {}
}

impl<'a> ApiExtractor<'a> for CookieSite {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::PoemExtractor];
    type ParamType = ();
    type ParamRawType = ();

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        Ok(ValidatedRequest::from_request(request)?.cookie_site)
    }
}

/// Returns whether a request that is authenticated by its cookie alone passes the CSRF check.
///
/// Safe methods always pass: they change nothing, and other sites cannot read the response. Other methods
/// pass if `Sec-Fetch-Site` or `Origin` shows that a page of this service, or of an allowed origin, sent the
/// request.
pub fn passes_csrf_check(
    method: &str,
    sec_fetch_site: Option<&str>,
    origin: Option<&str>,
    host: Option<&str>,
    allowed_origins: &[AllowedOrigin],
) -> bool {
    if matches!(method, "GET" | "HEAD" | "OPTIONS") {
        return true;
    }
    let is_allowed =
        origin.is_some_and(|origin| allowed_origins.iter().any(|allowed| allowed.matches(origin)));
    match sec_fetch_site {
        Some(site) => matches!(site, "same-origin" | "none") || is_allowed,
        None => is_allowed || origin.zip(host).is_some_and(|(origin, host)| is_same_origin(origin, host)),
    }
}

/// Returns whether `origin` and `host` have the same host and port.
///
/// Browsers without `Sec-Fetch-Site` still send `Origin`. An `http:` origin is accepted for loopback hosts
/// only: elsewhere, an attacker on the network can serve a page with that origin.
fn is_same_origin(origin: &str, host: &str) -> bool {
    let matches = |scheme: &str, port: &str| {
        let authority = origin.strip_prefix(scheme)?;
        let [authority, host] = [authority, host].map(|text| text.strip_suffix(port).unwrap_or(text));
        (!authority.is_empty() && authority.eq_ignore_ascii_case(host)).then_some(())
    };
    matches("https://", ":443").is_some() || is_loopback(host) && matches("http://", ":80").is_some()
}

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|loopback| name.eq_ignore_ascii_case(loopback))
}

/// A response that sets or clears cookies.
pub struct WithCookies<A>(pub A, pub Vec<Secret<String>>);

impl<A: DeclareResponse> DeclareResponse for WithCookies<A> {
    fn declare(operation: &mut Operation) {
        A::declare(operation);
        operation.add_response_header("Set-Cookie");
    }
}

impl<A: ApiResponse> ApiResponse for WithCookies<A> {
    fn meta() -> MetaResponses {
        UNUSED_META
    }
    fn register(registry: &mut Registry) {
        A::register(registry);
    }
}

impl<A: IntoResponse> IntoResponse for WithCookies<A> {
    fn into_response(self) -> Response {
        let mut response = self.0.into_response();
        let values = self.1.iter().filter_map(|cookie| HeaderValue::from_str(cookie.expose()).ok());
        for value in values {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::secret::random_token;

    fn token() -> String {
        "A".repeat(43)
    }

    #[test]
    fn finds_the_session_cookie_among_others() {
        let good = format!("{COOKIE_NAME}={}", token());
        for fields in [
            vec![good.clone()],
            vec![format!("theme=dark; {good}; lang=fr")],
            vec![format!("theme=dark;{good};lang=fr")],
            vec![format!("flag;{good}; =empty")],
            vec!["theme=dark".into(), good.clone()],
            vec![format!("session=x; {good}")],
            vec![format!("__host-session=x; {good}")],
            vec![format!("x{COOKIE_NAME}=x; {good}; {COOKIE_NAME}x=x")],
            vec![format!("\"{COOKIE_NAME}\"=x; {good};")],
        ] {
            let read = parse(fields.iter().map(String::as_str));
            assert_eq!(read, Ok(Some(Secret::new(token()))), "{fields:?}");
        }
        for fields in [vec![], vec![""], vec!["theme=dark"], vec![COOKIE_NAME], vec!["; ;=;", "theme=dark"]] {
            assert_eq!(parse(fields.clone()), Ok(None), "{fields:?}");
        }
    }

    #[test]
    fn rejects_malformed_and_repeated_cookies() {
        let (good, value) = (format!("{COOKIE_NAME}={}", token()), token());
        for fields in [
            vec![format!("{good}; {good}")],
            vec![good.clone(), good.clone()],
            vec![format!("{good}; {COOKIE_NAME}=")],
            vec![format!("{COOKIE_NAME}=; {good}")],
            vec![format!("{COOKIE_NAME}=")],
            vec![format!("{COOKIE_NAME}=\"{value}\"")],
            vec![format!("{COOKIE_NAME}= {value}")],
            vec![format!("{COOKIE_NAME}={value}=")],
            vec![format!("{COOKIE_NAME}={value}A")],
            vec![format!("{COOKIE_NAME}={}", &value[1..])],
            vec![format!("{COOKIE_NAME}={}B", &value[1..])],
            vec![format!("{COOKIE_NAME}={}%41", &value[1..])],
            vec![format!("{good}, {good}")],
        ] {
            assert_eq!(parse(fields.iter().map(String::as_str)), Err(InvalidCookie), "{fields:?}");
        }
    }

    #[test]
    fn round_trips_the_token() {
        let token = random_token();
        let set_cookie = set_cookie(&token, 604_800, CookieSite::Same);
        let (pair, attributes) = set_cookie.expose().split_once("; ").unwrap();
        assert_eq!(parse([pair]), Ok(Some(token)));
        assert_eq!(attributes, "Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=604800");
        assert_eq!(
            clear_cookie(CookieSite::Cross),
            "__Host-session=; Path=/; Secure; HttpOnly; SameSite=None; Partitioned; Max-Age=0"
        );
    }

    #[test]
    fn the_cookie_of_an_allowed_origin_of_another_site_is_partitioned() {
        let listed = Some("https://admin.example.org");
        for (site, origin, expected) in [
            (Some("cross-site"), listed, CookieSite::Cross),
            (Some("cross-site"), Some("https://a.preview.example.org"), CookieSite::Cross),
            (Some("cross-site"), Some("https://evil.example"), CookieSite::Same),
            (Some("cross-site"), None, CookieSite::Same),
            (Some("same-site"), listed, CookieSite::Same),
            (Some("same-origin"), listed, CookieSite::Same),
            (None, listed, CookieSite::Same),
        ] {
            assert_eq!(CookieSite::new(site, origin, &allowed()), expected, "{site:?} {origin:?}");
        }
    }

    fn allowed() -> Vec<AllowedOrigin> {
        let origins = ["https://admin.example.org", "https://*.preview.example.org"];
        origins.map(|origin| AllowedOrigin::parse(origin).expect("an origin")).to_vec()
    }

    #[test]
    fn safe_methods_always_pass() {
        for method in ["GET", "HEAD", "OPTIONS"] {
            assert!(passes_csrf_check(
                method,
                Some("cross-site"),
                Some("https://evil.example"),
                Some("a.example"),
                &[]
            ));
            assert!(passes_csrf_check(method, None, None, None, &[]));
        }
    }

    #[test]
    fn accepts_writes_from_the_same_and_allowed_origins() {
        let (own, listed) = ("https://site.example", "https://admin.example.org");
        for (site, origin, host) in [
            (Some("same-origin"), Some(own), Some("site.example")),
            (Some("same-origin"), None, None),
            (Some("none"), None, Some("site.example")),
            (Some("same-site"), Some(listed), Some("site.example")),
            (Some("cross-site"), Some(listed), Some("site.example")),
            (None, Some(listed), None),
            (None, Some(own), Some("site.example")),
            (None, Some(own), Some("SITE.example")),
            (None, Some(own), Some("site.example:443")),
            (None, Some("https://site.example:443"), Some("site.example")),
            (None, Some("https://site.example:8443"), Some("site.example:8443")),
            (None, Some("https://[2001:db8::1]:8443"), Some("[2001:db8::1]:8443")),
            (None, Some("http://localhost:3000"), Some("localhost:3000")),
            (None, Some("http://localhost"), Some("localhost:80")),
            (None, Some("http://127.0.0.1:8080"), Some("127.0.0.1:8080")),
            (None, Some("http://[::1]:8080"), Some("[::1]:8080")),
            (None, Some("http://[::1]"), Some("[::1]")),
        ] {
            assert!(
                passes_csrf_check("POST", site, origin, host, &allowed()),
                "{site:?} {origin:?} {host:?}"
            );
        }
    }

    #[test]
    fn rejects_cross_site_writes() {
        let (own, evil, host) =
            (Some("https://site.example"), Some("https://evil.example"), Some("site.example"));
        for (site, origin, host) in [
            (None, None, None),
            (None, None, host),
            (None, own, None),
            (None, evil, host),
            (None, Some("null"), host),
            (None, Some("null"), Some("null")),
            (None, Some(""), Some("")),
            (None, Some("https://"), Some("")),
            (None, Some("https://:443"), Some(":443")),
            (None, Some("site.example"), host),
            (None, Some("http://site.example"), host),
            (None, Some("ftp://site.example"), host),
            (None, Some("https://site.example:8443"), host),
            (None, Some("https://site.example:80"), host),
            (None, Some("https://site.example/"), host),
            (None, Some("https://site.example.evil.example"), host),
            (None, Some("https://evil.example#site.example"), host),
            (None, Some("https://evil@site.example"), host),
            (None, Some("https://sub.site.example"), host),
            (None, Some("https://evil.example https://site.example"), host),
            (None, Some("http://localhost:3001"), Some("localhost:3000")),
            (None, Some("http://localhost.evil.example"), Some("localhost.evil.example")),
            (None, Some("https://admin.example.org:8443"), host),
            (None, Some("https://ADMIN.example.org.evil.example"), host),
            (Some("cross-site"), own, host),
            (Some("cross-site"), None, host),
            (Some("cross-site"), evil, host),
            (Some("same-site"), Some("https://sub.site.example"), host),
            (Some("same-site"), own, host),
            (Some("same-site"), Some("null"), host),
            (Some(""), own, host),
            (Some("Same-Origin"), own, host),
            (Some("same-origin, none"), own, host),
            (Some("anything"), None, host),
        ] {
            for method in ["POST", "PUT", "PATCH", "DELETE", "get", "CONNECT", "TRACE", ""] {
                assert!(
                    !passes_csrf_check(method, site, origin, host, &allowed()),
                    "{method} {site:?} {origin:?} {host:?}"
                );
            }
        }
    }
}
