//! What rules do to each other: a destination that is redirected in its turn costs everybody a second
//! request, and one that leads back never ends.
use std::{collections::BTreeMap, ops::Bound};

use super::{
    glob::{Glob, of_pattern},
    path::{Kind, Pattern},
    snapshot::matches,
    target::Target,
};

/// A rule whose destination another rule matches.
#[derive(Debug, PartialEq, Eq)]
pub struct Tangle {
    pub rule: usize,
    pub next: usize,
    /// Whether it comes back to a rule that was followed before.
    pub returns: bool,
}

/// All rules, found by what they match.
pub struct Web<'a> {
    rules: &'a [(Pattern, Target)],
    exact: BTreeMap<&'a str, usize>,
    prefixes: BTreeMap<&'a str, usize>,
    /// By the folder before the first `*`.
    wildcards: BTreeMap<&'a str, Vec<usize>>,
}

impl<'a> Web<'a> {
    pub fn new(rules: &'a [(Pattern, Target)]) -> Self {
        let (mut exact, mut prefixes, mut wildcards) =
            (BTreeMap::new(), BTreeMap::new(), BTreeMap::<_, Vec<_>>::new());
        for (i, (pattern, _)) in rules.iter().enumerate() {
            match pattern.kind {
                Kind::Exact => {
                    exact.insert(pattern.path.as_str(), i);
                }
                Kind::Prefix => {
                    prefixes.insert(pattern.path.as_str(), i);
                }
                Kind::Wildcard => wildcards.entry(pattern.folder()).or_default().push(i),
            }
        }
        Web { rules, exact, prefixes, wildcards }
    }

    /// The first rule that leads to another one, or to itself.
    pub fn tangle(&self) -> Option<Tangle> {
        (0..self.rules.len()).find_map(|rule| {
            let next = self.next(rule)?;
            Some(Tangle { rule, next, returns: self.returns(rule, next) })
        })
    }

    fn returns(&self, rule: usize, next: usize) -> bool {
        let mut seen = vec![rule];
        let mut here = Some(next);
        while let Some(rule) = here {
            if seen.contains(&rule) {
                return true;
            }
            seen.push(rule);
            here = self.next(rule);
        }
        false
    }

    /// The rule that matches some destination of this one.
    fn next(&self, rule: usize) -> Option<usize> {
        let (pattern, target) = &self.rules[rule];
        match target.fixed() {
            Some(path) => self.at(&path),
            None => target.paths(pattern).and_then(|(head, paths)| self.among(&head, &paths)),
        }
    }

    fn at(&self, path: &str) -> Option<usize> {
        if let Some(rule) = self.exact.get(path) {
            return Some(*rule);
        }
        let prefix = folders(path).find_map(|folder| self.prefixes.get(folder));
        let matching = |rule: &&usize| matches(&self.rules[**rule].0, path);
        let wildcard =
            || folders(path).filter_map(|folder| self.wildcards.get(folder)).flatten().find(matching);
        prefix.or_else(wildcard).copied()
    }

    fn among(&self, head: &str, paths: &Glob) -> Option<usize> {
        let meets = |rule: &usize| of_pattern(&self.rules[*rule].0).iter().any(|own| own.meets(paths));
        let prefixes = folders(head).filter_map(|folder| self.prefixes.get(folder));
        let wildcards = folders(head).filter_map(|folder| self.wildcards.get(folder)).flatten();
        let candidates = prefixes
            .chain(beginning(&self.prefixes, head))
            .chain(beginning(&self.exact, head))
            .chain(wildcards)
            .chain(beginning(&self.wildcards, head).flatten());
        candidates.copied().find(|rule| meets(rule))
    }
}

/// The path and all that it lies in, the deepest first.
fn folders(path: &str) -> impl Iterator<Item = &str> {
    std::iter::once(path).chain(path.rmatch_indices('/').map(|(slash, _)| &path[..slash]))
}

/// The entries whose keys begin with `head`.
fn beginning<'m, T>(map: &'m BTreeMap<&str, T>, head: &'m str) -> impl Iterator<Item = &'m T> {
    let from = (Bound::Included(head), Bound::Unbounded);
    map.range::<str, _>(from).take_while(move |(key, _)| key.starts_with(head)).map(|(_, rule)| rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tangle(rules: &[(&str, &str)]) -> Option<(&'static str, usize, usize)> {
        let read = |(from, to): &(&str, &str)| {
            let source = Pattern::parse(from).unwrap_or_else(|why| panic!("{from}: {why}"));
            let target = Target::parse(to, &source, &["shop.acme.test".to_owned()]);
            let target = target.unwrap_or_else(|why| panic!("{to}: {why}"));
            (source, target)
        };
        let rules: Vec<_> = rules.iter().map(read).collect();
        let found = Web::new(&rules).tangle()?;
        Some((if found.returns { "loop" } else { "chain" }, found.rule, found.next))
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
            (&[("/a", "/b"), ("/b", "/a")], Some(("loop", 0, 1))),
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
            assert_eq!(tangle(rules), expected, "{rules:?}");
        }
    }
}
