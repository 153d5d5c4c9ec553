//! The API documentation: the OpenAPI document in its formats, Swagger UI, a page for each problem code, and
//! the API catalog (RFC 9727). All files are embedded in the binary.
mod problems;

use std::{
    collections::HashMap,
    io::{Cursor, Read},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
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

struct Page {
    media: &'static str,
    bytes: Bytes,
    etag: ETag,
    policy: Option<HeaderValue>,
    variants: CompressedVariants,
}

pub struct ApiDocs(HashMap<String, Page>);

/// The pages with one path each.
const PAGES: [&str; 6] = [
    "/openapi.yaml",
    "/openapi.json",
    "/openapi-3.0.json",
    "/.well-known/api-catalog",
    "/swagger",
    "/swagger/start.js",
];
/// The files of the Swagger UI distribution, with their media types.
const SWAGGER_FILES: [(&str, &str); 3] = [
    ("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    ("swagger-ui.css", "text/css; charset=utf-8"),
    ("favicon-32x32.png", "image/png"),
];
/// Redirects to `/swagger`.
const SWAGGER_FOLDER: &str = "/swagger/";

/// Returns the paths of the API documentation.
pub fn paths() -> Vec<String> {
    let pages = PAGES.iter().map(|path| (*path).to_owned()).chain([SWAGGER_FOLDER.to_owned()]);
    let files = SWAGGER_FILES.iter().map(|(name, _)| format!("/swagger/{name}"));
    let problems = ProblemCode::ALL.iter().map(|code| format!("/problems/{}", code.as_str()));
    pages.chain(files).chain(problems).collect()
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

    fn add(&mut self, path: &str, media: &'static str, bytes: Vec<u8>, policy: Option<HeaderValue>) {
        let etag = ETag::from_parts(&[&STANDARD.encode(digest(&bytes))]);
        self.0.insert(
            path.to_owned(),
            Page { media, bytes: bytes.into(), etag, policy, variants: CompressedVariants::default() },
        );
    }

    fn swagger(&mut self) {
        for (name, media) in SWAGGER_FILES {
            if let Some(bytes) = swagger_file(name) {
                self.add(&format!("/swagger/{name}"), media, bytes, None);
            }
        }
        let script = SWAGGER_SCRIPT.as_bytes().to_vec();
        self.add("/swagger/start.js", "text/javascript; charset=utf-8", script, None);
        let page = SWAGGER_PAGE.as_bytes().to_vec();
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
        let mut response = match not_modified {
            true => Response::builder().status(StatusCode::NOT_MODIFIED).content_type(self.media).finish(),
            false => Response::builder().content_type(self.media).body(self.bytes.clone()),
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

/// Returns a file of the embedded Swagger UI distribution.
fn swagger_file(name: &str) -> Option<Vec<u8>> {
    let mut archive =
        zip::ZipArchive::new(Cursor::new(utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED)).ok()?;
    let wanted = format!("/dist/{name}");
    let index = (0..archive.len()).find(|index| {
        archive.by_index(*index).is_ok_and(|file| file.name().is_ok_and(|name| name.ends_with(&wanted)))
    })?;
    let mut bytes = Vec::new();
    archive.by_index(index).ok()?.read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

const SWAGGER_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; font-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
);

const SWAGGER_PAGE: &str = include_str!("../../assets/swagger/index.html");

/// Starts Swagger UI.
const SWAGGER_SCRIPT: &str = include_str!("../../assets/swagger/start.js");

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
