//! `tenon doctor`.
use std::{fs, os::unix::fs::PermissionsExt};

use crate::{
    backup::{execute, fill},
    commands::Sandbox,
    support::SECRET_KEY,
};

#[api_test]
fn doctor_names_each_problem_and_changes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.tenon(&["doctor"]).fails(1, "checks failed");
    assert!(!sandbox.0.join("data").exists());
    fill(&sandbox);
    let healthy = sandbox.tenon(&["doctor"]).succeeds().stdout;
    assert_eq!(healthy.lines().filter(|line| !line.starts_with("ok ")).count(), 0, "{healthy}");
    assert_eq!(healthy.lines().count(), 12, "{healthy}");
    let fails = |message: &str| {
        let checked = sandbox.tenon(&["doctor"]);
        assert!(checked.stdout.contains(message), "{message}: {checked:?}");
        checked.fails(1, "1 check failed");
    };
    let data = |name: &str| sandbox.0.join("data").join(name);
    let set_mode = |name: &str, mode: u32| {
        fs::set_permissions(data(name), fs::Permissions::from_mode(mode)).expect("changed");
    };
    for (name, wide, private, fix) in [
        ("tenon.db", 0o644, 0o600, "chmod 600 "),
        ("secret.key", 0o644, 0o600, "chmod 640 "),
        ("", 0o777, 0o700, "chmod 755 "),
    ] {
        set_mode(name, wide);
        fails(fix);
        assert_eq!(fs::metadata(data(name)).expect("a file").permissions().mode() & 0o777, wide, "unchanged");
        set_mode(name, private);
    }
    for (statement, message, undo) in [
        (
            "UPDATE posts SET comments_count = 7",
            "counters: the number of comments of posts: 1 wrong",
            "UPDATE posts SET comments_count = 0",
        ),
        (
            "UPDATE sequences SET value = 0 WHERE name = 'events'",
            "counters: the sequence of events: ",
            "UPDATE sequences SET value = (SELECT MAX(position) FROM events) WHERE name = 'events'",
        ),
        (
            "UPDATE audit_entries SET reason = 'other' WHERE position = 1",
            "audit log: audit entry 1: its hash does not match",
            "UPDATE audit_entries SET reason = NULL WHERE position = 1",
        ),
        (
            "UPDATE events SET occurred_at = occurred_at + 3600000",
            "clock: the clock of this machine differs",
            "UPDATE events SET occurred_at = occurred_at - 3600000",
        ),
    ] {
        execute(&sandbox, statement);
        fails(message);
        execute(&sandbox, undo);
    }
    fs::rename(data("secret.key"), data("other.key")).expect("renamed");
    fails("secret.key: No such file");
    assert!(!data("secret.key").exists());
    fs::write(data("secret.key"), SECRET_KEY).expect("written");
    set_mode("secret.key", 0o600);
    fails("secret key: a secret is sealed with the key");
    fs::rename(data("other.key"), data("secret.key")).expect("renamed");
    let orphan = data("media/ab").join("ab".repeat(16));
    fs::create_dir_all(&orphan).expect("a folder");
    fs::write(orphan.join("original.png"), "orphan").expect("a file");
    fails("orphaned images: 1 folder without an image, such as ab/abab");
    fs::remove_dir_all(orphan).expect("deleted");
    let scheduled = sandbox.run(&[("TENON_BACKUP_SCHEDULE", "6h")], "", &["doctor"]);
    assert!(scheduled.stdout.contains("failed  scheduled backups: there is none"), "{scheduled:?}");
    let little = sandbox.run(&[("TENON_MIN_FREE_SPACE", "1099511627776")], "", &["doctor"]);
    little.fails(1, "1 check failed");
    assert!(little.stdout.contains("has less than min_free_space, 1048576 MiB"), "{little:?}");
    sandbox.tenon(&["migrate", "down", "--yes", "--steps", "2"]).succeeds();
    fails(" are not applied: run tenon migrate up");
    sandbox.tenon(&["migrate", "up"]).succeeds();
    sandbox.tenon(&["migrate", "down", "--yes"]).succeeds();
    fails(" is not applied: run tenon migrate up");
    let checked = sandbox.tenon(&["doctor"]).stdout;
    for name in ["clock", "scheduled backups"] {
        assert!(checked.contains(&format!("ok      {name}: ")), "{checked}");
    }
    for name in ["secret key", "audit log", "counters", "images", "orphaned images"] {
        assert!(
            checked.contains(&format!("skipped {name}: requires the schema of this program\n")),
            "{checked}"
        );
    }
    assert_eq!(checked.lines().count(), 12, "{checked}");
}

#[api_test]
fn doctor_finds_a_damaged_page() {
    let sandbox = Sandbox::new();
    fill(&sandbox);
    let path = sandbox.0.join("data/tenon.db");
    // Of a table: a backup writes the pages of indexes again.
    let database = rusqlite::Connection::open(&path).expect("a database");
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'posts'";
    let page: u32 = database.query_row(root, [], |row| row.get(0)).expect("a table");
    drop(database);
    let mut bytes = fs::read(&path).expect("a database");
    let page = (page as usize - 1) * 4096;
    bytes[page..page + 64].fill(0xff);
    fs::write(&path, bytes).expect("written");
    let checked = sandbox.tenon(&["doctor"]);
    assert!(
        checked.stdout.contains("failed  integrity: ") && checked.stdout.contains("tenon restore"),
        "{checked:?}"
    );
    assert!(checked.code == Some(1), "{checked:?}");
    let backup = sandbox.tenon(&["backup", "damaged.tar"]);
    assert!(backup.code == Some(1) && !sandbox.0.join("damaged.tar").exists(), "{backup:?}");
}

#[api_test]
fn a_database_that_cannot_be_opened_is_a_failed_check_of_its_integrity() {
    let sandbox = Sandbox::new();
    fill(&sandbox);
    let path = sandbox.0.join("data/tenon.db");
    let intact = fs::read(&path).expect("a database");
    let mut damaged_schema = intact.clone();
    damaged_schema[100..4096].fill(0xff);
    for damaged in [damaged_schema, b"no database".repeat(1000)] {
        fs::write(&path, damaged).expect("written");
        let checked = sandbox.tenon(&["doctor"]);
        checked.fails(1, "1 check failed");
        let integrity = checked.stdout.lines().find(|line| line.starts_with("failed  integrity: "));
        let fix = "Stop the service, and restore a backup with tenon restore FILE --replace";
        assert!(integrity.is_some_and(|line| line.ends_with(fix)), "{checked:?}");
        let skipped = checked.stdout.lines().filter(|line| line.starts_with("skipped ")).count();
        assert_eq!((skipped, checked.stdout.lines().count()), (7, 12), "{checked:?}");
        let backup = sandbox.tenon(&["backup", "damaged.tar"]);
        backup.fails(1, fix);
        assert!(!backup.stderr.contains("--data-dir"), "{backup:?}");
    }
}
