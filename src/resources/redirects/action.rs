//! The effects of rules: conditions on requests, and the locations of redirects.
use std::{
    cell::{Cell, OnceCell},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use uuid::Uuid;

use super::{
    conditions::{Conditions, language_weight},
    destination::{Captures, Destination},
    path::canonical,
    status::RedirectStatus,
};
use crate::infra::geoip::Country;

/// The highest weight of a language.
const FULL_WEIGHT: u16 = 1000;

/// The properties of a request that rules depend on.
#[derive(Default)]
pub struct RedirectRequest<'a> {
    /// The host, with its port if the client sent one.
    pub host: Option<&'a str>,
    /// Whether the client uses TLS.
    pub is_https: bool,
    pub path: &'a str,
    pub query: Option<&'a str>,
    pub accept_language: Option<&'a str>,
    /// The function that looks up the country of the client.
    pub country: Option<&'a dyn Fn() -> Option<Country>>,
    /// The time in milliseconds.
    pub now: i64,
}

/// A request during its lookup.
pub(super) struct Lookup<'a> {
    pub request: &'a RedirectRequest<'a>,
    /// The path in canonical form.
    pub path: &'a str,
    country: OnceCell<Option<Country>>,
    /// Whether the result depends on the languages that the client accepts.
    pub by_language: Cell<bool>,
}

impl<'a> Lookup<'a> {
    pub fn new(request: &'a RedirectRequest<'a>, path: &'a str) -> Self {
        Lookup { request, path, country: OnceCell::new(), by_language: Cell::new(false) }
    }

    fn country(&self) -> Option<Country> {
        *self.country.get_or_init(|| self.request.country.and_then(|country| country()))
    }

    /// Returns whether the result depends on the country of the client.
    pub fn by_country(&self) -> bool {
        self.country.get().is_some()
    }
}

/// The redirect of a request.
#[derive(Debug, PartialEq, Eq)]
pub struct RedirectMatch {
    pub location: String,
    pub status: RedirectStatus,
    /// When the rule ends, in milliseconds; `None` if it has no end.
    pub ends_at: Option<i64>,
}

/// The effect of a rule whose path has matched.
pub(super) struct Action {
    pub destination: Destination,
    pub status: RedirectStatus,
    pub starts_at: Option<i64>,
    pub ends_at: Option<i64>,
    pub conditions: Option<Box<Conditions>>,
    /// The id of the rule; `None` for an alias.
    pub rule: Option<Uuid>,
    /// `None` for aliases, which are not counted.
    pub hits: Option<Arc<AtomicU64>>,
    /// The rule with the same path that is next in order of precedence: rules with many conditions precede
    /// rules with few, and older rules precede newer ones. Aliases are last.
    next: Option<Box<Action>>,
}

impl Action {
    pub fn new(destination: Destination, status: RedirectStatus) -> Self {
        Action {
            destination,
            status,
            starts_at: None,
            ends_at: None,
            conditions: None,
            rule: None,
            hits: None,
            next: None,
        }
    }

    /// Returns this action and those with the same path, in order of precedence.
    pub fn chain(&self) -> impl Iterator<Item = &Action> {
        std::iter::successors(Some(self), |action| action.next.as_deref())
    }

    /// Adds an action to the chain that begins in `slot`.
    pub fn insert(slot: &mut Option<Box<Action>>, mut action: Action) {
        let mut slot = slot;
        while let Some(other) = slot
            && other.order() <= action.order()
        {
            slot = &mut slot.as_mut().expect("checked").next;
        }
        action.next = slot.take();
        *slot = Some(Box::new(action));
    }

    /// Removes the action of a rule from the chain that begins in `slot`.
    pub fn remove(slot: &mut Option<Box<Action>>, rule: Uuid) {
        let mut rest = slot.take();
        while let Some(mut action) = rest {
            rest = action.next.take();
            if action.rule != Some(rule) {
                Action::insert(slot, *action);
            }
        }
    }

    fn order(&self) -> (std::cmp::Reverse<usize>, bool, Option<Uuid>) {
        (std::cmp::Reverse(self.rank()), self.rule.is_none(), self.rule)
    }

    fn rank(&self) -> usize {
        self.conditions.as_ref().map_or(0, |conditions| conditions.rank())
    }

    /// Returns the redirect by the action of this chain that the request matches best, and counts the hit. Of
    /// several rules with the same number of conditions, the one with the language that the client prefers is
    /// followed.
    pub fn follow(&self, captures: &[&str], lookup: &Lookup<'_>) -> Option<RedirectMatch> {
        let mut best: Option<(u16, &Action, Vec<String>)> = None;
        for action in self.chain() {
            if best.as_ref().is_some_and(|(_, best, _)| best.rank() > action.rank()) {
                break;
            }
            if let Some((weight, query)) = action.matches(lookup)
                && best.as_ref().is_none_or(|(known, ..)| weight > *known)
            {
                best = Some((weight, action, query));
            }
        }
        let (_, action, query) = best?;
        let captures = Captures { path: captures, query: &query };
        let location = action.location(captures, lookup.path, lookup.request.query)?;
        if let Some(hits) = &action.hits {
            hits.fetch_add(1, Ordering::Relaxed);
        }
        Some(RedirectMatch { location, status: action.status, ends_at: action.ends_at })
    }

    /// Returns the weight of the language and the captured query parameters, if a request with a matching path
    /// fulfils the conditions.
    fn matches(&self, lookup: &Lookup<'_>) -> Option<(u16, Vec<String>)> {
        let request = lookup.request;
        let early = self.starts_at.is_some_and(|start| request.now < start);
        let late = self.ends_at.is_some_and(|end| request.now >= end);
        if early || late {
            return None;
        }
        let Some(conditions) = &self.conditions else { return Some((FULL_WEIGHT, Vec::new())) };
        if request.is_https && conditions.host.as_ref().is_some_and(|host| host.is_plain) {
            return None;
        }
        let query = conditions.match_query(request.query.unwrap_or_default())?;
        let mut weight = FULL_WEIGHT;
        if !conditions.languages.is_empty() {
            lookup.by_language.set(true);
            weight = language_weight(request.accept_language.unwrap_or_default(), &conditions.languages);
        }
        if weight == 0 {
            return None;
        }
        let countries = &conditions.countries;
        let is_from = countries.is_empty() || lookup.country().is_some_and(|from| countries.contains(&from));
        is_from.then_some((weight, query))
    }

    /// Returns the location that a path is redirected to, regardless of dates; `None` if it is the path
    /// itself.
    pub fn location(&self, captures: Captures<'_>, path: &str, query: Option<&str>) -> Option<String> {
        let location = self.destination.fill(captures, query, self.conditions.as_deref())?;
        (!self.returns_to(path, &location)).then_some(location)
    }

    /// Returns whether the rule matches the location too, which it redirects a path to.
    pub fn returns_to(&self, path: &str, location: &str) -> bool {
        let destination = &self.destination;
        let conditions = self.conditions.as_deref();
        let is_same_host =
            match (conditions.and_then(|conditions| conditions.host.as_ref()), &destination.host) {
                (_, None) => true,
                (None, Some(_)) => destination.is_local(),
                (Some(from), Some(to)) => from.name == *to && !(from.is_plain && destination.is_https),
            };
        if !is_same_host || canonical(destination.host_path(location)).is_none_or(|target| target != path) {
            return false;
        }
        let query = location.split('#').next().and_then(|target| target.split_once('?'));
        let query = query.map_or("", |(_, query)| query);
        conditions.is_none_or(|conditions| conditions.match_query(query).is_some())
    }

    /// Returns whether the rule applies at all times.
    pub fn is_undated(&self) -> bool {
        self.starts_at.is_none() && self.ends_at.is_none()
    }
}
