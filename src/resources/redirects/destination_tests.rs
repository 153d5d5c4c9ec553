//! Destinations that are accepted and rejected, and the locations that they produce.
use super::*;

fn source(text: &str) -> Pattern {
    Pattern::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn parse_as(from: &str, to: &str, is_external: bool) -> Result<Destination, Message> {
    let others = vec!["shop.acme.test".to_owned(), "acme.test:8443".to_owned()];
    let hosts = RedirectHosts::new("https://api.acme.test/tenon/", others);
    Destination::parse(to, &source(from), &hosts, is_external)
}

fn parse(from: &str, to: &str) -> Result<Destination, Message> {
    parse_as(from, to, false)
}

fn fill(destination: &Destination, path: &[&str], query: Option<&str>) -> Option<String> {
    destination.fill(Captures { path, query: &[] }, query, None)
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
        assert_eq!(fill(&destination, captures, None).as_deref(), location, "{from} {to} {captures:?}");
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
        assert_eq!(fill(&destination, captures, None).as_deref(), location, "{from} {to} {captures:?}");
    }
    let path = Template { literals: vec!["/\\evil.test".to_owned()], captures: Vec::new() };
    let raw = Destination { path, ..parse("/old", "/new").unwrap() };
    assert_eq!(fill(&raw, &[], None), None);
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
        assert_eq!(fill(&destination, &[], Some(query)).as_deref(), Some(location), "{to} {query}");
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
        let filled = fill(&destination, &[capture], None);
        assert_eq!(filled.as_deref(), Some(location), "{to}");
        assert!(destination.is_local(), "{to}");
        assert_eq!(destination.host_path(location), path, "{to}");
    }
}

#[test]
fn inserts_named_captures_into_every_part() {
    for (from, to, path, query, location) in [
        ("/docs/:lang/usage", "/docs/:lang/install", &["en"][..], &[][..], Some("/docs/en/install")),
        ("/a/:x/:y", "/:y/:x", &["1", "2"], &[], Some("/2/1")),
        ("/a/:x/*", "/:splat/:x", &["1", "b/c"], &[], Some("/b/c/1")),
        ("/v/:version", "/download/v:version.zip", &["1.2"], &[], Some("/download/v1.2.zip")),
        ("/blog/:path*", "/news/:path*", &["a/b"], &[], Some("/news/a/b")),
        ("/c/:class/m/:method", "/c/:class#:method", &["A", "b c"], &[], Some("/c/A#b%20c")),
        ("/s/:q", "/search?q=:q&page=1", &["a&b=c"], &[], Some("/search?q=a%26b%3Dc&page=1")),
        ("/p?id=:id", "/other/:id", &[], &["7"], Some("/other/7")),
        // A query parameter stays within its segment.
        ("/p?id=:id", "/other/:id", &[], &["a/../b?c#d%2F"], Some("/other/a%2F..%2Fb%3Fc%23d%252F")),
        ("/p?id=:id", "/other/:id", &[], &[".."], None),
        ("/p?id=:id", "/:id", &[], &["/evil.test"], Some("/%2Fevil.test")),
        ("/p/:a?id=:id", "/:id/:a", &["1"], &["2"], Some("/2/1")),
        ("/:a/x", "/.:a/y", &["."], &[], None),
        // Colons that begin no placeholder.
        ("/a/:x", "/Talk:Main/:x", &["1"], &[], Some("/Talk:Main/1")),
        ("/a/:x", "/%3Ay/:x", &["1"], &[], Some("/%3Ay/1")),
        ("/a/:x", "/t?at=12:30&x=:x", &["1"], &[], Some("/t?at=12:30&x=1")),
    ] {
        let destination = parse(from, to).unwrap_or_else(|error| panic!("{to}: {error}"));
        let query: Vec<String> = query.iter().map(ToString::to_string).collect();
        let filled = destination.fill(Captures { path, query: &query }, None, None);
        assert_eq!(filled.as_deref(), location, "{from} {to}");
    }
    for (from, to) in [
        ("/a/:x", "/:y"),
        ("/a", "/:splat"),
        ("/a/:x", "/:splat"),
        ("/a/:x", "/b?y=:y"),
        ("/a/:x", "/b#:y"),
        ("/a/:x", "/*"),
        ("/a/:x", ":x"),
        ("/a/:x", "https://:x/"),
        ("/a/:x", "https://shop.acme.test:x/"),
    ] {
        assert!(parse(from, to).is_err(), "{from} {to}");
    }
}

#[test]
fn an_external_destination_may_be_on_any_host() {
    for (to, location) in [
        ("https://evil.test", "https://evil.test"),
        ("HTTPS://Example.test/a?b#c", "HTTPS://Example.test/a?b#c"),
        ("https://bücher.test/ü", "https://xn--bcher-kva.test/%C3%BC"),
        ("http://example.test:8080/:splat", "http://example.test:8080/x"),
    ] {
        let rejected = parse("/old/*", to).expect_err(to);
        assert!(rejected.contains("redirect_hosts"), "{to}: {rejected}");
        let destination = parse_as("/old/*", to, true).unwrap_or_else(|error| panic!("{to}: {error}"));
        assert_eq!(fill(&destination, &["x"], None).as_deref(), Some(location), "{to}");
    }
    for to in
        ["//evil.test", "javascript:alert(1)", "https://a@evil.test", "https:///evil.test", "ftp://a.test"]
    {
        assert!(parse_as("/old", to, true).is_err(), "{to}");
    }
}

#[test]
fn messages_name_the_reason() {
    for (to, message) in [
        ("new", "must begin with a slash"),
        ("//evil.test", "must begin with one slash"),
        ("ftp://shop.acme.test/", "must have the scheme http or https, got ftp"),
        ("https://evil.test/", "got evil.test: add the host there, or set external to true"),
        ("https://a@shop.acme.test", "must name a host such as www.acme.test"),
        ("/:id", "must contain only placeholders of the source, got `:id`"),
    ] {
        let rejected = parse("/old", to).expect_err(to);
        assert!(rejected.contains(message), "{to}: {rejected}");
    }
}
