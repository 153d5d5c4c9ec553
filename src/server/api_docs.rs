//! The API documentation: the OpenAPI document in its formats, Swagger UI, a page for each problem code, and
//! the API catalog (RFC 9727). All files are embedded in the binary.
mod problems;

use std::{collections::HashMap, io::Read, sync::LazyLock};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use flate2::read::GzDecoder;
use poem::{
    Request, Response,
    http::{HeaderValue, Method, StatusCode, header},
};
use serde_json::{Value, json};

use super::{
    compression::{CompressedVariants, strip_tag_suffixes},
    content_encoding,
};
use crate::http::{
    etag::{ETag, EntityTags},
    problem::Problem,
    problem_code::ProblemCode,
};

/// Returns the bytes of an embedded file of Swagger UI.
macro_rules! swagger_file {
    ($name:literal) => {
        include_bytes!(concat!("../../assets/swagger/", $name)).as_slice()
    };
}

struct Page {
    media: &'static str,
    bytes: LazyLock<Bytes, Box<dyn FnOnce() -> Bytes + Send>>,
    etag: ETag,
    /// The `Content-Security-Policy`, if it differs from that of the API.
    policy: Option<HeaderValue>,
    variants: CompressedVariants,
}

pub struct ApiDocs(HashMap<String, Page>);

/// The paths of the pages, except for the problem codes.
const PAGES: [&str; 9] = [
    "/openapi.yaml",
    "/openapi.json",
    "/openapi-3.0.json",
    "/.well-known/api-catalog",
    "/swagger",
    "/swagger/start.js",
    "/swagger/swagger-ui-bundle.js",
    "/swagger/swagger-ui.css",
    "/swagger/favicon-32x32.png",
];
/// Redirects to `/swagger`.
const SWAGGER_FOLDER: &str = "/swagger/";

/// Returns the paths of the API documentation.
pub fn paths() -> Vec<String> {
    let pages = PAGES.iter().map(|path| (*path).to_owned()).chain([SWAGGER_FOLDER.to_owned()]);
    let problems = ProblemCode::ALL.iter().map(|code| format!("/problems/{}", code.as_str()));
    pages.chain(problems).collect()
}

/// Returns a temporary redirect to Swagger UI.
pub fn redirect_to_swagger() -> Response {
    let response = Response::builder().status(StatusCode::TEMPORARY_REDIRECT);
    response.header(header::LOCATION, "/swagger").finish()
}

impl ApiDocs {
    pub fn new(document: &Value, openapi_30: &Value, yaml: String) -> Self {
        let mut site = ApiDocs(HashMap::new());
        site.add("/openapi.yaml", "application/yaml", yaml.into_bytes(), None);
        site.add("/openapi.json", "application/json", document.to_string().into_bytes(), None);
        site.add("/openapi-3.0.json", "application/json", openapi_30.to_string().into_bytes(), None);
        let catalog = json!({ "linkset": [{
            "anchor": "/",
            "service-desc": [
                { "href": "/openapi.json", "type": "application/json" },
                { "href": "/openapi.yaml", "type": "application/yaml" }
            ],
            "service-doc": [{ "href": "/swagger", "type": "text/html" }],
            "status": [{ "href": "/api/health", "type": "application/json" }]
        }]});
        let media = "application/linkset+json; profile=\"https://www.rfc-editor.org/info/rfc9727\"";
        site.add("/.well-known/api-catalog", media, catalog.to_string().into_bytes(), None);
        for code in ProblemCode::ALL {
            let page = problems::page(*code).into_bytes();
            site.add(
                &format!("/problems/{}", code.as_str()),
                "text/html; charset=utf-8",
                page,
                Some(problems::POLICY.clone()),
            );
        }
        site.swagger();
        site
    }

    fn add(&mut self, path: &str, media: &'static str, bytes: impl Into<Bytes>, policy: Option<HeaderValue>) {
        let bytes = bytes.into();
        let etag = ETag::from_parts(&[&STANDARD.encode(digest(&bytes))]);
        self.insert(path, media, etag, policy, move || bytes);
    }

    /// Adds a file that is decompressed on its first use.
    fn add_gzip(&mut self, path: &str, media: &'static str, gzip: &'static [u8]) {
        let etag = ETag::from_parts(&[&STANDARD.encode(digest(gzip))]);
        self.insert(path, media, etag, None, move || {
            let mut bytes = Vec::new();
            GzDecoder::new(gzip).read_to_end(&mut bytes).expect("the embedded file is valid gzip");
            bytes.into()
        });
    }

    fn insert(
        &mut self,
        path: &str,
        media: &'static str,
        etag: ETag,
        policy: Option<HeaderValue>,
        bytes: impl FnOnce() -> Bytes + Send + 'static,
    ) {
        let (bytes, variants) = (LazyLock::new(Box::new(bytes) as Box<_>), CompressedVariants::default());
        self.0.insert(path.to_owned(), Page { media, bytes, etag, policy, variants });
    }

    fn swagger(&mut self) {
        let (script, style) = ("text/javascript; charset=utf-8", "text/css; charset=utf-8");
        self.add_gzip("/swagger/swagger-ui-bundle.js", script, swagger_file!("swagger-ui-bundle.js.gz"));
        self.add_gzip("/swagger/swagger-ui.css", style, swagger_file!("swagger-ui.css.gz"));
        self.add("/swagger/favicon-32x32.png", "image/png", swagger_file!("favicon-32x32.png"), None);
        self.add("/swagger/start.js", script, swagger_file!("start.js"), None);
        let page = swagger_file!("index.html");
        self.add("/swagger", "text/html; charset=utf-8", page, Some(SWAGGER_POLICY));
    }

    /// Returns the response for a documentation path; `None` for other paths.
    pub fn respond(&self, request: &Request) -> Option<Result<Response, Problem>> {
        let path = request.uri().path();
        if path == SWAGGER_FOLDER {
            return Some(Ok(redirect_to_swagger()));
        }
        let page = self.0.get(path)?;
        Some(match *request.method() {
            Method::GET | Method::HEAD => {
                content_encoding::check_acceptable(request.headers()).map(|()| page.respond(request))
            }
            Method::OPTIONS => Ok(Response::builder()
                .status(StatusCode::NO_CONTENT)
                .header(header::ALLOW, "GET, HEAD, OPTIONS")
                .finish()),
            _ => Err(Problem::new(ProblemCode::MethodNotAllowed, "this page supports GET and HEAD only")
                .header(header::ALLOW, "GET, HEAD, OPTIONS")),
        })
    }
}

impl Page {
    fn respond(&self, request: &Request) -> Response {
        let if_none_match = request.header("if-none-match").map(strip_tag_suffixes);
        let if_none_match = if_none_match.and_then(|value| EntityTags::parse(&value));
        let not_modified = if_none_match.is_some_and(|tags| tags.matches_weak(&self.etag));
        // `compress` decides on `Vary` by the media type, and removes it from a 304.
        let mut response = match not_modified {
            true => Response::builder().status(StatusCode::NOT_MODIFIED).content_type(self.media).finish(),
            false => Response::builder().content_type(self.media).body(Bytes::clone(&self.bytes)),
        };
        response.extensions_mut().insert(self.variants.clone());
        let headers = response.headers_mut();
        if let Ok(etag) = HeaderValue::from_str(self.etag.as_str()) {
            headers.insert(header::ETAG, etag);
        }
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=60, stale-while-revalidate=300"),
        );
        headers.insert(
            header::LINK,
            HeaderValue::from_static(
                "</openapi.json>; rel=\"service-desc\", </swagger>; rel=\"service-doc\"",
            ),
        );
        if let Some(policy) = &self.policy {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
        }
        response
    }
}

fn digest(bytes: &[u8]) -> Vec<u8> {
    ring::digest::digest(&ring::digest::SHA256, bytes).as_ref().to_vec()
}

/// Swagger UI sets inline styles and loads images and fonts from `data:` URLs.
const SWAGGER_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; font-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn paths_are_those_of_the_pages() {
        let ApiDocs(pages) = ApiDocs::new(&json!({}), &json!({}), String::new());
        let served: BTreeSet<String> = pages.into_keys().chain([SWAGGER_FOLDER.to_owned()]).collect();
        assert_eq!(paths().into_iter().collect::<BTreeSet<_>>(), served);
    }
}
