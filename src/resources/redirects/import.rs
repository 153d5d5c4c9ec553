//! Import of rules. An import is atomic, and retains existing rules that it does not contain.
use std::collections::{HashMap, HashSet};

use entity::redirect;
use sea_orm::{
    EntityTrait,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use uuid::Uuid;

use super::{
    destination::{Destination, RedirectHosts},
    formats::Entry,
    path::Pattern,
    rules::{RuleContext, check_dates, check_destination, check_source, check_with_existing},
    service::{Redirects, new_row},
    snapshot::Rule,
    types::RedirectImport,
};
use crate::{
    domain::{
        event::{Audience, EventType},
        result_ext::ResultExt,
    },
    http::{
        idempotency::{IdempotentRequest, Outcome, run_once_with_body},
        problem::{Error, Result},
    },
    infra::db::Tx,
    schema::{MAX_VIOLATIONS, Violation},
};

/// The rows of one statement. SQLite accepts 32,766 parameters, and a row has 13.
const ROWS_PER_STATEMENT: usize = 2000;

impl Redirects {
    /// Imports rules in a new transaction, and then loads them into the cache of this process.
    pub async fn run_import(
        &self,
        entries: Result<Vec<Entry>, Vec<Violation>>,
        attempt: Option<IdempotentRequest>,
    ) -> Result<Outcome<RedirectImport>> {
        let entries = entries.map_err(invalid)?;
        let redirects = self.clone();
        let work = async move |tx: Tx| redirects.import(&tx, entries).await;
        let done = run_once_with_body(&self.db, attempt, work).await?;
        self.refresh().await.ok_or_log("loading imported redirects");
        Ok(done)
    }

    /// Imports rules in the transaction `tx`. A rule replaces an existing rule with the same source. The
    /// caller must call [`Redirects::refresh`] after the commit.
    pub async fn import(&self, tx: &Tx, entries: Vec<Entry>) -> Result<RedirectImport> {
        let current = self.cache.lock_current(tx).await?;
        let context = self.cache.context.clone();
        let existing = current.rules.clone();
        // Parsing up to a million rules would block an async worker thread.
        let planned = tokio::task::spawn_blocking(move || plan(&existing, &entries, &context));
        let (rules, report) =
            planned.await.map_err(|error| Error::Internal(error.to_string()))?.map_err(invalid)?;
        if !rules.is_empty() {
            check_with_existing(&current, &rules, &self.cache.context).await?;
        }
        let now = self.clock.now();
        for chunk in rules.chunks(ROWS_PER_STATEMENT) {
            let next_version = Expr::col((redirect::Entity, redirect::Column::Version)).add(1);
            let upsert = OnConflict::columns([redirect::Column::Kind, redirect::Column::Source])
                .update_columns([
                    redirect::Column::Destination,
                    redirect::Column::Permanent,
                    redirect::Column::StartsAt,
                    redirect::Column::EndsAt,
                    redirect::Column::Search,
                    redirect::Column::UpdatedAt,
                ])
                .value(redirect::Column::Version, next_version)
                .to_owned();
            let rows = chunk.iter().map(|rule| new_row(rule, now));
            redirect::Entity::insert_many(rows).on_conflict(upsert).exec_without_returning(&**tx).await?;
        }
        if !rules.is_empty() {
            tx.touch("redirects").await?;
            let (kind, href) = (EventType::RedirectsImported, "/api/redirects".to_owned());
            tx.emit(kind, "redirects", href, 0, Audience::Editors, now);
        }
        Ok(report)
    }
}

fn invalid(mut violations: Vec<Violation>) -> Error {
    violations.truncate(MAX_VIOLATIONS);
    Error::Invalid(violations)
}

type Plan = Result<(Vec<Rule>, RedirectImport), Vec<Violation>>;

/// Returns the rules that must be written, or the violations of the entries.
fn plan(existing: &[Rule], entries: &[Entry], context: &RuleContext) -> Plan {
    let by_pattern: HashMap<&Pattern, &Rule> = existing.iter().map(|rule| (&rule.pattern, rule)).collect();
    let mut seen = HashSet::new();
    let (mut rules, mut violations) = (Vec::new(), Vec::new());
    let mut report = RedirectImport { created: 0, updated: 0, unchanged: 0 };
    for entry in entries {
        let rule = match entry_rule(entry, context) {
            Ok(rule) => rule,
            Err(violation) => {
                violations.push(violation);
                continue;
            }
        };
        if !seen.insert(rule.pattern.clone()) {
            violations.push(entry.violation("source", "must not occur twice in the file"));
            continue;
        }
        match by_pattern.get(&rule.pattern) {
            Some(before) if is_same(before, &rule, &context.hosts) => report.unchanged += 1,
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

/// Returns whether two rules have the same effect, even if their destinations are written differently.
fn is_same(before: &Rule, rule: &Rule, hosts: &RedirectHosts) -> bool {
    let parsed = |rule: &Rule| Destination::parse(&rule.destination, &rule.pattern, hosts).ok();
    let destination = before.destination.clone();
    *before == Rule { id: before.id, destination, ..rule.clone() }
        && (before.destination == rule.destination || parsed(before) == parsed(rule))
}

fn entry_rule(entry: &Entry, context: &RuleContext) -> Result<Rule, Violation> {
    let new = entry.new.clone();
    let pattern = Pattern::parse(&new.source).map_err(|message| entry.violation("source", message))?;
    check_source(&pattern, &context.operations).map_err(|message| entry.violation("source", &message))?;
    check_destination(&pattern, &new.destination, &context.hosts)
        .map_err(|message| entry.violation("destination", message))?;
    check_dates(new.starts_at, new.ends_at).map_err(|message| entry.violation("endsAt", message))?;
    Ok(Rule {
        id: Uuid::now_v7(),
        pattern,
        destination: new.destination.into(),
        permanent: new.permanent,
        starts_at: new.starts_at.map(|time| time.0),
        ends_at: new.ends_at.map(|time| time.0),
    })
}
