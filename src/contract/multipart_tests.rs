//! Forms as browsers write them, cut into pieces anywhere, and what is none.
use super::*;

type Read = Vec<(String, Option<String>, Vec<u8>)>;

async fn read(body: &[u8], size: usize, limit: usize) -> Result<Read> {
    let pieces: Vec<io::Result<Bytes>> =
        body.chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    let mut form = Multipart::new(futures_util::stream::iter(pieces), "line", limit);
    let mut parts = Vec::new();
    while let Some(part) = form.next().await? {
        let mut content = Vec::new();
        while let Some(piece) = form.piece().await? {
            content.extend_from_slice(&piece);
        }
        parts.push((part.name, part.filename, content));
    }
    Ok(parts)
}

const FORM: &[u8] = b"preamble\r\n--line\r\nContent-Disposition: form-data; name=\"alt\"\r\n\r\nA \r\n--lin e\r\n\
--line  \r\ncontent-disposition:form-data;name=file ; filename=\"a \\\"b%22.png\"\r\nContent-Type: image/png\r\n\r\n\
\r\n\r\n--\r\n--line\r\nContent-Disposition: form-data; name=\"\"\r\n\r\n\r\n--line--\r\nepilogue";

#[tokio::test]
async fn parts_are_the_same_however_they_come() {
    for size in 1..FORM.len() {
        let parts = read(FORM, size, FORM.len()).await.unwrap();
        let expected: Read = vec![
            ("alt".into(), None, b"A \r\n--lin e".to_vec()),
            ("file".into(), Some("a \"b\".png".into()), b"\r\n\r\n--".to_vec()),
            (String::new(), None, Vec::new()),
        ];
        assert_eq!(parts, expected, "in pieces of {size}");
    }
}

#[tokio::test]
async fn what_is_no_form_is_refused() {
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
            let refused = read(body.as_bytes(), size, 15_000).await.expect_err(body);
            assert_eq!(matches!(refused, Error::TooLarge(_)), too_large, "{body}: {refused}");
        }
    }
}

#[tokio::test]
async fn a_body_that_fails_is_told_apart() {
    for error in [BodyError::TooSlow, BodyError::Broken, BodyError::TooLarge] {
        let pieces: [io::Result<Bytes>; 2] = [Ok(Bytes::from_static(b"--li")), Err(error.into())];
        let mut form = Multipart::new(futures_util::stream::iter(pieces), "line", 100);
        let refused = form.next().await.unwrap_err();
        assert_eq!(refused.code(), Error::from(error).code());
    }
}

#[test]
fn boundaries_are_found() {
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
