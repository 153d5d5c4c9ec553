//! Where rules may lead, and where not.
use super::*;

fn source(text: &str) -> Pattern {
    Pattern::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"))
}

fn read(from: &str, to: &str) -> Result<Target, &'static str> {
    let others = vec!["shop.acme.test".to_owned(), "acme.test:8443".to_owned()];
    Target::parse(to, &source(from), &Sites::new("https://api.acme.test/tenon/", others))
}

const TRICKS: &[&str] = &[
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
fn no_trick_leads_to_another_site() {
    for to in TRICKS {
        assert!(read("/old", to).is_err(), "{to}");
    }
    for to in ["https://*/", "https://:splat/x", "https://shop.acme.test:splat", "*", ":splat", "/*/*"] {
        assert!(read("/old/*", to).is_err(), "{to}");
    }
    for to in ["/a?x=*", "/a#:splat", "/*"] {
        assert!(read("/old", to).is_err(), "{to}");
    }
}

#[test]
fn what_the_source_took_is_filled_in() {
    for (from, to, taken, address) in [
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
        let target = read(from, to).unwrap_or_else(|why| panic!("{to}: {why}"));
        assert_eq!(target.fill(taken, None).as_deref(), address, "{from} {to} {taken:?}");
    }
}

#[test]
fn no_part_makes_a_host_of_what_follows_it() {
    for (from, to, taken, address) in [
        ("/old/*", "/*/evil.test", &[""][..], None),
        ("/old/*", "/:splat/evil.test", &["/"], None),
        ("/old/*", "/*/new", &["a"], Some("/a/new")),
        ("/*/by/*", "/*/*", &["", "evil.test"], None),
        ("/*/by/*", "/**", &["", "/evil.test"], Some("/evil.test")),
        ("/old/*", "https://shop.acme.test/*/a", &[""], Some("https://shop.acme.test//a")),
    ] {
        let target = read(from, to).unwrap_or_else(|why| panic!("{to}: {why}"));
        assert_eq!(target.fill(taken, None).as_deref(), address, "{from} {to} {taken:?}");
    }
    let raw = Target { pieces: vec!["/\\evil.test".to_owned()], ..read("/old", "/new").unwrap() };
    assert_eq!(raw.fill(&[], None), None);
}

#[test]
fn the_query_of_the_request_goes_along() {
    for (to, query, address) in [
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
        let target = read("/old", to).unwrap_or_else(|why| panic!("{to}: {why}"));
        assert_eq!(target.fill(&[], Some(query)).as_deref(), Some(address), "{to} {query}");
    }
}

#[test]
fn an_address_of_the_own_site_is_a_path_of_it() {
    for (to, taken, address, place) in [
        ("https://api.acme.test/tenon", "", "https://api.acme.test/tenon", "/"),
        ("https://API.acme.test:443/tenon/a?b=c#d", "", "https://API.acme.test:443/tenon/a?b=c#d", "/a"),
        ("http://api.acme.test/tenon/a/*", "b", "http://api.acme.test/tenon/a/b", "/a/b"),
        ("/a/*?b=c", "b", "/a/b?b=c", "/a/b"),
    ] {
        let target = read("/old/*", to).unwrap_or_else(|why| panic!("{to}: {why}"));
        let filled = target.fill(&[taken], None);
        assert_eq!(filled.as_deref(), Some(address), "{to}");
        assert_eq!(target.place(address), place, "{to}");
        assert!(!target.reaches(&source("/old/*")).is_empty(), "{to}");
    }
    assert!(
        read("/old", "https://shop.acme.test/a").is_ok_and(|other| other.reaches(&source("/old")).is_empty())
    );
}
