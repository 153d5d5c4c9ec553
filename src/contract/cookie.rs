//! The session cookie: read, set and cleared, and when a request that carries it may change anything.
use poem::{IntoResponse, Response, http::header};
use poem_openapi::{
    ApiResponse,
    registry::{MetaResponses, Registry},
};

use super::answer::{self, bare};
use crate::contract::secret::{Secret, is_token};

/// The prefix makes browsers refuse it from other hosts, without TLS, or for a part of the site.
pub const NAME: &str = "__Host-session";

/// The request carries a session cookie that was never set here, or more than one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a session cookie as it was set")]
pub struct BadCookie;

/// The session cookie's value from the request's `Cookie` fields (HTTP/2 may send several).
pub fn read<'a>(fields: impl IntoIterator<Item = &'a str>) -> Result<Option<Secret<String>>, BadCookie> {
    let pairs = fields.into_iter().flat_map(|field| field.split(';'));
    let mut values = pairs.filter_map(|pair| {
        let (name, value) = pair.trim_matches([' ', '\t']).split_once('=')?;
        (name == NAME).then_some(value)
    });
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) if is_token(value) => Ok(Some(Secret::new(value.to_owned()))),
        // With two, one was planted, and nothing tells which.
        _ => Err(BadCookie),
    }
}

/// The `Set-Cookie` field of a new session.
pub fn set(token: &Secret<String>, max_age_seconds: u32) -> Secret<String> {
    Secret::new(write(token.expose(), max_age_seconds))
}

/// The `Set-Cookie` field that makes the browser forget the session.
pub fn clear() -> String {
    write("", 0)
}

fn write(value: &str, max_age_seconds: u32) -> String {
    format!("{NAME}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={max_age_seconds}")
}

/// Whether a request that is signed in by its cookie alone was made by our own pages, or by listed ones. Reading is
/// always allowed: it changes nothing, and other sites cannot see the answer.
pub fn same_site(
    method: &str,
    sec_fetch_site: Option<&str>,
    origin: Option<&str>,
    host: Option<&str>,
    allowed_origins: &[String],
) -> bool {
    if matches!(method, "GET" | "HEAD" | "OPTIONS") {
        return true;
    }
    let listed = origin
        .is_some_and(|origin| origin != "null" && allowed_origins.iter().any(|listed| listed == origin));
    match sec_fetch_site {
        Some(site) => matches!(site, "same-origin" | "none") || listed,
        None => listed || origin.zip(host).is_some_and(|(origin, host)| is_own(origin, host)),
    }
}

/// Browsers that send no `Sec-Fetch-Site` still send `Origin`. Plain http is believed on the machine itself only:
/// elsewhere it may come from whoever sits on the wire.
fn is_own(origin: &str, host: &str) -> bool {
    let own = |scheme: &str, port: &str| {
        let named = origin.strip_prefix(scheme)?;
        let [named, host] = [named, host].map(|authority| authority.strip_suffix(port).unwrap_or(authority));
        (!named.is_empty() && named.eq_ignore_ascii_case(host)).then_some(())
    };
    own("https://", ":443").is_some() || is_loopback(host) && own("http://", ":80").is_some()
}

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|loopback| name.eq_ignore_ascii_case(loopback))
}

/// An answer that sets or clears the session cookie.
pub struct WithCookie<A>(pub A, pub Option<String>);

impl<A: ApiResponse> ApiResponse for WithCookie<A> {
    fn meta() -> MetaResponses {
        let mut meta = A::meta();
        for response in &mut meta.responses {
            response.headers.extend(bare(0, &["Set-Cookie"], "").headers);
        }
        meta
    }
    fn register(registry: &mut Registry) {
        A::register(registry);
    }
}

impl<A: IntoResponse> IntoResponse for WithCookie<A> {
    fn into_response(self) -> Response {
        let mut response = self.0.into_response();
        if let Some(cookie) = self.1 {
            answer::set(&mut response, header::SET_COOKIE, &cookie);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::secret::random_token;

    fn token() -> String {
        "A".repeat(43)
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let good = format!("{NAME}={}", token());
        for fields in [
            vec![good.clone()],
            vec![format!("theme=dark; {good}; lang=fr")],
            vec![format!("theme=dark;{good};lang=fr")],
            vec![format!("flag;{good}; =empty")],
            vec!["theme=dark".into(), good.clone()],
            vec![format!("session=x; {good}")],
            vec![format!("__host-session=x; {good}")],
            vec![format!("x{NAME}=x; {good}; {NAME}x=x")],
            vec![format!("\"{NAME}\"=x; {good};")],
        ] {
            let read = read(fields.iter().map(String::as_str));
            assert_eq!(read, Ok(Some(Secret::new(token()))), "{fields:?}");
        }
        for fields in [vec![], vec![""], vec!["theme=dark"], vec![NAME], vec!["; ;=;", "theme=dark"]] {
            assert_eq!(read(fields.clone()), Ok(None), "{fields:?}");
        }
    }

    #[test]
    fn a_cookie_we_did_not_set_is_refused() {
        let (good, value) = (format!("{NAME}={}", token()), token());
        for fields in [
            vec![format!("{good}; {good}")],
            vec![good.clone(), good.clone()],
            vec![format!("{good}; {NAME}=")],
            vec![format!("{NAME}=; {good}")],
            vec![format!("{NAME}=")],
            vec![format!("{NAME}=\"{value}\"")],
            vec![format!("{NAME}= {value}")],
            vec![format!("{NAME}={value}=")],
            vec![format!("{NAME}={value}A")],
            vec![format!("{NAME}={}", &value[1..])],
            vec![format!("{NAME}={}B", &value[1..])],
            vec![format!("{NAME}={}%41", &value[1..])],
            vec![format!("{good}, {good}")],
        ] {
            assert_eq!(read(fields.iter().map(String::as_str)), Err(BadCookie), "{fields:?}");
        }
    }

    #[test]
    fn what_is_set_is_read_again() {
        let token = random_token();
        let field = set(&token, 604_800);
        let (pair, attributes) = field.expose().split_once("; ").unwrap();
        assert_eq!(read([pair]), Ok(Some(token)));
        assert_eq!(attributes, "Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=604800");
        assert_eq!(clear(), "__Host-session=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0");
    }

    fn allowed() -> Vec<String> {
        vec!["https://admin.example.org".into(), "null".into()]
    }

    #[test]
    fn reading_is_always_allowed() {
        for method in ["GET", "HEAD", "OPTIONS"] {
            assert!(same_site(
                method,
                Some("cross-site"),
                Some("https://evil.example"),
                Some("a.example"),
                &[]
            ));
            assert!(same_site(method, None, None, None, &[]));
        }
    }

    #[test]
    fn writes_from_our_own_pages_are_allowed() {
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
            assert!(same_site("POST", site, origin, host, &allowed()), "{site:?} {origin:?} {host:?}");
        }
    }

    #[test]
    fn writes_from_elsewhere_are_refused() {
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
                    !same_site(method, site, origin, host, &allowed()),
                    "{method} {site:?} {origin:?} {host:?}"
                );
            }
        }
    }
}
