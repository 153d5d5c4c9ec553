//! All rules as they are asked: one probe for exact paths, a walk along the segments for the others. It is
//! never changed, only replaced as a whole.
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use foldhash::fast::RandomState;
use uuid::Uuid;

use super::{
    others::is_others,
    path::{DEEPEST, Kind, Pattern, STARS, canonical, vital},
    target::{Sites, Target},
};

type Map<T> = HashMap<Box<str>, T, RandomState>;

/// A rule, as far as acting on it needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub id: Uuid,
    pub pattern: Pattern,
    pub destination: String,
    pub permanent: bool,
    pub starts_at: Option<i64>,
    pub ends_at: Option<i64>,
}

/// Addresses that content had before, each with the path where it is now.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Former {
    pub aliases: Vec<(String, String)>,
    /// Those that posts look after themselves; here they only tell what would go round.
    pub slugs: Vec<(String, String)>,
}

/// Where a path leads at a moment.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    pub location: String,
    pub permanent: bool,
    /// When this ends, if it does.
    pub ends_at: Option<i64>,
}

/// What a rule does once its pattern has matched.
pub(super) struct Way {
    target: Target,
    permanent: bool,
    starts_at: Option<i64>,
    ends_at: Option<i64>,
    hits: Option<Arc<AtomicU64>>,
}

struct Wildcard {
    pieces: Vec<Box<str>>,
    /// The last `*` takes everything that is left.
    rest: bool,
    way: Way,
}

#[derive(Default)]
struct Node {
    below: Map<Box<Node>>,
    prefix: Option<Way>,
    /// Those with the most letters first.
    wildcards: Vec<Wildcard>,
}

/// The rules of one moment.
#[derive(Default)]
pub struct Snapshot {
    exact: Map<Box<Way>>,
    tree: Node,
    /// How often each rule was followed since this was last asked for.
    counts: HashMap<Uuid, Arc<AtomicU64>, RandomState>,
    /// The sources of rules that are left out, as their destinations are not allowed any more.
    pub left_out: Vec<String>,
    /// The sources of rules and former addresses that are left out, as they would close a circle.
    pub circles: Vec<String>,
}

impl Snapshot {
    /// The snapshot of these rules and of the former addresses of content; it goes on counting where the one
    /// before is.
    pub fn build(rules: &[Rule], former: &Former, sites: &Sites, before: Option<&Snapshot>) -> Self {
        let mut snapshot = Snapshot::default();
        snapshot.exact.reserve(rules.len() + former.aliases.len());
        for (path, destination) in &former.aliases {
            let Some(path) = canonical(path) else { continue };
            let source = Pattern { kind: Kind::Exact, path: path.into_owned() };
            if let Ok(target) = Target::parse(destination, &source, sites) {
                let way = Way { target, permanent: true, starts_at: None, ends_at: None, hits: None };
                snapshot.exact.insert(source.path.into(), Box::new(way));
            }
        }
        for rule in rules {
            let Ok(target) = Target::parse(&rule.destination, &rule.pattern, sites) else {
                snapshot.left_out.push(rule.pattern.text());
                continue;
            };
            let known = before.and_then(|before| before.counts.get(&rule.id)).cloned();
            let hits = known.unwrap_or_default();
            snapshot.counts.insert(rule.id, hits.clone());
            let Rule { permanent, starts_at, ends_at, .. } = *rule;
            snapshot.add(&rule.pattern, Way { target, permanent, starts_at, ends_at, hits: Some(hits) });
        }
        snapshot.tree.sort();
        snapshot.break_circles(rules, former);
        snapshot
    }

    fn add(&mut self, pattern: &Pattern, way: Way) {
        match pattern.kind {
            Kind::Exact => {
                self.exact.insert(pattern.path.as_str().into(), Box::new(way));
            }
            Kind::Prefix => self.tree.at(&pattern.path).prefix = Some(way),
            Kind::Wildcard => {
                self.tree.at(pattern.folder()).wildcards.push(Wildcard::new(pattern, way));
            }
        }
    }

    /// Whether the rule with this source does not act, whatever its dates.
    pub fn leaves_out(&self, source: &str) -> bool {
        self.left_out.iter().chain(&self.circles).any(|left_out| left_out == source)
    }

    /// Takes a rule out, or the former address at an exact path if no rule has its place.
    pub(super) fn remove(&mut self, pattern: &Pattern, rule: bool) -> bool {
        match pattern.kind {
            Kind::Exact => {
                let same =
                    self.exact.get(pattern.path.as_str()).is_some_and(|way| way.hits.is_some() == rule);
                same && self.exact.remove(pattern.path.as_str()).is_some()
            }
            Kind::Prefix => self.tree.at(&pattern.path).prefix.take().is_some(),
            Kind::Wildcard => {
                let wildcards = &mut self.tree.at(pattern.folder()).wildcards;
                let before = wildcards.len();
                wildcards
                    .retain(|wildcard| !pattern.path.split('*').eq(wildcard.pieces.iter().map(|p| &**p)));
                wildcards.len() < before
            }
        }
    }

    /// Where the path leads now, if it does. The hit is counted.
    pub fn find(&self, path: &str, query: Option<&str>, now: i64) -> Option<Found> {
        let path = canonical(path)?;
        let ask = Ask { path: &path, query, now };
        self.first(&path, &|way, taken| way.follow(taken, &ask))
    }

    /// What the first of the ways gives that gives something, those first that win; with what they take of the
    /// path, which is in canonical spelling.
    pub(super) fn first<T>(&self, path: &str, give: &impl Fn(&Way, &[&str]) -> Option<T>) -> Option<T> {
        let below = path.strip_prefix('/')?;
        let exact = self.exact.get(path).and_then(|way| give(way, &[]));
        exact.or_else(|| self.tree.first(below, path, give))
    }

    /// The rules that were followed since this was asked last, at most `most` of them.
    pub fn take_counts(&self, most: usize) -> Vec<(Uuid, u64)> {
        let taken = self.counts.iter().filter(|(_, hits)| hits.load(Ordering::Relaxed) > 0);
        taken.take(most).map(|(id, hits)| (*id, hits.swap(0, Ordering::Relaxed))).collect()
    }

    /// Gives counts back that could not be kept.
    pub fn give_back(&self, counts: &[(Uuid, u64)]) {
        for (id, count) in counts {
            if let Some(hits) = self.counts.get(id) {
                hits.fetch_add(*count, Ordering::Relaxed);
            }
        }
    }
}

struct Ask<'a> {
    path: &'a str,
    query: Option<&'a str>,
    now: i64,
}

impl Way {
    fn follow(&self, taken: &[&str], ask: &Ask<'_>) -> Option<Found> {
        let early = self.starts_at.is_some_and(|start| ask.now < start);
        let late = self.ends_at.is_some_and(|end| ask.now >= end);
        if early || late {
            return None;
        }
        let location = self.leads(taken, ask.path, ask.query)?;
        if let Some(hits) = &self.hits {
            hits.fetch_add(1, Ordering::Relaxed);
        }
        Some(Found { location, permanent: self.permanent, ends_at: self.ends_at })
    }

    /// The address to which it leads from a path, whenever it does.
    pub(super) fn leads(&self, taken: &[&str], path: &str, query: Option<&str>) -> Option<String> {
        if vital(path) || is_others(path) {
            return None;
        }
        let location = self.target.fill(taken, query)?;
        canonical(self.target.place(&location)).is_some_and(|place| place != path).then_some(location)
    }

    /// The path of such an address, in canonical spelling.
    pub(super) fn place(&self, location: &str) -> Option<String> {
        canonical(self.target.place(location)).map(|place| place.into_owned())
    }

    /// Whether it acts at all times.
    pub(super) fn always(&self) -> bool {
        self.starts_at.is_none() && self.ends_at.is_none()
    }
}

impl Node {
    /// The node of a folder, made if it is not there.
    fn at(&mut self, folder: &str) -> &mut Node {
        let segments = folder.split('/').filter(|segment| !segment.is_empty());
        segments.fold(self, |node, segment| node.below.entry(segment.into()).or_default())
    }

    fn sort(&mut self) {
        let letters = |wildcard: &Wildcard| wildcard.pieces.iter().map(|piece| piece.len()).sum::<usize>();
        self.wildcards.sort_by(|a, b| letters(b).cmp(&letters(a)).then_with(|| a.pieces.cmp(&b.pieces)));
        self.below.values_mut().for_each(|node| node.sort());
    }

    /// What the longest prefix gives that gives something, else the wildcard with the deepest folder.
    fn first<T>(&self, below: &str, path: &str, give: &impl Fn(&Way, &[&str]) -> Option<T>) -> Option<T> {
        let mut passed = [(self, Some(below)); DEEPEST];
        let mut count = 1;
        let (mut node, mut left) = (self, Some(below));
        while let Some(rest) = left
            && count < DEEPEST
        {
            let end = rest.bytes().position(|byte| byte == b'/').unwrap_or(rest.len());
            let Some(next) = node.below.get(&rest[..end]) else { break };
            (node, left) = (next, rest.get(end + 1..));
            passed[count] = (node, left);
            count += 1;
        }
        let passed = || passed[..count].iter().rev();
        let prefix = passed().find_map(|(node, left)| {
            let way = node.prefix.as_ref()?;
            give(way, &[left.unwrap_or_default()])
        });
        prefix.or_else(|| {
            passed().flat_map(|(node, _)| &node.wildcards).find_map(|wildcard| {
                let (taken, count) = wildcard.take(path)?;
                give(&wildcard.way, &taken[..count])
            })
        })
    }
}

impl Wildcard {
    fn new(pattern: &Pattern, way: Way) -> Self {
        let pieces: Vec<Box<str>> = pattern.path.split('*').map(Box::from).collect();
        Wildcard { rest: pattern.takes_rest(pieces.len().saturating_sub(2)), pieces, way }
    }

    fn take<'a>(&self, path: &'a str) -> Option<([&'a str; STARS], usize)> {
        take(&self.pieces, self.rest, path)
    }
}

/// What each `*` between the pieces takes of the path: at least one character, and no slash unless it is the
/// last of a pattern that takes the rest.
fn take<'a>(pieces: &[Box<str>], rest: bool, path: &'a str) -> Option<([&'a str; STARS], usize)> {
    let mut taken = [""; STARS];
    let (first, others) = pieces.split_first()?;
    let mut left = path.strip_prefix(&**first)?;
    for (i, piece) in others.iter().enumerate() {
        let last = i + 1 == others.len();
        let one = left.chars().next()?.len_utf8();
        let part = if last {
            left.strip_suffix(&**piece)?
        } else {
            // The nearest place will do: no later one leaves more to those that follow.
            &left[..one + left[one..].find(&**piece)?]
        };
        if part.is_empty() || (part.contains('/') && !(last && rest)) {
            return None;
        }
        *taken.get_mut(i)? = part;
        left = left.get(part.len() + piece.len()..)?;
    }
    Some((taken, others.len()))
}

/// Whether the pattern of a wildcard matches a path.
pub fn matches(pattern: &Pattern, path: &str) -> bool {
    let pieces: Vec<Box<str>> = pattern.path.split('*').map(Box::from).collect();
    take(&pieces, pattern.takes_rest(pieces.len().saturating_sub(2)), path).is_some()
}

#[cfg(test)]
#[path = "snapshot_tests.rs"]
mod tests;
