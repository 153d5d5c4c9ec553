//! Validation of single rules, and of rules in combination with the other rules.
use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use uuid::Uuid;

use super::{
    cache::CurrentRules,
    cycles::{CycleSearch, MAX_STEPS},
    destination::Destination,
    hosts::RedirectHosts,
    snapshot::{Rule, Snapshot},
    source::{Kind, Pattern},
};
use crate::{
    domain::timestamp::Timestamp,
    http::{
        operation_paths::OperationPaths,
        problem::{Error, Result},
    },
};

/// The hosts and the operations that rules are validated against.
#[derive(Clone, Default)]
pub struct RuleContext {
    pub hosts: RedirectHosts,
    pub operations: Arc<OperationPaths>,
}

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
    hosts: &RedirectHosts,
    is_external: bool,
) -> Result<(), Cow<'static, str>> {
    Destination::parse(destination, pattern, hosts, is_external).map(|_| ())
}

/// Rejects a source that matches the path of an operation. For a source with `*`, checks the path with `x` for
/// each `*`, and for a prefix also its folder. Other paths of operations that the source matches are not
/// redirected.
pub fn check_source(pattern: &Pattern, operations: &OperationPaths) -> Result<(), String> {
    let folder = (pattern.kind == Kind::Prefix).then(|| pattern.path.clone());
    let paths = [Some(pattern.sample("x")), folder];
    match paths.iter().flatten().find_map(|path| operations.template(path)) {
        Some(template) => Err(format!("must not match an operation of the API: {template}")),
        None => Ok(()),
    }
}

/// Maximum number of sources in one folder whose next segment contains literal text beside a capture. A request
/// may have to try all of them.
const MAX_GLOBS: usize = 100;

/// A rule that cannot be stored together with the other rules.
#[derive(Debug)]
pub struct RuleConflict {
    pub rule: Uuid,
    pub message: String,
}

/// Rejects rules that would form a cycle with each other or with the existing rules, and rules that exceed
/// the limit of sources in a folder. Dates are ignored: rules whose periods do not overlap may overlap after an
/// update.
pub async fn check_with_existing(current: &CurrentRules, new: &[Rule], context: &RuleContext) -> Result<()> {
    match find_conflicts(current, new, context).await?.into_iter().next() {
        Some(conflict) => Err(Error::ConflictWith(conflict.message)),
        None => Ok(()),
    }
}

/// Returns all conflicts of the new rules, in their order.
pub async fn find_conflicts(
    current: &CurrentRules,
    new: &[Rule],
    context: &RuleContext,
) -> Result<Vec<RuleConflict>> {
    let (current, new, context) = (current.clone(), new.to_vec(), context.clone());
    // The check builds an index of all rules, which is CPU-bound and would block an async worker thread.
    let found = tokio::task::spawn_blocking(move || conflicts(&current, &new, &context)).await;
    found.map_err(|error| Error::Internal(error.to_string()))
}

fn conflicts(current: &CurrentRules, new: &[Rule], context: &RuleContext) -> Vec<RuleConflict> {
    let operations = &context.operations;
    // A cycle through an exact rule contains its source, so the search can start from the new rules only.
    // Inactive rules are not in the cached snapshot, but could form a cycle with the new rules.
    let usable = |cached: &&Arc<Snapshot>| cached.cycles.is_empty() && !cached.has_conditions;
    if let Some(snapshot) = current.snapshot.as_ref().filter(usable).filter(|_| new.iter().all(is_plain)) {
        let added = Snapshot::index(new.iter(), &[], &context.hosts, None);
        let search = CycleSearch { snapshot, added: Some(&added), operations };
        let found: Result<Vec<usize>, _> = new.iter().map(|rule| search.run(rule)).collect();
        // Otherwise an existing sequence that reaches a new rule may become too long.
        if let Ok(lengths) = found
            && snapshot.longest + lengths.into_iter().max().unwrap_or(0) <= MAX_STEPS
        {
            return Vec::new();
        }
    }
    let written: HashMap<Uuid, usize> = new.iter().enumerate().map(|(i, rule)| (rule.id, i)).collect();
    let (replaced, unchanged): (Vec<&Rule>, Vec<&Rule>) =
        current.rules.iter().partition(|rule| written.contains_key(&rule.id));
    let rules = || new.iter().chain(unchanged.iter().copied());
    let candidate = Snapshot::index(rules(), &current.aliases, &context.hosts, None);
    let replaced: HashSet<Uuid> = replaced.iter().map(|rule| rule.id).collect();
    let mut found = Vec::new();
    for rule in new.iter().filter(|rule| rule.pattern.kind == Kind::Wildcard && !replaced.contains(&rule.id))
    {
        if candidate.count_globs(&rule.pattern) > MAX_GLOBS {
            let source: String = rule.pattern.text().chars().take(200).collect();
            let message = format!(
                "{source} would be one of more than {MAX_GLOBS} sources with `*` beside other text in one folder: \
                 move some of them to other folders, end them with `/*`, or list the paths one by one"
            );
            found.push(RuleConflict { rule: rule.id, message });
        }
    }
    found.extend(repeated_sources(new, &unchanged));
    let search = CycleSearch { snapshot: &candidate, added: None, operations };
    let mut reported: HashSet<Uuid> = HashSet::new();
    for cycle in rules().filter_map(|rule| search.run(rule).err()) {
        // Existing cycles have no effect, so they do not prevent other writes.
        let own = cycle.rules.iter().filter(|rule| written.contains_key(*rule));
        let Some(rule) = own.min_by_key(|rule| written[*rule]).copied() else { continue };
        // The search finds a cycle from each of its rules.
        if !cycle.rules.iter().any(|rule| reported.contains(rule)) {
            found.push(RuleConflict { rule, message: cycle.message() });
        }
        reported.extend(&cycle.rules);
    }
    found.sort_by_key(|conflict| written.get(&conflict.rule).copied());
    found
}

/// Returns whether the source is one path without conditions.
fn is_plain(rule: &Rule) -> bool {
    rule.pattern.kind == Kind::Exact && rule.pattern.conditions.is_none()
}

/// Returns a conflict for each new rule that matches the same requests as a stored rule whose placeholders have other
/// names. The older rule would apply, so the new one would have no effect.
fn repeated_sources(new: &[Rule], unchanged: &[&Rule]) -> Vec<RuleConflict> {
    let stored = unchanged.iter().filter(|rule| !is_plain(rule));
    let stored: HashMap<String, &Rule> = stored.map(|rule| (rule.pattern.shape(), *rule)).collect();
    let conflict = |rule: &Rule| {
        let other = stored.get(&rule.pattern.shape())?;
        let source: String = other.pattern.text().chars().take(200).collect();
        let message =
            format!("must not match the same requests as the redirect {source}: update or delete that one");
        Some(RuleConflict { rule: rule.id, message })
    };
    new.iter().filter(|rule| !is_plain(rule)).filter_map(conflict).collect()
}

/// Returns the rules that redirect every path that they match to itself.
pub fn without_effect(rules: &[Rule], context: &RuleContext) -> HashSet<Uuid> {
    let snapshot = Snapshot::index(rules.iter(), &[], &context.hosts, None);
    let search = CycleSearch { snapshot: &snapshot, added: None, operations: &context.operations };
    rules.iter().filter(|rule| search.is_without_effect(rule)).map(|rule| rule.id).collect()
}
