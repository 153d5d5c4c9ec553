//! `tenon restore`.
use std::{fs, os::unix::fs::PermissionsExt};

use entity::{post, preview, session, signing_key, tag};
use sea_orm::{ConnectionTrait, EntityTrait};
use tenon::{
    backup::restore,
    config::BackupMedia,
    http::auth::Role,
    infra::{db::Db, dump::lock_exclusively, work_folder::WorkFolder},
};
use tokio::runtime::Runtime;

use crate::{
    backup::{CREATE_ADMIN, back_up, backups, contents, execute, fill, query, restore_into, with_key_of},
    commands::Sandbox,
    multipart::{png, upload},
    support::{Api, PASSWORD, SECRET_KEY},
};

#[api_test]
fn a_restored_backup_has_all_data_but_no_sessions_and_another_signing_key() {
    let sandbox = Sandbox::new();
    let key = fill(&sandbox);
    let key_ids = async |db: &Db| {
        let rows = signing_key::Entity::find().all(db.read()).await.expect("rows");
        rows.into_iter().map(|row| row.kid).collect::<Vec<_>>()
    };
    let signing_key = query(&sandbox, key_ids);
    let user = "INSERT INTO sessions (id, user_id, family_hash, refresh_hash, created_at, last_used_at, expires_at) \
                SELECT id, id, 'f', 'r', 0, 0, 9999999999999 FROM users WHERE email IS NOT NULL";
    execute(&sandbox, user);
    let link = "INSERT INTO previews (id, post_id, created_by, expires_at, created_at) \
                SELECT id, id, author_id, 9999999999999, 0 FROM posts";
    execute(&sandbox, link);
    let backup = back_up(&sandbox, &[]);
    assert_eq!(fs::metadata(&backup).expect("a file").permissions().mode() & 0o777, 0o600);

    let other = with_key_of(&sandbox);
    let report = restore_into(&other, &backup, &[]).succeeds().stdout;
    for line in [
        "images: 1 stored, 0 unchanged",
        "ended 1 sessions, deleted 1 preview links and replaced the signing key",
        "accounts were restored with the password, role and state of that time",
        "admin ada@acme.test (active)",
        "\"ci\" of ada@acme.test: posts:read, expires 20",
    ] {
        assert!(report.contains(line), "{line}: {report}");
    }
    assert!(!report.contains(&key));
    let sessions = async |db: &Db| session::Entity::find().all(db.read()).await.expect("rows").len();
    assert_eq!((query(&sandbox, sessions), query(&other, sessions)), (1, 0));
    let links = async |db: &Db| preview::Entity::find().all(db.read()).await.expect("rows").len();
    assert_eq!((query(&sandbox, links), query(&other, links)), (1, 0));
    let restored_key = query(&other, key_ids);
    assert!(restored_key.len() == 1 && restored_key != signing_key, "{restored_key:?}");
    let posts = async |db: &Db| post::Entity::find().all(db.read()).await.expect("rows");
    assert_eq!(query(&other, posts), query(&sandbox, posts));
    let image = |sandbox: &Sandbox| {
        let media = sandbox.0.join("data/media");
        let originals = contents(&media).into_iter().filter(|(path, _)| path.ends_with("original.png"));
        originals.map(|(_, bytes)| bytes).collect::<Vec<_>>()
    };
    assert!(image(&sandbox).len() == 1 && image(&sandbox) == image(&other));
    let mode = fs::metadata(other.0.join("data/tenon.db")).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    other.tenon(&["doctor"]).succeeds();
    assert!(
        !fs::read_dir(other.0.join("data")).expect("a folder").any(|entry| {
            entry.expect("an entry").file_name().to_string_lossy().starts_with(".tenon-work")
        })
    );
}

#[api_test]
fn a_damaged_backup_changes_nothing() {
    let sandbox = Sandbox::new();
    fill(&sandbox);
    let backup = back_up(&sandbox, &[]);
    let bytes = fs::read(&backup).expect("a backup");
    let target = with_key_of(&sandbox);
    let before = contents(&target.0.join("data"));
    let damaged = sandbox.0.join("damaged.tar");
    // In the description, the database, an image, and the list of hashes.
    let image = bytes.windows(6).rposition(|part| part == b"media/").expect("the list of hashes") - 64;
    for position in [600, 1600, bytes.len() / 2, image] {
        let mut changed = bytes.clone();
        changed[position] ^= 0x10;
        fs::write(&damaged, changed).expect("written");
        restore_into(&target, &damaged, &[]).fails(1, "damaged");
        assert_eq!(contents(&target.0.join("data")), before, "{position}");
    }
    for length in [0, 700, bytes.len() / 2, bytes.len() - 1600] {
        fs::write(&damaged, &bytes[..length]).expect("written");
        restore_into(&target, &damaged, &[]).fails(1, "damaged.tar: it is");
        assert_eq!(contents(&target.0.join("data")), before, "{length}");
    }
}

#[api_test]
fn a_restore_requires_the_secret_key_of_the_backup() {
    let sandbox = Sandbox::new();
    fill(&sandbox);
    let backup = back_up(&sandbox, &[]);
    let other = Sandbox::new();
    restore_into(&other, &backup, &[]).fails(1, "are sealed with the secret key");
    assert!(!other.0.join("data").exists());
    let wrong = [("TENON_SECRET_KEY", SECRET_KEY)];
    let path = backup.display().to_string();
    other.run(&wrong, "", &["restore", &path]).fails(1, "the configured keys are");
    assert!(!other.0.join("data").exists());
    let key = fs::read_to_string(sandbox.0.join("data/secret.key")).expect("a key");
    other.run(&[("TENON_SECRET_KEY", key.trim())], "", &["restore", &path]).succeeds();
}

#[api_test]
fn a_restore_rejects_a_folder_in_use_and_keeps_the_replaced_database() {
    let sandbox = Sandbox::new();
    fill(&sandbox);
    let backup = back_up(&sandbox, &[]);
    execute(
        &sandbox,
        "INSERT INTO tags (id, name, slug, listed_without_posts, version, created_at, updated_at) \
                       SELECT id, 'later', 'later', 1, 1, 0, 0 FROM users WHERE email IS NOT NULL",
    );
    restore_into(&sandbox, &backup, &[]).fails(1, "add --replace to replace the database");
    query(&sandbox, async |_: &Db| {
        // The other process has the database open.
        restore_into(&sandbox, &backup, &["--replace"]).fails(1, "is in use: stop the service");
    });
    let tags = async |db: &Db| tag::Entity::find().all(db.read()).await.expect("rows").len();
    assert_eq!(query(&sandbox, tags), 1, "nothing was restored");
    let report = restore_into(&sandbox, &backup, &["--replace"]).succeeds().stdout;
    assert!(
        report.contains("the previous database is in ") && report.contains("0 stored, 1 unchanged"),
        "{report}"
    );
    assert_eq!(query(&sandbox, tags), 0);
    let kept = contents(&sandbox.0.join("data")).into_iter().map(|(path, _)| path);
    let kept =
        kept.filter(|path| path.to_string_lossy().contains("before-restore") && path.ends_with("tenon.db"));
    let kept: Vec<_> = kept.collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    let lock = lock_exclusively(&kept[0]).expect("a database");
    assert!(lock.is_some(), "the replaced database can be opened");
}

#[api_test]
async fn a_restore_replaces_damaged_images_and_no_others() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    for seed in [1, 2, 3] {
        upload(&author, &[("file", Some("joint.png"), &png(8, 6, seed))]).await.is(201);
    }
    let sandbox = Sandbox::new();
    let (backups, config) = backups(&api, &[]);
    let file = sandbox.0.join("a.tar");
    backups.write_file(&file, BackupMedia::Include).await.expect("a backup");
    let before = contents(&api.media);
    let originals: Vec<_> = before.iter().filter(|(path, _)| path.ends_with("original.png")).collect();
    // The same size, and another one.
    fs::write(&originals[0].0, vec![0; originals[0].1.len()]).expect("written");
    fs::write(&originals[1].0, "changed").expect("written");
    let work = WorkFolder::create(&sandbox.0).expect("a folder");
    let verified = restore::verify(&file, &work).unwrap_or_else(|error| panic!("{error}"));
    let media = config.media_store().expect("a storage");
    let restored = verified.restore_images(&api.app.db, &media).await.expect("restored");
    assert_eq!((restored.stored, restored.unchanged, restored.rejected), (2, 1, 0));
    assert_eq!(contents(&api.media), before);
    // The bytes in the backup are wrong for this database.
    let other = "UPDATE media SET sha256 = key";
    let run = async move |tx: tenon::infra::db::Tx| tx.execute_unprepared(other).await;
    api.app.db.write(run).await.expect("the statement succeeds");
    let restored = verified.restore_images(&api.app.db, &media).await.expect("restored");
    assert_eq!((restored.stored, restored.unchanged, restored.rejected), (0, 0, 3));
    assert_eq!(contents(&api.media), before);
}

#[api_test]
fn a_restore_moves_logs_of_another_database_away() {
    let sandbox = Sandbox::new();
    fill(&sandbox);
    let backup = back_up(&sandbox, &[]);
    let data = |name: &str| sandbox.0.join("data").join(name);
    // Opened by the query, so that its log remains.
    query(&sandbox, async |db: &Db| {
        let run = async move |tx: tenon::infra::db::Tx| {
            tx.execute_unprepared(
                "INSERT INTO tags (id, name, slug, listed_without_posts, version, created_at, updated_at) \
                 SELECT id, 'later', 'later', 1, 1, 0, 0 FROM users WHERE email IS NOT NULL",
            )
            .await
        };
        db.write(run).await.expect("the statement succeeds");
        fs::copy(data("tenon.db-wal"), data("copy")).expect("a log");
    });
    fs::remove_file(data("tenon.db")).expect("deleted");
    fs::rename(data("copy"), data("tenon.db-wal")).expect("renamed");
    fs::write(data("tenon.db-journal"), "of another database").expect("written");
    restore_into(&sandbox, &backup, &[]).fails(1, "tenon.db-journal exists: add --replace");
    assert!(!data("tenon.db").exists() && data("tenon.db-wal").exists());
    restore_into(&sandbox, &backup, &["--replace"]).succeeds();
    assert!(!data("tenon.db-wal").exists() && !data("tenon.db-journal").exists());
    let tags = async |db: &Db| tag::Entity::find().all(db.read()).await.expect("rows").len();
    assert_eq!(query(&sandbox, tags), 0, "the log was not copied into the restored database");
    let moved = contents(&sandbox.0.join("data")).into_iter().map(|(path, _)| path);
    let moved = moved.filter(|path| path.to_string_lossy().contains("before-restore"));
    assert_eq!(moved.count(), 2);
}

#[api_test]
fn a_restore_replaces_a_damaged_database_but_not_a_path_that_cannot_be_locked() {
    let sandbox = Sandbox::new();
    fill(&sandbox);
    let backup = back_up(&sandbox, &[]);
    let path = sandbox.0.join("data/tenon.db");
    fs::write(&path, "not a database".repeat(1000)).expect("written");
    let restored = restore_into(&sandbox, &backup, &["--replace"]).succeeds();
    assert!(restored.stderr.contains("file is not a database"), "{restored:?}");
    fs::remove_file(&path).expect("deleted");
    fs::create_dir(&path).expect("a folder");
    restore_into(&sandbox, &backup, &["--replace"]).fails(1, "cannot lock");
    assert!(path.is_dir());
}

#[api_test]
fn postgres_is_backed_up_and_restored_into_an_empty_database() {
    let Ok(server) = std::env::var("TENON_TEST_DATABASE") else { return };
    let sandbox = Sandbox::new();
    let create = || {
        let api = Runtime::new().expect("a runtime").block_on(Api::start());
        api.database_url
    };
    let source = create();
    let variables = [("TENON_DATABASE_URL", source.as_str()), ("TENON_SECRET_KEY", SECRET_KEY)];
    sandbox.run(&variables, PASSWORD, &CREATE_ADMIN).succeeds();
    sandbox.run(&variables, "", &["backup", "backup.tar"]).succeeds();
    sandbox.run(&variables, "", &["restore", "backup.tar"]).fails(1, "the database is not empty");
    let empty = Runtime::new().expect("a runtime").block_on(async {
        let name = format!("t{}", uuid::Uuid::now_v7().simple());
        let admin = sea_orm::Database::connect(&server).await.expect("connected");
        admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.expect("created");
        admin.close().await.expect("closed");
        format!("{}/{name}", server.rsplit_once('/').expect("a URL").0)
    });
    let target = [("TENON_DATABASE_URL", empty.as_str()), ("TENON_SECRET_KEY", SECRET_KEY)];
    let report = sandbox.run(&target, "", &["restore", "backup.tar"]).succeeds().stdout;
    assert!(report.contains("admin ada@acme.test (active)"), "{report}");
    sandbox.run(&target, "", &["doctor"]).succeeds();
    sandbox.tenon(&["restore", "backup.tar"]).fails(1, "sealed with the secret key");
}
