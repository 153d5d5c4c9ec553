//! Validation of a rule on its own and against the other rules.
use std::sync::Arc;

use super::{
    destination::{Destination, RedirectHosts},
    graph::{Chain, ChainCheck, Graph, LimitExceeded, WorkLimit},
    path::{Kind, Pattern, canonical},
    snapshot::Rule,
};
use crate::{
    domain::timestamp::Timestamp,
    http::problem::{Error, Result},
};

/// Returns an error if the end of a rule is not after its start.
pub fn check_dates(starts: Option<Timestamp>, ends: Option<Timestamp>) -> Result<(), &'static str> {
    match (starts, ends) {
        (Some(starts), Some(ends)) if ends <= starts => Err("must be later than startsAt"),
        _ => Ok(()),
    }
}

/// Returns an error if a rule with this source must not have this destination.
pub fn check_destination(
    pattern: &Pattern,
    destination: &str,
    sites: &RedirectHosts,
) -> Result<(), &'static str> {
    Destination::parse(destination, pattern, sites).map(|_| ())
}

/// The most wildcard sources in one folder: a request may have to try all of them.
const MAX_WILDCARDS: usize = 100;
/// The most comparison steps of one write: some tenths of a second.
const MAX_STEPS: usize = 50_000_000;

/// Builds the graph of the rules and the aliases of content. Rules have precedence. Rules to hosts that are
/// no longer listed are omitted, because they have no effect.
pub fn build_graph(rules: &[Rule], aliases: &[(String, String)], sites: &RedirectHosts) -> Graph {
    let edge = |rule: &Rule| {
        let destination = Destination::parse(&rule.destination, &rule.pattern, sites).ok()?;
        Some((rule.pattern.clone(), destination))
    };
    let alias_edge = |(path, destination): &(String, String)| {
        let source = Pattern { kind: Kind::Exact, path: canonical(path)?.into_owned() };
        let destination = Destination::parse(destination, &source, sites).ok()?;
        Some((source, destination))
    };
    // Of two equal aliases the last has precedence, as in the snapshot; the graph uses the first.
    Graph::new(rules.iter().filter_map(edge).chain(aliases.iter().rev().filter_map(alias_edge)))
}

/// Rejects rules that would form a cycle or a chain with each other or with the existing rules. Dates are
/// ignored: two rules that do not overlap today may overlap after a change of their dates.
pub async fn check_graph(existing: &Arc<Graph>, new: Vec<Rule>, sites: &RedirectHosts) -> Result<()> {
    let (existing, sites) = (existing.clone(), sites.clone());
    // CPU-bound for up to some tenths of a second: runs outside the async worker threads.
    let found =
        tokio::task::spawn_blocking(move || find_conflict(&existing, &build_graph(&new, &[], &sites))).await;
    match found.map_err(|error| Error::Internal(error.to_string()))? {
        Some(conflict) => Err(Error::ConflictWith(conflict)),
        None => Ok(()),
    }
}

fn find_conflict(existing: &Graph, new: &Graph) -> Option<String> {
    if let Some(folder) = existing.overfull_folder(new, MAX_WILDCARDS) {
        let folder: String = folder.chars().take(200).collect();
        return Some(format!(
            "{folder}/ would have more than {MAX_WILDCARDS} sources with `*` in the middle: move some of them to \
             other folders, end them with `/*`, or list the paths one by one"
        ));
    }
    let found = match ChainCheck::new(new, existing, WorkLimit::new(MAX_STEPS)).find_chain() {
        Ok(found) => found,
        Err(LimitExceeded) => {
            return Some(
                "there are too many rules to compare with: write fewer rules at once, or put more text before \
                 the first `*` of source and destination"
                    .to_owned(),
            );
        }
    };
    let Chain { rule, next, is_cycle } = found?;
    let (rule_text, next_text) = (excerpt(&rule), excerpt(&next));
    Some(match (rule == next, is_cycle) {
        (true, _) => format!("{rule_text} would redirect to itself"),
        (_, true) => format!("{rule_text} and {next_text} would form a redirect cycle"),
        (_, false) => {
            format!(
                "{rule_text} would redirect to {next_text}, which is itself redirected: use the final destination"
            )
        }
    })
}

/// Returns at most 200 characters of a pattern: sources may be longer than a problem detail should be.
fn excerpt(pattern: &Pattern) -> String {
    let text = pattern.text();
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
