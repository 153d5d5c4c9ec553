//! Destinations that are accepted and rejected, and the locations that they produce.
use super::*;

fn source(text: &str) -> Pattern {
    Pattern::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn parse(from: &str, to: &str) -> Result<Destination, &'static str> {
    let others = vec!["shop.acme.test".to_owned(), "acme.test:8443".to_owned()];
    Destination::parse(to, &source(from), &RedirectHosts::new("https://api.acme.test/tenon/", others))
}

const INVALID: &[&str] = &[
    "",
    "new",
    "//evil.test",
    "///evil.test",
    "/\\evil.test",
    "\\\\evil.test",
    "/%09/evil.test",
    "/\t/evil.test",
    "/%5Cevil.test",
    "/%5cevil.test",
    "/%255Cevil.test",
    "/%2Fevil.test",
    "/%2f%2fevil.test",
    "/%252fevil.test",
    "/%0d%0aLocation:%20//evil.test",
    "/a//evil.test",
    "/.//evil.test",
    "/a/..//evil.test",
    "/a/../b",
    "/%2e%2e/b",
    "https://evil.test",
    "http://evil.test/",
    "https:evil.test",
    "https:/evil.test",
    "https:///evil.test",
    "ftp://shop.acme.test/",
    "javascript:alert(1)",
    "data:text/html,x",
    "https://acme.test@evil.test",
    "https://shop.acme.test@evil.test/",
    "https://shop.acme.test:80@evil.test/",
    "https://evil.test#shop.acme.test",
    "https://evil.test?shop.acme.test",
    "https://evil.test/shop.acme.test",
    "https://shop.acme.test.evil.test/",
    "https://evilshop.acme.test/",
    "https://shop.acme.test:80/",
    "https://shop.acme.test:8443/",
    "https://acme.test/",
    "https://shop.acme.test\\@evil.test/",
    "https://shop.acme.test%2f@evil.test/",
    "https://[::1]/",
    " /new",
    "/new ",
    "/ü\u{85}",
    "/a\u{0}",
    "https://shop.acme.test//x",
    "https://api.acme.test/",
    "https://api.acme.test/tenon2",
    "https://api.acme.test/tenon/../x",
    "https://api.acme.test:8443/tenon",
    "http://api.acme.test:443/tenon",
    "https://api.acme.test.evil.test/tenon",
    "https://api.acme.test@evil.test/tenon",
];

#[test]
fn rejects_destinations_on_hosts_that_are_not_allowed() {
    for to in INVALID {
        assert!(parse("/old", to).is_err(), "{to}");
    }
    for to in ["https://*/", "https://:splat/x", "https://shop.acme.test:splat", "*", ":splat", "/*/*"] {
        assert!(parse("/old/*", to).is_err(), "{to}");
    }
    for to in ["/a?x=*", "/a#:splat", "/*"] {
        assert!(parse("/old", to).is_err(), "{to}");
    }
}

#[test]
fn inserts_the_captures_of_the_source() {
    for (from, to, captures, location) in [
        ("/old", "/new", &[][..], Some("/new")),
        ("/old", "/über", &[], Some("/%C3%BCber")),
        ("/old", "https://shop.acme.test", &[], Some("https://shop.acme.test")),
        ("/old", "https://SHOP.acme.test/a", &[], Some("https://SHOP.acme.test/a")),
        ("/old", "HTTPS://shop.acme.test:443/a", &[], Some("HTTPS://shop.acme.test:443/a")),
        ("/old", "https://acme.test:8443/a", &[], Some("https://acme.test:8443/a")),
        ("/old/*", "/new/*", &["a/b"], Some("/new/a/b")),
        ("/old/*", "/new/:splat.html", &["a b"], Some("/new/a%20b.html")),
        ("/old/*", "/*", &["/evil.test"], Some("/evil.test")),
        ("/old/*", "/*", &["//evil.test"], Some("/evil.test")),
        ("/old/*", "/*", &["%5Cevil.test"], Some("/%5Cevil.test")),
        ("/old/*", "/new/*", &["../x"], None),
        ("/*/by/*", "/people/:splat/*", &["post", "ada"], Some("/people/ada/post")),
        ("/*/by/*", "https://shop.acme.test/*/*", &["a", "b"], Some("https://shop.acme.test/a/b")),
    ] {
        let destination = parse(from, to).unwrap_or_else(|error| panic!("{to}: {error}"));
        assert_eq!(destination.fill(captures, None).as_deref(), location, "{from} {to} {captures:?}");
    }
}

#[test]
fn a_capture_does_not_turn_the_text_after_it_into_a_host() {
    for (from, to, captures, location) in [
        ("/old/*", "/*/evil.test", &[""][..], None),
        ("/old/*", "/:splat/evil.test", &["/"], None),
        ("/old/*", "/*/new", &["a"], Some("/a/new")),
        ("/*/by/*", "/*/*", &["", "evil.test"], None),
        ("/*/by/*", "/**", &["", "/evil.test"], Some("/evil.test")),
        ("/old/*", "https://shop.acme.test/*/a", &[""], Some("https://shop.acme.test//a")),
    ] {
        let destination = parse(from, to).unwrap_or_else(|error| panic!("{to}: {error}"));
        assert_eq!(destination.fill(captures, None).as_deref(), location, "{from} {to} {captures:?}");
    }
    let raw = Destination { literals: vec!["/\\evil.test".to_owned()], ..parse("/old", "/new").unwrap() };
    assert_eq!(raw.fill(&[], None), None);
}

#[test]
fn merges_the_query_of_the_request() {
    for (to, query, location) in [
        ("/new", "", "/new"),
        ("/new", "a=1&b", "/new?a=1&b"),
        ("/new?a=9", "", "/new?a=9"),
        ("/new?a=9", "a=1&b=2&a=3", "/new?a=9&b=2"),
        ("/new?a=9", "%61=1", "/new?a=9"),
        ("/new?a=9#top", "b=2", "/new?a=9&b=2#top"),
        ("/new#top", "b=2", "/new?b=2#top"),
        ("/new?a%20b=9", "a+b=1&c=\"", "/new?a%20b=9&c=%22"),
        ("/new", "&&a=1&", "/new?a=1"),
        ("/new", "&", "/new"),
        ("/new", "next=//evil.test", "/new?next=//evil.test"),
    ] {
        let destination = parse("/old", to).unwrap_or_else(|error| panic!("{to}: {error}"));
        assert_eq!(destination.fill(&[], Some(query)).as_deref(), Some(location), "{to} {query}");
    }
}

#[test]
fn a_url_of_this_service_is_a_local_path() {
    for (to, capture, location, path) in [
        ("https://api.acme.test/tenon", "", "https://api.acme.test/tenon", "/"),
        ("https://API.acme.test:443/tenon/a?b=c#d", "", "https://API.acme.test:443/tenon/a?b=c#d", "/a"),
        ("http://api.acme.test/tenon/a/*", "b", "http://api.acme.test/tenon/a/b", "/a/b"),
        ("/a/*?b=c", "b", "/a/b?b=c", "/a/b"),
    ] {
        let destination = parse("/old/*", to).unwrap_or_else(|error| panic!("{to}: {error}"));
        let filled = destination.fill(&[capture], None);
        assert_eq!(filled.as_deref(), Some(location), "{to}");
        assert_eq!(destination.local_path(location), path, "{to}");
    }
}
