//! An immutable index of all rules: one hash lookup for exact paths, a tree of segments for prefixes and
//! wildcards. A change of rules replaces the snapshot, so requests read it without a lock.
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use foldhash::fast::RandomState;
use uuid::Uuid;

use super::{
    destination::{Destination, RedirectHosts},
    path::{Kind, MAX_DEPTH, MAX_STARS, Pattern, canonical},
    rules::RuleContext,
};

type Map<T> = HashMap<Box<str>, T, RandomState>;

/// A rule without the columns that only the API shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub id: Uuid,
    pub pattern: Pattern,
    pub destination: String,
    pub permanent: bool,
    pub starts_at: Option<i64>,
    pub ends_at: Option<i64>,
}

/// A former path of a post or document, and its current path.
pub type Alias = (String, String);

/// The redirect of a path at one time.
#[derive(Debug, PartialEq, Eq)]
pub struct RedirectMatch {
    pub location: String,
    pub permanent: bool,
    /// When the rule ends, in milliseconds; `None` if it has no end.
    pub ends_at: Option<i64>,
}

/// The effect of a rule whose pattern has matched.
pub(super) struct Action {
    destination: Destination,
    permanent: bool,
    starts_at: Option<i64>,
    ends_at: Option<i64>,
    /// The id of the rule; `None` for an alias.
    pub(super) rule: Option<Uuid>,
    /// `None` for aliases, which are not counted.
    hits: Option<Arc<AtomicU64>>,
}

struct Wildcard {
    /// The text before, between and after the `*`.
    literals: Vec<Box<str>>,
    /// Whether the last `*` matches the rest of the path, slashes included.
    matches_rest: bool,
    action: Action,
}

#[derive(Default)]
struct Node {
    children: Map<Box<Node>>,
    prefix: Option<Action>,
    /// In order of precedence: those with the most literal text first.
    wildcards: Vec<Wildcard>,
}

/// The rules at one time.
#[derive(Default)]
pub struct Snapshot {
    exact: Map<Box<Action>>,
    tree: Node,
    /// The number of redirects by each rule since the last [`Snapshot::take_counts`].
    counts: HashMap<Uuid, Arc<AtomicU64>, RandomState>,
    /// The ids of the rules without effect, regardless of their dates.
    inactive: HashSet<Uuid, RandomState>,
    /// The sources of rules without effect because their host is no longer allowed.
    pub disallowed: Vec<String>,
    /// The sources of rules without effect because they would form a cycle.
    pub cycles: Vec<String>,
    /// The length of the longest sequence of redirects.
    pub(super) longest: usize,
}

impl Snapshot {
    /// Builds the snapshot of these rules and of the aliases of content. It shares the hit counters with the
    /// previous snapshot `before`, so that no hit is lost when a snapshot is replaced.
    pub fn build(
        rules: &[Rule],
        aliases: &[Alias],
        context: &RuleContext,
        before: Option<&Snapshot>,
    ) -> Self {
        let mut snapshot = Self::index(rules.iter(), aliases, &context.hosts, before);
        snapshot.break_cycles(rules, &context.operations);
        snapshot
    }

    /// Builds the snapshot without the check for cycles.
    pub(super) fn index<'r>(
        rules: impl Iterator<Item = &'r Rule>,
        aliases: &[Alias],
        hosts: &RedirectHosts,
        before: Option<&Snapshot>,
    ) -> Self {
        let mut snapshot = Snapshot::default();
        snapshot.exact.reserve(rules.size_hint().0 + aliases.len());
        for (path, destination) in aliases {
            let Some(path) = canonical(path) else { continue };
            let source = Pattern { kind: Kind::Exact, path: path.into_owned() };
            if let Ok(destination) = Destination::parse(destination, &source, hosts) {
                let (starts_at, ends_at) = (None, None);
                let action =
                    Action { destination, permanent: true, starts_at, ends_at, rule: None, hits: None };
                snapshot.exact.insert(source.path.into(), Box::new(action));
            }
        }
        for rule in rules {
            let Ok(destination) = Destination::parse(&rule.destination, &rule.pattern, hosts) else {
                snapshot.inactive.insert(rule.id);
                snapshot.disallowed.push(rule.pattern.text());
                continue;
            };
            let hits = before.and_then(|before| before.counts.get(&rule.id)).cloned().unwrap_or_default();
            snapshot.counts.insert(rule.id, hits.clone());
            let Rule { permanent, starts_at, ends_at, .. } = *rule;
            let (hits, rule_id) = (Some(hits), Some(rule.id));
            let action = Action { destination, permanent, starts_at, ends_at, rule: rule_id, hits };
            snapshot.add(&rule.pattern, action);
        }
        snapshot.tree.sort();
        snapshot
    }

    fn add(&mut self, pattern: &Pattern, action: Action) {
        match pattern.kind {
            Kind::Exact => {
                self.exact.insert(pattern.path.as_str().into(), Box::new(action));
            }
            Kind::Prefix => self.tree.node(&pattern.path).prefix = Some(action),
            Kind::Wildcard => {
                self.tree.node(pattern.folder()).wildcards.push(Wildcard::new(pattern, action));
            }
        }
    }

    /// Returns whether a rule has no effect, regardless of its dates.
    pub fn is_inactive(&self, rule: Uuid) -> bool {
        self.inactive.contains(&rule)
    }

    /// Removes a rule that would form a cycle.
    pub(super) fn deactivate(&mut self, rule: &Rule) {
        self.inactive.insert(rule.id);
        self.cycles.push(rule.pattern.text());
        let pattern = &rule.pattern;
        match pattern.kind {
            Kind::Exact => drop(self.exact.remove(pattern.path.as_str())),
            Kind::Prefix => self.tree.node(&pattern.path).prefix = None,
            Kind::Wildcard => {
                let wildcards = &mut self.tree.node(pattern.folder()).wildcards;
                wildcards
                    .retain(|wildcard| !pattern.path.split('*').eq(wildcard.literals.iter().map(|p| &**p)));
            }
        }
    }

    /// Returns the number of wildcards in the folder of a pattern.
    pub(super) fn count_wildcards(&mut self, pattern: &Pattern) -> usize {
        self.tree.node(pattern.folder()).wildcards.len()
    }

    /// Returns whether an exact path has a rule whose destination is the path itself.
    pub(super) fn redirects_to_itself(&self, path: &str) -> bool {
        self.exact.get(path).is_some_and(|action| {
            let location = action.destination.fill(&[], None).unwrap_or_default();
            canonical(action.local_path(&location)).is_some_and(|target| target == path)
        })
    }

    /// Returns the redirect of a path, and counts the hit.
    pub fn find(&self, path: &str, query: Option<&str>, now: i64) -> Option<RedirectMatch> {
        let path = canonical(path)?;
        let lookup = Lookup { path: &path, query, now };
        self.find_first(&path, None, &|action, captures| action.follow(captures, &lookup))
    }

    /// Calls `visit` with each action that matches the canonical path and with its captures, in order of
    /// precedence. Returns the first result that is `Some`. The exact rules of `added` replace those of this
    /// snapshot with the same path.
    pub(super) fn find_first<T>(
        &self,
        path: &str,
        added: Option<&Snapshot>,
        visit: &impl Fn(&Action, &[&str]) -> Option<T>,
    ) -> Option<T> {
        let below = path.strip_prefix('/')?;
        let action = added.and_then(|added| added.exact.get(path)).or_else(|| self.exact.get(path));
        let exact = action.and_then(|action| visit(action, &[]));
        exact.or_else(|| self.tree.find_first(below, path, visit))
    }

    /// Returns the counts of up to `max` rules with hits, and resets them to 0.
    pub fn take_counts(&self, max: usize) -> Vec<(Uuid, u64)> {
        let counted = self.counts.iter().filter(|(_, hits)| hits.load(Ordering::Relaxed) > 0);
        counted.take(max).map(|(id, hits)| (*id, hits.swap(0, Ordering::Relaxed))).collect()
    }

    /// Adds the counts that could not be stored to the counters again.
    pub fn restore_counts(&self, counts: &[(Uuid, u64)]) {
        for (id, count) in counts {
            if let Some(hits) = self.counts.get(id) {
                hits.fetch_add(*count, Ordering::Relaxed);
            }
        }
    }
}

/// The request to look up.
struct Lookup<'a> {
    path: &'a str,
    query: Option<&'a str>,
    now: i64,
}

impl Action {
    fn follow(&self, captures: &[&str], lookup: &Lookup<'_>) -> Option<RedirectMatch> {
        let early = self.starts_at.is_some_and(|start| lookup.now < start);
        let late = self.ends_at.is_some_and(|end| lookup.now >= end);
        if early || late {
            return None;
        }
        let location = self.location(captures, lookup.path, lookup.query)?;
        if let Some(hits) = &self.hits {
            hits.fetch_add(1, Ordering::Relaxed);
        }
        Some(RedirectMatch { location, permanent: self.permanent, ends_at: self.ends_at })
    }

    /// Returns the location that a path is redirected to, regardless of dates; `None` if it is the path
    /// itself.
    pub(super) fn location(&self, captures: &[&str], path: &str, query: Option<&str>) -> Option<String> {
        let location = self.destination.fill(captures, query)?;
        let target = canonical(self.destination.local_path(&location))?;
        (target != path).then_some(location)
    }

    /// Returns [`Destination::local_path`] of the destination.
    pub(super) fn local_path<'a>(&self, location: &'a str) -> &'a str {
        self.destination.local_path(location)
    }

    /// Returns whether the rule applies at all times.
    pub(super) fn is_undated(&self) -> bool {
        self.starts_at.is_none() && self.ends_at.is_none()
    }
}

impl Node {
    /// Returns the node of a folder, and creates it if it is missing.
    fn node(&mut self, folder: &str) -> &mut Node {
        let segments = folder.split('/').filter(|segment| !segment.is_empty());
        segments.fold(self, |node, segment| node.children.entry(segment.into()).or_default())
    }

    fn sort(&mut self) {
        let length = |wildcard: &Wildcard| wildcard.literals.iter().map(|text| text.len()).sum::<usize>();
        self.wildcards.sort_by(|a, b| length(b).cmp(&length(a)).then_with(|| a.literals.cmp(&b.literals)));
        self.children.values_mut().for_each(|node| node.sort());
    }

    /// Calls `visit` for the prefixes from the longest to the shortest, then for the wildcards from the
    /// deepest folder up. Returns the first result that is `Some`.
    fn find_first<T>(
        &self,
        below: &str,
        path: &str,
        visit: &impl Fn(&Action, &[&str]) -> Option<T>,
    ) -> Option<T> {
        let mut passed = [(self, Some(below)); MAX_DEPTH];
        let mut count = 1;
        let (mut node, mut left) = (self, Some(below));
        while let Some(rest) = left
            && count < MAX_DEPTH
        {
            let end = rest.bytes().position(|byte| byte == b'/').unwrap_or(rest.len());
            let Some(next) = node.children.get(&rest[..end]) else { break };
            (node, left) = (next, rest.get(end + 1..));
            passed[count] = (node, left);
            count += 1;
        }
        let passed = || passed[..count].iter().rev();
        let prefix = passed().find_map(|(node, left)| {
            let action = node.prefix.as_ref()?;
            visit(action, &[left.unwrap_or_default()])
        });
        prefix.or_else(|| {
            passed().flat_map(|(node, _)| &node.wildcards).find_map(|wildcard| {
                let (captures, count) = wildcard.captures(path)?;
                visit(&wildcard.action, &captures[..count])
            })
        })
    }
}

impl Wildcard {
    fn new(pattern: &Pattern, action: Action) -> Self {
        let literals: Vec<Box<str>> = pattern.path.split('*').map(Box::from).collect();
        let matches_rest = pattern.matches_rest(literals.len().saturating_sub(2));
        Wildcard { literals, matches_rest, action }
    }

    fn captures<'a>(&self, path: &'a str) -> Option<([&'a str; MAX_STARS], usize)> {
        captures(&self.literals, self.matches_rest, path)
    }
}

/// Returns the text that each `*` between the literals matches, and the number of `*`. Each matches at least
/// one character, and no slash unless it is the last `*` of a pattern that matches the rest of the path.
fn captures<'a>(
    literals: &[Box<str>],
    matches_rest: bool,
    path: &'a str,
) -> Option<([&'a str; MAX_STARS], usize)> {
    let mut captures = [""; MAX_STARS];
    let (first, others) = literals.split_first()?;
    let mut left = path.strip_prefix(&**first)?;
    for (i, literal) in others.iter().enumerate() {
        let last = i + 1 == others.len();
        let one = left.chars().next()?.len_utf8();
        let part = if last {
            left.strip_suffix(&**literal)?
        } else {
            // Only the first occurrence is tried, because a later one leaves less text for the following
            // literals. Without backtracking, the cost is linear.
            &left[..one + left[one..].find(&**literal)?]
        };
        if part.is_empty() || (part.contains('/') && !(last && matches_rest)) {
            return None;
        }
        *captures.get_mut(i)? = part;
        left = left.get(part.len() + literal.len()..)?;
    }
    Some((captures, others.len()))
}

#[cfg(test)]
#[path = "snapshot_tests.rs"]
mod tests;
