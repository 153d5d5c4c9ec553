//! Content negotiation by redirect: temporary redirects to the representation for the client's country or
//! language.
use poem::{
    IntoResponse, Response,
    http::{HeaderValue, StatusCode, header},
};
use poem_openapi::{
    ApiResponse,
    registry::{MetaResponses, Registry},
};

use super::{
    answer::{empty_meta, set_header},
    cache::vary,
    locale::{Locale, Locales},
    problem::{Error, Result},
    request::AcceptLanguage,
};

/// A response, or a redirect to the view for the client's country: 302 (RFC 9110, section 15.4.3).
///
/// Shared caches store neither: the country is not part of the cache key.
pub enum Nearby<A> {
    Here(A),
    There(String),
}

/// A response that depends on the client's country, with the name of the header that states the country, if
/// any.
pub struct ByCountry<A> {
    pub answer: Nearby<A>,
    pub told_by: Option<String>,
}

impl<A: ApiResponse> ApiResponse for ByCountry<A> {
    fn meta() -> MetaResponses {
        let mut meta = A::meta();
        let description = "The view for the client's country, with the same query";
        meta.responses.push(empty_meta(302, &["Location", "Cache-Control"], description));
        meta
    }
    fn register(registry: &mut Registry) {
        A::register(registry);
    }
}

impl<A: IntoResponse> IntoResponse for ByCountry<A> {
    fn into_response(self) -> Response {
        let mut response = match self.answer {
            Nearby::Here(response) => response.into_response(),
            Nearby::There(location) => {
                let mut response = Response::builder().status(StatusCode::FOUND).finish();
                set_header(&mut response, header::LOCATION, &location);
                let headers = response.headers_mut();
                headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
                ["Accept", "Accept-Encoding", "Authorization", "Cookie"]
                    .iter()
                    .for_each(|name| vary(headers, name));
                response
            }
        };
        if let Some(name) = self.told_by {
            vary(response.headers_mut(), &name);
        }
        response
    }
}

/// A redirect to the representation in the best matching language: 307 (RFC 9110, section 15.4.8).
pub struct Negotiated {
    location: String,
    locale: Locale,
}

impl Negotiated {
    /// Redirects to `list/{locale}`, with the locale that matches `languages` best and the query of `target`.
    pub fn below(list: &str, target: &str, languages: &AcceptLanguage, locales: &Locales) -> Result<Self> {
        let best = locales.best(languages.0.as_deref().unwrap_or_default());
        let locale = best.cloned().ok_or_else(|| Error::Internal("no locale is configured".into()))?;
        let query = target.split_once('?').map(|(_, query)| format!("?{query}")).unwrap_or_default();
        Ok(Negotiated { location: format!("{list}/{locale}{query}"), locale })
    }
}

impl ApiResponse for Negotiated {
    fn meta() -> MetaResponses {
        let headers = ["Location", "Content-Language", "Cache-Control"];
        let description = "The list in the best matching locale, with the same query";
        MetaResponses { responses: vec![empty_meta(307, &headers, description)] }
    }
    fn register(_: &mut Registry) {}
}

impl IntoResponse for Negotiated {
    fn into_response(self) -> Response {
        let mut response = Response::builder().status(StatusCode::TEMPORARY_REDIRECT).finish();
        set_header(&mut response, header::LOCATION, &self.location);
        set_header(&mut response, header::CONTENT_LANGUAGE, &self.locale.tag());
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
        ["Accept-Language", "Authorization", "Cookie"].iter().for_each(|name| vary(headers, name));
        response
    }
}

/// A response with `Content-Language`.
pub struct Spoken<A>(pub A, pub Locale);

impl<A: ApiResponse> ApiResponse for Spoken<A> {
    fn meta() -> MetaResponses {
        let mut meta = A::meta();
        for response in &mut meta.responses {
            response.headers.extend(empty_meta(0, &["Content-Language"], "").headers);
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
        set_header(&mut response, header::CONTENT_LANGUAGE, &self.1.tag());
        response
    }
}
