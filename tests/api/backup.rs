//! `tenon backup` and `tenon restore`, and backups of a running service.
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use entity::{channel, media};
use sea_orm::{ConnectionTrait, EntityTrait};
use serde_json::json;
use tenon::{
    backup::{Backups, restore},
    config::{BackupMedia, Config},
    http::auth::Role,
    infra::{db::Db, dump::check_sqlite, work_folder::WorkFolder},
};
use tokio::runtime::Runtime;

use crate::{
    commands::{Output, Sandbox},
    media::files,
    multipart::{png, upload},
    support::{Api, PASSWORD},
};

/// The arguments that create an admin, whose password is read from standard input.
pub const CREATE_ADMIN: [&str; 9] =
    ["user", "create", "--email", "ada@acme.test", "--name", "Ada", "--password-stdin", "--role", "admin"];

/// Creates an account, an API key, and a post with an image. Returns the key.
pub fn fill(sandbox: &Sandbox) -> String {
    sandbox.run(&[], PASSWORD, &CREATE_ADMIN).succeeds();
    let key = ["api-key", "create", "--name", "ci", "--scopes", "posts:read"];
    let key = sandbox.tenon(&key).succeeds().stdout;
    let site = sandbox.0.join("site");
    fs::create_dir_all(&site).expect("a folder");
    fs::write(site.join("a.md"), "+++\ntitle = \"Oak\"\n+++\n![An oak](oak.png)\n").expect("a file");
    fs::write(site.join("oak.png"), png(8, 6, 1)).expect("a file");
    sandbox.tenon(&["import", "markdown", &site.display().to_string()]).succeeds();
    key.trim().to_owned()
}

/// Makes a backup, and returns its file.
pub fn back_up(sandbox: &Sandbox, options: &[&str]) -> PathBuf {
    let file = sandbox.0.join("backup.tar");
    let path = file.display().to_string();
    sandbox.tenon(&[&["backup", &path], options].concat()).succeeds();
    file
}

/// Restores a backup into another sandbox.
pub fn restore_into(sandbox: &Sandbox, backup: &Path, options: &[&str]) -> Output {
    sandbox.tenon(&[&["restore", &backup.display().to_string()], options].concat())
}

/// Creates a data folder that contains only the secret key of another one.
pub fn with_key_of(other: &Sandbox) -> Sandbox {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.0.join("data")).expect("a folder");
    fs::copy(other.0.join("data/secret.key"), sandbox.0.join("data/secret.key")).expect("a key");
    sandbox
}

fn url(sandbox: &Sandbox) -> String {
    format!("sqlite://{}", sandbox.0.join("data/tenon.db").display())
}

/// Runs a query on the database of a sandbox.
pub fn query<T>(sandbox: &Sandbox, query: impl AsyncFn(&Db) -> T) -> T {
    Runtime::new().expect("a runtime").block_on(async {
        let db = Db::open(&url(sandbox)).await.expect("the database opens");
        let result = query(&db).await;
        db.close().await.expect("the database closes");
        result
    })
}

/// Runs statements on the database of a sandbox.
pub fn execute(sandbox: &Sandbox, sql: &'static str) {
    query(sandbox, async |db: &Db| {
        let run = async move |tx: tenon::infra::db::Tx| tx.execute_unprepared(sql).await;
        db.write(run).await.expect("the statement succeeds");
    });
}

/// Returns the paths and contents of all files of a folder.
pub fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => found.extend(contents(&path)),
            false => found.push((path.clone(), fs::read(&path).expect("a file"))),
        }
    }
    found.sort();
    found
}

#[api_test]
fn a_backup_on_standard_output_is_a_tar_file_without_the_secret_key() {
    let sandbox = Sandbox::new();
    fill(&sandbox);
    let file = sandbox.0.join("stdout.tar");
    let data = sandbox.0.join("data").display().to_string();
    let status = Command::new(env!("CARGO_BIN_EXE_tenon"))
        .args(["backup", "-", "--data-dir", &data])
        .stdout(File::create(&file).expect("a file"))
        .stderr(Stdio::null())
        .status();
    assert!(status.expect("the command runs").success());
    let bytes = fs::read(&file).expect("a backup");
    let key = fs::read_to_string(sandbox.0.join("data/secret.key")).expect("a key");
    let found = bytes.windows(key.trim().len()).any(|part| part == key.trim().as_bytes());
    assert!(!found && &bytes[257..262] == b"ustar");
    restore_into(&with_key_of(&sandbox), &file, &[]).succeeds();
}

#[api_test]
fn a_backup_with_a_list_of_images_restores_without_their_bytes() {
    let sandbox = Sandbox::new();
    fill(&sandbox);
    let backup = back_up(&sandbox, &["--media", "list"]);
    let other = with_key_of(&sandbox);
    let restored = restore_into(&other, &backup, &[]).succeeds();
    let warning = "the bytes of 1 images are not in the storage of images";
    assert!(restored.stderr.contains(warning), "{restored:?}");
    assert_eq!(files(&other.0.join("data/media")), 0);
    let checked = other.tenon(&["doctor"]);
    assert!(checked.stdout.contains("failed  images: the bytes of 1 images are missing"), "{checked:?}");
    checked.fails(1, "1 check failed");
}

#[api_test]
fn a_killed_backup_leaves_the_previous_one() {
    let sandbox = Sandbox::new();
    fill(&sandbox);
    let file = back_up(&sandbox, &[]);
    let (folder, temp) = (sandbox.0.clone(), sandbox.0.join("tmp"));
    let work_folders = || {
        let entries =
            fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
        entries.filter(|name| name.to_string_lossy().starts_with(".tenon-work")).count()
    };
    for _ in 0..5 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tenon"))
            .args(["backup", &file.display().to_string(), "--data-dir"])
            .arg(sandbox.0.join("data"))
            .stderr(Stdio::null())
            .spawn()
            .expect("the command starts");
        // Killed as soon as it writes, or after it has exited.
        while work_folders() == 0 && child.try_wait().expect("a status").is_none() {}
        child.kill().expect("killed");
        child.wait().expect("a status");
        let work = WorkFolder::create(&temp).expect("a folder");
        restore::verify(&file, &work).unwrap_or_else(|error| panic!("{error}"));
    }
    back_up(&sandbox, &[]);
    assert_eq!(work_folders(), 0, "the files of killed backups are deleted");
}

#[api_test]
fn a_backup_of_nothing_creates_no_files() {
    let sandbox = Sandbox::new();
    sandbox.tenon(&["backup", "backup.tar"]).fails(1, "there is no database tenon.db in the folder");
    assert!(!sandbox.0.join("data").exists() && !sandbox.0.join("backup.tar").exists());
    fill(&sandbox);
    fs::create_dir(sandbox.0.join("folder")).expect("a folder");
    sandbox.tenon(&["backup", "folder"]).fails(1, "folder: exists and is not a file");
    sandbox.tenon(&["backup", "missing/backup.tar"]).fails(1, "missing: no such folder: create it first");
    assert!(!sandbox.0.join("missing").exists());
    sandbox.tenon(&["backup", "backup.tar", "--media", "none"]).fails(2, "include");
}

/// Creates the service of backups for the database of a test.
pub fn backups(api: &Api, settings: &[(&'static str, &str)]) -> (Backups, Config) {
    let mut flags: Vec<_> = settings.iter().map(|(name, value)| (*name, Some((*value).to_owned()))).collect();
    flags.push(("database_url", Some(api.database_url.clone())));
    flags.push(("media_dir", Some(api.media.display().to_string())));
    let config = Config::read(&flags).expect("the settings are valid");
    let media = config.media_store().expect("a storage");
    (Backups::new(api.app.db.clone(), api.clock.clone(), media, &config), config)
}

#[api_test(worker_threads = 4)]
async fn a_backup_under_writes_contains_every_write_acknowledged_before_its_start() {
    let api = Api::start().await;
    if !api.database_url.starts_with("sqlite") {
        return;
    }
    let sandbox = Sandbox::new();
    let (backups, _) = backups(&api, &[]);
    let editor = api.sign_in(Role::Editor).await;
    let (stop, acknowledged) =
        (Arc::new(AtomicBool::new(false)), Arc::new(std::sync::Mutex::new(Vec::new())));
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let (editor, stop, acknowledged) = (editor.clone(), stop.clone(), acknowledged.clone());
            tokio::spawn(async move {
                for number in 0.. {
                    let name = format!("channel {writer} {number}");
                    editor.post("/api/channels", json!({ "name": name, "audience": "public" })).await.is(201);
                    acknowledged.lock().expect("not poisoned").push(name);
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                }
            })
        })
        .collect();
    for round in 0..3 {
        let enough =
            async || (acknowledged.lock().expect("not poisoned").len() > 40 * (round + 1)).then_some(());
        crate::support::poll_until("writes", enough).await;
        let before = acknowledged.lock().expect("not poisoned").clone();
        let file = sandbox.0.join(format!("{round}.tar"));
        backups.write_file(&file, BackupMedia::Include).await.expect("a backup");
        let work = WorkFolder::create(&sandbox.0).expect("a folder");
        let database = work.file("restored.db");
        let verified = restore::verify(&file, &work).unwrap_or_else(|error| panic!("{error}"));
        verified.extract_database(&database).expect("extracted");
        assert_eq!(check_sqlite(&database).await.expect("checked"), Vec::<String>::new());
        let db = Db::open(&format!("sqlite://{}", database.display())).await.expect("the database opens");
        let rows = channel::Entity::find().all(db.read()).await.expect("rows");
        let names: std::collections::BTreeSet<String> = rows.into_iter().map(|row| row.name).collect();
        let missing: Vec<_> = before.iter().filter(|name| !names.contains(*name)).collect();
        assert!(missing.is_empty(), "{missing:?} of {}", before.len());
        db.close().await.expect("closed");
    }
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.expect("the writes succeed");
    }
}

#[api_test]
async fn a_backup_reports_images_without_their_bytes() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    for seed in [1, 2, 3] {
        upload(&author, &[("file", Some("joint.png"), &png(8, 6, seed))]).await.is(201);
    }
    let rows = media::Entity::find().all(api.app.db.read()).await.expect("rows");
    let original = |row: &media::Model| {
        let stem = row.key.split('.').next().expect("a stem");
        api.media.join(&stem[..2]).join(stem).join("original.png")
    };
    fs::remove_file(original(&rows[0])).expect("deleted");
    fs::write(original(&rows[1]), "changed").expect("written");
    let sandbox = Sandbox::new();
    let (backups, _) = backups(&api, &[]);
    let summary = backups.write_file(&sandbox.0.join("a.tar"), BackupMedia::Include).await.expect("a backup");
    assert_eq!((summary.images, summary.damaged_images), (1, 2), "damaged bytes are not in the backup");
    let mut expected = vec![rows[0].key.clone(), rows[1].key.clone()];
    expected.sort();
    assert_eq!(summary.damaged_examples, expected);
    // A folder cannot be read as a file.
    fs::create_dir(original(&rows[0])).expect("a folder");
    let summary = backups.write_file(&sandbox.0.join("b.tar"), BackupMedia::Include).await.expect("a backup");
    assert_eq!(
        (summary.images, summary.damaged_images),
        (1, 2),
        "an unreadable image does not stop a backup"
    );
}

#[api_test]
async fn a_backup_fails_if_no_image_can_be_read() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    for seed in 1..=21 {
        upload(&author, &[("file", Some("joint.png"), &png(8, 6, seed))]).await.is(201);
    }
    for (path, _) in contents(&api.media).iter().filter(|(path, _)| path.ends_with("original.png")) {
        fs::remove_file(path).expect("deleted");
        fs::create_dir(path).expect("a folder");
    }
    let sandbox = Sandbox::new();
    let (backups, _) = backups(&api, &[]);
    let failed = backups.write_file(&sandbox.0.join("a.tar"), BackupMedia::Include).await;
    assert!(failed.is_err_and(|error| error.to_string().contains("cannot be read")));
    assert!(!sandbox.0.join("a.tar").exists());
}

#[api_test]
fn the_parameters_of_a_database_url_are_not_part_of_its_path() {
    let sandbox = Sandbox::new();
    fill(&sandbox);
    let url = url(&sandbox) + "?mode=rwc";
    sandbox.tenon(&["backup", "backup.tar", "--database-url", &url]).succeeds();
    sandbox.tenon(&["doctor", "--database-url", &url]).succeeds();
    let restore = ["restore", "backup.tar", "--database-url", &url];
    sandbox.tenon(&restore).fails(1, "tenon.db exists: add --replace");
    sandbox.tenon(&[&restore[..], &["--replace"]].concat()).succeeds();
    assert!(!sandbox.0.join("data/tenon.db?mode=rwc").exists());
}
