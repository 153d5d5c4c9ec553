//! Image responses: byte ranges, sizes, formats, and stored variants.
use std::path::PathBuf;

use poem::http::Method;
use serde_json::json;
use tenon::http::auth::Role;

use crate::{
    media::files,
    multipart::{png, png_of, upload},
    support::{Api, Response},
};

/// Uploads an image of this size. Returns the author, the upload response and the URL.
pub async fn upload_image(api: &Api, width: u32, height: u32) -> (Api, Response, String) {
    let author = api.sign_in(Role::Author).await;
    let created = upload(&author, &[("file", Some("joint.png"), &png(width, height, 1))]).await.is(201);
    let url = created.body["url"].as_str().expect("a url").to_owned();
    (author, created, url)
}

/// Returns the folder that stores an image and its variants.
pub fn variants_folder(api: &Api, url: &str) -> PathBuf {
    let stem = url.strip_prefix("/media/").and_then(|name| name.split('.').next()).expect("a name");
    api.media.join(&stem[..2]).join(stem)
}

/// Parses the width and the height from the header of a PNG.
fn png_size(response: &Response) -> (u32, u32) {
    let number = |offset: usize| {
        u32::from_be_bytes(response.bytes[offset..offset + 4].try_into().expect("four bytes"))
    };
    assert_eq!(&response.bytes[1..4], b"PNG");
    (number(16), number(20))
}

#[api_test]
async fn serves_byte_ranges() {
    let api = Api::start().await;
    let (_, _, url) = upload_image(&api, 200, 100).await;
    let full = api.get(&url).await.is(200);
    let total = full.bytes.len();
    for (range, from, to) in [
        ("bytes=0-0".to_owned(), 0, 1),
        ("bytes=10-19".to_owned(), 10, 20),
        (format!("bytes={}-", total - 5), total - 5, total),
        ("bytes=-7".to_owned(), total - 7, total),
        ("bytes=0-999999999".to_owned(), 0, total),
    ] {
        let part = api.header("range", &range).get(&url).await.is(206);
        assert_eq!(part.bytes, full.bytes[from..to], "{range}");
        assert_eq!(part.header("content-range"), format!("bytes {from}-{}/{total}", to - 1));
        assert_eq!(part.header("content-length"), (to - from).to_string());
        assert_eq!(part.header("etag"), full.header("etag"));
    }
    for range in ["bytes=2-1", "bytes=0-1,3-4", "lines=1-2", "nonsense"] {
        api.header("range", range).get(&url).await.is(200);
    }
    for range in [format!("bytes={total}-"), "bytes=-0".to_owned()] {
        let unsatisfiable = api.header("range", &range).get(&url).await.is(416);
        assert_eq!(unsatisfiable.header("content-range"), format!("bytes */{total}"));
    }
    let part = api.header("range", "bytes=0-1");
    part.header("if-range", full.header("etag")).get(&url).await.is(206);
    part.header("if-range", "\"other\"").get(&url).await.is(200);
    part.header("if-range", "Sat, 21 Nov 2026 09:30:00 GMT").get(&url).await.is(200);
    part.header("if-none-match", full.header("etag")).get(&url).await.is(304);
    let head = api.send(Method::HEAD, &url, None).await.is(200);
    assert_eq!(head.header("content-length"), total.to_string());
}

#[api_test]
async fn returns_304_for_a_matching_etag() {
    let api = Api::start().await;
    let (_, _, url) = upload_image(&api, 20, 10).await;
    for url in [url.clone(), format!("{url}?w=10")] {
        let first = api.get(&url).await.is(200);
        let second = api.header("if-none-match", first.header("etag")).get(&url).await.is(304);
        assert_eq!(second.header("cache-control"), first.header("cache-control"));
        assert!(!first.header("etag").starts_with("W/") && second.bytes.is_empty());
    }
}

#[api_test]
async fn resizes_to_the_requested_size() {
    let api = Api::with(&[("media_sizes", "1,100,200,4000")]).await;
    let (_, _, url) = upload_image(&api, 400, 200).await;
    for (query, expected) in [
        ("w=100", (100, 50)),
        ("h=100", (200, 100)),
        ("w=100&h=100", (100, 50)),
        ("w=100&h=100&fit=inside", (100, 50)),
        ("w=100&h=100&fit=cover", (100, 100)),
        ("w=100&h=100&fit=contain", (100, 100)),
        ("w=4000", (400, 200)),
        ("w=4000&h=4000&fit=cover", (200, 200)),
        ("w=1", (1, 1)),
        ("w=2", (100, 50)),
        ("h=99", (200, 100)),
        ("w=70&h=90", (100, 50)),
        ("w=70&h=190&fit=cover", (100, 200)),
        ("w=70&h=190&fit=contain", (100, 200)),
        ("w=101", (200, 100)),
        ("w=201", (400, 200)),
    ] {
        let response = api.get(&format!("{url}?{query}")).await.is(200);
        assert_eq!(png_size(&response), expected, "{query}");
    }
    for query in ["w=0", "w=4097", "h=x", "fit=stretch", "format=svg", "focus=2,0", "focus=0.5", "w=1&w=2"] {
        api.get(&format!("{url}?{query}")).await.is(400);
    }
    for key in
        ["../../etc/passwd", "%2e%2e%2fa", "A.jpg", &"0".repeat(36), &format!("{}.svg", "0".repeat(32))]
    {
        api.get(&format!("/media/{key}")).await.is(404);
    }
    api.get(&format!("/media/{}.png", "0".repeat(32))).await.is(404);
}

#[api_test]
async fn sizes_that_round_to_the_same_size_share_one_variant() {
    let api = Api::with(&[("media_sizes", "100,200")]).await;
    let (_, created, url) = upload_image(&api, 400, 200).await;
    let first = api.get(&format!("{url}?w=30&h=40&fit=cover")).await.is(200);
    for query in ["w=100&h=100&fit=cover", "w=99&h=1&fit=cover", "w=1&h=1&fit=cover&utm_source=mail"] {
        let other = api.get(&format!("{url}?{query}")).await.is(200);
        assert_eq!((other.header("etag"), &other.bytes), (first.header("etag"), &first.bytes), "{query}");
    }
    assert_eq!(files(&api.media), 2);
    // The listed variants have exactly the listed sizes.
    let listed = created.body["sources"][1]["variants"].as_array().expect("variants");
    assert_eq!(listed.iter().map(|it| it["width"].clone()).collect::<Vec<_>>(), [100, 200]);
    for variant in listed {
        let path = variant["url"].as_str().expect("a url");
        let (width, height) = png_size(&api.get(path).await.is(200));
        assert_eq!((json!(width), json!(height)), (variant["width"].clone(), variant["height"].clone()));
    }
}

#[api_test]
async fn a_change_of_the_sizes_changes_the_etag_of_the_metadata() {
    let api = Api::start().await;
    let (author, created, _) = upload_image(&api, 400, 200).await;
    let restarted = api.restarted_with(&[("media_sizes", "100")]).await.with_credentials_of(&author);
    for path in ["/api/media", created.header("location")] {
        let etag = author.get(path).await.is(200).header("etag").to_owned();
        author.header("if-none-match", &etag).get(path).await.is(304);
        restarted.header("if-none-match", &etag).get(path).await.is(200);
    }
    let stale = restarted.header("if-match", created.header("etag"));
    stale.patch(created.header("location"), json!({ "alt": "A joint" })).await.is(412);
}

#[api_test]
async fn ignores_unknown_query_parameters() {
    let api = Api::start().await;
    let (_, _, url) = upload_image(&api, 20, 10).await;
    let known = api.get(&format!("{url}?w=16")).await.is(200);
    for unknown in ["v=2", "utm_source=mail&utm_source=web", "a=%ff", "%zz=1", "a%5B%5D=x"] {
        let response = api.get(&format!("{url}?{unknown}&w=16")).await.is(200);
        assert_eq!((response.header("etag"), &response.bytes), (known.header("etag"), &known.bytes));
    }
    api.get(&format!("{url}?{}", "a=1&".repeat(51))).await.is(400);
    api.get(&format!("{url}?w=%ff")).await.is(400);
}

#[api_test]
async fn converts_to_the_requested_format() {
    let api = Api::start().await;
    let (_, _, url) = upload_image(&api, 40, 20).await;
    for (format, media_type) in
        [("webp", "image/webp"), ("jpeg", "image/jpeg"), ("png", "image/png"), ("gif", "image/gif")]
    {
        let response = api.get(&format!("{url}?format={format}")).await.is(200);
        assert_eq!(response.header("content-type"), media_type);
        assert!(!response.headers.contains_key("vary") || response.header("vary").is_empty());
    }
    let auto = format!("{url}?w=20&format=auto");
    for (accept, media_type) in [("image/avif,image/webp,*/*", "image/webp"), ("*/*", "image/png")] {
        let response = api.header("accept", accept).get(&auto).await.is(200);
        assert_eq!((response.header("content-type"), response.header("vary")), (media_type, "Accept"));
    }
    api.header("accept", "text/html").get(&url).await.is(406);
}

#[api_test]
async fn crops_around_the_focus() {
    let api = Api::start().await;
    let (author, created, url) = upload_image(&api, 400, 200).await;
    let cropped = format!("{url}?w=100&h=100&fit=cover");
    let middle = api.get(&cropped).await.is(200);
    assert!(middle.header("cache-control").starts_with("public, max-age=300"));
    author.patch(created.header("location"), json!({ "focusX": 0, "focusY": 0 })).await.is(200);
    let left = api.get(&cropped).await.is(200);
    assert_ne!((left.header("etag"), &left.bytes), (middle.header("etag"), &middle.bytes));
    let explicit = api.get(&format!("{cropped}&focus=0,0")).await.is(200);
    assert_eq!((explicit.header("etag"), &explicit.bytes), (left.header("etag"), &left.bytes));
    assert!(explicit.header("cache-control").contains("immutable"));
}

#[api_test]
async fn rejects_variants_of_an_image_with_too_many_pixels() {
    let api = Api::start().await;
    let (_, _, url) = upload_image(&api, 200, 100).await;
    let original = variants_folder(&api, &url).join("original.png");
    let backup = std::fs::read(&original).expect("read");
    // Only the header declares this size: encoding so many pixels takes seconds.
    std::fs::write(&original, png_of(50_000, 50_000, &[0; 100], &[])).expect("written");
    let variant = format!("{url}?w=100");
    assert_eq!(api.get(&variant).await.is(400).locations(), ["format"]);
    std::fs::write(&original, backup).expect("written");
    assert_eq!(api.get(&variant).await.is(400).locations(), ["format"], "the error is cached");
    api.get(&format!("{url}?w=64")).await.is(200);
}

#[api_test]
async fn renders_a_variant_once_and_limits_the_number_of_stored_variants() {
    let sizes = (1..=20).chain([50]).map(|size| size.to_string()).collect::<Vec<_>>().join(",");
    let api = Api::with(&[("media_sizes", &sizes)]).await;
    let (_, _, url) = upload_image(&api, 200, 100).await;
    let variant = format!("{url}?w=50");
    let all = futures_util::future::join_all((0..16).map(|_| api.get(&variant))).await;
    assert!(all.iter().all(|response| response.bytes == all[0].bytes && response.status == 200));
    assert_eq!(files(&api.media), 2);
    for format in ["png", "webp", "jpeg", "gif"] {
        for width in 1..=20 {
            api.get(&format!("{url}?w={width}&format={format}")).await.is(200);
        }
    }
    assert_eq!(files(&api.media), 1 + 64);
    assert_eq!(api.get(&variant).await.is(200).bytes, all[0].bytes);
}

/// Encodes a square GIF of two frames.
fn animated_gif(side: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = gif::Encoder::new(&mut bytes, side, side, &[9, 9, 9, 255, 0, 0]).expect("a GIF");
    for colour in 0..2 {
        let all = vec![colour; usize::from(side) * usize::from(side)];
        let frame = gif::Frame::from_indexed_pixels(side, side, all, None);
        encoder.write_frame(&frame).expect("a frame");
    }
    drop(encoder);
    bytes
}

#[api_test]
async fn resized_animations_stay_animated_except_in_jpeg() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let created = upload(&author, &[("file", Some("saw.gif"), &animated_gif(200))]).await.is(201);
    let url = created.body["url"].as_str().expect("a url");
    // The only source is the stored file.
    let stored = json!({ "url": url, "width": 200, "height": 200 });
    let source = json!({ "type": "image/gif", "srcset": format!("{url} 200w"), "variants": [stored] });
    assert_eq!(created.body["sources"], json!([source]));
    for (path, media_type, frames) in [
        (url, "image/gif", 2),
        (&format!("{url}?w=50"), "image/gif", 2),
        (&format!("{url}?w=50&format=auto"), "image/gif", 2),
        (&format!("{url}?w=50&format=webp"), "image/webp", 0),
        (&format!("{url}?w=50&format=jpeg"), "image/jpeg", 0),
    ] {
        let response = api.header("accept", "image/webp,*/*").get(path).await.is(200);
        assert_eq!(response.header("content-type"), media_type, "{path}");
        let mut decoder = gif::DecodeOptions::new().read_info(&response.bytes[..]);
        let next = |decoder: &mut gif::Decoder<&[u8]>| decoder.read_next_frame().expect("a frame").is_some();
        let count =
            decoder.as_mut().map_or(0, |decoder| std::iter::from_fn(|| next(decoder).then_some(())).count());
        assert_eq!(count, frames, "{path}");
        let is_animated = response.bytes.windows(4).any(|name| name == b"ANMF");
        assert_eq!(is_animated, media_type == "image/webp", "{path}");
    }
}
