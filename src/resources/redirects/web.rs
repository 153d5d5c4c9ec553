//! What rules do to each other: a destination that is redirected in its turn costs everybody a second
//! request, and one that leads back never ends.
use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet, HashSet},
    ops::Bound,
};

use super::{
    glob::{Glob, of_pattern},
    path::{Kind, Pattern},
    snapshot::matches,
    target::{Reach, Target},
};

/// A rule whose destination another rule matches.
#[derive(Debug, PartialEq, Eq)]
pub struct Tangle {
    pub rule: Pattern,
    pub next: Pattern,
    /// Whether it comes back to a rule that was followed before.
    pub returns: bool,
}

/// There would be more to compare than a write may take.
#[derive(Debug, PartialEq, Eq)]
pub struct TooMuch;

type Asked<T> = Result<T, TooMuch>;

/// What comparing may still cost.
pub struct Work(Cell<usize>);

impl Work {
    pub fn new(steps: usize) -> Self {
        Work(Cell::new(steps))
    }

    fn spend(&self, steps: usize) -> Asked<()> {
        self.0.set(self.0.get().checked_sub(steps).ok_or(TooMuch)?);
        Ok(())
    }

    fn meet(&self, one: &Glob, other: &Glob) -> Asked<bool> {
        self.spend((one.size() + 1) * (other.size() + 1))?;
        Ok(one.meets(other))
    }
}

type Index = BTreeMap<Box<str>, Vec<usize>>;

/// Rules, found by what they match and by where they lead.
#[derive(Default)]
pub struct Web {
    rules: Vec<(Pattern, Target)>,
    exact: Index,
    prefixes: Index,
    /// By the folder before the first `*`.
    wildcards: Index,
    /// By the one path that they lead to.
    fixed: Index,
    /// By the beginning of the paths that they lead to.
    gapped: Index,
    /// How long those beginnings are.
    lengths: BTreeSet<usize>,
}

impl Web {
    /// Of two with the same exact path, the first counts.
    pub fn new(rules: impl IntoIterator<Item = (Pattern, Target)>) -> Self {
        let mut web = Web::default();
        for (pattern, target) in rules {
            let i = web.rules.len();
            match pattern.kind {
                Kind::Exact if web.exact.contains_key(pattern.path.as_str()) => continue,
                Kind::Exact => web.exact.entry(pattern.path.as_str().into()).or_default().push(i),
                Kind::Prefix => web.prefixes.entry(pattern.path.as_str().into()).or_default().push(i),
                Kind::Wildcard => web.wildcards.entry(pattern.folder().into()).or_default().push(i),
            }
            for reach in target.reaches(&pattern) {
                match reach {
                    Reach::Path(path) => web.fixed.entry(path.into()).or_default().push(i),
                    Reach::Paths(head, _) => {
                        web.lengths.insert(head.len());
                        web.gapped.entry(head.into()).or_default().push(i);
                    }
                }
            }
            web.rules.push((pattern, target));
        }
        web
    }

    /// The folder, if there is one, in which there would be more wildcards than `most` with these new ones.
    pub fn crowded<'n>(&self, new: &'n Web, most: usize) -> Option<&'n str> {
        let crowded = |folder: &str, new: &[usize], rules: &[Knot]| {
            let added = new.iter().filter(|rule| self.same(&rules[**rule].0).is_none()).count();
            added > 0 && self.wildcards.get(folder).map_or(0, Vec::len) + added > most
        };
        let found = new.wildcards.iter().find(|(folder, rules)| crowded(folder, rules, &new.rules));
        found.map(|(folder, _)| &**folder)
    }

    fn same(&self, pattern: &Pattern) -> Option<usize> {
        let index = match pattern.kind {
            Kind::Exact => self.exact.get(pattern.path.as_str()),
            Kind::Prefix => self.prefixes.get(pattern.path.as_str()),
            Kind::Wildcard => self.wildcards.get(pattern.folder()),
        };
        index?.iter().copied().find(|rule| self.rules[*rule].0 == *pattern)
    }
}

/// Rules that are to be written, among those that stand.
pub struct Weave<'a> {
    new: &'a Web,
    standing: &'a Web,
    /// Those of the standing ones in whose place new ones come.
    replaced: HashSet<usize>,
    work: Work,
}

impl<'a> Weave<'a> {
    pub fn new(new: &'a Web, standing: &'a Web, work: Work) -> Self {
        let replaced = new.rules.iter().filter_map(|(pattern, _)| standing.same(pattern)).collect();
        Weave { new, standing, replaced, work }
    }

    /// The first new rule that leads to another one or to itself, or to which a standing one leads.
    pub fn tangle(&self) -> Asked<Option<Tangle>> {
        for rule in &self.new.rules {
            if let Some(next) = self.next(rule)? {
                return self.tangled(rule, next).map(Some);
            }
        }
        let standing = self.strand(self.standing);
        for new in &self.new.rules {
            if let Some(rule) = standing.leading_to(&new.0)? {
                return self.tangled(rule, new).map(Some);
            }
        }
        Ok(None)
    }

    fn tangled(&self, rule: &Knot, next: &Knot) -> Asked<Tangle> {
        let (mut seen, mut here, mut returns) = (HashSet::from([&rule.0]), Some(next), false);
        while let Some(knot) = here.filter(|_| !returns) {
            returns = !seen.insert(&knot.0);
            here = self.next(knot)?;
        }
        Ok(Tangle { rule: rule.0.clone(), next: next.0.clone(), returns })
    }

    /// The rule that matches some destination of this one.
    fn next(&self, (pattern, target): &Knot) -> Asked<Option<&'a Knot>> {
        let (new, standing) = (self.strand(self.new), self.strand(self.standing));
        for reach in target.reaches(pattern) {
            let next = match reach {
                Reach::Path(path) => new.at(&path)?.or(standing.at(&path)?),
                Reach::Paths(head, paths) => match new.among(&head, &paths)? {
                    Some(next) => Some(next),
                    None => standing.among(&head, &paths)?,
                },
            };
            if next.is_some() {
                return Ok(next);
            }
        }
        Ok(None)
    }

    fn strand<'s>(&'s self, web: &'a Web) -> Strand<'s, 'a> {
        let replaced = std::ptr::eq(web, self.standing).then_some(&self.replaced);
        Strand { web, replaced, work: &self.work }
    }
}

type Knot = (Pattern, Target);

/// The new rules, or those of the standing ones that stay.
struct Strand<'s, 'a> {
    web: &'a Web,
    replaced: Option<&'s HashSet<usize>>,
    work: &'s Work,
}

impl<'a> Strand<'_, 'a> {
    /// The first of the candidates that stays and of which `test` is true.
    fn first(
        &self,
        candidates: impl Iterator<Item = &'a usize>,
        test: impl Fn(&Knot) -> Asked<bool>,
    ) -> Asked<Option<&'a Knot>> {
        for rule in candidates {
            self.work.spend(1)?;
            let knot = &self.web.rules[*rule];
            if self.replaced.is_none_or(|replaced| !replaced.contains(rule)) && test(knot)? {
                return Ok(Some(knot));
            }
        }
        Ok(None)
    }

    /// The rule that matches a path.
    fn at(&self, path: &str) -> Asked<Option<&'a Knot>> {
        let web = self.web;
        let exact = web.exact.get(path).into_iter().flatten();
        let prefixes = folders(path).filter_map(|folder| web.prefixes.get(folder)).flatten();
        let found = self.first(exact.chain(prefixes), |_| Ok(true))?;
        let wildcards = folders(path).filter_map(|folder| web.wildcards.get(folder)).flatten();
        match found {
            Some(rule) => Ok(Some(rule)),
            None => self.first(wildcards, |(pattern, _)| {
                self.work.spend(path.len())?;
                Ok(matches(pattern, path))
            }),
        }
    }

    /// A rule that matches some of these paths.
    fn among(&self, head: &str, paths: &Glob) -> Asked<Option<&'a Knot>> {
        let web = self.web;
        let prefixes = folders(head).filter_map(|folder| web.prefixes.get(folder)).flatten();
        let wildcards = folders(head).filter_map(|folder| web.wildcards.get(folder)).flatten();
        let candidates = prefixes
            .chain(beginning(&web.prefixes, head))
            .chain(beginning(&web.exact, head))
            .chain(wildcards)
            .chain(beginning(&web.wildcards, head));
        self.first(candidates, |(pattern, _)| self.any(&of_pattern(pattern), paths))
    }

    /// A rule that leads to some path that the pattern matches.
    fn leading_to(&self, pattern: &Pattern) -> Asked<Option<&'a Knot>> {
        let (web, own) = (self.web, of_pattern(pattern));
        let head = pattern.path.split('*').next().unwrap_or_default();
        let below = format!("{head}/");
        let itself = web.fixed.get(head).into_iter().flatten();
        let fixed = match pattern.kind {
            Kind::Exact => self.first(itself, |_| Ok(true))?,
            Kind::Prefix => self.first(itself.chain(beginning(&web.fixed, &below)), |_| Ok(true))?,
            Kind::Wildcard => self.first(beginning(&web.fixed, head), |(source, target)| {
                self.some(target.reaches(source), |reach| match reach {
                    Reach::Path(path) => {
                        self.work.spend(path.len())?;
                        Ok(matches(pattern, path))
                    }
                    Reach::Paths(..) => Ok(false),
                })
            })?,
        };
        if fixed.is_some() {
            return Ok(fixed);
        }
        let shorter = web.lengths.range(..head.len()).filter_map(|length| head.get(..*length));
        let shorter = shorter.filter_map(|start| web.gapped.get(start)).flatten();
        self.first(shorter.chain(beginning(&web.gapped, head)), |(source, target)| {
            self.some(target.reaches(source), |reach| match reach {
                Reach::Path(_) => Ok(false),
                Reach::Paths(_, paths) => self.any(&own, paths),
            })
        })
    }

    fn some(&self, reaches: Vec<Reach>, test: impl Fn(&Reach) -> Asked<bool>) -> Asked<bool> {
        for reach in &reaches {
            if test(reach)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn any(&self, own: &[Glob], paths: &Glob) -> Asked<bool> {
        for own in own {
            if self.work.meet(own, paths)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The path and all that it lies in, the deepest first.
fn folders(path: &str) -> impl Iterator<Item = &str> {
    std::iter::once(path).chain(path.rmatch_indices('/').map(|(slash, _)| &path[..slash]))
}

/// The rules whose keys begin with `head`.
fn beginning<'a, 'h>(index: &'a Index, head: &'h str) -> impl Iterator<Item = &'a usize> + use<'a, 'h> {
    let from = (Bound::Included(head), Bound::Unbounded);
    let found = index.range::<str, _>(from).take_while(move |(key, _)| key.starts_with(head));
    found.flat_map(|(_, rules)| rules)
}

#[cfg(test)]
#[path = "web_tests.rs"]
mod tests;
