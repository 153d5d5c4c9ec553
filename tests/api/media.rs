//! Media: uploads, metadata, permissions and deletion.
use std::{
    fs,
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use poem::{Body, http::Method};
use serde_json::{Value, json};
use tenon::http::auth::Role;

use crate::{
    multipart::{FORM, GIF, Part, form, jpeg, plain_png, png, png_of, upload},
    support::{Api, Response},
};

/// Counts the files below a folder, recursively.
pub fn files(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

async fn upload_png(client: &Api, seed: u8) -> Response {
    upload(client, &[("file", Some("joint.png"), &png(8, 6, seed))]).await.is(201)
}

#[api_test]
async fn an_uploaded_image_is_public() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let sent = png(1000, 500, 1);
    let parts: [Part; 2] = [("alt", None, "Größe".as_bytes()), ("file", Some("../a b.PNG"), &sent)];
    let created = upload(&author, &parts).await.is(201);
    assert_eq!(created.header("location"), format!("/api/media/{}", created.id()));
    let (body, url) = (&created.body, created.body["url"].as_str().expect("a url").to_owned());
    assert_eq!((&body["filename"], &body["alt"]), (&json!("a b.png"), &json!("Größe")));
    assert_eq!(
        (&body["type"], &body["width"], &body["height"]),
        (&json!("image/png"), &json!(1000), &json!(500))
    );
    let sources = body["sources"].as_array().expect("sources");
    assert_eq!(sources.iter().map(|source| &source["type"]).collect::<Vec<_>>(), ["image/webp", "image/png"]);
    for source in sources {
        let variants = source["variants"].as_array().expect("variants");
        let widths: Vec<_> = variants.iter().map(|variant| &variant["width"]).collect();
        assert_eq!(widths, [48, 64, 96, 128, 256, 384, 640, 828, 1000]);
        let srcset: Vec<_> =
            source["srcset"].as_str().expect("a text").split(", ").map(str::to_owned).collect();
        let text =
            |variant: &Value, width: &Value| format!("{} {width}w", variant["url"].as_str().expect("a url"));
        assert_eq!(
            srcset,
            variants.iter().zip(widths).map(|(it, width)| text(it, width)).collect::<Vec<_>>()
        );
    }
    assert_eq!(sources[1]["variants"][8]["url"], url, "the full width of the stored format is the original");
    assert_eq!(body["aspectRatio"], json!(2.0));
    assert!(body["dominantColor"].as_str().is_some_and(|color| color.starts_with('#')));
    let served = api.get(&url).await.is(200);
    assert_eq!(json!(served.bytes.len()), body["size"]);
    assert_eq!(served.header("content-length"), body["size"].to_string());
    for (name, value) in [
        ("content-type", "image/png"),
        ("cache-control", "public, max-age=31536000, immutable"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-resource-policy", "cross-origin"),
        ("access-control-allow-origin", "*"),
        ("content-disposition", "inline; filename=\"a b.png\"; filename*=UTF-8''a%20b.png"),
        ("accept-ranges", "bytes"),
    ] {
        assert_eq!(served.header(name), value, "{name}");
    }
    assert!(served.header("content-security-policy").contains("sandbox"));
    // The response to an authenticated request has the same cache headers, because the file is public.
    assert_eq!(author.get(&url).await.is(200).header("cache-control"), served.header("cache-control"));
}

#[api_test]
async fn uploading_the_same_image_again_returns_the_stored_one() {
    let api = Api::start().await;
    let (author, other) = (api.sign_in(Role::Author).await, api.sign_in(Role::Author).await);
    let first = upload_png(&author, 1).await;
    let second = upload(&author, &[("file", Some("other.png"), &png(8, 6, 1))]).await.is(200);
    assert_eq!((second.id(), &second.body), (first.id(), &first.body));
    assert_eq!(second.header("location"), first.header("location"));
    let other_upload = upload_png(&other, 1).await;
    assert_ne!(other_upload.body["url"], first.body["url"]);
    assert_eq!(files(&api.media), 2);
}

#[api_test]
async fn replays_an_upload_with_the_same_idempotency_key() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let keyed = author.header("idempotency-key", "once");
    let first = upload_png(&keyed, 1).await;
    let second = upload(&keyed, &[("file", Some("joint.png"), &png(8, 6, 1))]).await.is(201);
    assert_eq!((second.header("idempotent-replayed"), &second.body), ("true", &first.body));
    upload(&keyed, &[("file", Some("joint.png"), &png(8, 6, 2))]).await.is(422);
    upload(&keyed, &[("file", Some("other.png"), &png(8, 6, 1))]).await.is(422);
    assert_eq!(author.get("/api/media").await.is(200).body["pagination"]["total"], 1);
    // The 200 response for a stored image is replayed too.
    let other_key = author.header("idempotency-key", "known");
    for replayed in ["", "true"] {
        let response = upload(&other_key, &[("file", Some("joint.png"), &png(8, 6, 1))]).await.is(200);
        assert_eq!(response.header("idempotent-replayed"), replayed);
    }
    assert_eq!(files(&api.media), 1);
}

#[api_test]
async fn rejects_invalid_images_and_stores_no_file() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let good = png(8, 6, 1);
    let huge = png_of(50_000, 50_000, &[0; 100], &[]);
    let (truncated, svg) =
        (&good[..good.len() / 2], b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>");
    let large = [good.as_slice(), &vec![0; 20 * 1024 * 1024]].concat();
    let jpeg = jpeg(64, 48);
    let html = b"<!doctype html><script>alert(1)</script>";
    let zip = b"PK\x03\x04 and more of it";
    let cases: &[(&[Part], u16, &str)] = &[
        (&[("file", Some("a.png"), &huge)], 400, "#/file"),
        (&[("file", Some("a.png"), truncated)], 400, "#/file"),
        (&[("file", Some("a.png"), b"\x89PNG\r\n\x1a\n")], 400, "#/file"),
        (&[("file", Some("a.png"), b"\x89PNG\r\n\x1a\nnothing of the kind")], 400, "#/file"),
        (&[("file", Some("a.png"), svg)], 415, "#/file"),
        (&[("file", Some("a.jpg"), html)], 415, "#/file"),
        (&[("file", Some("a.png"), zip)], 415, "#/file"),
        (&[("file", Some("a.png"), b"BM, a bitmap of another time")], 415, "#/file"),
        (&[("file", Some("a.avif"), b"\0\0\0\x1Cftypavif and more")], 415, "#/file"),
        (&[("file", Some("a.heic"), b"\0\0\0\x18ftypheic and more")], 415, "#/file"),
        (&[("file", Some("a.jpg"), &jpeg[..jpeg.len() / 2])], 400, "#/file"),
        (&[("file", Some("a.jpg"), &[&jpeg[..jpeg.len() / 2], &[0xFF, 0xD9]].concat())], 400, "#/file"),
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
    for (index, (parts, status, location)) in cases.iter().enumerate() {
        let rejected = upload(&author, parts).await;
        assert_eq!(rejected.status, *status, "{index}: {}", rejected.body);
        assert_eq!(rejected.locations().first().map_or("", String::as_str), *location, "{index}");
        assert_eq!(files(&api.media), 0, "{index}");
    }
    assert!(
        upload(&author, cases[4].0).await.body["detail"].as_str().is_some_and(|it| it.contains("image/webp"))
    );
    assert_eq!(author.get("/api/media").await.is(200).body["pagination"]["total"], 0);
}

#[api_test]
async fn strips_metadata_and_trailing_data() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let mut rows = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut rows, &[0; 10 * 31]).expect("memory accepts writes");
    let data = rows.finish().expect("memory accepts writes");
    let metadata: [(&[u8; 4], &[u8]); 2] =
        [(b"tEXt", b"Comment\0GPS 48.8584 N, 2.2945 E"), (b"eXIf", b"MM\0*\0\0\0\x08 48.8584")];
    let archive = b"PK\x03\x04 <script>alert(1)</script> PK\x05\x06";
    let sent = [png_of(10, 10, &data, &metadata).as_slice(), archive].concat();
    let response = upload(&author, &[("file", Some("a.png.html"), &sent)]).await.is(201);
    let stored = api.get(response.body["url"].as_str().expect("a url")).await.is(200).bytes;
    for removed in [&b"48.8584"[..], b"script", b"PK\x03\x04", b"tEXt", b"eXIf"] {
        assert!(!stored.windows(removed.len()).any(|part| part == removed));
    }
    assert_eq!(response.body["filename"], "a.png.html.png");
    let gif = [GIF, b"/*<script>alert(1)</script>*/"].concat();
    let response = upload(&author, &[("file", Some("a.gif"), &gif)]).await.is(201);
    let stored = api.get(response.body["url"].as_str().expect("a url")).await.is(200).bytes;
    assert!(!stored.windows(6).any(|part| part == b"script"));
}

#[api_test]
async fn keeps_the_scan_of_a_jpeg_and_removes_its_metadata() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let plain = jpeg(64, 48);
    let comment = b"\xFF\xFE\0\x0AGPS 48.8";
    let sent = [&plain[..2], comment, &plain[2..], b"<script>alert(1)</script>"].concat();
    let created = upload(&author, &[("file", Some("a.jpg"), &sent)]).await.is(201);
    let stored = api.get(created.body["url"].as_str().expect("a url")).await.is(200).bytes;
    let scan = |bytes: &[u8]| {
        let start = bytes.windows(2).position(|pair| pair == [0xFF, 0xDA]).expect("a scan");
        bytes[start..].to_vec()
    };
    assert_eq!(scan(&stored), scan(&plain));
    assert!(!stored.windows(3).any(|part| part == b"GPS") && stored.len() <= plain.len());
    // A second upload of the stored file is the same image.
    let again = upload(&author, &[("file", None, &stored)]).await.is(200);
    assert_eq!(again.id(), created.id());
}

#[api_test]
async fn limits_of_bytes_and_pixels_are_settings() {
    let api = Api::with(&[("media_max_bytes", "2048"), ("media_max_pixels", "10000")]).await;
    let author = api.sign_in(Role::Author).await;
    upload(&author, &[("file", None, &plain_png(100, 100))]).await.is(201);
    let rejected = upload(&author, &[("file", None, &plain_png(101, 100))]).await.is(400);
    assert!(rejected.body.to_string().contains("10000 pixels"), "{}", rejected.body);
    let noise: Vec<u8> = (0..3000_u32).map(|number| ((number * number) >> 3) as u8).collect();
    let large = png_of(8, 6, &noise, &[]);
    let rejected = upload(&author, &[("file", None, &large)]).await.is(413);
    assert!(
        rejected.body["detail"].as_str().is_some_and(|text| text.contains("2048 bytes")),
        "{}",
        rejected.body
    );
    // The form has a limit of its own, with and without a declared length.
    let body = vec![b' '; 2048 + 65_537];
    for length in [None, Some(body.len().to_string())] {
        let mut client = author.header("content-type", FORM);
        if let Some(length) = &length {
            client = client.header("content-length", length);
        }
        let rejected = client.send(Method::POST, "/api/upload", Some(Body::from(body.clone()))).await.is(413);
        assert!(
            rejected.body["detail"].as_str().is_some_and(|it| it.contains("67584 bytes")),
            "{}",
            rejected.body
        );
        assert_eq!(rejected.body["code"], "payload-too-large");
    }
}

#[api_test]
async fn the_openapi_document_states_the_configured_limits() {
    let api = Api::with(&[("media_max_bytes", "2048"), ("media_max_pixels", "10000")]).await;
    let standard = Api::start().await;
    for path in ["/openapi.json", "/openapi-3.0.json"] {
        let (served, usual) = (api.get(path).await.is(200), standard.get(path).await.is(200));
        let text = |response: &Response| {
            let file = &response.body["components"]["schemas"]["MediaInput"]["properties"]["file"];
            file["description"].as_str().expect("a description").to_owned()
        };
        let limits = "at most 2048 bytes (`media_max_bytes`) and 10000 pixels";
        assert!(text(&served).contains(limits), "{path}: {}", text(&served));
        let limits = "at most 20971520 bytes (`media_max_bytes`) and 50000000 pixels";
        assert!(text(&usual).contains(limits), "{path}: {}", text(&usual));
        assert_ne!(served.header("etag"), usual.header("etag"));
        api.header("if-none-match", served.header("etag")).get(path).await.is(304);
        let compressed = api.header("accept-encoding", "gzip").get(path).await.is(200);
        assert_eq!(compressed.header("content-encoding"), "gzip");
    }
    let yaml = String::from_utf8(api.get("/openapi.yaml").await.is(200).bytes.to_vec()).expect("UTF-8");
    assert!(yaml.contains("at most 2048 bytes") && !yaml.contains("20971520 bytes"));
}

#[api_test]
async fn decodes_the_names_of_uploaded_files() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await.header("content-type", FORM);
    for (seed, (parameters, expected)) in (0_u8..).zip([
        (&b"filename=\"Gr\xC3\xB6\xC3\x9Fe.png\""[..], "Größe.png"),
        (b"filename=\"Gr\xF6\xDFe.png\"", "Größe.png"),
        (b"filename=\"x.png\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe.png", "Größe.png"),
        (b"filename*=iso-8859-1'de'Gr%F6%DFe.png; filename=\"x.png\"", "Größe.png"),
        (b"filename=\"x.png\"; filename*=UTF-8''%FF.png", "x.png"),
        (b"filename=\"=?UTF-8?B?R3LDtsOfZS5wbmc=?=\"", "Größe.png"),
        (b"filename=\"=?UTF-8?Q?a=0D=0Ab=00c?=.png\"", "abc.png"),
        (b"filename*=UTF-8''..%2F..%2Fetc%2Fpasswd", "passwd.png"),
    ]) {
        let image = png(8, 6, seed);
        let head =
            [b"--tenon\r\nContent-Disposition: form-data; name=\"file\"; ", parameters, b"\r\n\r\n"].concat();
        let body = [head.as_slice(), &image, b"\r\n--tenon--\r\n"].concat();
        let created = author.send(Method::POST, "/api/upload", Some(Body::from(body))).await.is(201);
        assert_eq!(created.body["filename"], expected, "{}", String::from_utf8_lossy(parameters));
    }
}

#[api_test]
async fn images_of_earlier_versions_have_the_average_color() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let created = upload_png(&author, 1).await;
    let id: uuid::Uuid = created.id().parse().expect("an id");
    let row = entity::media::ActiveModel {
        id: sea_orm::Set(id),
        dominant_color: sea_orm::Set(None),
        blurhash: sea_orm::Set("00TSUA".to_owned()),
        ..Default::default()
    };
    let updated = api.app.db.write(async move |tx| sea_orm::ActiveModelTrait::update(row, &*tx).await).await;
    updated.expect("updated");
    let color = author.get(created.header("location")).await.is(200).body["dominantColor"].clone();
    assert_eq!(color, "#ffffff");
}

#[api_test]
async fn rejects_invalid_forms_and_stores_no_file() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let good = form(&[("file", Some("a.png"), &png(8, 6, 1))]);
    let unterminated = &good[..good.len() - 6];
    for (media_type, body, status) in [
        ("multipart/form-data", good.as_slice(), 400),
        ("multipart/form-data; boundary=other", &good, 400),
        ("multipart/mixed; boundary=tenon", &good, 415),
        ("application/json", b"{}", 415),
        ("image/png", &png(8, 6, 1), 415),
        (FORM, unterminated, 400),
        (FORM, b"", 400),
        (FORM, &vec![b' '; 21_037_057], 413),
    ] {
        let sent = author.header("content-type", media_type);
        let response = sent.send(Method::POST, "/api/upload", Some(Body::from(body.to_vec()))).await;
        assert_eq!(response.status, status, "{media_type}: {}", response.body);
    }
    assert_eq!(files(&api.media), 0);
}

#[api_test]
async fn an_aborted_upload_leaves_no_file() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await.header("content-type", FORM);
    let form_bytes = form(&[("file", Some("a.png"), &png(200, 200, 1))]);
    for end in [form_bytes.len() / 2, form_bytes.len() - 4] {
        let first_bytes = futures_util::stream::iter([Ok::<_, std::io::Error>(form_bytes[..end].to_vec())]);
        let (read, all_read) = tokio::sync::oneshot::channel();
        let pending = futures_util::stream::once(async move {
            let _ = read.send(());
            std::future::pending().await
        });
        let body = Body::from_bytes_stream(futures_util::StreamExt::chain(first_bytes, pending));
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
    let stored = upload_png(&author, 1).await;
    let incomplete = api.media.join("incoming/half");
    fs::write(&incomplete, b"half an upload").expect("written");
    let stem = "00".repeat(16);
    let bytes = api.media.join("00").join(&stem);
    fs::create_dir_all(&bytes).expect("created");
    fs::write(bytes.join("original.png"), b"never claimed").expect("written");
    // File times follow the clock of the test, not the current date.
    let now = UNIX_EPOCH + Duration::from_millis(api.clock.now().try_into().expect("after 1970"));
    for path in [incomplete, bytes.join("original.png")] {
        let file = fs::File::options().write(true).open(path).expect("a file");
        file.set_modified(now).expect("set");
    }
    let row = entity::media_orphan::ActiveModel {
        stem: sea_orm::Set(stem),
        deletable: sea_orm::Set(0),
        since: sea_orm::Set(api.clock.now()),
    };
    let inserted = api.app.db.write(async move |tx| sea_orm::ActiveModelTrait::insert(row, &*tx).await).await;
    inserted.expect("inserted");
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
async fn rejects_uploads_beyond_the_storage_quota() {
    let api = Api::start().await;
    let (author, other) = (api.sign_in(Role::Author).await, api.sign_in(Role::Author).await);
    let id: uuid::Uuid = upload_png(&author, 1).await.id().parse().expect("an id");
    let filled = api.app.db.write(async move |tx| {
        use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
        let size =
            entity::media::Entity::update_many().col_expr(entity::media::Column::Size, Expr::value(1 << 30));
        size.filter(entity::media::Column::Id.eq(id)).exec(&*tx).await
    });
    filled.await.expect("updated");
    upload(&author, &[("file", None, &png(8, 6, 2))]).await.is(409);
    upload_png(&other, 2).await;
    author.delete(&format!("/api/media/{id}")).await.is(204);
    upload_png(&author, 2).await;
    assert_eq!(files(&api.media), 2);
}

#[api_test]
async fn concurrent_uploads_create_one_image() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let sent = png(8, 6, 1);
    let send = || async { upload(&author, &[("file", Some("a.png"), &sent)]).await };
    let responses = futures_util::future::join_all((0..8).map(|_| send())).await;
    assert_eq!(responses.iter().filter(|response| response.status == 201).count(), 1);
    assert!(responses.iter().all(|response| matches!(response.status, 200 | 201)));
    assert_eq!(files(&api.media), 1);
}

#[api_test]
async fn authors_manage_their_own_images_and_editors_all() {
    let api = Api::start().await;
    let (author, other) = (api.sign_in(Role::Author).await, api.sign_in(Role::Author).await);
    let (editor, reader) = (api.sign_in(Role::Editor).await, api.sign_in(Role::Reader).await);
    let (png, gif) =
        (upload_png(&author, 1).await, upload(&other, &[("file", Some("dot.gif"), GIF)]).await.is(201));
    let path = png.header("location").to_owned();
    upload(&reader, &[("file", None, GIF)]).await.is(403);
    for (unauthorized, status) in [(&other, 404), (&reader, 403)] {
        unauthorized.get(&path).await.is(status);
        unauthorized.patch(&path, json!({ "alt": "Mine now" })).await.is(status);
        unauthorized.delete(&path).await.is(status);
    }
    let total = async |client: &Api, query: &str| {
        client.get(&format!("/api/media{query}")).await.is(200).body["pagination"]["total"].clone()
    };
    for (client, query, count) in [
        (&author, "", 1),
        (&editor, "", 2),
        (&editor, "?type=image/gif", 1),
        (&editor, "?q=JOINT", 1),
        (&editor, "?q=nothing", 0),
        (&author, "?type=image/gif", 0),
    ] {
        assert_eq!(total(client, query).await, count, "{query}");
    }
    let owner = gif.body["uploadedBy"].as_str().expect("an owner");
    assert_eq!(total(&editor, &format!("?uploadedBy={owner}")).await, 1);
    assert_eq!(total(&author, &format!("?uploadedBy={owner}")).await, 0);
    for (sort, first) in [("size", &gif), ("-size", &png), ("filename", &gif), ("-createdAt", &gif)] {
        let list = editor.get(&format!("/api/media?sort={sort}")).await.is(200);
        assert_eq!(list.body["data"][0]["id"], first.body["id"], "{sort}");
        let conditional = editor.header("if-none-match", list.header("etag"));
        conditional.get(&format!("/api/media?sort={sort}")).await.is(304);
    }
    let page = editor.get("/api/media?limit=1&sort=filename").await.is(200).body;
    let after = page["pagination"]["nextCursor"].as_str().expect("a cursor").to_owned();
    let second = editor.get(&format!("/api/media?limit=1&sort=filename&after={after}")).await.is(200);
    assert_eq!(second.body["data"][0]["id"], png.body["id"]);
    editor.patch(&path, json!({ "alt": "Ours" })).await.is(200);
}

#[api_test]
async fn patch_changes_the_metadata_and_not_the_url() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let created = upload_png(&author, 1).await;
    let path = created.header("location").to_owned();
    let change = json!({ "alt": " A joint ", "filename": "évil/../new.exe", "focusX": 0.25, "focusY": 1 });
    let conditional = author.header("if-match", created.header("etag"));
    let changed = conditional.patch(&path, change).await.is(200);
    let body = &changed.body;
    assert_eq!((&body["alt"], &body["filename"]), (&json!("A joint"), &json!("new.exe.png")));
    assert_eq!((&body["focusX"], &body["focusY"]), (&json!(0.25), &json!(1.0)));
    conditional.patch(&path, json!({ "alt": "Stale" })).await.is(412);
    conditional.delete(&path).await.is(412);
    let cleared = author.patch(&path, json!({ "alt": null, "focusX": null })).await.is(200).body;
    assert!(cleared.get("alt").is_none() && cleared.get("focusX").is_none() && cleared["focusY"] == 1.0);
    assert_eq!(cleared["url"], created.body["url"]);
    for invalid in [
        json!({ "focusX": 1.5 }),
        json!({ "filename": " ./ " }),
        json!({ "url": "/x" }),
        json!({ "alt": "" }),
    ] {
        author.patch(&path, invalid.clone()).await.is(400);
    }
    author.header("prefer", "return=minimal").patch(&path, json!({ "alt": "Quiet" })).await.is(204);
    let read = author.get(&path).await.is(200);
    author.header("if-none-match", read.header("etag")).get(&path).await.is(304);
}

#[api_test]
async fn requires_if_match_when_configured() {
    let api = Api::with(&[("require_if_match", "on")]).await;
    let author = api.sign_in(Role::Author).await;
    let path = upload_png(&author, 1).await.header("location").to_owned();
    author.patch(&path, json!({ "alt": "A joint" })).await.is(428);
    author.delete(&path).await.is(428);
}

#[api_test]
async fn deleting_an_image_deletes_its_variants() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let created = upload(&author, &[("file", None, &png(400, 300, 1))]).await.is(201);
    let url = created.body["url"].as_str().expect("a url").to_owned();
    api.get(&format!("{url}?w=100")).await.is(200);
    assert_eq!(files(&api.media), 2);
    author.delete(created.header("location")).await.is(204);
    assert_eq!(files(&api.media), 0);
    for deleted in [url.clone(), format!("{url}?w=100")] {
        api.get(&deleted).await.is(404);
    }
    author.get(created.header("location")).await.is(404);
}

#[api_test]
async fn images_of_a_deleted_user_remain_without_uploaded_by() {
    let api = Api::start().await;
    let (admin, author) = (api.sign_in(Role::Admin).await, api.sign_in(Role::Author).await);
    let path = format!("/api/media/{}", upload_png(&author, 1).await.id());
    let (one, all) = (admin.get(&path).await.is(200), admin.get("/api/media").await.is(200));
    let uploader = one.body["uploadedBy"].as_str().expect("an uploader");
    admin.delete(&format!("/api/users/{uploader}")).await.is(204);
    let one = admin.header("if-none-match", one.header("etag")).get(&path).await.is(200);
    assert!(one.body.get("uploadedBy").is_none());
    let all = admin.header("if-none-match", all.header("etag")).get("/api/media").await.is(200);
    assert!(all.body["data"][0].get("uploadedBy").is_none());
}

#[api_test]
async fn media_events_have_increasing_versions() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let path = format!("/api/media/{}", upload_png(&author, 1).await.id());
    author.patch(&path, json!({ "alt": "A joint" })).await.is(200);
    author.delete(&path).await.is(204);
    let events = api.app.db.events_after(0, 100).await.expect("the log");
    let events: Vec<_> = events.iter().filter(|event| event.topic == "media").collect();
    assert_eq!(events.len(), 3);
    assert!(events.is_sorted_by(|before, after| before.version < after.version), "{events:?}");
}
