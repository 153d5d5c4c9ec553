//! The API documentation: the OpenAPI document in its formats, Swagger UI, a page for each problem code, and
//! the API catalog (RFC 9727). All files are embedded in the binary, large ones compressed.
mod problems;

use std::{
    collections::HashMap,
    io::Read,
    sync::{Arc, OnceLock},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use flate2::read::GzDecoder;
use poem::{
    Request, Response,
    http::{HeaderValue, Method, StatusCode, header},
};

use super::{
    compression::{CompressedVariants, set_encoding, strip_tag_suffixes},
    content_encoding::{self, Encoding},
    metrics_page,
};
use crate::http::{
    cache_control::add_vary,
    etag::{ETag, EntityTags},
    image_upload::DEFAULT_LIMITS,
    problem::Problem,
    problem_code::ProblemCode,
};

/// Returns the bytes of an embedded file.
macro_rules! asset {
    ($name:literal) => {
        include_bytes!(concat!("../../assets/", $name)).as_slice()
    };
}

/// The content of a page.
#[derive(Clone)]
enum Source {
    Plain(&'static [u8]),
    Gzip(&'static [u8]),
    /// The compressed OpenAPI document, in which this text replaces [`DEFAULT_LIMITS`].
    WithLimits(&'static [u8], Arc<str>),
    Problem(ProblemCode),
}

struct Page {
    media: &'static str,
    source: Source,
    /// The `Content-Security-Policy`, if it differs from that of the API.
    policy: Option<HeaderValue>,
    etag: OnceLock<ETag>,
    /// The uncompressed content and its other encodings, for clients that do not accept gzip.
    bytes: OnceLock<Bytes>,
    variants: CompressedVariants,
}

pub struct ApiDocs(HashMap<String, Page>);

const JSON: &str = "application/json";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// The path, media type and content of each page, except for the problem codes. `cargo openapi` writes the files of the
/// OpenAPI document, and a test compares them with the code.
const PAGES: [(&str, &str, Source); 9] = [
    ("/openapi.yaml", "application/yaml", Source::Gzip(asset!("openapi/openapi.yaml.gz"))),
    ("/openapi.json", JSON, Source::Gzip(asset!("openapi/openapi.json.gz"))),
    ("/openapi-3.0.json", JSON, Source::Gzip(asset!("openapi/openapi-3.0.json.gz"))),
    (
        "/.well-known/api-catalog",
        "application/linkset+json; profile=\"https://www.rfc-editor.org/info/rfc9727\"",
        Source::Plain(asset!("openapi/api-catalog.json")),
    ),
    (SWAGGER, HTML, Source::Plain(asset!("swagger/index.html"))),
    ("/swagger/start.js", SCRIPT, Source::Plain(asset!("swagger/start.js"))),
    ("/swagger/swagger-ui-bundle.js", SCRIPT, Source::Gzip(asset!("swagger/swagger-ui-bundle.js.gz"))),
    ("/swagger/swagger-ui.css", "text/css; charset=utf-8", Source::Gzip(asset!("swagger/swagger-ui.css.gz"))),
    ("/swagger/favicon-32x32.png", "image/png", Source::Plain(asset!("swagger/favicon-32x32.png"))),
];
const SWAGGER: &str = "/swagger";
/// Redirects to `/swagger`.
const SWAGGER_FOLDER: &str = "/swagger/";

fn problem_path(code: ProblemCode) -> String {
    format!("/problems/{}", code.as_str())
}

/// Returns the paths of the pages that are not operations.
pub fn paths() -> Vec<String> {
    let others = [SWAGGER_FOLDER.to_owned(), metrics_page::PATH.to_owned()];
    let pages = PAGES.iter().map(|(path, ..)| (*path).to_owned()).chain(others);
    pages.chain(ProblemCode::ALL.iter().map(|code| problem_path(*code))).collect()
}

/// Returns a temporary redirect to Swagger UI.
pub fn redirect_to_swagger() -> Response {
    let response = Response::builder().status(StatusCode::TEMPORARY_REDIRECT);
    response.header(header::LOCATION, SWAGGER).finish()
}

impl ApiDocs {
    /// Creates the pages of a server whose limits of images are these, in the form of [`DEFAULT_LIMITS`].
    pub fn new(image_limits: &str) -> Self {
        let limits: Option<Arc<str>> = (image_limits != *DEFAULT_LIMITS).then(|| image_limits.into());
        let page = |media, source, policy| Page {
            media,
            source,
            policy,
            etag: OnceLock::new(),
            bytes: OnceLock::new(),
            variants: CompressedVariants::default(),
        };
        let pages = PAGES.into_iter().map(|(path, media, source)| {
            let source = match (source, &limits) {
                (Source::Gzip(gzip), Some(limits)) if path.starts_with("/openapi") => {
                    Source::WithLimits(gzip, limits.clone())
                }
                (source, _) => source,
            };
            (path.to_owned(), page(media, source, (path == SWAGGER).then_some(SWAGGER_POLICY)))
        });
        let problems = ProblemCode::ALL.iter().map(|code| {
            (problem_path(*code), page(HTML, Source::Problem(*code), Some(problems::POLICY.clone())))
        });
        ApiDocs(pages.chain(problems).collect())
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
    fn bytes(&self) -> Bytes {
        let bytes = || match self.source {
            Source::Plain(bytes) => Bytes::from_static(bytes),
            Source::Gzip(gzip) => decompress(gzip).into(),
            Source::WithLimits(gzip, ref limits) => {
                decompress(gzip).replace(DEFAULT_LIMITS.as_str(), limits).into()
            }
            Source::Problem(code) => problems::page(code).into(),
        };
        self.bytes.get_or_init(bytes).clone()
    }

    fn etag(&self) -> &ETag {
        self.etag.get_or_init(|| {
            let hash = match self.source {
                Source::Plain(embedded) | Source::Gzip(embedded) => digest(embedded),
                Source::WithLimits(..) | Source::Problem(_) => digest(&self.bytes()),
            };
            ETag::from_parts(&[&STANDARD.encode(hash)])
        })
    }

    fn respond(&self, request: &Request) -> Response {
        let if_none_match = request.header("if-none-match").map(strip_tag_suffixes);
        let if_none_match = if_none_match.and_then(|value| EntityTags::parse(&value));
        let not_modified = if_none_match.is_some_and(|tags| tags.matches_weak(self.etag()));
        let gzip = match self.source {
            Source::Gzip(gzip) if content_encoding::accepts(request.headers(), Encoding::Gzip) => Some(gzip),
            _ => None,
        };
        // `compress` decides on `Vary` by the media type, and removes it from a 304.
        let mut response = match not_modified {
            true => Response::builder().status(StatusCode::NOT_MODIFIED).content_type(self.media).finish(),
            false => {
                let bytes = gzip.map_or_else(|| self.bytes(), Bytes::from_static);
                Response::builder().content_type(self.media).body(bytes)
            }
        };
        response.extensions_mut().insert(self.variants.clone());
        let headers = response.headers_mut();
        if let Ok(etag) = HeaderValue::from_str(self.etag().as_str()) {
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
        if gzip.is_some() && !not_modified {
            add_vary(headers, "Accept-Encoding");
            set_encoding(headers, Encoding::Gzip);
        }
        if let Some(policy) = &self.policy {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
        }
        response
    }
}

/// Decompresses an embedded text.
fn decompress(gzip: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(gzip).read_to_string(&mut text).expect("the embedded file is valid gzip and UTF-8");
    text
}

fn digest(bytes: &[u8]) -> Vec<u8> {
    ring::digest::digest(&ring::digest::SHA256, bytes).as_ref().to_vec()
}

/// Swagger UI sets inline styles and loads images and fonts from `data:` URLs.
const SWAGGER_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; font-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
);
