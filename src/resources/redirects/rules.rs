//! What a rule must keep to, alone and among the others.
use std::{collections::HashMap, sync::Arc};

use super::{
    path::Pattern,
    snapshot::Rule,
    target::Target,
    web::{Tangle, Web},
};
use crate::contract::{
    problem::{Error, Result},
    time::Timestamp,
};

/// Whether a rule ends after it starts.
pub fn dated(starts: Option<Timestamp>, ends: Option<Timestamp>) -> Result<(), &'static str> {
    match (starts, ends) {
        (Some(starts), Some(ends)) if ends <= starts => Err("must be later than startsAt"),
        _ => Ok(()),
    }
}

/// Whether the destination is one that the source may lead to.
pub fn leads(pattern: &Pattern, destination: &str, hosts: &[String]) -> Result<(), &'static str> {
    Target::parse(destination, pattern, hosts).map(|_| ())
}

/// Refuses rules that together with those that stand would lead in circles, or from one to the next. Dates are
/// not looked at: what cannot happen today could tomorrow.
pub async fn checked(standing: &Arc<Vec<Rule>>, new: Vec<Rule>, hosts: &[String]) -> Result<()> {
    let (standing, hosts) = (standing.clone(), hosts.to_vec());
    // A hundred thousand rules take some tenths of a second.
    let found = tokio::task::spawn_blocking(move || tangled(&standing, &new, &hosts)).await;
    match found.map_err(|error| Error::Internal(error.to_string()))? {
        Some(clash) => Err(Error::Clash(clash)),
        None => Ok(()),
    }
}

fn tangled(standing: &[Rule], new: &[Rule], hosts: &[String]) -> Option<String> {
    let replaced: HashMap<&Pattern, ()> = new.iter().map(|rule| (&rule.pattern, ())).collect();
    let kept = standing.iter().filter(|rule| !replaced.contains_key(&rule.pattern));
    let read = |rule: &Rule| {
        let target = Target::parse(&rule.destination, &rule.pattern, hosts).ok()?;
        Some((rule.pattern.clone(), target))
    };
    let rules: Vec<(Pattern, Target)> = new.iter().chain(kept).filter_map(read).collect();
    let Tangle { rule, next, returns } = Web::new(&rules).tangle()?;
    let (one, other) = (shown(&rules[rule].0), shown(&rules[next].0));
    Some(match (rule == next, returns) {
        (true, _) => format!("{one} would lead to itself"),
        (_, true) => format!("{one} and {other} would lead in a circle"),
        (_, false) => {
            format!("{one} would lead to {other}, which leads on: let it lead there at once")
        }
    })
}

/// Sources can be longer than what a problem has room for.
fn shown(pattern: &Pattern) -> String {
    let text = pattern.text();
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
