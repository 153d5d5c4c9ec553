//! Sources that are accepted and rejected, and their canonical forms.
use super::*;

fn parse(text: &str) -> Pattern {
    Pattern::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn parses_the_kind_of_a_source() {
    for (text, kind, path) in [
        ("/", Kind::Exact, "/"),
        ("/old/", Kind::Exact, "/old"),
        ("/%C3%BCber", Kind::Exact, "/über"),
        ("/old/*", Kind::Prefix, "/old"),
        ("/*", Kind::Prefix, ""),
        ("/old/*.html", Kind::Wildcard, "/old/*.html"),
        ("/*/old/*", Kind::Wildcard, "/*/old/*"),
        ("/old*", Kind::Wildcard, "/old*"),
        ("/:id", Kind::Wildcard, "/:id"),
        ("/docs/:lang/usage.html/", Kind::Wildcard, "/docs/:lang/usage.html"),
        ("/blog/:path*", Kind::Wildcard, "/blog/:path*"),
        // Colons that begin no placeholder.
        ("/a/%3Aid", Kind::Exact, "/a/%3Aid"),
        ("/a/%3a1", Kind::Exact, "/a/:1"),
        ("/a/:1", Kind::Exact, "/a/:1"),
        ("/wiki/Talk:Main", Kind::Exact, "/wiki/Talk:Main"),
    ] {
        let pattern = parse(text);
        assert_eq!((pattern.kind, pattern.path.as_str()), (kind, path), "{text}");
        assert_eq!(parse(&pattern.text()), pattern, "{text}");
    }
}

#[test]
fn a_source_has_one_canonical_text() {
    for (text, canonical) in [
        ("/a?b=:c", "/a?b=:c"),
        ("/a?c=1&b=%3Ax", "/a?b=%3Ax&c=1"),
        ("/a/?b", "/a?b="),
        ("/?page=news", "/?page=news"),
        ("https://Old.Acme.test", "https://old.acme.test/"),
        ("HTTP://old.acme.test:80/a", "http://old.acme.test/a"),
        ("https://bücher.test/*", "https://xn--bcher-kva.test/*"),
        ("/ Country=ch,TW", "/ Country=CH,TW"),
        ("/ language=EN  country=il", "/ Country=IL Language=en"),
        ("/a b", "/a b"),
        ("/a%20Country=b Country=FR", "/a%20Country=b Country=FR"),
        ("/a=b", "/a=b"),
    ] {
        let pattern = parse(text);
        assert_eq!(pattern.text(), canonical, "{text}");
        assert_eq!(parse(canonical), pattern, "{text}");
    }
}

#[test]
fn rejects_invalid_sources() {
    let many = format!("/{}", ["*"; 11].join("/"));
    let deep = format!("/{}/*", ["a"; 16].join("/"));
    for text in [
        "",
        "old",
        "//old",
        "/a//b",
        "/a//",
        "/a/*//",
        "/a/../b",
        "/./a",
        "/a#b",
        "/a\\b",
        "/a\u{7}",
        "/%ff",
        "/a/**",
        "/:id/:id",
        "/:id?x=:id",
        "/:year-:month",
        "/:path*/a",
        "/:a*b",
        "/a?",
        "/a?=b",
        "/a?b=1&b=2",
        "/a Country=",
        "/a Country=FR Country=BE",
        "/a Language=e_n",
        "ftp://acme.test/",
        "http://",
        "http:///a",
        "https://a@b.test/",
        &many,
        &deep,
    ] {
        assert!(Pattern::parse(text).is_err(), "{text}");
    }
}

#[test]
fn messages_name_the_invalid_part() {
    for (text, message) in [
        ("old", "must begin with a slash"),
        ("ftp://acme.test/", "must have the scheme http or https, got ftp"),
        ("http://a@b.test/", "must name a host such as www.acme.test"),
        ("/:year-:month", "must contain placeholders only at the begin of a segment, got `:month`"),
        ("/:id/:id", "must not contain the placeholder `:id` twice"),
        ("/ Country=Frankreich", "must name countries by two-letter codes"),
    ] {
        let found = Pattern::parse(text).expect_err(text);
        assert!(found.contains(message), "{text}: {found}");
    }
}

#[test]
fn a_sample_has_a_value_for_each_capture() {
    for (text, sample) in [
        ("/", "/"),
        ("/old", "/old"),
        ("/*", "/x"),
        ("/old/*", "/old/x"),
        ("/a/*/by/*.html", "/a/x/by/x.html"),
        ("/docs/:lang/:page.html", "/docs/x/x.html"),
        ("/preset-*", "/preset-x"),
        ("/blog/:path*", "/blog/x"),
        ("/a/%3Aid", "/a/:id"),
        ("/%3Aid/*", "/:id/x"),
        ("https://old.acme.test/:a?b=:c Country=FR", "/x"),
    ] {
        assert_eq!(parse(text).sample("x"), sample, "{text}");
    }
}

#[test]
fn sources_that_match_the_same_requests_have_the_same_shape() {
    for (one, other, same) in [
        ("/a/:id", "/a/:name", true),
        ("/a/:id", "/a/*", false),
        ("/a/:id/b", "/a/*/b", true),
        ("/blog/:path*", "/blog/*", true),
        ("/a?b=:x", "/a?b=:y", true),
        ("/a?b=:x", "/a?b=x", false),
        ("/a?b=:x&c=:y", "/a?b=:y&c=:x", true),
        ("/a Country=FR", "/a", false),
        ("http://acme.test/a", "https://acme.test/a", false),
    ] {
        assert_eq!(parse(one).shape() == parse(other).shape(), same, "{one} {other}");
    }
}
