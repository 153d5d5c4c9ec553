//! Circles that nobody wrote: content takes an address to which a rule leads long after that was written, or a
//! setting makes a site this service's own. What would close one is left out.
use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
};

use super::{
    path::{Kind, Pattern, canonical},
    snapshot::{Former, Rule, Snapshot},
};

/// Slugs that posts had, with those they have.
type Slugs<'a> = HashMap<&'a str, &'a str>;

/// So many steps and no end are taken for a circle; browsers have given up by then.
const STEPS: usize = 20;
/// So many places to which rules with dates may lead from one path are, too.
const PLACES: usize = 200;

impl Snapshot {
    /// Takes out what leads back to itself. Former addresses go first: rules win.
    pub(super) fn break_circles(&mut self, rules: &[Rule], former: &Former) {
        let known = former.slugs.iter().map(|(before, now)| (before.as_str(), now.as_str())).collect();
        for (path, _) in &former.aliases {
            let Some(path) = canonical(path) else { continue };
            let source = Pattern { kind: Kind::Exact, path: path.into_owned() };
            self.unless_circle(&source, &known, false);
        }
        for rule in rules {
            self.unless_circle(&rule.pattern, &known, true);
        }
    }

    fn unless_circle(&mut self, source: &Pattern, slugs: &Slugs<'_>, rule: bool) {
        let from = match source.kind {
            Kind::Exact => source.path.clone(),
            Kind::Prefix => format!("{}/x", source.path),
            Kind::Wildcard => source.path.replace('*', "x"),
        };
        if self.returns(&from, slugs) && self.remove(source, rule) {
            self.circles.push(source.text());
        }
    }

    /// Whether some way from this path comes back to it, or has no end.
    fn returns(&self, from: &str, slugs: &Slugs<'_>) -> bool {
        let (mut seen, mut open) = (HashSet::new(), vec![(from.to_owned(), 0)]);
        while let Some((path, steps)) = open.pop() {
            for place in self.places(&path, slugs) {
                if place == from || steps == STEPS || seen.len() == PLACES {
                    return true;
                }
                if seen.insert(place.clone()) {
                    open.push((place, steps + 1));
                }
            }
        }
        false
    }

    /// All places to which a path may lead, each by the rule that wins at some time.
    fn places(&self, path: &str, slugs: &Slugs<'_>) -> Vec<String> {
        let places = RefCell::new(Vec::new());
        let always = self.first(path, &|way, taken| {
            let location = way.leads(taken, path, None)?;
            places.borrow_mut().push(way.place(&location)?);
            way.always().then_some(())
        });
        let mut places = places.into_inner();
        if always.is_none() {
            places.extend(slugs.get(path).map(|now| (*now).to_owned()));
        }
        places
    }
}
