//! Loops and chains, whichever rule comes last.
use super::{super::target::Sites, *};

type Rules<'a> = &'a [(&'a str, &'a str)];

fn web(rules: Rules<'_>) -> Web {
    Web::new(rules.iter().map(|(from, to)| {
        let source = Pattern::parse(from).unwrap_or_else(|why| panic!("{from}: {why}"));
        let sites = Sites::new("https://acme.test", vec!["shop.acme.test".to_owned()]);
        let target = Target::parse(to, &source, &sites);
        let target = target.unwrap_or_else(|why| panic!("{to}: {why}"));
        (source, target)
    }))
}

fn tangle(new: Rules<'_>, standing: Rules<'_>) -> Option<(&'static str, usize, usize)> {
    let (one, other) = (web(new), web(standing));
    let found = Weave::new(&one, &other, Work::new(1_000_000)).tangle().unwrap()?;
    let place = |pattern: Pattern| {
        let rules = new.iter().chain(standing);
        rules.map(|(from, _)| Pattern::parse(from)).position(|rule| rule == Ok(pattern.clone())).unwrap()
    };
    Some((if found.returns { "loop" } else { "chain" }, place(found.rule), place(found.next)))
}

/// Whether this is found, whichever of the rules comes last.
fn found(rules: Rules<'_>, expected: Option<(&str, usize, usize)>) {
    assert_eq!(tangle(rules, &[]), expected, "{rules:?}");
    for new in 0..rules.len() {
        let standing = [&rules[..new], &rules[new + 1..]].concat();
        // What was tangled before is no matter of who writes now.
        if tangle(&standing, &[]).is_none() {
            let found = tangle(&rules[new..=new], &standing);
            assert_eq!(found.map(|found| found.0), expected.map(|found| found.0), "{rules:?} {new}");
        }
    }
}

#[test]
fn a_prefix_leads_from_its_head_too_and_the_own_site_is_here() {
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
        found(rules, expected);
    }
}

#[test]
fn loops_and_chains_are_found_before_anybody_runs_in_them() {
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
        found(rules, expected);
    }
}

#[test]
fn a_rule_takes_the_place_of_the_one_before() {
    let standing: Rules<'_> = &[("/a", "/b"), ("/c/*", "/d/*"), ("/e*f", "/g")];
    for new in [("/a", "/x"), ("/c/*", "/a2"), ("/e*f", "/h")] {
        assert_eq!(tangle(&[new], standing), None, "{new:?}");
    }
    assert_eq!(tangle(&[("/a", "/x"), ("/b", "/c2")], standing), None);
    assert_eq!(tangle(&[("/y", "/a")], standing), Some(("chain", 0, 1)));
}

#[test]
fn comparing_has_an_end() {
    let sources: Vec<String> = (0..1000).map(|i| format!("/x/{i}/*/y")).collect();
    let rules: Vec<(&str, &str)> = sources.iter().map(|source| (source.as_str(), "/z")).collect();
    let (new, standing) = (web(&[("/w/*", "/x/*/v")]), web(&rules));
    assert_eq!(Weave::new(&new, &standing, Work::new(1000)).tangle(), Err(TooMuch));
    assert_eq!(Weave::new(&new, &standing, Work::new(1_000_000)).tangle(), Ok(None));
}
