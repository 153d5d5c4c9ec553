//! The HTML page of each problem code: its meaning and its fix.
use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::STANDARD};
use poem::http::HeaderValue;

use crate::http::problem_code::ProblemCode;

const STYLE: &str = "body{font:1rem/1.6 system-ui,sans-serif;max-width:42rem;margin:4rem auto;padding:0 1.5rem;color:#1d1d1f}\
code{background:#f2f2f4;padding:.1em .3em;border-radius:.2em}\
@media(prefers-color-scheme:dark){body{background:#161618;color:#eee}code{background:#2a2a2e}a{color:#8ab4ff}}";

pub static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = STANDARD.encode(super::digest(STYLE.as_bytes()));
    let text = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; frame-ancestors 'none'; base-uri 'none'; sandbox"
    );
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

pub fn page(code: ProblemCode) -> String {
    let (title, advice, status) = (code.title(), code.advice(), code.status());
    let advice = advice.split('`').enumerate();
    let advice: String = advice
        .map(|(i, part)| if i % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() })
        .collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n\
         <p>Status <code>{}</code>, code <code>{}</code></p>\n<p>{advice}</p>\n\
         <p><a href=\"/swagger\">API documentation</a></p>\n</body>\n</html>\n",
        status.as_u16(),
        code.as_str(),
    )
}
