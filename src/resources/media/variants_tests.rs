//! Which size is made for which ask.
use uuid::Uuid;

use super::*;
use crate::{
    contract::cursor::CursorKey,
    ports::{blobs::Blobs, clock::Clock, db::Db},
};

fn row(width: i64, height: i64) -> media::Model {
    media::Model {
        id: Uuid::now_v7(),
        key: "a.png".into(),
        filename: "a.png".into(),
        media_type: "image/png".into(),
        size: 1,
        width,
        height,
        sha256: String::new(),
        blurhash: String::new(),
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

fn name(w: Option<u32>, h: Option<u32>, fit: Option<Fit>, focus: Option<&str>) -> Option<String> {
    let row = row(1000, 500);
    let query = FileQuery { w, h, fit, focus: focus.map(str::to_owned), format: None };
    let variant = variant(&row, &query, Format::Png);
    variant.filter(|variant| !variant.is_all_of(&row, Format::Png)).map(|variant| variant.name())
}

#[test]
fn sizes_are_exact_and_never_larger_than_the_picture() {
    let (cover, contain, inside) = (Some(Fit::Cover), Some(Fit::Contain), Some(Fit::Inside));
    for (w, h, fit, focus, made) in [
        (None, None, None, None, None),
        (Some(200), None, None, None, Some("200x100.png")),
        (None, Some(200), None, None, Some("400x200.png")),
        (Some(200), Some(200), None, None, Some("200x100.png")),
        (Some(200), Some(200), inside, None, Some("200x100.png")),
        (Some(200), Some(200), cover, None, Some("200x200-1000-5000.png")),
        (Some(200), Some(200), cover, Some("1,0.25"), Some("200x200-10000-2500.png")),
        (Some(200), Some(100), cover, Some("1,0.25"), Some("200x100.png")),
        (Some(2000), Some(2000), cover, Some("0,0"), Some("500x500-0-0.png")),
        (Some(200), Some(200), contain, None, Some("200x200-ground.png")),
        (Some(2000), Some(2000), contain, None, Some("1000x1000-ground.png")),
        (Some(200), Some(100), contain, None, Some("200x100.png")),
        (Some(1), None, None, None, Some("1x1.png")),
        (Some(4096), None, None, None, None),
        (Some(1000), Some(500), cover, None, None),
        (Some(4096), Some(4096), inside, None, None),
    ] {
        assert_eq!(name(w, h, fit, focus).as_deref(), made, "{w:?} {h:?} {fit:?} {focus:?}");
    }
}

#[test]
fn only_clients_that_name_it_get_webp() {
    for (accepted, takes) in [
        (None, false),
        (Some("*/*"), false),
        (Some("image/avif,image/webp,*/*;q=0.8"), true),
        (Some("image/png, Image/WebP;q=0.5"), true),
        (Some("image/webp;q=0, */*"), false),
    ] {
        assert_eq!(takes_webp(accepted), takes, "{accepted:?}");
    }
}

#[tokio::test]
async fn who_finds_no_place_to_wait_is_told_at_once() {
    let folder = std::env::temp_dir().join(format!("tenon-places-{}", Uuid::now_v7().simple()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let db = Db::open(&format!("sqlite://{}", folder.join("t.db").display())).await.expect("a database");
    let blobs = Blobs::folder(folder.join("media"));
    let library = MediaLibrary::new(db, Clock::fixed(0), CursorKey::new(&[0; 32]), blobs);
    let (etag, filename) = (ETag::of_parts(&["a"]), "a.png".to_owned());
    let shown = Shown { media_type: "image/png", filename, etag, keep: Keep::ForGood, chosen: false };
    let query = FileQuery { w: Some(10), h: None, fit: None, focus: None, format: None };
    let variant = variant(&row(1000, 500), &query, Format::Png);
    let (key, blob) = (format!("{}.png", "00".repeat(16)), format!("00/{}/10x5.png", "00".repeat(16)));
    let wanted = Wanted { shown, key, blob, variant };
    let places = library.asking.clone().acquire_many_owned(32).await.expect("all places");
    assert!(library.asking.try_acquire().is_err(), "there are no more than 32");
    assert!(matches!(library.made(&wanted).await, Err(Error::Unavailable(_))));
    drop(places);
    // Now it gets as far as the picture, which is not there.
    assert!(matches!(library.made(&wanted).await, Err(Error::NotFound(_))));
    // What took too long is not tried again at once.
    library.unmade(&wanted.blob, Refused::TooSlow);
    assert!(matches!(library.made(&wanted).await, Err(Error::Unavailable(_))));
    library.clock.advance(PAUSE);
    assert!(matches!(library.made(&wanted).await, Err(Error::NotFound(_))));
    let _ = std::fs::remove_dir_all(&folder);
}
