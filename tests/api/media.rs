//! Pictures on their way in, and what is said of them.
use std::{
    fs,
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use poem::{Body, http::Method};
use serde_json::json;
use tenon::http::auth::Role;

use crate::{
    multipart::{FORM, GIF, Part, form, png, png_of, upload},
    support::{Api, Response},
};

/// How many files there are below a folder.
pub fn files(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

async fn picture(who: &Api, seed: u8) -> Response {
    upload(who, &[("file", Some("joint.png"), &png(8, 6, seed))]).await.is(201)
}

#[api_test]
async fn an_author_uploads_a_picture_and_everybody_sees_it() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let sent = png(1000, 500, 1);
    let parts: [Part; 2] = [("alt", None, "Größe".as_bytes()), ("file", Some("../a b.PNG"), &sent)];
    let made = upload(&author, &parts).await.is(201);
    assert_eq!(made.header("location"), format!("/api/media/{}", made.id()));
    let (body, url) = (&made.body, made.body["url"].as_str().expect("a url").to_owned());
    assert_eq!((&body["filename"], &body["alt"]), (&json!("a b.png"), &json!("Größe")));
    assert_eq!(
        (&body["type"], &body["width"], &body["height"]),
        (&json!("image/png"), &json!(1000), &json!(500))
    );
    let widths: Vec<_> =
        body["variants"].as_array().expect("variants").iter().map(|it| &it["width"]).collect();
    assert_eq!(widths, [160, 320, 640, 960]);
    let seen = api.get(&url).await.is(200);
    assert_eq!(json!(seen.bytes.len()), body["size"]);
    assert_eq!(seen.header("content-length"), body["size"].to_string());
    for (name, value) in [
        ("content-type", "image/png"),
        ("cache-control", "public, max-age=31536000, immutable"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-resource-policy", "cross-origin"),
        ("content-disposition", "inline; filename=\"a b.png\"; filename*=UTF-8''a%20b.png"),
        ("accept-ranges", "bytes"),
    ] {
        assert_eq!(seen.header(name), value, "{name}");
    }
    assert!(seen.header("content-security-policy").contains("sandbox"));
    // A credential changes nothing, and keeps no cache from keeping it.
    assert_eq!(author.get(&url).await.is(200).header("cache-control"), seen.header("cache-control"));
}

#[api_test]
async fn the_same_picture_again_is_the_one_that_is_there() {
    let api = Api::start().await;
    let (author, other) = (api.sign_in(Role::Author).await, api.sign_in(Role::Author).await);
    let first = picture(&author, 1).await;
    let again = upload(&author, &[("file", Some("other.png"), &png(8, 6, 1))]).await.is(200);
    assert_eq!((again.id(), &again.body), (first.id(), &first.body));
    assert_eq!(again.header("location"), first.header("location"));
    let others = picture(&other, 1).await;
    assert_ne!(others.body["url"], first.body["url"]);
    assert_eq!(files(&api.media), 2);
}

#[api_test]
async fn an_upload_with_a_key_has_one_effect() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let careful = author.header("idempotency-key", "once");
    let first = picture(&careful, 1).await;
    let again = upload(&careful, &[("file", Some("joint.png"), &png(8, 6, 1))]).await.is(201);
    assert_eq!((again.header("idempotent-replayed"), &again.body), ("true", &first.body));
    upload(&careful, &[("file", Some("joint.png"), &png(8, 6, 2))]).await.is(422);
    upload(&careful, &[("file", Some("other.png"), &png(8, 6, 1))]).await.is(422);
    assert_eq!(author.get("/api/media").await.is(200).body["pagination"]["total"], 1);
    // The answer of a picture that was known is kept as it was.
    let known = author.header("idempotency-key", "known");
    for replayed in ["", "true"] {
        let answer = upload(&known, &[("file", Some("joint.png"), &png(8, 6, 1))]).await.is(200);
        assert_eq!(answer.header("idempotent-replayed"), replayed);
    }
    assert_eq!(files(&api.media), 1);
}

#[api_test]
async fn what_is_no_picture_leaves_nothing_behind() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let good = png(8, 6, 1);
    let huge = png_of(50_000, 50_000, &[0; 100], &[]);
    let (cut, svg) =
        (&good[..good.len() / 2], b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>");
    let large = [good.as_slice(), &vec![0; 5 * 1024 * 1024]].concat();
    let html = b"<!doctype html><script>alert(1)</script>";
    let zip = b"PK\x03\x04 and more of it";
    let table: &[(&[Part], u16, &str)] = &[
        (&[("file", Some("a.png"), &huge)], 400, "#/file"),
        (&[("file", Some("a.png"), cut)], 400, "#/file"),
        (&[("file", Some("a.png"), b"\x89PNG\r\n\x1a\n")], 400, "#/file"),
        (&[("file", Some("a.png"), b"\x89PNG\r\n\x1a\nnothing of the kind")], 400, "#/file"),
        (&[("file", Some("a.png"), svg)], 415, "#/file"),
        (&[("file", Some("a.jpg"), html)], 415, "#/file"),
        (&[("file", Some("a.png"), zip)], 415, "#/file"),
        (&[("file", Some("a.png"), b"BM, a bitmap of another time")], 415, "#/file"),
        (&[("file", Some("a.png"), b"")], 400, "#/file"),
        (&[("file", Some("a.png"), &large)], 413, ""),
        (&[("alt", None, b"nothing else")], 400, "#/file"),
        (&[], 400, "#/file"),
        (&[("file", None, &good), ("file", None, &good)], 400, "#/file"),
        (&[("file", None, &good), ("alt", None, b"a"), ("alt", None, b"b")], 400, "#/alt"),
        (&[("file", None, &good), ("alt", None, b"\xff")], 400, "#/alt"),
        (&[("file", None, &good), ("alt", None, b"a\0")], 400, "#/alt"),
        (&[("file", None, &good), ("alt", None, &[b'a'; 1001])], 400, "#/alt"),
        (&[("file", None, &good), ("title", None, b"a")], 400, "#/title"),
        (&[("picture", None, &good)], 400, "#/picture"),
    ];
    for (at, (parts, status, place)) in table.iter().enumerate() {
        let refused = upload(&author, parts).await;
        assert_eq!(refused.status, *status, "{at}: {}", refused.body);
        assert_eq!(refused.locations().first().map_or("", String::as_str), *place, "{at}");
        assert_eq!(files(&api.media), 0, "{at}");
    }
    assert!(
        upload(&author, table[4].0).await.body["detail"].as_str().is_some_and(|it| it.contains("image/webp"))
    );
    assert_eq!(author.get("/api/media").await.is(200).body["pagination"]["total"], 0);
}

#[api_test]
async fn what_does_not_belong_to_a_picture_is_not_kept() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let mut rows = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut rows, &[0; 10 * 31]).expect("memory is there");
    let data = rows.finish().expect("memory is there");
    let more: [(&[u8; 4], &[u8]); 2] =
        [(b"tEXt", b"Comment\0GPS 48.8584 N, 2.2945 E"), (b"eXIf", b"MM\0*\0\0\0\x08 48.8584")];
    let archive = b"PK\x03\x04 <script>alert(1)</script> PK\x05\x06";
    let sent = [png_of(10, 10, &data, &more).as_slice(), archive].concat();
    let answer = upload(&author, &[("file", Some("a.png.html"), &sent)]).await.is(201);
    let seen = api.get(answer.body["url"].as_str().expect("a url")).await.is(200).bytes;
    for hidden in [&b"48.8584"[..], b"script", b"PK\x03\x04", b"tEXt", b"eXIf"] {
        assert!(!seen.windows(hidden.len()).any(|part| part == hidden));
    }
    assert_eq!(answer.body["filename"], "a.png.html.png");
    let gif = [GIF, b"/*<script>alert(1)</script>*/"].concat();
    let answer = upload(&author, &[("file", Some("a.gif"), &gif)]).await.is(201);
    let seen = api.get(answer.body["url"].as_str().expect("a url")).await.is(200).bytes;
    assert!(!seen.windows(6).any(|part| part == b"script"));
}

#[api_test]
async fn what_is_no_form_leaves_nothing_behind() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let good = form(&[("file", Some("a.png"), &png(8, 6, 1))]);
    let unended = &good[..good.len() - 6];
    for (media, body, status) in [
        ("multipart/form-data", good.as_slice(), 400),
        ("multipart/form-data; boundary=other", &good, 400),
        ("multipart/mixed; boundary=tenon", &good, 415),
        ("application/json", b"{}", 415),
        ("image/png", &png(8, 6, 1), 415),
        (FORM, unended, 400),
        (FORM, b"", 400),
        (FORM, &vec![b' '; 5_308_417], 413),
    ] {
        let sent = author.header("content-type", media);
        let answer = sent.send(Method::POST, "/api/upload", Some(Body::from(body.to_vec()))).await;
        assert_eq!(answer.status, status, "{media}: {}", answer.body);
    }
    assert_eq!(files(&api.media), 0);
}

#[api_test]
async fn a_connection_that_is_cut_leaves_nothing_behind() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await.header("content-type", FORM);
    let whole = form(&[("file", Some("a.png"), &png(200, 200, 1))]);
    for end in [whole.len() / 2, whole.len() - 4] {
        let began = futures_util::stream::iter([Ok::<_, std::io::Error>(whole[..end].to_vec())]);
        let (read, all_read) = tokio::sync::oneshot::channel();
        let never = futures_util::stream::once(async move {
            let _ = read.send(());
            std::future::pending().await
        });
        let body = Body::from_bytes_stream(futures_util::StreamExt::chain(began, never));
        let sent = author.send_streaming(Method::POST, "/api/upload", Some(body));
        tokio::select! {
            _ = sent => panic!("a response to an incomplete request"),
            _ = all_read => {}
        }
        assert_eq!(files(&api.media), 0);
    }
}

#[api_test]
async fn files_of_a_killed_process_are_deleted_after_a_day() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let stored = picture(&author, 1).await;
    let half = api.media.join("incoming/half");
    fs::write(&half, b"half an upload").expect("written");
    let stem = "00".repeat(16);
    let bytes = api.media.join("00").join(&stem);
    fs::create_dir_all(&bytes).expect("made");
    fs::write(bytes.join("original.png"), b"never claimed").expect("written");
    // File times follow the clock of the test, not the current date.
    let now = UNIX_EPOCH + Duration::from_millis(api.clock.now().try_into().expect("after 1970"));
    for path in [half, bytes.join("original.png")] {
        let file = fs::File::options().write(true).open(path).expect("a file");
        file.set_modified(now).expect("set");
    }
    let row = entity::media_leftover::ActiveModel {
        stem: sea_orm::Set(stem),
        doomed: sea_orm::Set(0),
        since: sea_orm::Set(api.clock.now()),
    };
    let noted = api.app.db.write(async move |tx| sea_orm::ActiveModelTrait::insert(row, &*tx).await).await;
    noted.expect("inserted");
    api.app.media.delete_temporary_files().await;
    api.app.media.sweep().await.expect("the sweep succeeds");
    assert_eq!(files(&api.media), 3, "recent files belong to running uploads");
    api.clock.advance(2 * 24 * 60 * 60 * 1000);
    api.app.media.delete_temporary_files().await;
    api.app.media.sweep().await.expect("the sweep succeeds");
    assert_eq!(files(&api.media), 1);
    api.get(stored.body["url"].as_str().expect("a url")).await.is(200);
}

#[api_test]
async fn an_account_has_its_room_and_no_more() {
    let api = Api::start().await;
    let (author, other) = (api.sign_in(Role::Author).await, api.sign_in(Role::Author).await);
    let id: uuid::Uuid = picture(&author, 1).await.id().parse().expect("an id");
    let full = api.app.db.write(async move |tx| {
        use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
        let size =
            entity::media::Entity::update_many().col_expr(entity::media::Column::Size, Expr::value(1 << 30));
        size.filter(entity::media::Column::Id.eq(id)).exec(&*tx).await
    });
    full.await.expect("changed");
    upload(&author, &[("file", None, &png(8, 6, 2))]).await.is(409);
    picture(&other, 2).await;
    author.delete(&format!("/api/media/{id}")).await.is(204);
    picture(&author, 2).await;
    assert_eq!(files(&api.media), 2);
}

#[api_test]
async fn uploads_at_once_make_one_picture() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let sent = png(8, 6, 1);
    let one = || async { upload(&author, &[("file", Some("a.png"), &sent)]).await };
    let all = futures_util::future::join_all((0..8).map(|_| one())).await;
    assert_eq!(all.iter().filter(|answer| answer.status == 201).count(), 1);
    assert!(all.iter().all(|answer| matches!(answer.status, 200 | 201)));
    assert_eq!(files(&api.media), 1);
}

#[api_test]
async fn authors_look_after_their_own_pictures_and_editors_after_all() {
    let api = Api::start().await;
    let (author, other) = (api.sign_in(Role::Author).await, api.sign_in(Role::Author).await);
    let (editor, reader) = (api.sign_in(Role::Editor).await, api.sign_in(Role::Reader).await);
    let (mine, gif) =
        (picture(&author, 1).await, upload(&other, &[("file", Some("dot.gif"), GIF)]).await.is(201));
    let path = mine.header("location").to_owned();
    upload(&reader, &[("file", None, GIF)]).await.is(403);
    for stranger in [&other, &reader] {
        stranger.get(&path).await.is(404);
        stranger.patch(&path, json!({ "alt": "Mine now" })).await.is(404);
        stranger.delete(&path).await.is(404);
    }
    let total = async |who: &Api, query: &str| {
        who.get(&format!("/api/media{query}")).await.is(200).body["pagination"]["total"].clone()
    };
    for (who, query, count) in [
        (&author, "", 1),
        (&editor, "", 2),
        (&editor, "?type=image/gif", 1),
        (&editor, "?q=JOINT", 1),
        (&editor, "?q=nothing", 0),
        (&author, "?type=image/gif", 0),
    ] {
        assert_eq!(total(who, query).await, count, "{query}");
    }
    let owner = gif.body["uploadedBy"].as_str().expect("an owner");
    assert_eq!(total(&editor, &format!("?uploadedBy={owner}")).await, 1);
    assert_eq!(total(&author, &format!("?uploadedBy={owner}")).await, 0);
    for (sort, first) in [("size", &gif), ("-size", &mine), ("filename", &gif), ("-createdAt", &gif)] {
        let list = editor.get(&format!("/api/media?sort={sort}")).await.is(200);
        assert_eq!(list.body["data"][0]["id"], first.body["id"], "{sort}");
        let known = editor.header("if-none-match", list.header("etag"));
        known.get(&format!("/api/media?sort={sort}")).await.is(304);
    }
    let page = editor.get("/api/media?limit=1&sort=filename").await.is(200).body;
    let after = page["pagination"]["nextCursor"].as_str().expect("a cursor").to_owned();
    let second = editor.get(&format!("/api/media?limit=1&sort=filename&after={after}")).await.is(200);
    assert_eq!(second.body["data"][0]["id"], mine.body["id"]);
    editor.patch(&path, json!({ "alt": "Ours" })).await.is(200);
}

#[api_test]
async fn what_is_said_of_a_picture_changes_and_the_picture_stays() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let made = picture(&author, 1).await;
    let path = made.header("location").to_owned();
    let change = json!({ "alt": " A joint ", "filename": "évil/../new.exe", "focusX": 0.25, "focusY": 1 });
    let careful = author.header("if-match", made.header("etag"));
    let changed = careful.patch(&path, change).await.is(200);
    let body = &changed.body;
    assert_eq!((&body["alt"], &body["filename"]), (&json!("A joint"), &json!("new.exe.png")));
    assert_eq!((&body["focusX"], &body["focusY"]), (&json!(0.25), &json!(1.0)));
    careful.patch(&path, json!({ "alt": "Stale" })).await.is(412);
    careful.delete(&path).await.is(412);
    let cleared = author.patch(&path, json!({ "alt": null, "focusX": null })).await.is(200).body;
    assert!(cleared.get("alt").is_none() && cleared.get("focusX").is_none() && cleared["focusY"] == 1.0);
    assert_eq!(cleared["url"], made.body["url"]);
    for wrong in [
        json!({ "focusX": 1.5 }),
        json!({ "filename": " ./ " }),
        json!({ "url": "/x" }),
        json!({ "alt": "" }),
    ] {
        author.patch(&path, wrong.clone()).await.is(400);
    }
    author.header("prefer", "return=minimal").patch(&path, json!({ "alt": "Quiet" })).await.is(204);
    let read = author.get(&path).await.is(200);
    author.header("if-none-match", read.header("etag")).get(&path).await.is(304);
}

#[api_test]
async fn a_service_may_insist_on_the_version() {
    let api = Api::with(&[("require_if_match", "on")]).await;
    let author = api.sign_in(Role::Author).await;
    let path = picture(&author, 1).await.header("location").to_owned();
    author.patch(&path, json!({ "alt": "A joint" })).await.is(428);
    author.delete(&path).await.is(428);
}

#[api_test]
async fn a_picture_goes_with_all_its_bytes() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let made = upload(&author, &[("file", None, &png(400, 300, 1))]).await.is(201);
    let url = made.body["url"].as_str().expect("a url").to_owned();
    api.get(&format!("{url}?w=100")).await.is(200);
    assert_eq!(files(&api.media), 2);
    author.delete(made.header("location")).await.is(204);
    assert_eq!(files(&api.media), 0);
    for gone in [url.clone(), format!("{url}?w=100")] {
        api.get(&gone).await.is(404);
    }
    author.get(made.header("location")).await.is(404);
}

#[api_test]
async fn pictures_stay_when_their_uploader_goes_and_do_not_say_whose_they_were() {
    let api = Api::start().await;
    let (admin, author) = (api.sign_in(Role::Admin).await, api.sign_in(Role::Author).await);
    let path = format!("/api/media/{}", picture(&author, 1).await.id());
    let (one, all) = (admin.get(&path).await.is(200), admin.get("/api/media").await.is(200));
    let uploader = one.body["uploadedBy"].as_str().expect("whose it is");
    admin.delete(&format!("/api/users/{uploader}")).await.is(204);
    let one = admin.header("if-none-match", one.header("etag")).get(&path).await.is(200);
    assert!(one.body.get("uploadedBy").is_none());
    let all = admin.header("if-none-match", all.header("etag")).get("/api/media").await.is(200);
    assert!(all.body["data"][0].get("uploadedBy").is_none());
}

#[api_test]
async fn what_is_told_of_a_picture_last_is_newer_than_all_before() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let path = format!("/api/media/{}", picture(&author, 1).await.id());
    author.patch(&path, json!({ "alt": "A joint" })).await.is(200);
    author.delete(&path).await.is(204);
    let told = api.app.db.events_after(0, 100).await.expect("the log");
    let told: Vec<_> = told.iter().filter(|event| event.topic == "media").collect();
    assert_eq!(told.len(), 3);
    assert!(told.is_sorted_by(|before, after| before.version < after.version), "{told:?}");
}
