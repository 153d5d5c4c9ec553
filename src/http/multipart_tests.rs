//! Multipart forms as browsers encode them, split into chunks at every position, and malformed forms.
use super::*;

type Read = Vec<(String, Option<String>, Vec<u8>)>;

async fn read(body: &[u8], size: usize, limit: usize) -> Result<Read> {
    let chunks: Vec<io::Result<Bytes>> =
        body.chunks(size).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    let mut form = Multipart::new(futures_util::stream::iter(chunks), "line", limit);
    let mut parts = Vec::new();
    while let Some(part) = form.next_part().await? {
        let mut content = Vec::new();
        while let Some(chunk) = form.next_chunk().await? {
            content.extend_from_slice(&chunk);
        }
        parts.push((part.name, part.filename, content));
    }
    Ok(parts)
}

const FORM: &[u8] = b"preamble\r\n--line\r\nContent-Disposition: form-data; name=\"alt\"\r\n\r\nA \r\n--lin e\r\n\
--line  \r\ncontent-disposition:form-data;name=file ; filename=\"a \\\"b%22.png\"\r\nContent-Type: image/png\r\n\r\n\
\r\n\r\n--\r\n--line\r\nContent-Disposition: form-data; name=\"\"\r\n\r\n\r\n--line--\r\nepilogue";

#[tokio::test]
async fn parses_the_same_parts_from_chunks_of_every_size() {
    for size in 1..FORM.len() {
        let parts = read(FORM, size, FORM.len()).await.unwrap();
        let expected: Read = vec![
            ("alt".into(), None, b"A \r\n--lin e".to_vec()),
            ("file".into(), Some("a \"b\".png".into()), b"\r\n\r\n--".to_vec()),
            (String::new(), None, Vec::new()),
        ];
        assert_eq!(parts, expected, "in chunks of {size}");
    }
}

#[tokio::test]
async fn rejects_malformed_forms() {
    let long = format!("--line\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n", "a".repeat(9000));
    let head = "--line\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nab";
    for (body, too_large) in [
        ("", false),
        ("nothing of the kind", false),
        (head, false),
        ("--line\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nab\r\n--line", false),
        ("--line\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nab\r\n--liner\r\n", false),
        ("--line\r\n\r\nab\r\n--line--", false),
        ("--line\r\nContent-Disposition: attachment; name=\"file\"\r\n\r\nab\r\n--line--", false),
        ("--line\r\nContent-Disposition: form-data; filename=\"x\"\r\n\r\nab\r\n--line--", false),
        ("--line\r\nContent-Disposition: form-data; name=\"file\r\n\r\nab\r\n--line--", false),
        (&long, false),
        (&"-".repeat(20_000), true),
    ] {
        for size in [1, 7, 100_000] {
            let error = read(body.as_bytes(), size, 15_000).await.expect_err(body);
            assert_eq!(matches!(error, Error::PayloadTooLarge(_)), too_large, "{body}: {error}");
        }
    }
}

#[tokio::test]
async fn reports_the_cause_of_a_failed_body() {
    for cause in [BodyError::Timeout, BodyError::Incomplete, BodyError::TooLarge] {
        let chunks: [io::Result<Bytes>; 2] = [Ok(Bytes::from_static(b"--li")), Err(cause.into())];
        let mut form = Multipart::new(futures_util::stream::iter(chunks), "line", 100);
        let error = form.next_part().await.unwrap_err();
        assert_eq!(error.code(), Error::from(cause).code());
    }
}

#[test]
fn parses_the_boundary() {
    for (text, found) in [
        ("multipart/form-data; boundary=abc", Some("abc")),
        ("Multipart/Form-Data; charset=utf-8; Boundary=\"a b:c\"", Some("a b:c")),
        ("multipart/form-data", None),
        ("multipart/form-data; boundary=", None),
        ("multipart/form-data; boundary=\"abc", None),
        ("multipart/form-data; boundary=a\u{e9}", None),
        ("multipart/mixed; boundary=abc", None),
    ] {
        assert_eq!(boundary(text).as_deref(), found, "{text}");
    }
}
