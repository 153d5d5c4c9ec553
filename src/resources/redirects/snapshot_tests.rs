//! Precedence of rules, and the locations that they produce.
use super::*;
use crate::http::operation_paths::OperationPaths;

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
    let snapshot = Snapshot::build(&rules, &aliases, &RuleContext::default(), None);
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
    let snapshot = Snapshot::build(&rules, &[], &RuleContext::default(), None);
    for (now, expected) in [(999, "/shop"), (1000, "/winter"), (1999, "/winter"), (2000, "/shop")] {
        let found = snapshot.find("/sale", None, now).map(|found| found.location);
        assert_eq!(found.as_deref(), Some(expected), "{now}");
    }
    let next = Snapshot::build(&rules[..1], &[], &RuleContext::default(), Some(&snapshot));
    snapshot.find("/sale", None, 1500);
    assert_eq!(next.take_counts(10), [(sale.id, 3)], "the next snapshot shares the counter");
    next.restore_counts(&[(sale.id, 3)]);
    assert_eq!(next.take_counts(0), []);
    assert_eq!(next.take_counts(10), [(sale.id, 3)]);
    assert_eq!(next.take_counts(10), []);
}

#[test]
fn ignores_rules_to_their_own_path_and_to_hosts_that_are_not_listed() {
    let rules =
        [rule("/self", "/self"), rule("/all/*", "/all/here"), rule("/shop", "https://shop.acme.test/")];
    let snapshot = Snapshot::build(&rules, &[], &RuleContext::default(), None);
    for path in ["/self", "/self?a=b", "/all/here", "/shop"] {
        assert_eq!(location(&snapshot, path), None, "{path}");
    }
    assert_eq!(location(&snapshot, "/all/there").as_deref(), Some("/all/here"));
    assert_eq!(
        (&snapshot.cycles[..], &snapshot.disallowed[..]),
        (&["/self".into()][..], &["/shop".into()][..])
    );
    let hosts = RedirectHosts::new("", vec!["shop.acme.test".to_owned()]);
    let listed = Snapshot::build(&rules, &[], &RuleContext { hosts, ..RuleContext::default() }, None);
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

/// The context of a service with one public URL and two operations.
fn context() -> RuleContext {
    let hosts = RedirectHosts::new("https://acme.test", Vec::new());
    let pages = vec!["/api/posts".to_owned(), "/api/posts/{post}".to_owned()];
    RuleContext { hosts, operations: Arc::new(OperationPaths::new(&[], pages)) }
}

#[test]
fn leaves_out_a_rule_of_each_cycle() {
    for (rules, cycles) in [
        (&[("/a", "/b"), ("/b", "/c"), ("/c/*", "/d")][..], &[][..]),
        (&[("/a", "https://acme.test/b"), ("/b", "/a"), ("/c", "/a")], &["/a"]),
        (&[("/a", "/b"), ("/b", "/c"), ("/c", "/d"), ("/d", "/a?b=c")], &["/a"]),
        (&[("/a/*", "/b/*"), ("/b/*", "/a/z/*")], &["/a/*"]),
        (&[("/a/*", "/b/*/"), ("/b/7", "/a/7")], &["/b/7"]),
        (&[("/a/*", "/b/*"), ("/b", "/a")], &["/b"]),
        (&[("/a/*", "/*"), ("/", "/a")], &["/"]),
        (&[("/a/*c", "/b/*"), ("/b/*", "/a/*c")], &["/a/*c"]),
        // Each redirect makes the path longer.
        (&[("/a/*", "/a/b/*")], &["/a/*"]),
        (&[("/*", "/new/*")], &["/*"]),
        (&[("/*", "/new")], &[]),
        (&[("/a/*", "/*")], &[]),
        (&[("/a/*", "/b/*"), ("/b/old", "/a/new")], &[]),
        // Operations have precedence, but not with a trailing slash.
        (&[("/api/*", "/blog/*"), ("/blog/posts", "/api/posts")], &[]),
        (&[("/api/*", "/blog/*"), ("/blog/posts", "/api/posts/")], &["/blog/posts"]),
        (&[("/api/posts/*", "/blog/*"), ("/blog/*", "/api/posts/*")], &[]),
    ] {
        let rules: Vec<Rule> = rules.iter().map(|(from, to)| rule(from, to)).collect();
        let snapshot = Snapshot::build(&rules, &[], &context(), None);
        assert_eq!(snapshot.cycles, cycles, "{rules:?}");
        for source in cycles {
            assert_eq!(location(&snapshot, &source.replace('*', "x")), None, "{source}");
        }
    }
}

#[test]
fn dates_and_rules_with_precedence_affect_cycles() {
    let mut dated = rule("/a", "/b");
    dated.starts_at = Some(2000);
    let snapshot = Snapshot::build(&[dated, rule("/b", "/a")], &[], &context(), None);
    assert_eq!(snapshot.cycles, ["/a"], "dates may change, so they are ignored");
    let rules = [rule("/a/*", "/b/*"), rule("/b/7", "/a/7"), rule("/a/7", "/c")];
    assert_eq!(Snapshot::build(&rules[..2], &[], &context(), None).cycles, ["/b/7"]);
    assert!(Snapshot::build(&rules, &[], &context(), None).cycles.is_empty());
    // Rules for single paths do not hide the cycle of the other paths.
    let mut rules = vec![rule("/a/*", "/b/*"), rule("/b/*", "/a/*"), rule("/b/x", "/c")];
    assert_eq!(Snapshot::build(&rules, &[], &context(), None).cycles, ["/b/*"]);
    rules.extend([rule("/a/x", "/c"), rule("/a/x1", "/c")]);
    assert_eq!(Snapshot::build(&rules, &[], &context(), None).cycles, ["/a/*"]);
    let aliases = [("/a".to_owned(), "/api/posts/7".to_owned())];
    let snapshot = Snapshot::build(&[rule("/b", "/a"), rule("/*", "/b")], &aliases, &context(), None);
    assert!(snapshot.cycles.is_empty(), "an alias ends a sequence: {:?}", snapshot.cycles);
}

#[test]
fn a_sequence_has_at_most_20_redirects() {
    let chain = |length: usize| -> Vec<Rule> {
        (0..length).map(|i| rule(&format!("/{i}"), &format!("/{}", i + 1))).collect()
    };
    assert!(Snapshot::build(&chain(20), &[], &context(), None).cycles.is_empty());
    assert_eq!(Snapshot::build(&chain(21), &[], &context(), None).cycles, ["/0"]);
}
