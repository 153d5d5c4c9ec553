//! The storage of image variants: limits, deletion of the least recently used ones, and recovery after a crash.
use entity::{media_orphan, media_variant};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryOrder, Set};
use tenon::infra::db::Tx;
use uuid::Uuid;

use crate::{
    media::files,
    media_serving::{upload_image, variants_folder},
    multipart::{png, upload},
    support::{Api, Response},
};

const GIB: i64 = 1 << 30;
const HOUR: i64 = 3_600_000;

/// Stores a variant of an image as if it had `size` bytes.
async fn insert_variant(api: &Api, image: &Response, name: &str, size: i64, used_at: i64) {
    let media_id: Uuid = image.id().parse().expect("an id");
    let row = media_variant::Model { media_id, name: name.to_owned(), size, used_at };
    let row = row.into_active_model().reset_all();
    let inserted = api.app.db.write(async move |tx: Tx| row.insert(&*tx).await).await;
    inserted.expect("the row is inserted");
    let url = image.body["url"].as_str().expect("a url");
    std::fs::write(variants_folder(api, url).join(name), b"a variant").expect("the file is written");
}

/// Returns the names of the stored variants of all images, by image and name.
async fn names(api: &Api) -> Vec<String> {
    let rows = media_variant::Entity::find().order_by_asc(media_variant::Column::Name);
    rows.all(api.app.db.read()).await.expect("read").into_iter().map(|row| row.name).collect()
}

#[api_test]
async fn deletes_the_least_recently_used_variants_of_an_image_with_too_many_bytes() {
    let api = Api::start().await;
    let (_, created, url) = upload_image(&api, 200, 100).await;
    for (name, used_at) in [("1x1.png", 2), ("2x2.png", 1), ("3x3.png", 3)] {
        insert_variant(&api, &created, name, 12 << 20, used_at).await;
    }
    api.get(&format!("{url}?w=64")).await.is(200);
    assert_eq!(names(&api).await, ["1x1.png", "3x3.png", "64x32-v2.png"]);
    assert_eq!(files(&api.media), 4, "the blob is deleted with its row");
    assert_eq!(media_orphan::Entity::find().count(api.app.db.read()).await.expect("counted"), 0);
}

#[api_test]
async fn variants_count_against_the_quota_of_the_uploader() {
    let api = Api::start().await;
    let (author, created, url) = upload_image(&api, 200, 100).await;
    let (_, others, other_url) = upload_image(&api, 200, 100).await;
    insert_variant(&api, &others, "9x9.png", 10, 0).await;
    // Images of one account: each image has a limit of its own, which is lower.
    for (seed, used_at) in [(2, 1), (3, 2)] {
        let image = upload(&author, &[("file", None, &png(20, 10, seed))]).await.is(201);
        insert_variant(&api, &image, &format!("{seed}x{seed}.png"), GIB / 2 - 50_000, used_at).await;
    }
    api.get(&format!("{other_url}?w=64")).await.is(200);
    assert_eq!(names(&api).await, ["2x2.png", "3x3.png", "64x32-v2.png", "9x9.png"], "of another account");
    insert_variant(&api, &created, "1x1.png", 99_999, 3).await;
    api.get(&format!("{url}?w=64")).await.is(200);
    assert_eq!(names(&api).await, ["1x1.png", "3x3.png", "64x32-v2.png", "64x32-v2.png", "9x9.png"]);
}

#[api_test]
async fn an_upload_deletes_variants_that_no_longer_fit_the_quota() {
    let api = Api::start().await;
    let (author, created, url) = upload_image(&api, 200, 100).await;
    insert_variant(&api, &created, "1x1.png", GIB / 2, 1).await;
    insert_variant(&api, &created, "2x2.png", GIB / 2 - 1, 2).await;
    upload(&author, &[("file", None, &png(200, 10, 2))]).await.is(201);
    assert_eq!(names(&api).await, ["2x2.png"]);
    // Full of originals, the account still has space for some variants.
    let id: Uuid = created.id().parse().expect("an id");
    let row = entity::media::ActiveModel { id: Set(id), size: Set(GIB), ..Default::default() };
    api.app.db.write(async move |tx: Tx| row.update(&*tx).await).await.expect("updated");
    upload(&author, &[("file", None, &png(200, 10, 3))]).await.is(409);
    api.get(&format!("{url}?w=64")).await.is(200);
    api.get(&format!("{url}?w=32")).await.is(200);
    assert_eq!(names(&api).await, ["32x16-v2.png", "64x32-v2.png"]);
}

#[api_test]
async fn limits_the_bytes_of_the_variants_of_all_images() {
    let api = Api::with(&[("media_variants_bytes", "1000")]).await;
    let (_, first, first_url) = upload_image(&api, 200, 100).await;
    let (_, second, second_url) = upload_image(&api, 200, 100).await;
    insert_variant(&api, &first, "1x1.png", 300, 2).await;
    insert_variant(&api, &second, "2x2.png", 600, 1).await;
    api.get(&format!("{first_url}?w=16")).await.is(200);
    assert_eq!(names(&api).await, ["16x8-v2.png", "1x1.png"]);
    // A variant that exceeds the limit alone is stored until the next one is made.
    let restarted = api.restarted_with(&[("media_variants_bytes", "100")]).await;
    let large = restarted.get(&format!("{second_url}?w=128")).await.is(200);
    assert!(large.bytes.len() > 100, "{}", large.bytes.len());
    assert_eq!(names(&api).await, ["128x64-v2.png"]);
    assert_eq!(files(&api.media), 3);
}

#[api_test]
async fn stores_the_last_use_of_a_variant_at_most_once_an_hour() {
    let api = Api::start().await;
    let (_, _, url) = upload_image(&api, 200, 100).await;
    let variants = [format!("{url}?w=16"), format!("{url}?w=32")];
    let used_at = async || {
        let rows = media_variant::Entity::find().order_by_asc(media_variant::Column::Name);
        let rows = rows.all(api.app.db.read()).await.expect("read");
        rows.into_iter().map(|row| row.used_at).collect::<Vec<_>>()
    };
    for variant in &variants {
        api.get(variant).await.is(200);
    }
    let start = api.clock.now();
    api.app.media.flush().await.expect("flushed");
    api.clock.advance(HOUR);
    api.statements();
    for _ in 0..20 {
        for variant in &variants {
            api.get(variant).await.is(200);
        }
    }
    let writes = || {
        let statements = api.statements();
        statements.iter().filter(|one| one.sql.contains("INSERT") || one.sql.contains("UPDATE")).count()
    };
    assert_eq!(writes(), 0, "a read writes nothing");
    assert_eq!(used_at().await, [start, start]);
    api.app.media.flush().await.expect("flushed");
    assert_eq!(writes(), 1, "all variants in one statement");
    assert_eq!(used_at().await, [start + HOUR, start + HOUR]);
    api.get(&variants[0]).await.is(200);
    api.app.media.flush().await.expect("flushed");
    assert_eq!(writes(), 0, "used in this hour already");
}

#[api_test]
async fn a_recent_use_protects_a_variant_from_deletion() {
    let api = Api::with(&[("media_variants_bytes", "10000")]).await;
    let (_, created, url) = upload_image(&api, 200, 100).await;
    api.get(&format!("{url}?w=16")).await.is(200);
    insert_variant(&api, &created, "1x1.png", 9_900, api.clock.now() + 1).await;
    api.clock.advance(HOUR);
    api.get(&format!("{url}?w=16")).await.is(200);
    api.get(&format!("{url}?w=32")).await.is(200);
    assert_eq!(names(&api).await, ["16x8-v2.png", "32x16-v2.png"]);
}

#[api_test]
async fn a_crash_leaves_no_blob_of_a_variant_for_good() {
    let api = Api::start().await;
    let (_, _, url) = upload_image(&api, 200, 100).await;
    api.get(&format!("{url}?w=64")).await.is(200);
    let stem = url.strip_prefix("/media/").and_then(|name| name.split('.').next()).expect("a stem");
    // A process stopped after it wrote a blob without a row, and another one after it deleted a row.
    for (name, deletable) in [("1x1.png", 0), ("2x2.png", 1)] {
        std::fs::write(variants_folder(&api, &url).join(name), b"a variant").expect("written");
        let row = media_orphan::Model { stem: format!("{stem}/{name}"), deletable, since: api.clock.now() };
        let row = row.into_active_model().reset_all();
        api.app.db.write(async move |tx: Tx| row.insert(&*tx).await).await.expect("inserted");
    }
    assert_eq!(files(&api.media), 4);
    api.app.media.sweep().await.expect("the sweep succeeds");
    assert_eq!(files(&api.media), 3, "the deleted one");
    api.clock.advance(11 * 60_000);
    api.app.media.sweep().await.expect("the sweep succeeds");
    assert_eq!(files(&api.media), 2, "the abandoned one");
    assert_eq!(media_orphan::Entity::find().count(api.app.db.read()).await.expect("counted"), 0);
    api.get(&format!("{url}?w=64")).await.is(200);
}

#[api_test]
async fn makes_a_variant_again_whose_blob_is_missing_or_whose_row_is_missing() {
    let api = Api::start().await;
    let (_, _, url) = upload_image(&api, 200, 100).await;
    let first = api.get(&format!("{url}?w=64")).await.is(200);
    std::fs::remove_file(variants_folder(&api, &url).join("64x32-v2.png")).expect("removed");
    assert_eq!(api.get(&format!("{url}?w=64")).await.is(200).bytes, first.bytes);
    assert_eq!(names(&api).await, ["64x32-v2.png"]);
    let deleted =
        api.app.db.write(async |tx: Tx| media_variant::Entity::delete_many().exec(&*tx).await).await;
    deleted.expect("deleted");
    // As after a restore of the database: the use of the blob creates its row.
    api.clock.advance(HOUR);
    api.get(&format!("{url}?w=64")).await.is(200);
    api.app.media.flush().await.expect("flushed");
    assert_eq!(names(&api).await, ["64x32-v2.png"]);
}
