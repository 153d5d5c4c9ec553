use poem::Body;
use tokio::io::AsyncReadExt;

use super::*;

fn header_with(name: header::HeaderName, value: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
}

fn json(body: impl Into<Body>) -> Response {
    Response::builder().content_type("application/json").header(header::ETAG, "\"a\"").body(body)
}

#[tokio::test]
async fn compresses_full_bodies_but_not_streams() {
    let request_headers = header_with(header::ACCEPT_ENCODING, "gzip");
    let stream = Body::from_async_read(tokio::io::repeat(b'x').take(2000));
    for (body, compressed) in [
        (Body::from("x".repeat(2000)), true),
        (Body::from("x".repeat(200_000)), true),
        (Body::from("x"), false),
        (stream, false),
    ] {
        let response = compress(json(body), &request_headers).await;
        assert_eq!(response.headers().contains_key(header::CONTENT_ENCODING), compressed);
        assert_eq!(response.headers()[header::ETAG], if compressed { "\"a~gzip\"" } else { "\"a\"" });
        assert_eq!(response.headers()[header::VARY], "Accept-Encoding");
    }
}

#[tokio::test]
async fn compresses_static_bodies_once() {
    let variants = CompressedVariants::default();
    let page = Bytes::from("lorem ipsum ".repeat(20_000));
    for encoding in ["zstd", "br", "gzip"] {
        let request_headers = header_with(header::ACCEPT_ENCODING, encoding);
        let mut addresses = Vec::new();
        for _ in 0..2 {
            let mut response = json(page.clone());
            response.extensions_mut().insert(variants.clone());
            let mut response = compress(response, &request_headers).await;
            assert_eq!(response.headers()[header::CONTENT_ENCODING], encoding);
            addresses.push(response.take_body().into_bytes().await.map(|bytes| bytes.as_ptr() as usize).ok());
        }
        assert_eq!(addresses[0], addresses[1], "{encoding} was compressed twice");
    }
}

#[tokio::test]
async fn sends_the_cached_tag_in_a_304() {
    for (if_none_match, expected) in
        [("\"x\", \"a~br\"", "\"a~br\""), ("\"a\"", "\"a\""), ("\"b~gzip\"", "\"a\"")]
    {
        let request_headers = header_with(header::IF_NONE_MATCH, if_none_match);
        let unchanged = Response::builder().status(StatusCode::NOT_MODIFIED);
        let response = compress(unchanged.header(header::ETAG, "\"a\"").finish(), &request_headers).await;
        assert_eq!(response.headers()[header::ETAG], expected, "{if_none_match}");
    }
}

#[test]
fn strips_the_suffix_of_every_encoding() {
    assert_eq!(
        strip_tag_suffixes("\"a-1~gzip\", W/\"b~br\", \"c~zstd\", \"d\""),
        "\"a-1\", W/\"b\", \"c\", \"d\""
    );
    // base64url tags that end like an encoding name.
    let plain = "\"a-gzip\", \"abc-br\", \"a-zstd\"";
    assert_eq!(strip_tag_suffixes(plain), plain);
}
