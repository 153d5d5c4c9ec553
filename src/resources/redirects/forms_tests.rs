//! Rules that go out come back as they were.
use super::*;

fn rule(source: &str, destination: &str, permanent: bool) -> NewRedirect {
    NewRedirect {
        source: source.into(),
        destination: destination.into(),
        permanent,
        starts_at: None,
        ends_at: None,
    }
}

fn told(read: &[Entry]) -> Vec<(String, String, bool, bool)> {
    let told = |entry: &Entry| {
        let NewRedirect { source, destination, permanent, starts_at, .. } = entry.new.clone();
        (source, destination, permanent, starts_at.is_some())
    };
    read.iter().map(told).collect()
}

#[test]
fn comma_separated_values_go_round() {
    let mut dated = rule("/a,b", "/\"quoted\"", false);
    dated.starts_at = "2026-11-21T09:00:00Z".parse().ok();
    let rules = [rule("/old/*", "/new/*", true), dated];
    let text = to_csv(&rules).unwrap_or_default();
    assert!(
        text.starts_with("source,destination,permanent,startsAt,endsAt\r\n/old/*,/new/*,true,,\r\n\"/a,b\"")
    );
    let read = from_csv(&text).unwrap_or_default();
    let expected = [
        ("/old/*".to_owned(), "/new/*".to_owned(), true, false),
        ("/a,b".to_owned(), "/\"quoted\"".to_owned(), false, true),
    ];
    assert_eq!(told(&read), expected);
    assert_eq!(told(&from_csv("destination,source\n/b,/a\n").unwrap_or_default())[0].0, "/a");
    for (wrong, says) in [
        ("", "line 1"),
        ("source\n/a\n", "line 1"),
        ("source,destination,colour\n", "line 1"),
        ("source,destination,destination\n/a,/b,/c\n", "line 1: the first line must name no column twice"),
        ("source,destination\n/a\n", "line 2"),
        ("source,destination,permanent\n/a,/b,yes\n", "line 2: permanent"),
        ("source,destination,endsAt\n/a,/b,\n/c,/d,tomorrow\n", "line 3: endsAt"),
    ] {
        let violations = from_csv(wrong).err().unwrap_or_default();
        assert!(violations.first().is_some_and(|v| v.message.starts_with(says)), "{wrong:?}: {violations:?}");
    }
}

#[test]
fn a_redirects_file_is_read_by_its_lines() {
    let text =
        "# old pages\n\n/a /b\n/c  /d  302 # for now\n/e/* /f/:splat 301!\n/g https://shop.acme.test 308\n";
    let expected = [
        ("/a".to_owned(), "/b".to_owned(), true, false),
        ("/c".to_owned(), "/d".to_owned(), false, false),
        ("/e/*".to_owned(), "/f/*".to_owned(), true, false),
        ("/g".to_owned(), "https://shop.acme.test".to_owned(), true, false),
    ];
    assert_eq!(told(&from_netlify(text).unwrap_or_default()), expected);
    for wrong in ["/a", "/a /b 200", "/a /b 404", "/a id=:id /b", "/a/:id /b/:id", "/a /b 301 Country=fr"] {
        let violations = from_netlify(&format!("/x /y\n{wrong}\n")).err().unwrap_or_default();
        assert!(violations.first().is_some_and(|v| v.message.starts_with("line 2: ")), "{wrong}");
    }
    let mut dated = rule("/sale", "/winter", false);
    dated.ends_at = "2026-11-21T09:00:00Z".parse().ok();
    let rules =
        [rule("/old/*", "/new/*", true), rule("/x/*/y", "/z", true), rule("/a b", "/c", false), dated];
    let lines = to_netlify(&rules);
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines[0], "# no form for its dates or wildcards: /sale /winter 307");
    assert_eq!(lines[1..3], ["/a%20b /c 307", "/old/* /new/:splat 308"]);
    assert_eq!(lines[3], "# no form for its dates or wildcards: /x/*/y /z 308");
}
