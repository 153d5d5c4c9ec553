//! Detection of redirect cycles. Writes that would create a cycle are rejected. A cycle can also appear
//! without a new rule: when a rule with precedence is deleted, or when a change of the setting `public_url`
//! makes a destination local.
use std::{borrow::Cow, cell::RefCell};

use uuid::Uuid;

use super::{
    path::{Kind, canonical},
    snapshot::{Rule, Snapshot},
};
use crate::http::operation_paths::OperationPaths;

/// Maximum length of a sequence of redirects. A longer one counts as a cycle. Browsers stop at 20.
pub(super) const MAX_STEPS: usize = 20;
/// Maximum number of paths that one search visits. Rules with dates can redirect a path to several others. A
/// search that exceeds the limit counts as a cycle.
const MAX_REACHED: usize = 200;
/// Maximum number of sample paths of a source that are tried.
const MAX_SAMPLES: usize = 8;
/// Maximum number of paths in the message about a cycle, and maximum number of characters of each path.
const MAX_SHOWN: (usize, usize) = (6, 100);

/// A sequence of redirects that does not end.
#[derive(Debug)]
pub struct Cycle {
    /// The redirected paths in canonical form. The last equals the first, unless the sequence ends at a limit.
    paths: Vec<String>,
    /// The ids of the rules that redirect the paths.
    pub rules: Vec<Uuid>,
}

/// A path that a sequence of redirects reaches.
struct Step {
    path: String,
    /// The rule that redirects to this path; `None` at the start and after an alias.
    rule: Option<Uuid>,
    /// The position of the step before.
    previous: usize,
    /// The number of redirects from the start.
    count: usize,
}

impl Snapshot {
    /// Removes the rules that redirect back to their source, and records their sources in `cycles`.
    pub(super) fn break_cycles(&mut self, rules: &[Rule], operations: &OperationPaths) {
        for rule in rules {
            let search = CycleSearch { snapshot: self, added: None, operations };
            match search.run(rule) {
                Ok(length) => self.longest = self.longest.max(length),
                Err(_) => self.deactivate(rule),
            }
        }
    }
}

/// A search for cycles in a snapshot.
pub(super) struct CycleSearch<'a> {
    pub snapshot: &'a Snapshot,
    /// Exact rules that replace those of the snapshot with the same path.
    pub added: Option<&'a Snapshot>,
    pub operations: &'a OperationPaths,
}

impl CycleSearch<'_> {
    /// Returns the length of the longest sequence of redirects that begins with this rule, or the cycle that
    /// it forms. The search starts at a sample path of the source.
    pub fn run(&self, rule: &Rule) -> Result<usize, Cycle> {
        let start = self.sample(rule);
        let redirects_to_itself = self.added.unwrap_or(self.snapshot).redirects_to_itself(&start);
        if rule.pattern.kind == Kind::Exact && redirects_to_itself {
            return Err(Cycle { paths: vec![start.clone(), start], rules: vec![rule.id] });
        }
        let mut steps = vec![Step { path: start.clone(), rule: None, previous: 0, count: 0 }];
        let mut current = 0;
        while let Some(Step { path, count, .. }) = steps.get(current) {
            let count = count + 1;
            for (path, by) in self.next_paths(path) {
                // Another rule may redirect the sample path too.
                if current == 0 && by != Some(rule.id) {
                    continue;
                }
                let returns = canonical(&path).is_some_and(|path| path == start);
                if !returns && steps.iter().any(|step| step.path == path) {
                    continue;
                }
                steps.push(Step { path, rule: by, previous: current, count });
                if returns || count > MAX_STEPS || steps.len() > MAX_REACHED {
                    return Err(Cycle::ending_with(&steps));
                }
            }
            current += 1;
        }
        // The steps are in the order of their counts.
        Ok(steps.last().map_or(0, |step| step.count))
    }

    /// Returns a path that this rule redirects, unless other rules have precedence for every path that is
    /// tried: `x` for each `*`, then `x1`, `x2` and so on.
    fn sample(&self, rule: &Rule) -> String {
        let first = rule.pattern.sample("x");
        if rule.pattern.kind == Kind::Exact {
            return first;
        }
        let is_redirected =
            |path: &String| self.next_paths(path).first().is_some_and(|(_, by)| *by == Some(rule.id));
        let others = (1..MAX_SAMPLES).map(|number| rule.pattern.sample(&format!("x{number}")));
        std::iter::once(first.clone()).chain(others).find(is_redirected).unwrap_or(first)
    }

    /// Returns the paths that a path can redirect to, each with its rule. Rules with dates can have
    /// precedence at different times, so there can be several.
    fn next_paths(&self, path: &str) -> Vec<(String, Option<Uuid>)> {
        let Some(canonical) = canonical(path) else { return Vec::new() };
        let found = RefCell::new(Vec::new());
        self.snapshot.find_first(&canonical, self.added, &|action, captures| {
            let location = action.location(captures, &canonical, None)?;
            found.borrow_mut().push((action.local_path(&location).to_owned(), action.rule));
            action.is_undated().then_some(())
        });
        let found = found.into_inner();
        // Operations have precedence. Few paths have a rule, so this is checked last.
        match found.is_empty() || self.operations.template(path).is_some() {
            true => Vec::new(),
            false => found,
        }
    }
}

impl Cycle {
    /// Returns the sequence that ends with the last step.
    fn ending_with(steps: &[Step]) -> Cycle {
        let (mut paths, mut rules) = (Vec::new(), Vec::new());
        let mut at = steps.len() - 1;
        loop {
            let Step { path, rule, previous, .. } = &steps[at];
            paths.push(canonical(path).map_or_else(|| path.clone(), Cow::into_owned));
            rules.extend(rule);
            if at == 0 {
                break;
            }
            at = *previous;
        }
        paths.reverse();
        Cycle { paths, rules }
    }

    /// Returns the detail of the problem, with the paths: `/a -> /b -> /a`.
    pub fn message(&self) -> String {
        let rule = match self.paths.first() == self.paths.last() {
            true => "must not form a redirect cycle",
            false => "must not form a sequence of more than 20 redirects",
        };
        format!("{rule}: {}", self.text())
    }

    fn text(&self) -> String {
        let (max_paths, max_chars) = MAX_SHOWN;
        let shown = |path: &String| match path.char_indices().nth(max_chars) {
            Some((end, _)) => format!("{}…", &path[..end]),
            None => path.clone(),
        };
        let mut paths: Vec<String> = self.paths.iter().map(shown).collect();
        if paths.len() > max_paths {
            paths.splice(max_paths - 2..paths.len() - 1, ["…".to_owned()]);
        }
        paths.join(" -> ")
    }
}
