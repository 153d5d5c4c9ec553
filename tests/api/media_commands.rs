//! `tenon import markdown`: stores the images that posts reference.
use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use entity::post;
use sea_orm::EntityTrait;
use tenon::infra::db::Db;

use crate::{commands::Sandbox, media::files, multipart::png};

fn content(sandbox: &Sandbox) -> String {
    let url = format!("sqlite://{}", sandbox.0.join("data/tenon.db").display());
    let rows = async {
        let db = Db::open(&url).await.expect("the database opens");
        let rows = post::Entity::find().all(db.read()).await.expect("the query succeeds");
        db.close().await.expect("the database closes");
        rows
    };
    let rows = tokio::runtime::Runtime::new().expect("a runtime").block_on(rows);
    rows.first().expect("a post").content.clone()
}

#[api_test]
fn imports_the_images_that_posts_reference() {
    let sandbox = Sandbox::new();
    let site = sandbox.0.join("site");
    fs::create_dir_all(site.join("oak")).expect("a folder");
    let text = "+++\ntitle = \"Oak\"\n+++\n![An oak](oak.png) and ![it again](./oak.png).\n\n\
                <img src=\"../leaf.png\">\n\n![gone](lost.png) ![far](https://acme.test/oak.png)\n";
    let write = |name: &str, bytes: &[u8]| fs::write(site.join(name), bytes).expect("a file");
    write("oak/index.md", text.as_bytes());
    write("oak/oak.png", &png(8, 6, 1));
    write("leaf.png", &png(8, 6, 2));
    write("unused.png", &png(8, 6, 3));
    let folder = site.display().to_string();
    let output = sandbox.tenon(&["import", "markdown", "--dry-run", &folder]).succeeds().stdout;
    assert!(output.contains("images: 2 created, 0 unchanged\n"), "{output}");
    assert!(!sandbox.0.join("data").exists());

    let output = sandbox.tenon(&["import", "markdown", &folder]).succeeds().stdout;
    assert!(output.contains("images: 2 created, 0 unchanged\n"), "{output}");
    assert!(output.contains("unreferenced images, not imported: 1\n"), "{output}");
    let imported = content(&sandbox);
    assert_eq!(imported.matches("](/media/").count(), 2, "{imported}");
    assert!(imported.contains("<img src=\"/media/") && imported.contains("](lost.png)"), "{imported}");
    assert!(imported.contains("](https://acme.test/oak.png)"), "{imported}");
    assert_eq!(files(&sandbox.0.join("data/media")), 2);

    for arguments in [&["import", "markdown", &folder][..], &["import", "markdown", "--dry-run", &folder]] {
        let output = sandbox.tenon(arguments).succeeds().stdout;
        assert!(output.contains("0 created, 0 updated, 1 unchanged"), "{output}");
        assert!(output.contains("images: 0 created, 2 unchanged\n"), "{output}");
    }
    assert_eq!((content(&sandbox), files(&sandbox.0.join("data/media"))), (imported, 2));
}

#[api_test]
fn skips_an_invalid_image_and_imports_the_others() {
    let sandbox = Sandbox::new();
    let site = sandbox.0.join("site");
    fs::create_dir_all(&site).expect("a folder");
    let text = "+++\ntitle = \"Oak\"\n+++\n![An oak](oak.png) and ![a leaf](leaf.png).\n";
    fs::write(site.join("a.md"), text).expect("a file");
    fs::write(site.join("oak.png"), "<svg onload='alert(1)'/>").expect("a file");
    fs::write(site.join("leaf.png"), png(8, 6, 1)).expect("a file");
    let result = sandbox.tenon(&["import", "markdown", &site.display().to_string()]).succeeds();
    assert!(
        result.stdout.contains("posts: 1 created") && result.stdout.contains("skipped oak.png: "),
        "{result:?}"
    );
    let imported = content(&sandbox);
    assert!(imported.contains("](oak.png)") && imported.contains("](/media/"), "{imported}");
}

/// Starts a server that responds to each connection with an empty response. Returns its URL and the number of
/// connections.
fn http_server() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = connections.clone();
    thread::spawn(move || {
        for connection in listener.incoming() {
            counter.fetch_add(1, Ordering::SeqCst);
            let mut connection = connection.expect("a connection");
            let _ = connection.read(&mut [0; 65_536]);
            let response = "HTTP/1.1 200 OK\r\netag: \"x\"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = connection.write_all(response.as_bytes());
        }
    });
    (url, connections)
}

#[api_test]
fn ignores_proxy_variables_for_s3_unless_a_setting_allows_them() {
    for (allowed, expected) in [("off", (true, false)), ("on", (false, true))] {
        let ((s3, s3_connections), (proxy, proxy_connections)) = (http_server(), http_server());
        let sandbox = Sandbox::new();
        let site = sandbox.0.join("site");
        fs::create_dir_all(&site).expect("a folder");
        fs::write(site.join("a.md"), "+++\ntitle = \"Oak\"\n+++\n![An oak](oak.png)\n").expect("a file");
        fs::write(site.join("oak.png"), png(8, 6, 1)).expect("a file");
        let variables = [
            ("TENON_S3_BUCKET", "images"),
            ("TENON_S3_ENDPOINT", &s3),
            ("TENON_S3_ACCESS_KEY", "key"),
            ("TENON_S3_SECRET_KEY", "secret"),
            ("TENON_S3_PROXY_VARIABLES", allowed),
            ("HTTP_PROXY", &proxy),
            ("http_proxy", &proxy),
            ("NO_PROXY", ""),
            ("no_proxy", ""),
        ];
        let result = sandbox.run(&variables, "", &["import", "markdown", &site.display().to_string()]);
        let is_used = |connections: Arc<AtomicUsize>| connections.load(Ordering::SeqCst) > 0;
        assert_eq!((is_used(s3_connections), is_used(proxy_connections)), expected, "{allowed}: {result:?}");
    }
}
