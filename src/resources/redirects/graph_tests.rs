//! Cycles and chains are found regardless of the rule that is written last.
use super::*;
use crate::resources::redirects::destination::RedirectHosts;

type Rules<'a> = &'a [(&'a str, &'a str)];

fn graph(rules: Rules<'_>) -> Graph {
    Graph::new(rules.iter().map(|(from, to)| {
        let source = Pattern::parse(from).unwrap_or_else(|error| panic!("{from}: {error}"));
        let sites = RedirectHosts::new("https://acme.test", vec!["shop.acme.test".to_owned()]);
        let destination = Destination::parse(to, &source, &sites);
        let destination = destination.unwrap_or_else(|error| panic!("{to}: {error}"));
        (source, destination)
    }))
}

fn find_chain(new: Rules<'_>, existing: Rules<'_>) -> Option<(&'static str, usize, usize)> {
    let (one, other) = (graph(new), graph(existing));
    let found = ChainCheck::new(&one, &other, WorkLimit::new(1_000_000)).find_chain().unwrap()?;
    let position = |pattern: Pattern| {
        let rules = new.iter().chain(existing);
        rules.map(|(from, _)| Pattern::parse(from)).position(|rule| rule == Ok(pattern.clone())).unwrap()
    };
    let kind = if found.is_cycle { "loop" } else { "chain" };
    Some((kind, position(found.rule), position(found.next)))
}

/// Asserts that the chain is found regardless of the rule that is written last.
fn assert_found(rules: Rules<'_>, expected: Option<(&str, usize, usize)>) {
    assert_eq!(find_chain(rules, &[]), expected, "{rules:?}");
    for new in 0..rules.len() {
        let existing = [&rules[..new], &rules[new + 1..]].concat();
        // A chain among the existing rules is not an error of the new rule.
        if find_chain(&existing, &[]).is_none() {
            let found = find_chain(&rules[new..=new], &existing);
            assert_eq!(found.map(|found| found.0), expected.map(|found| found.0), "{rules:?} {new}");
        }
    }
}

#[test]
fn a_prefix_includes_its_own_path_and_urls_of_this_service_are_local() {
    for (rules, expected) in [
        (&[("/a", "/b"), ("/b", "/a")][..], Some(("loop", 0, 1))),
        (&[("/a/*", "/b/*"), ("/b", "/a")], Some(("loop", 0, 1))),
        (&[("/a/*", "/b/*/"), ("/b/x", "/a/x")], Some(("loop", 0, 1))),
        (&[("/a/*", "/b/*"), ("/b", "/c")], Some(("chain", 0, 1))),
        (&[("/a/*", "/b/*"), ("/b*", "/a/*")], Some(("chain", 1, 0))),
        (&[("/a/x*", "/b/*"), ("/b", "/a")], None),
        (&[("/x/*/*", "/b/*/*"), ("/b/*", "/c")], Some(("chain", 0, 1))),
        (&[("/x/*/*", "/b/*/*"), ("/b/y", "/c")], None),
        (&[("/a/*", "/*"), ("/", "/a")], Some(("loop", 0, 1))),
        (&[("/a", "https://acme.test/a")], Some(("loop", 0, 0))),
        (&[("/a/*", "https://acme.test/b/*"), ("/b", "http://acme.test:80/a")], Some(("loop", 0, 1))),
        (&[("/x", "https://acme.test"), ("/", "/y")], Some(("chain", 0, 1))),
    ] {
        assert_found(rules, expected);
    }
}

#[test]
fn finds_cycles_and_chains() {
    for (rules, expected) in [
        (&[("/a", "/b")][..], None),
        (&[("/a", "/a")], Some(("loop", 0, 0))),
        (&[("/a", "/a/?x=1#top")], Some(("loop", 0, 0))),
        (&[("/a", "/%61")], Some(("loop", 0, 0))),
        (&[("/a", "/b"), ("/b", "/c")], Some(("chain", 0, 1))),
        (&[("/b", "/c"), ("/a", "/b")], Some(("chain", 1, 0))),
        (&[("/a", "/b"), ("/b", "/c"), ("/c", "/a")], Some(("loop", 0, 1))),
        (&[("/a", "/b"), ("/b", "/c"), ("/c", "/b")], Some(("loop", 0, 1))),
        (&[("/a", "/c"), ("/b", "/c")], None),
        (&[("/a", "https://shop.acme.test/a")], None),
        (&[("/a/*", "/a/b")], Some(("loop", 0, 0))),
        (&[("/a/*", "/a")], Some(("loop", 0, 0))),
        (&[("/a/*", "/a/new/*")], Some(("loop", 0, 0))),
        (&[("/a/*", "/b/*")], None),
        (&[("/a/*", "/ab/*")], None),
        (&[("/a/*", "/b/*"), ("/b/x", "/c")], Some(("chain", 0, 1))),
        (&[("/a/*", "/b/*"), ("/b/*", "/a/*")], Some(("loop", 0, 1))),
        (&[("/a/*", "/b/c/*"), ("/b/*", "/d")], Some(("chain", 0, 1))),
        (&[("/a/*", "/*"), ("/x", "/y")], Some(("loop", 0, 0))),
        (&[("/a/b", "/a/c"), ("/a/*", "/d")], Some(("chain", 0, 1))),
        (&[("/a*", "/b*"), ("/b1", "/c")], Some(("chain", 0, 1))),
        (&[("/a*", "/b*"), ("/b", "/c")], None),
        (&[("/*.html", "/x/*")], None),
        (&[("/x/*.html", "/x/*")], Some(("loop", 0, 0))),
        (&[("/x/*/y", "/x/*/z")], None),
        (&[("/x/*/y", "/x/*/z"), ("/*/q/z", "/w")], Some(("chain", 0, 1))),
        (&[("/x/*/y", "/z"), ("/w", "/x/1/y")], Some(("chain", 1, 0))),
    ] {
        assert_found(rules, expected);
    }
}

#[test]
fn a_new_rule_replaces_the_rule_with_the_same_source() {
    let existing: Rules<'_> = &[("/a", "/b"), ("/c/*", "/d/*"), ("/e*f", "/g")];
    for new in [("/a", "/x"), ("/c/*", "/a2"), ("/e*f", "/h")] {
        assert_eq!(find_chain(&[new], existing), None, "{new:?}");
    }
    assert_eq!(find_chain(&[("/a", "/x"), ("/b", "/c2")], existing), None);
    assert_eq!(find_chain(&[("/y", "/a")], existing), Some(("chain", 0, 1)));
}

#[test]
fn the_comparison_stops_at_its_limit() {
    let sources: Vec<String> = (0..1000).map(|i| format!("/x/{i}/*/y")).collect();
    let rules: Vec<(&str, &str)> = sources.iter().map(|source| (source.as_str(), "/z")).collect();
    let (new, existing) = (graph(&[("/w/*", "/x/*/v")]), graph(&rules));
    assert_eq!(ChainCheck::new(&new, &existing, WorkLimit::new(1000)).find_chain(), Err(LimitExceeded));
    assert_eq!(ChainCheck::new(&new, &existing, WorkLimit::new(1_000_000)).find_chain(), Ok(None));
}
