use poem::Body;
use tokio::io::AsyncReadExt;

use super::*;

fn asking(name: header::HeaderName, value: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
}

fn json(body: impl Into<Body>) -> Response {
    Response::builder().content_type("application/json").header(header::ETAG, "\"a\"").body(body)
}

#[tokio::test]
async fn full_bodies_are_coded_and_streams_are_not() {
    let asked = asking(header::ACCEPT_ENCODING, "gzip");
    let stream = Body::from_async_read(tokio::io::repeat(b'x').take(2000));
    for (body, coded) in [
        (Body::from("x".repeat(2000)), true),
        (Body::from("x".repeat(200_000)), true),
        (Body::from("x"), false),
        (stream, false),
    ] {
        let answer = compress(json(body), &asked).await;
        assert_eq!(answer.headers().contains_key(header::CONTENT_ENCODING), coded);
        assert_eq!(answer.headers()[header::ETAG], if coded { "\"a~gzip\"" } else { "\"a\"" });
        assert_eq!(answer.headers()[header::VARY], "Accept-Encoding");
    }
}

#[tokio::test]
async fn what_never_changes_is_coded_once() {
    let kept = Kept::default();
    let page = Bytes::from("lorem ipsum ".repeat(20_000));
    for coding in ["zstd", "br", "gzip"] {
        let asked = asking(header::ACCEPT_ENCODING, coding);
        let mut places = Vec::new();
        for _ in 0..2 {
            let mut response = json(page.clone());
            response.extensions_mut().insert(kept.clone());
            let mut answer = compress(response, &asked).await;
            assert_eq!(answer.headers()[header::CONTENT_ENCODING], coding);
            places.push(answer.take_body().into_bytes().await.map(|bytes| bytes.as_ptr() as usize).ok());
        }
        assert_eq!(places[0], places[1], "{coding} was made twice");
    }
}

#[tokio::test]
async fn a_304_carries_the_tag_that_the_client_kept() {
    for (known, expected) in [("\"x\", \"a~br\"", "\"a~br\""), ("\"a\"", "\"a\""), ("\"b~gzip\"", "\"a\"")] {
        let asked = asking(header::IF_NONE_MATCH, known);
        let unchanged = Response::builder().status(StatusCode::NOT_MODIFIED);
        let answer = compress(unchanged.header(header::ETAG, "\"a\"").finish(), &asked).await;
        assert_eq!(answer.headers()[header::ETAG], expected, "{known}");
    }
}

#[test]
fn tags_of_all_codings_mean_one_version() {
    assert_eq!(
        without_marks("\"a-1~gzip\", W/\"b~br\", \"c~zstd\", \"d\""),
        "\"a-1\", W/\"b\", \"c\", \"d\""
    );
    // Ends of base64url that only look like the names of codings.
    let plain = "\"a-gzip\", \"abc-br\", \"a-zstd\"";
    assert_eq!(without_marks(plain), plain);
}
