//! Many rules at once: written together or not at all, beside those that are there already.
use std::collections::HashMap;

use entity::redirect;
use sea_orm::{
    EntityTrait,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use uuid::Uuid;

use super::{
    forms::Entry,
    path::Pattern,
    rules::{checked, dated, leads},
    service::{Redirects, fresh},
    snapshot::Rule,
    target::{Sites, Target},
    types::RedirectImport,
};
use crate::{
    contract::{
        attempt::{Attempt, Outcome, once},
        check::{MAX_VIOLATIONS, Violation},
        event::{Audience, EventType, of},
        or_log::OrLog,
        problem::{Error, Result},
    },
    ports::db::Tx,
};

/// As many rows go into one statement; SQLite has room for 32,766 values.
const AT_ONCE: usize = 2000;

impl Redirects {
    /// Writes the rules in a transaction of its own and acts by them at once.
    pub async fn take(
        &self,
        entries: Result<Vec<Entry>, Vec<Violation>>,
        attempt: Option<Attempt>,
    ) -> Result<Outcome<RedirectImport>> {
        let entries = entries.map_err(refused)?;
        let redirects = self.clone();
        let work = async move |tx: Tx| redirects.import(&tx, entries).await;
        let done = once(&self.db, attempt, work).await?;
        self.refresh().await.or_log("taking over imported redirects");
        Ok(done)
    }

    /// Writes the rules: those whose source is there already lead to the new destination. Who calls this asks
    /// for a [`Redirects::refresh`] after the commit.
    pub async fn import(&self, tx: &Tx, entries: Vec<Entry>) -> Result<RedirectImport> {
        let standing = self.live.standing(tx).await?;
        let sites = self.live.sites.clone();
        let all = standing.rules.clone();
        let read = tokio::task::spawn_blocking(move || sorted(&all, &entries, &sites));
        let (rules, report) =
            read.await.map_err(|error| Error::Internal(error.to_string()))?.map_err(refused)?;
        checked(&standing.web, rules.clone(), &self.live.sites).await?;
        let now = self.clock.now();
        for some in rules.chunks(AT_ONCE) {
            let next = Expr::col((redirect::Entity, redirect::Column::Version)).add(1);
            let again = OnConflict::columns([redirect::Column::Kind, redirect::Column::Source])
                .update_columns([
                    redirect::Column::Destination,
                    redirect::Column::Permanent,
                    redirect::Column::StartsAt,
                    redirect::Column::EndsAt,
                    redirect::Column::Search,
                    redirect::Column::UpdatedAt,
                ])
                .value(redirect::Column::Version, next)
                .to_owned();
            let rows = some.iter().map(|rule| fresh(rule, now));
            redirect::Entity::insert_many(rows).on_conflict(again).exec_without_returning(&**tx).await?;
        }
        if !rules.is_empty() {
            tx.touch("redirects").await?;
            let (kind, href) = (EventType::RedirectsImported, "/api/redirects".to_owned());
            tx.tell(of(kind, "redirects", href, 0, Audience::Editors(None), now));
        }
        Ok(report)
    }
}

fn refused(mut violations: Vec<Violation>) -> Error {
    violations.truncate(MAX_VIOLATIONS);
    Error::Invalid(violations)
}

type Sorted = Result<(Vec<Rule>, RedirectImport), Vec<Violation>>;

/// The rules that have to be written, or what is wrong with the entries.
fn sorted(standing: &[Rule], entries: &[Entry], sites: &Sites) -> Sorted {
    let known: HashMap<&Pattern, &Rule> = standing.iter().map(|rule| (&rule.pattern, rule)).collect();
    let mut seen = HashMap::new();
    let (mut rules, mut violations) = (Vec::new(), Vec::new());
    let mut report = RedirectImport { created: 0, updated: 0, unchanged: 0 };
    for entry in entries {
        let rule = match ruled(entry, sites) {
            Ok(rule) => rule,
            Err(violation) => {
                violations.push(violation);
                continue;
            }
        };
        if seen.insert(rule.pattern.clone(), ()).is_some() {
            violations.push(entry.violation("source", "stands here twice"));
            continue;
        }
        match known.get(&rule.pattern) {
            Some(before) if same(before, &rule, sites) => report.unchanged += 1,
            Some(before) => {
                report.updated += 1;
                rules.push(Rule { id: before.id, ..rule });
            }
            None => {
                report.created += 1;
                rules.push(rule);
            }
        }
    }
    if violations.is_empty() { Ok((rules, report)) } else { Err(violations) }
}

/// Whether a rule does the same as the one before, be it in other words.
fn same(before: &Rule, rule: &Rule, sites: &Sites) -> bool {
    let target = |rule: &Rule| Target::parse(&rule.destination, &rule.pattern, sites).ok();
    let destination = before.destination.clone();
    *before == Rule { id: before.id, destination, ..rule.clone() }
        && (before.destination == rule.destination || target(before) == target(rule))
}

fn ruled(entry: &Entry, sites: &Sites) -> Result<Rule, Violation> {
    let new = entry.new.clone();
    let pattern = Pattern::parse(&new.source).map_err(|why| entry.violation("source", why))?;
    leads(&pattern, &new.destination, sites).map_err(|why| entry.violation("destination", why))?;
    dated(new.starts_at, new.ends_at).map_err(|why| entry.violation("endsAt", why))?;
    Ok(Rule {
        id: Uuid::now_v7(),
        pattern,
        destination: new.destination,
        permanent: new.permanent,
        starts_at: new.starts_at.map(|time| time.0),
        ends_at: new.ends_at.map(|time| time.0),
    })
}
