//! Validation of single rules, and of rules in combination with the other rules.
use std::{collections::HashSet, sync::Arc};

use uuid::Uuid;

use super::{
    cache::CurrentRules,
    cycles::{CycleSearch, MAX_STEPS},
    destination::{Destination, RedirectHosts},
    path::{Kind, Pattern},
    snapshot::{Rule, Snapshot},
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
) -> Result<(), &'static str> {
    Destination::parse(destination, pattern, hosts).map(|_| ())
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

/// Maximum number of wildcard sources in one folder. A request may have to try all of them.
const MAX_WILDCARDS: usize = 100;

/// Rejects rules that would form a cycle with each other or with the existing rules, and rules that exceed
/// the limit of wildcards. Dates are ignored: rules whose periods do not overlap may overlap after an update.
pub async fn check_with_existing(current: &CurrentRules, new: &[Rule], context: &RuleContext) -> Result<()> {
    let (current, new, context) = (current.clone(), new.to_vec(), context.clone());
    // The check builds an index of all rules, which is CPU-bound and would block an async worker thread.
    let found = tokio::task::spawn_blocking(move || find_conflict(&current, &new, &context)).await;
    match found.map_err(|error| Error::Internal(error.to_string()))? {
        Some(conflict) => Err(Error::ConflictWith(conflict)),
        None => Ok(()),
    }
}

fn find_conflict(current: &CurrentRules, new: &[Rule], context: &RuleContext) -> Option<String> {
    let operations = &context.operations;
    // A cycle through an exact rule contains its source, so the search can start from the new rules only.
    // Inactive rules are not in the cached snapshot, but could form a cycle with the new rules.
    let all_exact = new.iter().all(|rule| rule.pattern.kind == Kind::Exact);
    if let Some(snapshot) = current.snapshot.as_ref().filter(|cached| all_exact && cached.cycles.is_empty()) {
        let added = Snapshot::index(new.iter(), &[], &context.hosts, None);
        let search = CycleSearch { snapshot, added: Some(&added), operations };
        let mut longest = 0;
        for rule in new {
            match search.run(rule) {
                Ok(length) => longest = longest.max(length),
                Err(cycle) => return Some(cycle.message()),
            }
        }
        // Otherwise an existing sequence that reaches a new rule may become too long.
        if snapshot.longest + longest <= MAX_STEPS {
            return None;
        }
    }
    let written: HashSet<Uuid> = new.iter().map(|rule| rule.id).collect();
    let (replaced, unchanged): (Vec<&Rule>, Vec<&Rule>) =
        current.rules.iter().partition(|rule| written.contains(&rule.id));
    let rules = || new.iter().chain(unchanged.iter().copied());
    let mut candidate = Snapshot::index(rules(), &current.aliases, &context.hosts, None);
    let replaced_ids: HashSet<Uuid> = replaced.iter().map(|rule| rule.id).collect();
    let mut added =
        new.iter().filter(|rule| rule.pattern.kind == Kind::Wildcard && !replaced_ids.contains(&rule.id));
    if let Some(rule) = added.find(|rule| candidate.count_wildcards(&rule.pattern) > MAX_WILDCARDS) {
        let folder: String = rule.pattern.folder().chars().take(200).collect();
        return Some(format!(
            "{folder}/ would have more than {MAX_WILDCARDS} sources with `*` in the middle: move some of them to \
             other folders, end them with `/*`, or list the paths one by one"
        ));
    }
    let search = CycleSearch { snapshot: &candidate, added: None, operations };
    let mut cycles = rules().filter_map(|rule| search.run(rule).err());
    // Existing cycles have no effect, so they do not prevent other writes.
    let cycle = cycles.find(|cycle| cycle.rules.iter().any(|rule| written.contains(rule)))?;
    Some(cycle.message())
}
