//! Detection of redirect cycles. Writes that would create a cycle are rejected. A cycle can also appear
//! without a new rule: when a rule with precedence is deleted, or when a change of the setting `public_url`
//! makes a destination local.
use std::borrow::Cow;

use uuid::Uuid;

use super::{
    action::Action,
    destination::Captures,
    path::canonical,
    snapshot::{Rule, Snapshot},
    source::Kind,
};
use crate::{http::operation_paths::OperationPaths, infra::geoip::Country};

/// Maximum length of a sequence of redirects. A longer one counts as a cycle. Browsers stop at 20.
pub(super) const MAX_STEPS: usize = 20;
/// Maximum number of paths that one search visits. Rules with dates or conditions can redirect a path to
/// several others. A search that exceeds the limit counts as a cycle.
const MAX_REACHED: usize = 200;
/// Maximum number of sample paths of a source that are tried.
const MAX_SAMPLES: usize = 8;
/// Maximum number of paths in the message about a cycle, and maximum number of characters of each path.
const MAX_SHOWN: (usize, usize) = (6, 100);

/// A sequence of redirects that does not end.
#[derive(Debug)]
pub struct Cycle {
    /// The redirected paths in canonical form.
    paths: Vec<String>,
    /// Whether the sequence returns to a place; otherwise it ends at a limit.
    returns: bool,
    /// The ids of the rules that redirect the paths.
    pub rules: Vec<Uuid>,
}

/// A URL that a sequence of redirects reaches, and the clients that reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    /// `None` for the host of this service, and for sources without a host.
    host: Option<String>,
    /// `None` if the scheme is unknown.
    is_https: Option<bool>,
    path: String,
    query: String,
    clients: Clients,
}

/// Clients by their country.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Clients {
    /// Those from these countries.
    From(Vec<Country>),
    /// All except those from these countries.
    Except(Vec<Country>),
}

/// A place that a sequence of redirects reaches.
struct Step {
    place: Place,
    /// The rule that redirects to this place; `None` at the start and after an alias.
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
        if rule.pattern.kind == Kind::Exact && self.redirects_to_itself(rule, &start) {
            let shown = start.shown();
            return Err(Cycle { paths: vec![shown.clone(), shown], returns: true, rules: vec![rule.id] });
        }
        let mut steps = vec![Step { place: start, rule: None, previous: 0, count: 0 }];
        let mut current = 0;
        while let Some(Step { place, count, .. }) = steps.get(current) {
            let count = count + 1;
            for (place, by) in self.next_places(place) {
                // Another rule may redirect the sample path too.
                if current == 0 && by != Some(rule.id) {
                    continue;
                }
                let returns = returns_with(rule.id, &steps, current, (&place, by));
                if !returns && steps.iter().any(|step| step.place == place) {
                    continue;
                }
                steps.push(Step { place, rule: by, previous: current, count });
                if returns || count > MAX_STEPS || steps.len() > MAX_REACHED {
                    return Err(Cycle::ending_with(&steps, returns));
                }
            }
            current += 1;
        }
        // The steps are in the order of their counts.
        Ok(steps.last().map_or(0, |step| step.count))
    }

    /// Returns whether a rule redirects its sample to the sample itself.
    pub fn is_without_effect(&self, rule: &Rule) -> bool {
        self.redirects_to_itself(rule, &self.place(rule, "x"))
    }

    /// Returns a place that this rule redirects, unless other rules have precedence for every path that is
    /// tried: `x` for each capture, then `x1`, `x2` and so on.
    fn sample(&self, rule: &Rule) -> Place {
        let first = self.place(rule, "x");
        if rule.pattern.kind == Kind::Exact {
            return first;
        }
        let is_redirected =
            |place: &Place| self.next_places(place).first().is_some_and(|(_, by)| *by == Some(rule.id));
        let others = (1..MAX_SAMPLES).map(|number| self.place(rule, &format!("x{number}")));
        std::iter::once(first.clone()).chain(others).find(is_redirected).unwrap_or(first)
    }

    /// Returns the place that a rule matches, with `capture` for each capture of its path.
    fn place(&self, rule: &Rule, capture: &str) -> Place {
        let path = rule.pattern.sample(capture);
        let conditions = rule.pattern.conditions.as_deref();
        let host = rule.pattern.host();
        let is_own = |name: &String| self.snapshot.own_host() == Some(name);
        Place {
            host: host.map(|host| host.name.clone()).filter(|name| !is_own(name)),
            is_https: host.filter(|host| host.is_plain).map(|_| false),
            path,
            query: conditions.map(|conditions| conditions.sample_query()).unwrap_or_default(),
            clients: Clients::Except(Vec::new()),
        }
    }

    /// Calls `visit` with each action that a place may match, and with the captures.
    fn visit<T>(
        &self,
        place: &Place,
        visit: &mut impl FnMut(&Action, Captures<'_>, &str) -> Option<T>,
    ) -> Option<T> {
        let path = canonical(&place.path)?;
        let host = place.host.as_deref();
        if host.is_some_and(|host| !self.snapshot.has_host(host)) {
            return None;
        }
        let host = host.or(self.snapshot.own_host());
        self.snapshot.find_chain((host, &path), self.added, &mut |chain, captures| {
            chain.chain().find_map(|action| {
                let conditions = action.conditions.as_deref();
                let query = match conditions {
                    None => Vec::new(),
                    Some(conditions) => conditions.match_query(&place.query)?,
                };
                let is_plain = conditions.is_some_and(|c| c.host.as_ref().is_some_and(|host| host.is_plain));
                if is_plain && place.is_https == Some(true) {
                    return None;
                }
                visit(action, Captures { path: captures, query: &query }, &path)
            })
        })
    }

    fn redirects_to_itself(&self, rule: &Rule, place: &Place) -> bool {
        let found = self.visit(place, &mut |action, captures, path| {
            if action.rule != Some(rule.id) {
                return None;
            }
            let query = Some(place.query.as_str());
            let location = action.destination.fill(captures, query, action.conditions.as_deref());
            Some(location.is_some_and(|location| action.returns_to(path, &location)))
        });
        found == Some(true)
    }

    /// Returns the places that a place can redirect to, each with its rule. Rules with dates can have
    /// precedence at different times, and rules with conditions for different clients, so there can be several.
    fn next_places(&self, place: &Place) -> Vec<(Place, Option<Uuid>)> {
        let (mut found, mut clients) = (Vec::new(), place.clients.clone());
        self.visit(place, &mut |action, captures, path| {
            let conditions = action.conditions.as_deref();
            let countries = conditions.map(|conditions| conditions.countries.as_slice()).unwrap_or_default();
            let redirected = if countries.is_empty() { clients.clone() } else { clients.among(countries) };
            if redirected.is_none() {
                return None;
            }
            let location = action.location(captures, path, Some(&place.query))?;
            found.push((self.target(action, &location, place, redirected), action.rule));
            if action.is_undated() && conditions.is_none_or(|conditions| conditions.languages.is_empty()) {
                // Rules that follow apply to the other clients only.
                clients =
                    if countries.is_empty() { Clients::From(Vec::new()) } else { clients.without(countries) };
            }
            clients.is_none().then_some(())
        });
        // Operations have precedence. Few paths have a rule, so this is checked last.
        match found.is_empty() || self.operations.template(&place.path).is_some() {
            true => Vec::new(),
            false => found,
        }
    }

    /// Returns the place of a location.
    fn target(&self, action: &Action, location: &str, from: &Place, clients: Clients) -> Place {
        let destination = &action.destination;
        let is_own = |host: &String| destination.is_local() || self.snapshot.own_host() == Some(host);
        let (host, is_https) = match &destination.host {
            None => (from.host.clone(), from.is_https),
            Some(host) => (Some(host).filter(|host| !is_own(host)).cloned(), Some(destination.is_https)),
        };
        let query = location.split('#').next().and_then(|target| target.split_once('?'));
        Place {
            host,
            is_https,
            path: destination.host_path(location).to_owned(),
            query: query.map(|(_, query)| query.to_owned()).unwrap_or_default(),
            clients,
        }
    }
}

/// Returns whether a sequence of redirects, whose last step is `current`, returns to a place with a further
/// redirect to `place`, and follows the rule after that place. Other rules can form cycles without it.
fn returns_with(rule: Uuid, steps: &[Step], current: usize, (place, by): (&Place, Option<Uuid>)) -> bool {
    let (mut at, mut is_followed) = (current, by == Some(rule));
    loop {
        let step = &steps[at];
        if step.place.is_at(place) {
            return is_followed;
        }
        if at == 0 {
            return false;
        }
        is_followed |= step.rule == Some(rule);
        at = step.previous;
    }
}

impl Clients {
    fn is_none(&self) -> bool {
        *self == Clients::From(Vec::new())
    }

    /// Returns those of the clients that are from these countries.
    fn among(&self, countries: &[Country]) -> Clients {
        let is_included = |country: &&Country| match self {
            Clients::From(known) => known.contains(country),
            Clients::Except(known) => !known.contains(country),
        };
        Clients::From(countries.iter().filter(is_included).copied().collect())
    }

    /// Returns those of the clients that are not from these countries.
    fn without(&self, countries: &[Country]) -> Clients {
        match self {
            Clients::From(known) => {
                Clients::From(known.iter().filter(|country| !countries.contains(country)).copied().collect())
            }
            Clients::Except(known) => Clients::Except([known, countries].concat()),
        }
    }
}

impl Place {
    /// Returns whether a client at this place is at another one again.
    fn is_at(&self, other: &Place) -> bool {
        let path = |place: &Place| canonical(&place.path).map(Cow::into_owned);
        let is_same_scheme =
            self.is_https.is_none() || other.is_https.is_none() || self.is_https == other.is_https;
        self.host == other.host && is_same_scheme && self.query == other.query && path(self) == path(other)
    }

    /// Returns the path, preceded by the host if it is not this service.
    fn shown(&self) -> String {
        let path = canonical(&self.path).map_or_else(|| self.path.clone(), Cow::into_owned);
        let query = if self.query.is_empty() { String::new() } else { format!("?{}", self.query) };
        format!("{}{path}{query}", self.host.as_deref().unwrap_or_default())
    }
}

impl Cycle {
    /// Returns the sequence that ends with the last step.
    fn ending_with(steps: &[Step], returns: bool) -> Cycle {
        let (mut paths, mut rules) = (Vec::new(), Vec::new());
        let mut at = steps.len() - 1;
        loop {
            let Step { place, rule, previous, .. } = &steps[at];
            paths.push(place.shown());
            rules.extend(rule);
            if at == 0 {
                break;
            }
            at = *previous;
        }
        paths.reverse();
        Cycle { paths, returns, rules }
    }

    /// Returns the detail of the problem, with the paths: `/a -> /b -> /a`.
    pub fn message(&self) -> String {
        let text = self.text();
        match self.returns {
            true => format!("must not form a redirect cycle: {text}"),
            false => format!(
                "must not form a sequence of more than 20 redirects: {text}; browsers stop there: redirect to a path \
                 that no source matches"
            ),
        }
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
