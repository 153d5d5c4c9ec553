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
    path::{DEEPEST, Kind, Pattern, STARS, canonical, is_others, vital},
    target::Target,
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

/// Where a path leads at a moment.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    pub location: String,
    pub permanent: bool,
    /// When this ends, if it does.
    pub ends_at: Option<i64>,
}

/// What a rule does once its pattern has matched.
struct Way {
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
}

impl Snapshot {
    /// The snapshot of these rules and of the former addresses of content; it goes on counting where the one
    /// before is.
    pub fn build(
        rules: &[Rule],
        aliases: &[(String, String)],
        hosts: &[String],
        before: Option<&Snapshot>,
    ) -> Self {
        let mut snapshot = Snapshot::default();
        snapshot.exact.reserve(rules.len() + aliases.len());
        for (path, destination) in aliases {
            let Some(path) = canonical(path) else { continue };
            let source = Pattern { kind: Kind::Exact, path: path.into_owned() };
            if let Ok(target) = Target::parse(destination, &source, hosts) {
                let way = Way { target, permanent: true, starts_at: None, ends_at: None, hits: None };
                snapshot.exact.insert(source.path.into(), Box::new(way));
            }
        }
        for rule in rules {
            let Ok(target) = Target::parse(&rule.destination, &rule.pattern, hosts) else {
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

    /// Where the path leads now, if it does. The hit is counted.
    pub fn find(&self, path: &str, query: Option<&str>, now: i64) -> Option<Found> {
        let path = canonical(path)?;
        let ask = Ask { path: &path, query, now };
        let below = path.strip_prefix('/')?;
        let exact = self.exact.get(&*path).and_then(|way| way.follow(&[], &ask));
        exact.or_else(|| self.tree.find(below, &ask))
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
        if early || late || vital(ask.path) || is_others(ask.path) {
            return None;
        }
        let location = self.target.fill(taken, ask.query)?;
        let place = location.split(['?', '#']).next().unwrap_or_default();
        if canonical(place).is_none_or(|place| place == ask.path) {
            return None;
        }
        if let Some(hits) = &self.hits {
            hits.fetch_add(1, Ordering::Relaxed);
        }
        Some(Found { location, permanent: self.permanent, ends_at: self.ends_at })
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

    /// What the longest prefix gives that leads somewhere, else the wildcard with the deepest folder.
    fn find(&self, below: &str, ask: &Ask<'_>) -> Option<Found> {
        let mut passed = [(self, Some(below)); DEEPEST];
        let mut count = 1;
        let (mut node, mut left) = (self, Some(below));
        while let Some(path) = left
            && count < DEEPEST
        {
            let end = path.bytes().position(|byte| byte == b'/').unwrap_or(path.len());
            let Some(next) = node.below.get(&path[..end]) else { break };
            (node, left) = (next, path.get(end + 1..));
            passed[count] = (node, left);
            count += 1;
        }
        let passed = || passed[..count].iter().rev();
        let prefix = passed().find_map(|(node, left)| {
            let way = node.prefix.as_ref()?;
            way.follow(&[left.unwrap_or_default()], ask)
        });
        prefix.or_else(|| passed().find_map(|(node, _)| node.wildcard(ask)))
    }

    /// The wildcard of this folder with the most letters.
    fn wildcard(&self, ask: &Ask<'_>) -> Option<Found> {
        self.wildcards.iter().find_map(|wildcard| {
            let (taken, count) = wildcard.take(ask.path)?;
            wildcard.way.follow(&taken[..count], ask)
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
