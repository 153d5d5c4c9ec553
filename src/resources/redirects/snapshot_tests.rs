//! Precedence of rules, and the locations that they produce.
use super::*;

fn rule(source: &str, destination: &str) -> Rule {
    let pattern = Pattern::parse(source).unwrap_or_else(|error| panic!("{source}: {error}"));
    let destination = destination.to_owned();
    Rule { id: Uuid::now_v7(), pattern, destination, permanent: false, starts_at: None, ends_at: None }
}

fn location(snapshot: &Snapshot, path: &str) -> Option<String> {
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    snapshot.find(path, query, 1000).map(|found| found.location)
}

#[test]
fn exact_paths_precede_long_prefixes_precede_short_ones_precede_wildcards() {
    let rules = [
        rule("/a/b/c", "/exact"),
        rule("/a/b/*", "/long/*"),
        rule("/a/*", "/short/*"),
        rule("/w/*/c", "/letters/*"),
        rule("/w/*/*", "/any/*/*"),
        rule("/w/x/*.html", "/deep/*"),
        rule("/q", "/query?a=1"),
        rule("/over/der/brücke", "/bridge"),
        rule("/half*", "/half-of/*"),
    ];
    let aliases = vec![
        ("/2015/old.html".to_owned(), "/api/posts/old".to_owned()),
        ("/a/b/c".to_owned(), "/alias".to_owned()),
        ("/a/alias/".to_owned(), "/alias".to_owned()),
    ];
    let former = FormerPaths { aliases, slugs: Vec::new() };
    let snapshot = Snapshot::build(&rules, &former, &RedirectHosts::default(), None);
    for (path, expected) in [
        ("/a/b/c", Some("/exact")),
        ("/a/b/c/", Some("/exact")),
        ("/a/b/c/d", Some("/long/c/d")),
        ("/a/b", Some("/long/")),
        ("/a/bc", Some("/short/bc")),
        ("/a", Some("/short/")),
        ("/a/alias", Some("/alias")),
        ("/ab", None),
        ("/w/1/c", Some("/letters/1")),
        ("/w/1/d", Some("/any/1/d")),
        ("/w/1/d/e", Some("/any/1/d/e")),
        ("/w/1", None),
        ("/w/x/y.html", Some("/deep/y")),
        ("/w/x/.html", Some("/any/x/.html")),
        ("/q?b=2&a=3", Some("/query?a=1&b=2")),
        ("/over/der/br%C3%BCcke", Some("/bridge")),
        ("/over/der/brücke", Some("/bridge")),
        ("/half", None),
        ("/halftime", Some("/half-of/time")),
        ("/halftime/x", None),
        ("/2015/old.html", Some("/api/posts/old")),
        ("/2015/old.html?page=2", Some("/api/posts/old?page=2")),
        ("/", None),
        ("", None),
        ("/%zz", None),
        ("//a", None),
    ] {
        assert_eq!(location(&snapshot, path).as_deref(), expected, "{path}");
    }
}

#[test]
fn a_rule_applies_between_its_dates_and_counts_hits() {
    let mut sale = rule("/sale", "/winter");
    (sale.starts_at, sale.ends_at) = (Some(1000), Some(2000));
    let rules = [sale.clone(), rule("/sale/*", "/shop")];
    let snapshot = Snapshot::build(&rules, &FormerPaths::default(), &RedirectHosts::default(), None);
    for (now, expected) in [(999, "/shop"), (1000, "/winter"), (1999, "/winter"), (2000, "/shop")] {
        let found = snapshot.find("/sale", None, now).map(|found| found.location);
        assert_eq!(found.as_deref(), Some(expected), "{now}");
    }
    let next =
        Snapshot::build(&rules[..1], &FormerPaths::default(), &RedirectHosts::default(), Some(&snapshot));
    snapshot.find("/sale", None, 1500);
    assert_eq!(next.take_counts(10), [(sale.id, 3)], "the next snapshot shares the counter");
    next.restore_counts(&[(sale.id, 3)]);
    assert_eq!(next.take_counts(0), []);
    assert_eq!(next.take_counts(10), [(sale.id, 3)]);
    assert_eq!(next.take_counts(10), []);
}

#[test]
fn no_rule_redirects_to_itself_or_from_a_reserved_path() {
    let stored = |kind, path: &str, to: &str| Rule {
        pattern: Pattern { kind, path: path.to_owned() },
        ..rule("/x", to)
    };
    let rules = [
        stored(Kind::Exact, "/livez", "/x"),
        stored(Kind::Prefix, "/api", "/x"),
        stored(Kind::Exact, "/self", "/self"),
        stored(Kind::Exact, "/shop", "https://shop.acme.test/"),
    ];
    let snapshot = Snapshot::build(&rules, &FormerPaths::default(), &RedirectHosts::default(), None);
    for path in ["/livez", "/api/auth/login", "/api/redirects", "/self", "/self?a=b", "/shop"] {
        assert_eq!(location(&snapshot, path), None, "{path}");
    }
    assert_eq!(location(&snapshot, "/api/posts").as_deref(), Some("/x"));
    assert_eq!(snapshot.disallowed, ["/shop"], "the host is no longer listed");
    let sites = RedirectHosts::new("", vec!["shop.acme.test".to_owned()]);
    let listed = Snapshot::build(&rules, &FormerPaths::default(), &sites, None);
    assert_eq!(location(&listed, "/shop").as_deref(), Some("https://shop.acme.test/"));
}

#[test]
fn a_wildcard_captures_the_text_between_its_literals() {
    for (pattern, path, parts) in [
        ("/*", "/a", Some(&["a"][..])),
        ("/*/x", "/a/x", Some(&["a"])),
        ("/*/x", "/a/b/x", None),
        ("/*/x", "//x", None),
        ("/*x*", "/axb", Some(&["a", "b"])),
        ("/*x*", "/xxb", Some(&["x", "b"])),
        ("/*x*z", "/axbz/cxdz", None),
        ("/*a*a*b", "/aaaaaaaab", Some(&["a", "a", "aaaa"])),
        ("/ü*", "/üß", Some(&["ß"])),
    ] {
        let literals: Vec<Box<str>> = pattern.split('*').map(Box::from).collect();
        let found = captures(&literals, false, path);
        assert_eq!(found.as_ref().map(|(captures, count)| &captures[..*count]), parts, "{pattern} {path}");
    }
    let long = format!("/{}", "a".repeat(100_000));
    let literals: Vec<Box<str>> = "/*a*a*a*a*b".split('*').map(Box::from).collect();
    assert_eq!(captures(&literals, false, &long), None, "in linear time");
}

#[test]
fn a_rule_or_alias_that_closes_a_cycle_is_left_out() {
    let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect()
    };
    let post = "/api/posts/new";
    for (rules, aliases, slugs, cycles) in [
        (&[("/x", "/y")][..], &[("/a", post)][..], &[][..], &[][..]),
        (&[(post, "/a")], &[("/a", post)], &[], &["/a"]),
        (&[("/api/posts/*", "/blog/*")], &[("/blog/new", post), ("/blog/old", post)], &[], &["/blog/new"]),
        (&[("/api/posts/*", "/b")], &[("/a", post), ("/b", "/c/"), ("/c", post)], &[], &["/b"]),
        (&[(post, "/api/posts/old")], &[("/a", post)], &[("/api/posts/old", post)], &[post]),
        (
            &[("/api/posts/new/comments", "/api/posts/old/comments")],
            &[],
            &[("/api/posts/old", post)],
            &["/api/posts/new/comments"],
        ),
        (&[("/a", "https://acme.test/b"), ("/b", "/a"), ("/c", "/a")], &[], &[], &["/a"]),
        (&[("/a/*", "/b/*"), ("/b/*", "/a/z/*")], &[], &[], &["/a/*"]),
        (&[("/a/*c", "/b/*"), ("/b/*", "/a/*c")], &[], &[], &["/a/*c"]),
    ] {
        let rules: Vec<Rule> = rules.iter().map(|(from, to)| rule(from, to)).collect();
        let former = FormerPaths { aliases: owned(aliases), slugs: owned(slugs) };
        let snapshot =
            Snapshot::build(&rules, &former, &RedirectHosts::new("https://acme.test", vec![]), None);
        assert_eq!(snapshot.cycles, cycles, "{rules:?}");
        for source in cycles {
            assert_eq!(location(&snapshot, &source.replace('*', "x")), None, "{source}");
        }
    }
    let mut dated = rule(post, "/a");
    dated.starts_at = Some(2000);
    let former = FormerPaths { aliases: owned(&[("/a", post)]), slugs: Vec::new() };
    let snapshot = Snapshot::build(&[dated], &former, &RedirectHosts::default(), None);
    assert_eq!(snapshot.cycles, ["/a"], "dates may change, so they are ignored");
}
