//! Cycles that appear without a change to a rule: a post or a document takes a path that a rule redirects to,
//! or a setting declares another host to be this service. The rules and aliases that close a cycle are left
//! out of the snapshot.
use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
};

use super::{
    path::{Kind, Pattern, canonical},
    snapshot::{FormerPaths, Rule, Snapshot},
};

/// The current path of a post by each of its former slug paths.
type Slugs<'a> = HashMap<&'a str, &'a str>;

/// A chain of this many redirects counts as a cycle. Browsers stop at 20.
const MAX_STEPS: usize = 20;
/// A path from which rules with dates reach this many paths counts as part of a cycle.
const MAX_REACHED: usize = 200;

impl Snapshot {
    /// Removes entries that redirect back to themselves. Aliases are removed first: rules have precedence.
    pub(super) fn break_cycles(&mut self, rules: &[Rule], former: &FormerPaths) {
        let slugs = former.slugs.iter().map(|(before, now)| (before.as_str(), now.as_str())).collect();
        for (path, _) in &former.aliases {
            let Some(path) = canonical(path) else { continue };
            let source = Pattern { kind: Kind::Exact, path: path.into_owned() };
            self.remove_if_cyclic(&source, &slugs, false);
        }
        for rule in rules {
            self.remove_if_cyclic(&rule.pattern, &slugs, true);
        }
    }

    fn remove_if_cyclic(&mut self, source: &Pattern, slugs: &Slugs<'_>, is_rule: bool) {
        let from = match source.kind {
            Kind::Exact => source.path.clone(),
            Kind::Prefix => format!("{}/x", source.path),
            Kind::Wildcard => source.path.replace('*', "x"),
        };
        if self.is_cyclic(&from, slugs) && self.remove(source, is_rule) {
            self.cycles.push(source.text());
        }
    }

    /// Returns whether some sequence of redirects from this path returns to it or does not end.
    fn is_cyclic(&self, from: &str, slugs: &Slugs<'_>) -> bool {
        let (mut seen, mut open) = (HashSet::new(), vec![(from.to_owned(), 0)]);
        while let Some((path, steps)) = open.pop() {
            for next in self.next_paths(&path, slugs) {
                if next == from || steps == MAX_STEPS || seen.len() == MAX_REACHED {
                    return true;
                }
                if seen.insert(next.clone()) {
                    open.push((next, steps + 1));
                }
            }
        }
        false
    }

    /// Returns the paths that a path may redirect to: one for each rule that has precedence at some time.
    fn next_paths(&self, path: &str, slugs: &Slugs<'_>) -> Vec<String> {
        let paths = RefCell::new(Vec::new());
        let undated = self.find_first(path, &|action, captures| {
            let location = action.location(captures, path, None)?;
            paths.borrow_mut().push(action.local_path(&location)?);
            action.is_undated().then_some(())
        });
        let mut paths = paths.into_inner();
        if undated.is_none() {
            // The posts API redirects a former slug with everything below it, such as its comments.
            let end = path.match_indices('/').nth(3).map_or(path.len(), |(at, _)| at);
            paths.extend(slugs.get(&path[..end]).map(|now| format!("{now}{}", &path[end..])));
        }
        paths
    }
}
