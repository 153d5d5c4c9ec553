//! Forms with files.
use std::io;

use bytes::Bytes;
use futures_util::{FutureExt, stream};
use tenon::http::{
    multipart::{Multipart, Part, boundary},
    problem::Result,
};

use super::input::Input;

const BOUNDARY: &str = "line";
const LIMIT: usize = 1 << 20;

/// The result does not depend on the chunks of the body. An accepted form is equal after it is printed and parsed again.
/// A boundary is equal after it is quoted.
pub fn multipart(data: &[u8]) {
    let mut input = Input::new(data);
    let size = 1 + input.below(40);
    let content_type = input.line();
    if let Some(text) = boundary(&content_type) {
        assert!((1..=70).contains(&text.len()), "{text:?}");
        let quoted = format!("multipart/form-data; boundary=\"{text}\"");
        assert_eq!(boundary(&quoted), Some(text));
    }
    let body = input.rest();
    // The time of small chunks grows with the square of the size.
    let size = size.max(body.len() / 256);
    let whole = parse(body, LIMIT);
    let chunked = parse(body, size);
    assert_eq!(format!("{whole:?}"), format!("{chunked:?}"), "differs in chunks of {size} bytes");
    let Ok(parts) = whole else { return };
    let total: usize = parts.iter().map(|(_, content)| content.len()).sum();
    assert!(total <= body.len(), "{total} bytes of {}", body.len());
    if let Some(printed) = print(&parts) {
        let again = parse(&printed, LIMIT).ok();
        assert_eq!(again, Some(parts), "{}", String::from_utf8_lossy(&printed));
    }
}

type Form = Vec<(Part, Vec<u8>)>;

fn parse(body: &[u8], chunk: usize) -> Result<Form> {
    let chunks: Vec<io::Result<Bytes>> =
        body.chunks(chunk).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    let read = async {
        let mut form = Multipart::new(stream::iter(chunks), BOUNDARY, LIMIT);
        let mut parts = Vec::new();
        while let Some(part) = form.next_part().await? {
            let mut content = Vec::new();
            while let Some(chunk) = form.next_chunk().await? {
                content.extend_from_slice(&chunk);
            }
            parts.push((part, content));
        }
        Ok(parts)
    };
    read.now_or_never().expect("all chunks are available")
}

/// Returns `None` for a form whose headers are too long after escaping.
fn print(parts: &Form) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    for (Part { name, filename }, content) in parts {
        let quote = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        let encode = |name: &String| name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
        let file = filename.as_ref().map(|name| format!("; filename=\"{}\"", quote(&encode(name))));
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{}\"{}\r\n\r\n",
            quote(name),
            file.unwrap_or_default()
        );
        if head.len() > 8000 {
            return None;
        }
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    Some(body)
}
