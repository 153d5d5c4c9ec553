//! Backups on a schedule, and their retention.
use std::fs::{self, File};

use tenon::{
    backup::{restore, scheduled_backups},
    http::auth::Role,
    infra::{blobs::Blobs, work_folder::WorkFolder},
    worker,
};

use crate::{backup::backups, commands::Sandbox, support::Api};

#[api_test]
async fn scheduled_backups_are_retained_up_to_the_limit() {
    let sandbox = Sandbox::new();
    let folder = sandbox.0.join("backups");
    let path = folder.display().to_string();
    let settings = [("backup_schedule", "6h"), ("backup_keep", "2"), ("backup_dir", path.as_str())];
    let api = Api::start().await;
    let (backups, config) = backups(&api, &settings);
    fs::create_dir(&folder).expect("a folder");
    for other in ["tenon-notes.tar", "notes.txt"] {
        fs::write(folder.join(other), "kept").expect("a file");
    }
    let mut names = Vec::new();
    for _ in 0..4 {
        names.push(backups.run_scheduled().await.expect("a backup").expect("a name"));
        api.clock.advance(6 * 3_600_000);
    }
    let list = async |store: &Blobs| {
        let backups = scheduled_backups(store).await.expect("listed");
        backups.into_iter().map(|backup| backup.key).collect::<Vec<_>>()
    };
    names.reverse();
    assert_eq!(names[3], "tenon-2026-11-21t090000z.tar");
    let store = config.backup_store().expect("a storage");
    assert_eq!(list(&store).await, names[..2]);
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 4, "other files are kept");
    let work = WorkFolder::create(&sandbox.0).expect("a folder");
    for name in &names[..2] {
        restore::verify(&folder.join(name), &work).map(drop).unwrap_or_else(|error| panic!("{error}"));
        fs::remove_file(work.file("manifest")).expect("deleted");
    }
    // With a clock that was ahead, the names of older backups are greater.
    api.clock.advance(-48 * 3_600_000);
    let next = backups.run_scheduled().await.expect("a backup").expect("a name");
    assert_eq!(list(&store).await, [next.clone(), names[0].clone()]);
    // The modification times of the other files are ahead of that of the newest one.
    let ahead = std::time::SystemTime::now() + std::time::Duration::from_secs(7200);
    for name in [&names[0], &next] {
        let file = File::options().write(true).open(folder.join(name)).expect("a file");
        file.set_modified(ahead).expect("changed");
    }
    api.clock.advance(3_600_000);
    let newest = backups.run_scheduled().await.expect("a backup").expect("a name");
    let remaining = list(&store).await;
    assert!(remaining.len() == 2 && remaining.contains(&newest), "{remaining:?}");
}

#[api_test]
async fn a_backup_that_cannot_be_deleted_does_not_repeat_the_job() {
    let sandbox = Sandbox::new();
    let folder = sandbox.0.join("backups");
    let path = folder.display().to_string();
    let settings = [("backup_schedule", "6h"), ("backup_keep", "1"), ("backup_dir", path.as_str())];
    let api = Api::start().await;
    let (backups, _) = backups(&api, &settings);
    let old = |name: &str| folder.join(format!("tenon-2026-11-0{name}t000000z.tar"));
    // A folder cannot be deleted as a file.
    fs::create_dir_all(old("2")).expect("a folder");
    fs::write(old("1"), "old").expect("a file");
    let name = backups.run_scheduled().await.expect("the job succeeds").expect("a name");
    assert!(folder.join(name).is_file() && old("2").is_dir());
    assert!(!old("1").exists(), "the other old backups are deleted");
}

#[api_test]
async fn the_schedule_of_backups_follows_its_setting() {
    let off = Api::start().await;
    let scheduled = async |api: &Api| {
        worker::schedule::ensure_scheduled(&api.app).await.expect("the schedules are stored");
        let admin = api.sign_in(Role::Admin).await;
        let jobs = admin.get("/api/jobs?kind=service.backup").await.is(200).body;
        jobs["data"].as_array().expect("jobs").iter().map(|job| job["runAt"].clone()).collect::<Vec<_>>()
    };
    assert!(scheduled(&off).await.is_empty());
    let sandbox = Sandbox::new();
    let path = sandbox.0.display().to_string();
    let on = Api::with(&[("backup_schedule", "6h"), ("backup_dir", path.as_str())]).await;
    assert_eq!(scheduled(&on).await, ["2026-11-21T09:00:00.000Z"]);
    let backup = sandbox.0.join("tenon-2026-11-21t080000z.tar");
    fs::write(&backup, "").expect("a file");
    on.clock.advance(-7 * 3_600_000);
    assert_eq!(scheduled(&on).await, ["2026-11-21T08:00:00.000Z"], "at most one interval from now");
    fs::remove_file(backup).expect("deleted");
    assert_eq!(scheduled(&on).await, ["2026-11-21T02:00:00.000Z"], "at once, because there is no backup");
}

#[api_test]
async fn a_configured_folder_that_is_missing_is_not_created() {
    let sandbox = Sandbox::new();
    let folder = sandbox.0.join("mounted/backups");
    let path = folder.display().to_string();
    let settings = [("backup_schedule", "6h"), ("backup_dir", path.as_str())];
    let api = Api::start().await;
    let (backups, _) = backups(&api, &settings);
    let message = format!("backup_dir: must be an existing folder, got {path}");
    let failed = backups.run_scheduled().await.expect_err("an error");
    assert!(failed.to_string().contains(&message), "{failed}");
    let variables = [("TENON_BACKUP_SCHEDULE", "6h"), ("TENON_BACKUP_DIR", path.as_str())];
    sandbox.run(&variables, "", &["serve", "--listen", "127.0.0.1:0"]).fails(1, &message);
    let checked = sandbox.run(&variables, "", &["doctor"]);
    assert!(checked.stdout.contains(&format!("failed  scheduled backups: {message}")), "{checked:?}");
    assert!(!sandbox.0.join("mounted").exists());
    fs::create_dir_all(&folder).expect("a folder");
    backups.run_scheduled().await.expect("a backup");
}
