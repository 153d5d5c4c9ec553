//! What a rule must keep to, alone and among the others.
use std::sync::Arc;

use super::{
    path::{Kind, Pattern, canonical},
    snapshot::Rule,
    target::{Sites, Target},
    web::{Tangle, TooMuch, Weave, Web, Work},
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
pub fn leads(pattern: &Pattern, destination: &str, sites: &Sites) -> Result<(), &'static str> {
    Target::parse(destination, pattern, sites).map(|_| ())
}

/// The most wildcards of one folder: a request may have to try all of them.
const WILDCARDS: usize = 100;
/// How much may be compared for one write: some tenths of a second.
const STEPS: usize = 50_000_000;

/// The rules and the former addresses as they hang together. Rules win; those to hosts that are not listed any
/// more are left out, as they do not act.
pub fn web(rules: &[Rule], aliases: &[(String, String)], sites: &Sites) -> Web {
    let read = |rule: &Rule| {
        let target = Target::parse(&rule.destination, &rule.pattern, sites).ok()?;
        Some((rule.pattern.clone(), target))
    };
    let former = |(path, destination): &(String, String)| {
        let source = Pattern { kind: Kind::Exact, path: canonical(path)?.into_owned() };
        let target = Target::parse(destination, &source, sites).ok()?;
        Some((source, target))
    };
    // Of two equal ones the last leads, as in the snapshot.
    Web::new(rules.iter().filter_map(read).chain(aliases.iter().rev().filter_map(former)))
}

/// Refuses rules that together with those that stand would lead in circles, or from one to the next. Dates are
/// not looked at: what cannot happen today could tomorrow.
pub async fn checked(standing: &Arc<Web>, new: Vec<Rule>, sites: &Sites) -> Result<()> {
    let (standing, sites) = (standing.clone(), sites.clone());
    let found = tokio::task::spawn_blocking(move || refusal(&standing, &web(&new, &[], &sites))).await;
    match found.map_err(|error| Error::Internal(error.to_string()))? {
        Some(clash) => Err(Error::Clash(clash)),
        None => Ok(()),
    }
}

fn refusal(standing: &Web, new: &Web) -> Option<String> {
    if let Some(folder) = standing.crowded(new, WILDCARDS) {
        let folder: String = folder.chars().take(200).collect();
        return Some(format!(
            "{folder}/ would have more than {WILDCARDS} sources with `*` in the middle: put some of them in \
             folders of their own, write `/*` at the end, or the paths one by one"
        ));
    }
    let found = match Weave::new(new, standing, Work::new(STEPS)).tangle() {
        Ok(found) => found,
        Err(TooMuch) => {
            return Some(
                "there are too many rules to compare this with: write fewer at once, or put more text before \
                 the first `*` of source and destination"
                    .to_owned(),
            );
        }
    };
    let Tangle { rule, next, returns } = found?;
    let (one, other) = (shown(&rule), shown(&next));
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
