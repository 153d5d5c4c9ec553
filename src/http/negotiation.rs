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
    cache_control::add_vary,
    extract::AcceptLanguage,
    operation::{DeclareResponse, Operation, ResponseSpec},
    problem::{Error, Result},
    response::{UNUSED_META, set_header},
};
use crate::domain::locale::{Locale, Locales};

/// A response, or a redirect to the view for the client's country: 302 (RFC 9110, section 15.4.3).
///
/// Shared caches store neither: the country is not part of the cache key.
pub enum OrCountryRedirect<A> {
    Body(A),
    Redirect(String),
}

/// A response that depends on the client's country, with the name of the header that states the country, if
/// any.
pub struct CountryResponse<A> {
    pub response: OrCountryRedirect<A>,
    pub country_header: Option<String>,
}

impl<A: DeclareResponse> DeclareResponse for CountryResponse<A> {
    fn declare(operation: &mut Operation) {
        A::declare(operation);
        let description = "The view for the client's country, with the same query";
        operation.responses.push(ResponseSpec::empty(302, &["Location", "Cache-Control"], description));
    }
}

impl<A: ApiResponse> ApiResponse for CountryResponse<A> {
    fn meta() -> MetaResponses {
        UNUSED_META
    }
    fn register(registry: &mut Registry) {
        A::register(registry);
    }
}

impl<A: IntoResponse> IntoResponse for CountryResponse<A> {
    fn into_response(self) -> Response {
        let mut response = match self.response {
            OrCountryRedirect::Body(response) => response.into_response(),
            OrCountryRedirect::Redirect(location) => {
                let mut response = Response::builder().status(StatusCode::FOUND).finish();
                set_header(&mut response, header::LOCATION, &location);
                let headers = response.headers_mut();
                headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
                ["Accept", "Accept-Encoding", "Authorization", "Cookie"]
                    .iter()
                    .for_each(|name| add_vary(headers, name));
                response
            }
        };
        if let Some(name) = self.country_header {
            add_vary(response.headers_mut(), &name);
        }
        response
    }
}

/// A redirect to the representation in the best matching language: 307 (RFC 9110, section 15.4.8).
pub struct LanguageRedirect {
    location: String,
    locale: Locale,
}

impl LanguageRedirect {
    /// Redirects to `list/{locale}`, with the locale that matches `languages` best and the query of `target`.
    pub fn to_best_locale(
        list: &str,
        target: &str,
        languages: &AcceptLanguage,
        locales: &Locales,
    ) -> Result<Self> {
        let best = locales.negotiate(languages.0.as_deref().unwrap_or_default());
        let locale = best.cloned().ok_or_else(|| Error::Internal("no locale is configured".into()))?;
        let query = target.split_once('?').map(|(_, query)| format!("?{query}")).unwrap_or_default();
        Ok(LanguageRedirect { location: format!("{list}/{locale}{query}"), locale })
    }
}

impl DeclareResponse for LanguageRedirect {
    fn declare(operation: &mut Operation) {
        let headers = ["Location", "Content-Language", "Cache-Control"];
        let description = "The list in the best matching locale, with the same query";
        operation.responses.push(ResponseSpec::empty(307, &headers, description));
    }
}

impl ApiResponse for LanguageRedirect {
    fn meta() -> MetaResponses {
        UNUSED_META
    }
    fn register(_: &mut Registry) {}
}

impl IntoResponse for LanguageRedirect {
    fn into_response(self) -> Response {
        let mut response = Response::builder().status(StatusCode::TEMPORARY_REDIRECT).finish();
        set_header(&mut response, header::LOCATION, &self.location);
        set_header(&mut response, header::CONTENT_LANGUAGE, &self.locale.tag());
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
        ["Accept-Language", "Authorization", "Cookie"].iter().for_each(|name| add_vary(headers, name));
        response
    }
}

/// A response with `Content-Language`.
pub struct WithLanguage<A>(pub A, pub Locale);

impl<A: DeclareResponse> DeclareResponse for WithLanguage<A> {
    fn declare(operation: &mut Operation) {
        A::declare(operation);
        operation.add_response_header("Content-Language");
    }
}

impl<A: ApiResponse> ApiResponse for WithLanguage<A> {
    fn meta() -> MetaResponses {
        UNUSED_META
    }
    fn register(registry: &mut Registry) {
        A::register(registry);
    }
}

impl<A: IntoResponse> IntoResponse for WithLanguage<A> {
    fn into_response(self) -> Response {
        let mut response = self.0.into_response();
        set_header(&mut response, header::CONTENT_LANGUAGE, &self.1.tag());
        response
    }
}
