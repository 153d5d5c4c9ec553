//! Answers that lead a client to the representation that suits it, for this one request: what suits it may
//! be another one tomorrow.
use poem::{
    IntoResponse, Response,
    http::{HeaderValue, StatusCode, header},
};
use poem_openapi::{
    ApiResponse,
    registry::{MetaResponses, Registry},
};

use super::{
    answer::{bare, set},
    cache::vary,
    locale::{Locale, Locales},
    problem::{Error, Result},
    request::AcceptLanguage,
};

/// The answer itself, or where clients of this one's country are led: 302 (RFC 9110, 15.4.3). The country is
/// nothing that a shared cache sees, so neither is for sharing.
pub enum Nearby<A> {
    Here(A),
    There(String),
}

/// What of the request the country was told by, if it is a field.
pub struct ByCountry<A> {
    pub answer: Nearby<A>,
    pub told_by: Option<String>,
}

impl<A: ApiResponse> ApiResponse for ByCountry<A> {
    fn meta() -> MetaResponses {
        let mut meta = A::meta();
        let description =
            "Clients of this one's country have a view of their own: there, with the same query";
        meta.responses.push(bare(302, &["Location", "Cache-Control"], description));
        meta
    }
    fn register(registry: &mut Registry) {
        A::register(registry);
    }
}

impl<A: IntoResponse> IntoResponse for ByCountry<A> {
    fn into_response(self) -> Response {
        let mut response = match self.answer {
            Nearby::Here(answer) => answer.into_response(),
            Nearby::There(location) => {
                let mut response = Response::builder().status(StatusCode::FOUND).finish();
                set(&mut response, header::LOCATION, &location);
                let headers = response.headers_mut();
                headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
                ["Accept", "Accept-Encoding", "Authorization", "Cookie"]
                    .iter()
                    .for_each(|name| vary(headers, name));
                response
            }
        };
        if let Some(field) = self.told_by {
            vary(response.headers_mut(), &field);
        }
        response
    }
}

/// Where the representation in the language is that suits the client best: 307 (RFC 9110, 15.4.8).
pub struct Negotiated {
    location: String,
    locale: Locale,
}

impl Negotiated {
    /// To what lies below `list` in the locale that suits these languages best, with the query of `target`.
    pub fn below(list: &str, target: &str, languages: &AcceptLanguage, locales: &Locales) -> Result<Self> {
        let best = locales.best(languages.0.as_deref().unwrap_or_default());
        let locale = best.cloned().ok_or_else(|| Error::Internal("there is no locale".into()))?;
        let asked = target.split_once('?').map(|(_, asked)| format!("?{asked}")).unwrap_or_default();
        Ok(Negotiated { location: format!("{list}/{locale}{asked}"), locale })
    }
}

impl ApiResponse for Negotiated {
    fn meta() -> MetaResponses {
        let headers = ["Location", "Content-Language", "Cache-Control"];
        let description = "The list in the locale that suits the client best, with the same query";
        MetaResponses { responses: vec![bare(307, &headers, description)] }
    }
    fn register(_: &mut Registry) {}
}

impl IntoResponse for Negotiated {
    fn into_response(self) -> Response {
        let mut response = Response::builder().status(StatusCode::TEMPORARY_REDIRECT).finish();
        set(&mut response, header::LOCATION, &self.location);
        set(&mut response, header::CONTENT_LANGUAGE, &self.locale.tag());
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
        ["Accept-Language", "Authorization", "Cookie"].iter().for_each(|name| vary(headers, name));
        response
    }
}

/// An answer that says which language it is for.
pub struct Spoken<A>(pub A, pub Locale);

impl<A: ApiResponse> ApiResponse for Spoken<A> {
    fn meta() -> MetaResponses {
        let mut meta = A::meta();
        for response in &mut meta.responses {
            response.headers.extend(bare(0, &["Content-Language"], "").headers);
        }
        meta
    }
    fn register(registry: &mut Registry) {
        A::register(registry);
    }
}

impl<A: IntoResponse> IntoResponse for Spoken<A> {
    fn into_response(self) -> Response {
        let mut response = self.0.into_response();
        set(&mut response, header::CONTENT_LANGUAGE, &self.1.tag());
        response
    }
}
