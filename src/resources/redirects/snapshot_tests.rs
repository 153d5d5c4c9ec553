//! Precedence of rules, and the locations that they produce.
use super::*;
use crate::{http::operation_paths::OperationPaths, infra::geoip::Country};

fn rule(source: &str, destination: &str) -> Rule {
    let pattern = Pattern::parse(source).unwrap_or_else(|error| panic!("{source}: {error}"));
    let destination = destination.to_owned();
    let status = RedirectStatus::Temporary;
    Rule { id: Uuid::now_v7(), pattern, destination, status, external: false, starts_at: None, ends_at: None }
}

fn request(path: &str) -> RedirectRequest<'_> {
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    RedirectRequest { path, query, now: 1000, ..RedirectRequest::default() }
}

fn location(snapshot: &Snapshot, path: &str) -> Option<String> {
    snapshot.find(&request(path)).redirect.map(|found| found.location)
}

#[test]
fn exact_paths_precede_wildcards_precede_long_prefixes_precede_short_ones() {
    let rules = [
        rule("/a/b/c", "/exact"),
        rule("/a/b/*", "/long/*"),
        rule("/a/*", "/short/*"),
        rule("/w/*/c", "/letters/*"),
        rule("/w/*/*", "/any/*/*"),
        rule("/w/x/*.html", "/deep/*"),
        rule("/q", "/query?a=1"),
        rule("/over/der/brücke", "/bridge"),
        rule("/half*", "/semi/*"),
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
        ("/w/1", Some("/any/1/")),
        ("/w/x/y.html", Some("/deep/y")),
        ("/w/x/.html", Some("/any/x/.html")),
        ("/q?b=2&a=3", Some("/query?a=1&b=2")),
        ("/over/der/br%C3%BCcke", Some("/bridge")),
        ("/over/der/brücke", Some("/bridge")),
        ("/half", Some("/semi/")),
        ("/halftime", Some("/semi/time")),
        ("/halftime/x", Some("/semi/time/x")),
        ("/hal", None),
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
        let found = snapshot.find(&RedirectRequest { now, ..request("/sale") }).redirect;
        let found = found.map(|found| found.location);
        assert_eq!(found.as_deref(), Some(expected), "{now}");
    }
    let next = Snapshot::build(&rules[..1], &[], &RuleContext::default(), Some(&snapshot));
    snapshot.find(&RedirectRequest { now: 1500, ..request("/sale") });
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

#[test]
fn patterns_without_a_rest_precede_patterns_with_a_rest() {
    let rules = [
        rule("/docs/:lang/usage.html", "/usage/:lang"),
        rule("/docs/en/*", "/english/*"),
        rule("/docs/*", "/docs-of/*"),
        rule("/docs/preset-*", "/presets/*"),
        rule("/docs/:lang/api/*", "/api-of/:lang/*"),
        rule("/:page", "/pages/:page"),
        rule("/%3Apage/x", "/colon"),
    ];
    let snapshot = Snapshot::build(&rules, &[], &RuleContext::default(), None);
    for (path, expected) in [
        ("/docs/en/usage.html", Some("/usage/en")),
        ("/docs/en/install.html", Some("/english/install.html")),
        ("/docs/fr/install.html", Some("/docs-of/fr/install.html")),
        ("/docs/fr/api/a/b", Some("/api-of/fr/a/b")),
        ("/docs/fr/api", Some("/api-of/fr/")),
        ("/docs/en/api/a", Some("/english/api/a")),
        ("/docs/preset-env", Some("/presets/env")),
        ("/docs/preset-env/", Some("/presets/env")),
        ("/docs/preset-env/a", Some("/presets/env/a")),
        ("/docs", Some("/pages/docs")),
        ("/about", Some("/pages/about")),
        ("/about/x", None),
        ("/:page/x", Some("/colon")),
        ("/%3Apage/x", Some("/colon")),
    ] {
        assert_eq!(location(&snapshot, path).as_deref(), expected, "{path}");
    }
}

#[test]
fn rules_of_a_host_apply_to_its_requests_only() {
    let mut external = rule("https://old.acme.test/*", "https://www.acme.test/*");
    external.external = true;
    let mut upgrade = rule("http://www.acme.test/*", "https://www.acme.test/*");
    upgrade.external = true;
    let rules = [external, upgrade, rule("http://old.acme.test/plain", "/plain-text"), rule("/a", "/b")];
    let snapshot = Snapshot::build(&rules, &[], &RuleContext::default(), None);
    for (host, is_https, path, expected) in [
        (Some("old.acme.test"), false, "/x?y=1", Some("https://www.acme.test/x?y=1")),
        (Some("OLD.acme.test:443"), true, "/x", Some("https://www.acme.test/x")),
        (Some("old.acme.test"), true, "/a", Some("https://www.acme.test/a")),
        (Some("old.acme.test"), false, "/plain", Some("/plain-text")),
        (Some("old.acme.test"), true, "/plain", Some("https://www.acme.test/plain")),
        (Some("www.acme.test"), false, "/x", Some("https://www.acme.test/x")),
        (Some("www.acme.test"), true, "/x", None),
        (Some("www.acme.test"), true, "/a", Some("/b")),
        (Some("old.acme.test:8080"), false, "/x", None),
        (None, false, "/x", None),
        (None, false, "/a", Some("/b")),
    ] {
        let found = snapshot.find(&RedirectRequest { host, is_https, ..request(path) });
        let found = found.redirect.map(|found| found.location);
        assert_eq!(found.as_deref(), expected, "{host:?} {is_https} {path}");
    }
}

#[test]
fn query_parameters_are_conditions() {
    let rules = [
        rule("/blog?post=:post", "/blog/:post"),
        rule("/blog?page=news", "/news"),
        rule("/blog", "/posts"),
        rule("/x/*?a=:a", "/y/*?b=:a"),
        rule("/same?old=:v", "/same?new=:v"),
        rule("/drop?old=:v", "/drop"),
    ];
    let snapshot = Snapshot::build(&rules, &[], &RuleContext::default(), None);
    assert!(snapshot.cycles.is_empty(), "{:?}", snapshot.cycles);
    for (path, expected) in [
        ("/blog?post=7", Some("/blog/7")),
        ("/blog?utm=1&post=7", Some("/blog/7?utm=1")),
        ("/blog?page=news", Some("/news")),
        ("/blog?page=old", Some("/posts?page=old")),
        ("/blog", Some("/posts")),
        ("/x/1/2?a=3", Some("/y/1/2?b=3")),
        ("/x/1/2", None),
        ("/same?old=1", Some("/same?new=1")),
        ("/same?new=1", None),
        ("/drop?old=1&c=2", Some("/drop?c=2")),
        ("/drop?c=2", None),
    ] {
        assert_eq!(location(&snapshot, path).as_deref(), expected, "{path}");
    }
}

#[test]
fn countries_and_languages_are_conditions() {
    let rules = [
        rule("/ Country=CH,TW", "/china"),
        rule("/ Country=IL Language=en", "/israel-en"),
        rule("/ Country=IL", "/israel"),
        rule("/ Language=en", "/en"),
        rule("/ Language=de", "/de"),
        rule("/about Language=fr", "/a-propos"),
        rule("/home", "/start"),
    ];
    let snapshot = Snapshot::build(&rules, &[], &RuleContext::default(), None);
    for (path, country, languages, expected, by) in [
        ("/", Some("TW"), None, Some("/china"), (true, true)),
        ("/", Some("IL"), Some("en"), Some("/israel-en"), (true, true)),
        ("/", Some("IL"), Some("he"), Some("/israel"), (true, true)),
        ("/", None, Some("de, en;q=0.5"), Some("/de"), (true, true)),
        ("/", None, Some("en, de;q=0.5"), Some("/en"), (true, true)),
        ("/", None, Some("fr"), None, (true, true)),
        ("/", None, None, None, (true, true)),
        ("/about", Some("FR"), Some("fr"), Some("/a-propos"), (true, false)),
        ("/about", Some("FR"), Some("en"), None, (true, false)),
        ("/home", Some("FR"), Some("en"), Some("/start"), (false, false)),
    ] {
        let lookup = || country.and_then(|code| code.parse::<Country>().ok());
        let country: &dyn Fn() -> Option<Country> = &lookup;
        let found = snapshot.find(&RedirectRequest {
            accept_language: languages,
            country: Some(country),
            ..request(path)
        });
        assert_eq!(found.redirect.map(|found| found.location).as_deref(), expected, "{path} {languages:?}");
        assert_eq!((found.by_language, found.by_country), by, "{path} {languages:?}");
    }
}

#[test]
fn of_two_rules_with_the_same_conditions_the_older_one_applies() {
    let (first, second) = (rule("/a/:x", "/first"), rule("/a/:y", "/second"));
    for rules in [[first.clone(), second.clone()], [second, first]] {
        let snapshot = Snapshot::build(&rules, &[], &RuleContext::default(), None);
        assert_eq!(location(&snapshot, "/a/1").as_deref(), Some("/first"));
    }
}

#[test]
fn only_a_sequence_that_can_return_is_a_cycle() {
    for (rules, cycles) in [
        (&[("/en/*", "/:splat"), ("/en", "/"), ("/docs/en/*", "/docs/:splat")][..], &[][..]),
        (&[("/ Country=US", "/us"), ("/us Country=CA", "/")], &[]),
        (&[("/ Country=US", "/us"), ("/us Country=US,CA", "/")], &["/ Country=US"]),
        (&[("/ Country=US", "/us"), ("/us", "/")], &["/ Country=US"]),
        // Clients from the United States are redirected to /b, and others stay at /c.
        (&[("/a Country=US", "/b"), ("/a", "/c"), ("/c Country=US", "/a")], &[]),
        (&[("/ Language=fr", "/fr"), ("/fr Language=en", "/")], &["/ Language=fr"]),
        (&[("/a?x=:x", "/a")], &[]),
        (&[("/a?x=:x", "/a?x=:x")], &["/a?x=:x"]),
        (&[("/a", "/b"), ("/b?id=:id", "/a?id=:id")], &["/b?id=:id"]),
        (&[("/a", "/b"), ("/b?id=:id", "/a")], &[]),
        (&[("/:x/old", "/:x/new"), ("/:x/new", "/:x/old")], &["/:x/new"]),
        (&[("https://a.test/*", "https://acme.test/*"), ("/*", "/new")], &[]),
        (&[("https://a.test/*", "https://acme.test/*"), ("/x", "https://a.test/x")], &["/x"]),
        (&[("http://acme.test/*", "https://acme.test/*")], &[]),
        // A source with https matches both schemes, so the second rule has no effect.
        (
            &[("http://acme.test/*", "https://acme.test/*"), ("https://acme.test/*", "http://acme.test/*")],
            &[],
        ),
        (&[("https://acme.test/about/*", "https://acme.test/team/*")], &[]),
    ] {
        let mut rules: Vec<Rule> = rules.iter().map(|(from, to)| rule(from, to)).collect();
        rules.iter_mut().for_each(|rule| rule.external = true);
        rules.sort_by_key(|rule| rule.pattern.text());
        let snapshot = Snapshot::build(&rules, &[], &context(), None);
        assert_eq!(snapshot.cycles, cycles, "{rules:?}");
    }
}
