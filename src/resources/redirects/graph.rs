//! The graph of redirect rules, and the check for chains and cycles. A destination that is itself redirected
//! costs every client a second request; a destination that redirects back never ends.
use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet, HashSet},
    ops::Bound,
};

use super::{
    destination::{Destination, Targets},
    path::{Kind, Pattern},
    path_set::{PathSet, path_sets},
    snapshot::matches,
};

/// A rule whose destination another rule matches.
#[derive(Debug, PartialEq, Eq)]
pub struct Chain {
    pub rule: Pattern,
    pub next: Pattern,
    /// Whether the chain returns to a rule that was followed before.
    pub is_cycle: bool,
}

/// The comparison needs more steps than one write may use.
#[derive(Debug, PartialEq, Eq)]
pub struct LimitExceeded;

type Limited<T> = Result<T, LimitExceeded>;

/// The number of comparison steps that are left.
pub struct WorkLimit(Cell<usize>);

impl WorkLimit {
    pub fn new(steps: usize) -> Self {
        WorkLimit(Cell::new(steps))
    }

    fn spend(&self, steps: usize) -> Limited<()> {
        self.0.set(self.0.get().checked_sub(steps).ok_or(LimitExceeded)?);
        Ok(())
    }

    fn intersects(&self, one: &PathSet, other: &PathSet) -> Limited<bool> {
        self.spend((one.size() + 1) * (other.size() + 1))?;
        Ok(one.intersects(other))
    }
}

/// Positions in [`Graph::edges`] by path.
type Index = BTreeMap<Box<str>, Vec<usize>>;

/// Rules, indexed by the paths that they match and by the paths that they redirect to.
#[derive(Default)]
pub struct Graph {
    edges: Vec<Edge>,
    exact: Index,
    prefixes: Index,
    /// By the folder before the first `*`.
    wildcards: Index,
    /// By the only path that the rule redirects to.
    fixed: Index,
    /// By the text before the first gap of the destination.
    gapped: Index,
    /// The lengths of the keys of `gapped`.
    lengths: BTreeSet<usize>,
}

impl Graph {
    /// Builds a graph. Of two rules with the same exact path, the first has precedence.
    pub fn new(rules: impl IntoIterator<Item = Edge>) -> Self {
        let mut graph = Graph::default();
        for (pattern, destination) in rules {
            let i = graph.edges.len();
            match pattern.kind {
                Kind::Exact if graph.exact.contains_key(pattern.path.as_str()) => continue,
                Kind::Exact => graph.exact.entry(pattern.path.as_str().into()).or_default().push(i),
                Kind::Prefix => graph.prefixes.entry(pattern.path.as_str().into()).or_default().push(i),
                Kind::Wildcard => graph.wildcards.entry(pattern.folder().into()).or_default().push(i),
            }
            for targets in destination.targets(&pattern) {
                match targets {
                    Targets::Path(path) => graph.fixed.entry(path.into()).or_default().push(i),
                    Targets::Paths(head, _) => {
                        graph.lengths.insert(head.len());
                        graph.gapped.entry(head.into()).or_default().push(i);
                    }
                }
            }
            graph.edges.push((pattern, destination));
        }
        graph
    }

    /// Returns a folder that would have more than `max` wildcard sources with the new rules, if there is one.
    pub fn overfull_folder<'n>(&self, new: &'n Graph, max: usize) -> Option<&'n str> {
        let overfull = |folder: &str, new: &[usize], edges: &[Edge]| {
            let added = new.iter().filter(|i| self.position(&edges[**i].0).is_none()).count();
            added > 0 && self.wildcards.get(folder).map_or(0, Vec::len) + added > max
        };
        let found = new.wildcards.iter().find(|(folder, rules)| overfull(folder, rules, &new.edges));
        found.map(|(folder, _)| &**folder)
    }

    fn position(&self, pattern: &Pattern) -> Option<usize> {
        let index = match pattern.kind {
            Kind::Exact => self.exact.get(pattern.path.as_str()),
            Kind::Prefix => self.prefixes.get(pattern.path.as_str()),
            Kind::Wildcard => self.wildcards.get(pattern.folder()),
        };
        index?.iter().copied().find(|i| self.edges[*i].0 == *pattern)
    }
}

/// The check of new rules against each other and against the existing rules.
pub struct ChainCheck<'a> {
    new: &'a Graph,
    existing: &'a Graph,
    /// Positions of the existing rules that new rules replace.
    replaced: HashSet<usize>,
    work: WorkLimit,
}

impl<'a> ChainCheck<'a> {
    pub fn new(new: &'a Graph, existing: &'a Graph, work: WorkLimit) -> Self {
        let replaced = new.edges.iter().filter_map(|(pattern, _)| existing.position(pattern)).collect();
        ChainCheck { new, existing, replaced, work }
    }

    /// Returns the first new rule whose destination a rule matches, or the first existing rule whose
    /// destination a new rule matches.
    pub fn find_chain(&self) -> Limited<Option<Chain>> {
        for edge in &self.new.edges {
            if let Some(next) = self.next(edge)? {
                return self.chain(edge, next).map(Some);
            }
        }
        let existing = self.view(self.existing);
        for new in &self.new.edges {
            if let Some(edge) = existing.pointing_to(&new.0)? {
                return self.chain(edge, new).map(Some);
            }
        }
        Ok(None)
    }

    fn chain(&self, edge: &Edge, next: &Edge) -> Limited<Chain> {
        let (mut seen, mut current, mut is_cycle) = (HashSet::from([&edge.0]), Some(next), false);
        while let Some(edge) = current.filter(|_| !is_cycle) {
            is_cycle = !seen.insert(&edge.0);
            current = self.next(edge)?;
        }
        Ok(Chain { rule: edge.0.clone(), next: next.0.clone(), is_cycle })
    }

    /// Returns a rule that matches some target of this rule.
    fn next(&self, (pattern, destination): &Edge) -> Limited<Option<&'a Edge>> {
        let (new, existing) = (self.view(self.new), self.view(self.existing));
        for targets in destination.targets(pattern) {
            let next = match targets {
                Targets::Path(path) => new.matching(&path)?.or(existing.matching(&path)?),
                Targets::Paths(head, paths) => match new.matching_any(&head, &paths)? {
                    Some(next) => Some(next),
                    None => existing.matching_any(&head, &paths)?,
                },
            };
            if next.is_some() {
                return Ok(next);
            }
        }
        Ok(None)
    }

    fn view<'s>(&'s self, graph: &'a Graph) -> GraphView<'s, 'a> {
        let replaced = std::ptr::eq(graph, self.existing).then_some(&self.replaced);
        GraphView { graph, replaced, work: &self.work }
    }
}

type Edge = (Pattern, Destination);

/// The new rules, or the existing rules without those that are replaced.
struct GraphView<'s, 'a> {
    graph: &'a Graph,
    replaced: Option<&'s HashSet<usize>>,
    work: &'s WorkLimit,
}

impl<'a> GraphView<'_, 'a> {
    /// Returns the first candidate that is not replaced and for which `test` returns true.
    fn first(
        &self,
        candidates: impl Iterator<Item = &'a usize>,
        test: impl Fn(&Edge) -> Limited<bool>,
    ) -> Limited<Option<&'a Edge>> {
        for i in candidates {
            self.work.spend(1)?;
            let edge = &self.graph.edges[*i];
            if self.replaced.is_none_or(|replaced| !replaced.contains(i)) && test(edge)? {
                return Ok(Some(edge));
            }
        }
        Ok(None)
    }

    /// Returns the rule that matches a path.
    fn matching(&self, path: &str) -> Limited<Option<&'a Edge>> {
        let graph = self.graph;
        let exact = graph.exact.get(path).into_iter().flatten();
        let prefixes = ancestors(path).filter_map(|folder| graph.prefixes.get(folder)).flatten();
        let found = self.first(exact.chain(prefixes), |_| Ok(true))?;
        let wildcards = ancestors(path).filter_map(|folder| graph.wildcards.get(folder)).flatten();
        match found {
            Some(edge) => Ok(Some(edge)),
            None => self.first(wildcards, |(pattern, _)| {
                self.work.spend(path.len())?;
                Ok(matches(pattern, path))
            }),
        }
    }

    /// Returns a rule that matches at least one of these paths, all of which begin with `head`.
    fn matching_any(&self, head: &str, paths: &PathSet) -> Limited<Option<&'a Edge>> {
        let graph = self.graph;
        let prefixes = ancestors(head).filter_map(|folder| graph.prefixes.get(folder)).flatten();
        let wildcards = ancestors(head).filter_map(|folder| graph.wildcards.get(folder)).flatten();
        let candidates = prefixes
            .chain(with_prefix(&graph.prefixes, head))
            .chain(with_prefix(&graph.exact, head))
            .chain(wildcards)
            .chain(with_prefix(&graph.wildcards, head));
        self.first(candidates, |(pattern, _)| self.any_intersects(&path_sets(pattern), paths))
    }

    /// Returns a rule that redirects to at least one path that the pattern matches.
    fn pointing_to(&self, pattern: &Pattern) -> Limited<Option<&'a Edge>> {
        let (graph, sources) = (self.graph, path_sets(pattern));
        let head = pattern.path.split('*').next().unwrap_or_default();
        let below = format!("{head}/");
        let at_head = graph.fixed.get(head).into_iter().flatten();
        let fixed = match pattern.kind {
            Kind::Exact => self.first(at_head, |_| Ok(true))?,
            Kind::Prefix => self.first(at_head.chain(with_prefix(&graph.fixed, &below)), |_| Ok(true))?,
            Kind::Wildcard => self.first(with_prefix(&graph.fixed, head), |(source, destination)| {
                self.any_target(destination.targets(source), |targets| match targets {
                    Targets::Path(path) => {
                        self.work.spend(path.len())?;
                        Ok(matches(pattern, path))
                    }
                    Targets::Paths(..) => Ok(false),
                })
            })?,
        };
        if fixed.is_some() {
            return Ok(fixed);
        }
        let shorter = graph.lengths.range(..head.len()).filter_map(|length| head.get(..*length));
        let shorter = shorter.filter_map(|start| graph.gapped.get(start)).flatten();
        self.first(shorter.chain(with_prefix(&graph.gapped, head)), |(source, destination)| {
            self.any_target(destination.targets(source), |targets| match targets {
                Targets::Path(_) => Ok(false),
                Targets::Paths(_, paths) => self.any_intersects(&sources, paths),
            })
        })
    }

    fn any_target(&self, all: Vec<Targets>, test: impl Fn(&Targets) -> Limited<bool>) -> Limited<bool> {
        for targets in &all {
            if test(targets)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn any_intersects(&self, sources: &[PathSet], paths: &PathSet) -> Limited<bool> {
        for source in sources {
            if self.work.intersects(source, paths)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Returns the path and its ancestor folders, the deepest first.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::once(path).chain(path.rmatch_indices('/').map(|(slash, _)| &path[..slash]))
}

/// Returns the rules whose keys begin with `head`.
fn with_prefix<'a, 'h>(index: &'a Index, head: &'h str) -> impl Iterator<Item = &'a usize> + use<'a, 'h> {
    let from = (Bound::Included(head), Bound::Unbounded);
    let found = index.range::<str, _>(from).take_while(move |(key, _)| key.starts_with(head));
    found.flat_map(|(_, rules)| rules)
}

#[cfg(test)]
#[path = "graph_tests.rs"]
mod tests;
