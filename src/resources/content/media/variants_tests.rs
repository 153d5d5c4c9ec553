//! Tests of variant sizes, formats and limits.
use std::iter::from_fn;

use uuid::Uuid;

use super::*;
use crate::{
    config::{Config, MediaSizes},
    domain::client_key::ClientKey,
    http::cursor::CursorKey,
    infra::{blobs::Blobs, clock::Clock, db::Db},
};

fn row(width: i64, height: i64) -> media::Model {
    media::Model {
        id: Uuid::now_v7(),
        key: "a.png".into(),
        filename: "a.png".into(),
        media_type: media::MediaType::Png,
        size: 1,
        width,
        height,
        sha256: String::new(),
        blurhash: String::new(),
        dominant_color: None,
        focus_x: Some(1_000),
        focus_y: None,
        alt: None,
        uploaded_by: None,
        search: String::new(),
        version: 1,
        created_at: 0,
        updated_at: 0,
    }
}

fn sizes() -> VariantSizes {
    VariantSizes::new(&MediaSizes(vec![1, 100, 200, 500, 1000, 2000]))
}

fn name(w: Option<u32>, h: Option<u32>, fit: Option<Fit>, focus: Option<&str>) -> Option<String> {
    let row = row(1000, 500);
    let query = FileQuery { w, h, fit, focus: focus.map(Into::into), format: None };
    let variant = resolve_size(&row, &query, Format::Png, &sizes());
    variant.filter(|variant| !variant.is_original(&row, Format::Png)).map(|variant| variant.name())
}

#[test]
fn sizes_are_rounded_up_and_never_enlarged() {
    let (cover, contain, inside) = (Some(Fit::Cover), Some(Fit::Contain), Some(Fit::Inside));
    for (w, h, fit, focus, expected) in [
        (None, None, None, None, None),
        (Some(200), None, None, None, Some("200x100-v2.png")),
        (None, Some(200), None, None, Some("400x200-v2.png")),
        (Some(200), Some(200), None, None, Some("200x100-v2.png")),
        (Some(200), Some(200), inside, None, Some("200x100-v2.png")),
        (Some(200), Some(200), cover, None, Some("200x200-1000-5000-v2.png")),
        (Some(200), Some(200), cover, Some("1,0.25"), Some("200x200-10000-2500-v2.png")),
        (Some(200), Some(100), cover, Some("1,0.25"), Some("200x100-v2.png")),
        (Some(2000), Some(2000), cover, Some("0,0"), Some("500x500-0-0-v2.png")),
        (Some(200), Some(200), contain, None, Some("200x200-background-v2.png")),
        (Some(2000), Some(2000), contain, None, Some("1000x1000-background-v2.png")),
        (Some(200), Some(100), contain, None, Some("200x100-v2.png")),
        (Some(1), None, None, None, Some("1x1-v2.png")),
        (Some(101), None, None, None, Some("200x100-v2.png")),
        (Some(90), Some(190), cover, Some("0,0"), Some("100x200-0-0-v2.png")),
        (Some(90), Some(190), contain, None, Some("100x200-background-v2.png")),
        (Some(90), Some(190), inside, None, Some("100x50-v2.png")),
        (Some(4096), None, None, None, None),
        (Some(1000), Some(500), cover, None, None),
        (Some(4096), Some(4096), inside, None, None),
    ] {
        assert_eq!(name(w, h, fit, focus).as_deref(), expected, "{w:?} {h:?} {fit:?} {focus:?}");
    }
}

#[test]
fn webp_requires_an_explicit_accept_header() {
    for (accepted, expected) in [
        (None, false),
        (Some("*/*"), false),
        (Some("image/avif,image/webp,*/*;q=0.8"), true),
        (Some("image/png, Image/WebP;q=0.5"), true),
        (Some("image/webp;q=0, */*"), false),
    ] {
        assert_eq!(accepts_webp(accepted), expected, "{accepted:?}");
    }
}

#[tokio::test]
async fn rejects_requests_of_a_client_that_has_its_share_and_when_all_permits_are_in_use() {
    let folder = std::env::temp_dir().join(format!("tenon-permits-{}", Uuid::now_v7().simple()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let db = Db::open(&format!("sqlite://{}", folder.join("t.db").display())).await.expect("a database");
    let blobs = Blobs::folder(folder.join("media"));
    let config = Config::read(&[("data_dir", Some("/nonexistent".to_owned()))]).expect("the defaults").media;
    let library = MediaLibrary::new(db, Clock::fixed(0), CursorKey::new(&[0; 32]), blobs, &config);
    let (etag, filename) = (ETag::from_parts(&["a"]), "a.png".to_owned());
    let info = ImageInfo {
        media_type: "image/png",
        filename,
        etag,
        caching: ImageCaching::Immutable,
        negotiated: false,
    };
    let query = FileQuery { w: Some(10), h: None, fit: None, focus: None, format: None };
    let variant = resolve_size(&row(1000, 500), &query, Format::Png, &sizes());
    let image = media::Model { key: format!("{}.png", "00".repeat(16)), ..row(1000, 500) };
    let request = VariantRequest { info, image, blob: format!("00/{}/10x5.png", "00".repeat(16)), variant };
    let client = |number: u128| ClientKey::Account(Uuid::from_u128(number));
    let permits = &library.variant_permits;
    let share = |number| from_fn(move || permits.accept(Some(client(number))).ok()).take(1000);
    let send = |number| {
        let request = &request;
        let library = &library;
        let origin = Origin::request(None, client(number), "one");
        async move { origin.scope(library.ensure_stored(request)).await }
    };
    let mut accepted: Vec<_> = share(1).collect();
    assert!(matches!(send(1).await, Err(Error::ConcurrencyLimit(_))), "the client has its share");
    assert!(matches!(send(2).await, Err(Error::NotFound(_))), "another client has its own share");
    accepted.extend((2..=4).flat_map(share));
    assert!(matches!(send(5).await, Err(Error::Unavailable(_))), "four clients have all permits");
    drop(accepted);
    // With a permit, the request reaches the original, which does not exist.
    assert!(matches!(library.ensure_stored(&request).await, Err(Error::NotFound(_))));
    // A variant that timed out is not retried before the delay has passed.
    library.record_failure(&request.blob, ImageError::Timeout);
    assert!(matches!(library.ensure_stored(&request).await, Err(Error::Unavailable(_))));
    library.clock.advance(RETRY_DELAY);
    assert!(matches!(library.ensure_stored(&request).await, Err(Error::NotFound(_))));
    let _ = std::fs::remove_dir_all(&folder);
}
