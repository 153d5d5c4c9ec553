//! Exported rules can be imported again without a change.
use super::*;

fn rule(source: &str, destination: &str, permanent: bool) -> RedirectInput {
    RedirectInput {
        source: source.into(),
        destination: destination.into(),
        permanent,
        starts_at: None,
        ends_at: None,
    }
}

fn rows(entries: &[Entry]) -> Vec<(String, String, bool, bool)> {
    let row = |entry: &Entry| {
        let RedirectInput { source, destination, permanent, starts_at, .. } = entry.new.clone();
        (source.into(), destination.into(), permanent, starts_at.is_some())
    };
    entries.iter().map(row).collect()
}

#[test]
fn csv_round_trips() {
    let mut dated = rule("/a,b", "/\"quoted\"", false);
    dated.starts_at = "2026-11-21T09:00:00Z".parse().ok();
    let rules = [rule("/old/*", "/new/*", true), dated];
    let text = to_csv(&rules).unwrap_or_default();
    assert!(
        text.starts_with("source,destination,permanent,startsAt,endsAt\r\n/old/*,/new/*,true,,\r\n\"/a,b\"")
    );
    let entries = from_csv(&text).unwrap_or_default();
    let expected = [
        ("/old/*".to_owned(), "/new/*".to_owned(), true, false),
        ("/a,b".to_owned(), "/\"quoted\"".to_owned(), false, true),
    ];
    assert_eq!(rows(&entries), expected);
    assert_eq!(rows(&from_csv("destination,source\n/b,/a\n").unwrap_or_default())[0].0, "/a");
    for (invalid, prefix) in [
        ("", "line 1"),
        ("source\n/a\n", "line 1"),
        ("source,destination,colour\n", "line 1"),
        ("source,destination,destination\n/a,/b,/c\n", "line 1: the first line must not name a column twice"),
        ("source,destination\n/a\n", "line 2"),
        ("source,destination,permanent\n/a,/b,yes\n", "line 2: permanent:"),
        ("source,destination,endsAt\n/a,/b,\n/c,/d,tomorrow\n", "line 3: endsAt:"),
    ] {
        let violations = from_csv(invalid).err().unwrap_or_default();
        assert!(
            violations.first().is_some_and(|v| v.message.starts_with(prefix)),
            "{invalid:?}: {violations:?}"
        );
    }
}

#[test]
fn reads_and_writes_a_netlify_file() {
    let text =
        "# old pages\n\n/a /b\n/c  /d  302 # for now\n/e/* /f/:splat 301!\n/g https://shop.acme.test 308\n";
    let expected = [
        ("/a".to_owned(), "/b".to_owned(), true, false),
        ("/c".to_owned(), "/d".to_owned(), false, false),
        ("/e/*".to_owned(), "/f/*".to_owned(), true, false),
        ("/g".to_owned(), "https://shop.acme.test".to_owned(), true, false),
    ];
    assert_eq!(rows(&from_netlify(text).unwrap_or_default()), expected);
    for invalid in ["/a", "/a /b 200", "/a /b 404", "/a id=:id /b", "/a/:id /b/:id", "/a /b 301 Country=fr"] {
        let violations = from_netlify(&format!("/x /y\n{invalid}\n")).err().unwrap_or_default();
        assert!(violations.first().is_some_and(|v| v.message.starts_with("line 2: ")), "{invalid}");
    }
    let mut dated = rule("/sale", "/winter", false);
    dated.ends_at = "2026-11-21T09:00:00Z".parse().ok();
    let rules =
        [rule("/old/*", "/new/*", true), rule("/x/*/y", "/z", true), rule("/a b", "/c", false), dated];
    let lines = to_netlify(&rules);
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines[0], "# dates and wildcards are not supported: /sale /winter 307");
    assert_eq!(lines[1..3], ["/a%20b /c 307", "/old/* /new/:splat 308"]);
    assert_eq!(lines[3], "# dates and wildcards are not supported: /x/*/y /z 308");
}
