//! Pictures that come along when posts are imported, as an operator runs it.
use std::fs;

use entity::post;
use sea_orm::EntityTrait;
use tenon::infra::db::Db;

use crate::{commands::Machine, media::files, multipart::png};

fn content(machine: &Machine) -> String {
    let url = format!("sqlite://{}", machine.0.join("data/tenon.db").display());
    let rows = async {
        let db = Db::open(&url).await.expect("the database opens");
        let rows = post::Entity::find().all(db.read()).await.expect("there are posts");
        db.close().await.expect("the database closes");
        rows
    };
    let rows = tokio::runtime::Runtime::new().expect("a runtime").block_on(rows);
    rows.first().expect("a post").content.clone()
}

#[api_test]
fn pictures_come_along_with_the_posts_that_name_them() {
    let machine = Machine::new();
    let site = machine.0.join("site");
    fs::create_dir_all(site.join("oak")).expect("a folder");
    let text = "+++\ntitle = \"Oak\"\n+++\n![An oak](oak.png) and ![it again](./oak.png).\n\n\
                <img src=\"../leaf.png\">\n\n![gone](lost.png) ![far](https://acme.test/oak.png)\n";
    let write = |name: &str, bytes: &[u8]| fs::write(site.join(name), bytes).expect("a file");
    write("oak/index.md", text.as_bytes());
    write("oak/oak.png", &png(8, 6, 1));
    write("leaf.png", &png(8, 6, 2));
    write("unused.png", &png(8, 6, 3));
    let folder = site.display().to_string();
    let told = machine.tenon(&["import", "markdown", "--dry-run", &folder]).done().out;
    assert!(told.contains("images: 2 created, 0 unchanged\n"), "{told}");
    assert!(!machine.0.join("data").exists());

    let told = machine.tenon(&["import", "markdown", &folder]).done().out;
    assert!(told.contains("images: 2 created, 0 unchanged\n"), "{told}");
    assert!(told.contains("unreferenced images, not imported: 1\n"), "{told}");
    let made = content(&machine);
    assert_eq!(made.matches("](/media/").count(), 2, "{made}");
    assert!(made.contains("<img src=\"/media/") && made.contains("](lost.png)"), "{made}");
    assert!(made.contains("](https://acme.test/oak.png)"), "{made}");
    assert_eq!(files(&machine.0.join("data/media")), 2);

    for arguments in [&["import", "markdown", &folder][..], &["import", "markdown", "--dry-run", &folder]] {
        let told = machine.tenon(arguments).done().out;
        assert!(told.contains("0 created, 0 updated, 1 unchanged"), "{told}");
        assert!(told.contains("images: 0 created, 2 unchanged\n"), "{told}");
    }
    assert_eq!((content(&machine), files(&machine.0.join("data/media"))), (made, 2));
}

#[api_test]
fn a_picture_that_is_not_taken_is_skipped_alone() {
    let machine = Machine::new();
    let site = machine.0.join("site");
    fs::create_dir_all(&site).expect("a folder");
    let text = "+++\ntitle = \"Oak\"\n+++\n![An oak](oak.png) and ![a leaf](leaf.png).\n";
    fs::write(site.join("a.md"), text).expect("a file");
    fs::write(site.join("oak.png"), "<svg onload='alert(1)'/>").expect("a file");
    fs::write(site.join("leaf.png"), png(8, 6, 1)).expect("a file");
    let ended = machine.tenon(&["import", "markdown", &site.display().to_string()]).done();
    assert!(ended.out.contains("posts: 1 created") && ended.out.contains("skipped oak.png: "), "{ended:?}");
    let made = content(&machine);
    assert!(made.contains("](oak.png)") && made.contains("](/media/"), "{made}");
}
