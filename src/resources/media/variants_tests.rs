//! Which size is made for which ask.
use uuid::Uuid;

use super::*;

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
