//! Looking at pictures: whole, in part, and in other sizes.
use std::path::PathBuf;

use poem::http::Method;
use serde_json::json;
use tenon::http::auth::Role;

use crate::{
    media::files,
    multipart::{png, png_of, upload},
    support::{Api, Response},
};

/// A picture of this size, and its address.
async fn shown(api: &Api, width: u32, height: u32) -> (Api, Response, String) {
    let author = api.sign_in(Role::Author).await;
    let made = upload(&author, &[("file", Some("joint.png"), &png(width, height, 1))]).await.is(201);
    let url = made.body["url"].as_str().expect("a url").to_owned();
    (author, made, url)
}

/// The folder of a picture and its sizes.
fn beside(api: &Api, url: &str) -> PathBuf {
    let stem = url.strip_prefix("/media/").and_then(|name| name.split('.').next()).expect("a name");
    api.media.join(&stem[..2]).join(stem)
}

/// What the header of a PNG says.
fn size(answer: &Response) -> (u32, u32) {
    let number = |at: usize| u32::from_be_bytes(answer.bytes[at..at + 4].try_into().expect("four bytes"));
    assert_eq!(&answer.bytes[1..4], b"PNG");
    (number(16), number(20))
}

#[api_test]
async fn a_picture_is_read_in_parts() {
    let api = Api::start().await;
    let (_, _, url) = shown(&api, 200, 100).await;
    let whole = api.get(&url).await.is(200);
    let total = whole.bytes.len();
    for (range, from, to) in [
        ("bytes=0-0".to_owned(), 0, 1),
        ("bytes=10-19".to_owned(), 10, 20),
        (format!("bytes={}-", total - 5), total - 5, total),
        ("bytes=-7".to_owned(), total - 7, total),
        ("bytes=0-999999999".to_owned(), 0, total),
    ] {
        let part = api.header("range", &range).get(&url).await.is(206);
        assert_eq!(part.bytes, whole.bytes[from..to], "{range}");
        assert_eq!(part.header("content-range"), format!("bytes {from}-{}/{total}", to - 1));
        assert_eq!(part.header("content-length"), (to - from).to_string());
        assert_eq!(part.header("etag"), whole.header("etag"));
    }
    for range in ["bytes=2-1", "bytes=0-1,3-4", "lines=1-2", "nonsense"] {
        api.header("range", range).get(&url).await.is(200);
    }
    for range in [format!("bytes={total}-"), "bytes=-0".to_owned()] {
        let none = api.header("range", &range).get(&url).await.is(416);
        assert_eq!(none.header("content-range"), format!("bytes */{total}"));
    }
    let part = api.header("range", "bytes=0-1");
    part.header("if-range", whole.header("etag")).get(&url).await.is(206);
    part.header("if-range", "\"other\"").get(&url).await.is(200);
    part.header("if-range", "Sat, 21 Nov 2026 09:30:00 GMT").get(&url).await.is(200);
    part.header("if-none-match", whole.header("etag")).get(&url).await.is(304);
    let head = api.send(Method::HEAD, &url, None).await.is(200);
    assert_eq!(head.header("content-length"), total.to_string());
}

#[api_test]
async fn a_client_that_has_it_gets_it_not_again() {
    let api = Api::start().await;
    let (_, _, url) = shown(&api, 20, 10).await;
    for url in [url.clone(), format!("{url}?w=10")] {
        let seen = api.get(&url).await.is(200);
        let again = api.header("if-none-match", seen.header("etag")).get(&url).await.is(304);
        assert_eq!(again.header("cache-control"), seen.header("cache-control"));
        assert!(!seen.header("etag").starts_with("W/") && again.bytes.is_empty());
    }
}

#[api_test]
async fn a_picture_comes_in_the_size_that_is_asked_for() {
    let api = Api::start().await;
    let (_, _, url) = shown(&api, 400, 200).await;
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
    ] {
        let seen = api.get(&format!("{url}?{query}")).await.is(200);
        assert_eq!(size(&seen), expected, "{query}");
    }
    for query in
        ["w=0", "w=4097", "h=x", "fit=stretch", "format=svg", "focus=2,0", "focus=0.5", "w=1&w=2", "q=1"]
    {
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
async fn a_picture_comes_in_the_form_that_is_asked_for() {
    let api = Api::start().await;
    let (_, _, url) = shown(&api, 40, 20).await;
    for (form, media) in
        [("webp", "image/webp"), ("jpeg", "image/jpeg"), ("png", "image/png"), ("gif", "image/gif")]
    {
        let seen = api.get(&format!("{url}?format={form}")).await.is(200);
        assert_eq!(seen.header("content-type"), media);
        assert!(!seen.headers.contains_key("vary") || seen.header("vary").is_empty());
    }
    let auto = format!("{url}?w=20&format=auto");
    for (accept, media) in [("image/avif,image/webp,*/*", "image/webp"), ("*/*", "image/png")] {
        let seen = api.header("accept", accept).get(&auto).await.is(200);
        assert_eq!((seen.header("content-type"), seen.header("vary")), (media, "Accept"));
    }
    api.header("accept", "text/html").get(&url).await.is(406);
}

#[api_test]
async fn a_picture_is_cut_around_its_focus() {
    let api = Api::start().await;
    let (author, made, url) = shown(&api, 400, 200).await;
    let cut = format!("{url}?w=100&h=100&fit=cover");
    let middle = api.get(&cut).await.is(200);
    assert!(middle.header("cache-control").starts_with("public, max-age=300"));
    author.patch(made.header("location"), json!({ "focusX": 0, "focusY": 0 })).await.is(200);
    let left = api.get(&cut).await.is(200);
    assert_ne!((left.header("etag"), &left.bytes), (middle.header("etag"), &middle.bytes));
    let named = api.get(&format!("{cut}&focus=0,0")).await.is(200);
    assert_eq!((named.header("etag"), &named.bytes), (left.header("etag"), &left.bytes));
    assert!(named.header("cache-control").contains("immutable"));
}

#[api_test]
async fn a_size_that_is_too_much_is_refused() {
    let api = Api::start().await;
    let (_, _, url) = shown(&api, 200, 100).await;
    let original = beside(&api, &url).join("original.png");
    let kept = std::fs::read(&original).expect("read");
    // A picture of as many pixels takes seconds to be sent; one that says so is enough.
    std::fs::write(&original, png_of(50_000, 50_000, &[0; 100], &[])).expect("written");
    let asked = format!("{url}?w=100");
    assert_eq!(api.get(&asked).await.is(400).locations(), ["format"]);
    std::fs::write(&original, kept).expect("written");
    assert_eq!(api.get(&asked).await.is(400).locations(), ["format"], "it is remembered");
    api.get(&format!("{url}?w=99")).await.is(200);
}

#[api_test]
async fn the_sizes_of_a_picture_have_their_bytes() {
    let api = Api::start().await;
    let (_, made, url) = shown(&api, 200, 100).await;
    let beside = beside(&api, &url);
    for name in ["1x1.png", "2x2.png", "3x3.png"] {
        std::fs::write(beside.join(name), vec![0; 12 << 20]).expect("written");
    }
    api.get(&format!("{url}?w=50")).await.is(200);
    let bytes: u64 = std::fs::read_dir(&beside)
        .expect("a folder")
        .map(|entry| entry.and_then(|entry| entry.metadata()).expect("a file").len())
        .sum();
    assert!(bytes - made.body["size"].as_u64().expect("a size") <= 32 << 20, "{bytes}");
    assert_eq!(files(&api.media), 4);
}

#[api_test]
async fn a_size_is_made_once_and_only_some_are_kept() {
    let api = Api::start().await;
    let (_, _, url) = shown(&api, 200, 100).await;
    let asked = format!("{url}?w=50");
    let all = futures_util::future::join_all((0..16).map(|_| api.get(&asked))).await;
    assert!(all.iter().all(|answer| answer.bytes == all[0].bytes && answer.status == 200));
    assert_eq!(files(&api.media), 2);
    for width in 1..=80 {
        api.get(&format!("{url}?w={width}")).await.is(200);
    }
    assert_eq!(files(&api.media), 1 + 64);
    assert_eq!(api.get(&asked).await.is(200).bytes, all[0].bytes);
}

/// A GIF of two frames, as wide as it is high.
fn moving(side: u16) -> Vec<u8> {
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
async fn a_gif_goes_on_moving_where_nobody_asks_for_another_kind() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let made = upload(&author, &[("file", Some("saw.gif"), &moving(200))]).await.is(201);
    let url = made.body["url"].as_str().expect("a url");
    assert_eq!(made.body["variants"], json!([]));
    for (path, media, frames) in [
        (url, "image/gif", 2),
        (&format!("{url}?w=50"), "image/gif", 2),
        (&format!("{url}?w=50&format=auto"), "image/gif", 2),
        (&format!("{url}?w=50&format=webp"), "image/webp", 0),
    ] {
        let seen = api.header("accept", "image/webp,*/*").get(path).await.is(200);
        assert_eq!(seen.header("content-type"), media, "{path}");
        let mut read = gif::DecodeOptions::new().read_info(&seen.bytes[..]);
        let next = |read: &mut gif::Decoder<&[u8]>| read.read_next_frame().expect("a frame").is_some();
        let moves = read.as_mut().map_or(0, |read| std::iter::from_fn(|| next(read).then_some(())).count());
        assert_eq!(moves, frames, "{path}");
    }
}
