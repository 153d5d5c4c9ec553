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
    action::{Action, Lookup, RedirectMatch, RedirectRequest},
    destination::Destination,
    hosts::{RedirectHosts, ascii_host},
    path::canonical,
    rules::RuleContext,
    source::{Kind, Pattern},
    status::RedirectStatus,
    tree::Tree,
};

type Map<T> = HashMap<Box<str>, T, RandomState>;

/// A rule without the columns that only the API shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub id: Uuid,
    pub pattern: Pattern,
    pub destination: String,
    pub status: RedirectStatus,
    /// Whether the destination may be on any host.
    pub external: bool,
    pub starts_at: Option<i64>,
    pub ends_at: Option<i64>,
}

/// A former path of a post or document, and its current path.
pub type Alias = (String, String);

/// The rules of one host, or those for all hosts.
#[derive(Default)]
struct RuleIndex {
    exact: Map<Box<Action>>,
    tree: Tree<Box<Action>>,
}

/// The rules at one time.
#[derive(Default)]
pub struct Snapshot {
    /// The rules for all hosts.
    general: RuleIndex,
    /// The rules of single hosts, which precede those for all hosts.
    hosts: Map<RuleIndex>,
    own_host: Option<String>,
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
    /// Whether a rule has conditions.
    pub(super) has_conditions: bool,
}

/// The result of a lookup.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub redirect: Option<RedirectMatch>,
    /// Whether the result depends on the languages that the client accepts.
    pub by_language: bool,
    /// Whether the result depends on the country of the client.
    pub by_country: bool,
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
        let mut snapshot = Snapshot { own_host: hosts.own().map(str::to_owned), ..Snapshot::default() };
        snapshot.general.exact.reserve(rules.size_hint().0 + aliases.len());
        for (path, destination) in aliases {
            let Some(path) = canonical(path) else { continue };
            let source = Pattern::exact(path.into_owned());
            if let Ok(destination) = Destination::parse(destination, &source, hosts, false) {
                snapshot.general.add(&source, Action::new(destination, RedirectStatus::Permanent));
            }
        }
        for rule in rules {
            let destination = Destination::parse(&rule.destination, &rule.pattern, hosts, rule.external);
            let Ok(destination) = destination else {
                snapshot.inactive.insert(rule.id);
                snapshot.disallowed.push(rule.pattern.text());
                continue;
            };
            let hits = before.and_then(|before| before.counts.get(&rule.id)).cloned().unwrap_or_default();
            snapshot.counts.insert(rule.id, hits.clone());
            let mut action = Action::new(destination, rule.status);
            (action.starts_at, action.ends_at) = (rule.starts_at, rule.ends_at);
            action.conditions.clone_from(&rule.pattern.conditions);
            (action.rule, action.hits) = (Some(rule.id), Some(hits));
            snapshot.has_conditions |= action.conditions.is_some();
            snapshot.rules_of(&rule.pattern).add(&rule.pattern, action);
        }
        snapshot
    }

    fn rules_of(&mut self, pattern: &Pattern) -> &mut RuleIndex {
        match pattern.host() {
            None => &mut self.general,
            Some(host) => self.hosts.entry(host.name.as_str().into()).or_default(),
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
        self.rules_of(&rule.pattern).remove(rule);
    }

    /// Returns the largest number of sources with literal text beside a capture in one folder of a pattern.
    pub(super) fn count_globs(&self, pattern: &Pattern) -> usize {
        let rules = match pattern.host() {
            None => Some(&self.general),
            Some(host) => self.hosts.get(host.name.as_str()),
        };
        rules.map_or(0, |rules| rules.tree.count_globs(&pattern.segments()))
    }

    pub(super) fn own_host(&self) -> Option<&str> {
        self.own_host.as_deref()
    }

    /// Returns whether there are rules for this host.
    pub(super) fn has_host(&self, host: &str) -> bool {
        self.hosts.contains_key(host)
    }

    /// Returns the redirect of a request, and counts the hit.
    pub fn find(&self, request: &RedirectRequest<'_>) -> Found {
        let Some(path) = canonical(request.path) else { return Found::default() };
        let lookup = Lookup::new(request, &path);
        let host = request.host.filter(|_| !self.hosts.is_empty());
        let host = host.and_then(|host| ascii_host(request.is_https, host)).map(|(host, _)| host);
        let redirect = self.find_chain((host.as_deref(), &path), None, &mut |chain, captures| {
            chain.follow(captures, &lookup)
        });
        Found { redirect, by_language: lookup.by_language.get(), by_country: lookup.by_country() }
    }

    /// Calls `visit` with each chain of actions that matches the canonical path on the host, and with its
    /// captures, in order of precedence. Returns the first result that is `Some`. The exact rules of `added`
    /// replace those of this snapshot with the same path.
    pub(super) fn find_chain<T>(
        &self,
        (host, path): (Option<&str>, &str),
        added: Option<&Snapshot>,
        visit: &mut impl FnMut(&Action, &[&str]) -> Option<T>,
    ) -> Option<T> {
        let below = path.strip_prefix('/')?;
        let of_host = host.and_then(|host| self.hosts.get(host));
        if let Some(found) = of_host.and_then(|rules| rules.find_chain(path, below, None, visit)) {
            return Some(found);
        }
        self.general.find_chain(path, below, added.map(|added| &added.general), visit)
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

impl RuleIndex {
    fn add(&mut self, pattern: &Pattern, action: Action) {
        if pattern.kind != Kind::Exact {
            return Action::insert(self.tree.slot(pattern.segments()), action);
        }
        let path = pattern.literal_path();
        let mut chain = self.exact.remove(&*path);
        Action::insert(&mut chain, action);
        self.exact.extend(chain.map(|chain| (path.into(), chain)));
    }

    fn remove(&mut self, rule: &Rule) {
        if rule.pattern.kind != Kind::Exact {
            return Action::remove(self.tree.slot(rule.pattern.segments()), rule.id);
        }
        let path = rule.pattern.literal_path();
        let mut chain = self.exact.remove(&*path);
        Action::remove(&mut chain, rule.id);
        self.exact.extend(chain.map(|chain| (path.into(), chain)));
    }

    fn find_chain<T>(
        &self,
        path: &str,
        below: &str,
        added: Option<&RuleIndex>,
        visit: &mut impl FnMut(&Action, &[&str]) -> Option<T>,
    ) -> Option<T> {
        let chain = added.and_then(|added| added.exact.get(path)).or_else(|| self.exact.get(path));
        let found = chain.and_then(|chain| visit(chain, &[]));
        found.or_else(|| self.tree.find_first(below, &mut |chain, captures| visit(chain, captures)))
    }
}

#[cfg(test)]
#[path = "snapshot_tests.rs"]
mod tests;
