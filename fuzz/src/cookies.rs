//! The session cookie.
use tenon::{
    domain::secret::{Secret, is_token},
    http::session_cookie::{COOKIE_NAME, CookieSite, parse, set_cookie},
};

/// One well-formed session cookie is accepted, beside any other cookies. A second one, and a malformed one, is an error.
pub fn cookies(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let headers: Vec<&str> = text.lines().collect();
    let pairs = headers.iter().flat_map(|header| header.split(';'));
    let values: Vec<&str> = pairs
        .filter_map(|pair| pair.trim_matches([' ', '\t']).strip_prefix(COOKIE_NAME)?.strip_prefix('='))
        .collect();
    let session = parse(headers.iter().copied()).map(|session| session.map(|value| value.expose().clone()));
    match values[..] {
        [] => assert_eq!(session, Ok(None)),
        [value] if is_token(value) => assert_eq!(session, Ok(Some(value.to_owned()))),
        _ => assert!(session.is_err(), "{values:?} is accepted"),
    }
    if let Ok(Some(token)) = session {
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{token}");
        let set = set_cookie(&Secret::new(token.clone()), 60, CookieSite::Cross);
        let pair = set.expose().split(';').next().unwrap_or_default();
        assert!(
            parse([pair]).is_ok_and(|again| again.is_some_and(|again| *again.expose() == token)),
            "{pair}"
        );
        assert!(parse(headers.iter().copied().chain([pair])).is_err(), "a second session cookie is accepted");
    }
}
