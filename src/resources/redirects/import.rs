//! Import of rules. An import is atomic, and retains existing rules that it does not contain.
use std::collections::{HashMap, HashSet, hash_map};

use entity::redirect;
use sea_orm::{
    EntityTrait,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use uuid::Uuid;

use super::{
    destination::Destination,
    formats::{Entry, ParsedFile, Place, Remark},
    hosts::RedirectHosts,
    rules::{RuleContext, check_dates, check_destination, check_source, find_conflicts, without_effect},
    service::{EXTERNAL_FORBIDDEN, Redirects, external_changes, new_row},
    snapshot::Rule,
    source::Pattern,
    status::RedirectStatus,
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

/// The rows of one statement. SQLite accepts 32,766 parameters, and a row has 14.
const ROWS_PER_STATEMENT: usize = 2000;

/// The options of an import.
#[derive(Debug, Clone, Copy, Default)]
pub struct ImportOptions {
    /// Whether to check the file only.
    pub dry_run: bool,
    /// Whether to allow destinations on any host, by setting `external` of the rules that need it.
    pub external: bool,
    /// Whether the caller may allow destinations on any host.
    pub is_admin: bool,
}

/// The result of an import, with the remarks about the file in the order of their locations.
pub struct Imported {
    pub report: RedirectImport,
    pub remarks: Vec<Remark>,
}

/// Maximum number of warnings in a report, and of characters of each.
const MAX_WARNINGS: (usize, usize) = (100, 500);

impl Redirects {
    /// Imports rules in a new transaction, and then loads them into the cache of this process.
    pub async fn run_import(
        &self,
        file: ParsedFile,
        options: ImportOptions,
        attempt: Option<IdempotentRequest>,
    ) -> Result<Outcome<RedirectImport>> {
        let redirects = self.clone();
        let work = async move |tx: Tx| Ok(redirects.import(&tx, file, options).await?.report);
        // A dry run has no effect that a repeated request could repeat.
        let done = run_once_with_body(&self.db, attempt.filter(|_| !options.dry_run), work).await?;
        self.refresh().await.ok_or_log("loading imported redirects");
        Ok(done)
    }

    /// Imports rules in the transaction `tx`. A rule replaces an existing rule with the same source. The
    /// caller must call [`Redirects::refresh`] after the commit.
    pub async fn import(&self, tx: &Tx, file: ParsedFile, options: ImportOptions) -> Result<Imported> {
        if options.external && !options.is_admin {
            return Err(Error::Forbidden(EXTERNAL_FORBIDDEN));
        }
        let current = self.cache.lock_current(tx).await?;
        let context = self.cache.context.clone();
        let existing = current.rules.clone();
        // Parsing up to a million rules would block an async worker thread.
        let planned = tokio::task::spawn_blocking(move || Plan::new(&existing, file, options, &context));
        let plan = planned.await.map_err(|error| Error::Internal(error.to_string()))?;
        if plan.is_forbidden {
            return Err(Error::Forbidden(EXTERNAL_FORBIDDEN));
        }
        if !plan.errors.is_empty() {
            return Err(Error::Invalid(violations(plan.errors)));
        }
        if !plan.rules.is_empty() {
            let conflicts = find_conflicts(&current, &plan.rules, &self.cache.context).await?;
            let place = |rule: Uuid| plan.places.get(&rule).cloned().unwrap_or(Place::Line(0));
            let remarks = conflicts.into_iter().map(|found| Remark::new(place(found.rule), found.message));
            let remarks: Vec<Remark> = remarks.collect();
            if !remarks.is_empty() {
                return Err(Error::Conflicts(violations(remarks)));
            }
        }
        if !options.dry_run && !plan.rules.is_empty() {
            self.write_rules(tx, &plan.rules).await?;
        }
        Ok(plan.into_imported(options.dry_run))
    }

    /// Writes new and changed rules.
    async fn write_rules(&self, tx: &Tx, rules: &[Rule]) -> Result<()> {
        let now = self.clock.now();
        for chunk in rules.chunks(ROWS_PER_STATEMENT) {
            let next_version = Expr::col((redirect::Entity, redirect::Column::Version)).add(1);
            let upsert = OnConflict::columns([redirect::Column::Kind, redirect::Column::Source])
                .update_columns([
                    redirect::Column::Destination,
                    redirect::Column::Status,
                    redirect::Column::External,
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
        tx.touch("redirects").await?;
        if rules.iter().any(|rule| rule.external) {
            tx.record_changes("redirects", external_changes());
        }
        let (kind, href) = (EventType::RedirectsImported, "/api/redirects".to_owned());
        tx.emit(kind, "redirects", href, 0, Audience::Editors, now);
        Ok(())
    }
}

/// Returns the violations of the body, in the order of their locations. The last one counts the others if
/// there are too many.
fn violations(mut remarks: Vec<Remark>) -> Vec<Violation> {
    remarks.sort_by(|a, b| a.place.cmp(&b.place));
    let more = (remarks.len() + 1).saturating_sub(MAX_VIOLATIONS);
    let shown = if more > 1 { MAX_VIOLATIONS - 1 } else { remarks.len() };
    let mut violations: Vec<Violation> = remarks.iter().take(shown).map(Remark::violation).collect();
    if more > 1 {
        let message = format!("{more} more errors are not listed");
        violations.push(Remark::new(Place::Line(0), message).violation());
    }
    violations
}

/// The rules that an import must write, or the errors of the file.
#[derive(Default)]
struct Plan {
    rules: Vec<Rule>,
    /// The location of each rule.
    places: HashMap<Uuid, Place>,
    errors: Vec<Remark>,
    skipped: Vec<Remark>,
    warnings: Vec<Remark>,
    created: i64,
    updated: i64,
    unchanged: i64,
    /// Whether the file allows a destination on any host, and the caller may not.
    is_forbidden: bool,
}

impl Plan {
    fn new(existing: &[Rule], file: ParsedFile, options: ImportOptions, context: &RuleContext) -> Self {
        let by_pattern: HashMap<&Pattern, &Rule> =
            existing.iter().map(|rule| (&rule.pattern, rule)).collect();
        let ParsedFile { entries, errors, skipped, warnings } = file;
        let mut plan = Plan { errors, skipped, warnings, ..Plan::default() };
        let mut seen: HashMap<String, Place> = HashMap::new();
        let (mut rules, mut candidates) = (Vec::with_capacity(entries.len()), HashSet::new());
        for entry in entries {
            let rule = match entry_rule(&entry, options, context) {
                Ok(rule) => rule,
                Err(errors) => {
                    plan.errors.extend(errors);
                    continue;
                }
            };
            match seen.entry(rule.pattern.shape()) {
                hash_map::Entry::Occupied(first) => {
                    let message = format!("repeats the source of {}, which applies", first.get().text());
                    plan.skipped.push(entry.remark("source", &message));
                    continue;
                }
                hash_map::Entry::Vacant(slot) => _ = slot.insert(entry.place.clone()),
            }
            if entry.may_be_without_effect {
                candidates.insert(rule.id);
            }
            rules.push((rule, entry.place));
        }
        if !candidates.is_empty() {
            let all: Vec<Rule> = rules.iter().map(|(rule, _)| rule.clone()).collect();
            let mut without = without_effect(&all, context);
            without.retain(|rule| candidates.contains(rule));
            let is_skipped = |(rule, _): &mut (Rule, Place)| without.contains(&rule.id);
            for (_, place) in rules.extract_if(.., is_skipped) {
                plan.skipped.push(Remark::new(place, "the rule redirects its source to itself"));
            }
        }
        for (rule, place) in rules {
            plan.add(by_pattern.get(&rule.pattern).copied(), rule, place, options, context);
        }
        plan
    }

    fn add(
        &mut self,
        before: Option<&Rule>,
        rule: Rule,
        place: Place,
        options: ImportOptions,
        context: &RuleContext,
    ) {
        let is_allowed =
            before.is_some_and(|before| before.external && before.destination == rule.destination);
        self.is_forbidden |= rule.external && !options.is_admin && !is_allowed;
        let rule = match before {
            Some(before) if is_same(before, &rule, &context.hosts) => {
                self.unchanged += 1;
                return;
            }
            Some(before) => {
                self.updated += 1;
                Rule { id: before.id, ..rule }
            }
            None => {
                self.created += 1;
                rule
            }
        };
        self.places.insert(rule.id, place);
        self.rules.push(rule);
    }

    fn into_imported(self, dry_run: bool) -> Imported {
        let Plan { created, updated, unchanged, skipped, mut warnings, .. } = self;
        let count = skipped.len() as i64;
        warnings.extend(skipped);
        warnings.sort_by(|a, b| a.place.cmp(&b.place));
        let text = |remark: &Remark| remark.text().chars().take(MAX_WARNINGS.1).collect::<String>().into();
        let shown = warnings.iter().take(MAX_WARNINGS.0).map(text).collect();
        let report = RedirectImport { created, updated, unchanged, skipped: count, warnings: shown, dry_run };
        Imported { report, remarks: warnings }
    }
}

/// Returns whether two rules have the same effect, even if their destinations are written differently.
fn is_same(before: &Rule, rule: &Rule, hosts: &RedirectHosts) -> bool {
    let parsed =
        |rule: &Rule| Destination::parse(&rule.destination, &rule.pattern, hosts, rule.external).ok();
    let destination = before.destination.clone();
    *before == Rule { id: before.id, destination, ..rule.clone() }
        && (before.destination == rule.destination || parsed(before) == parsed(rule))
}

/// Returns the rule of an entry, or all its errors.
fn entry_rule(entry: &Entry, options: ImportOptions, context: &RuleContext) -> Result<Rule, Vec<Remark>> {
    let new = &entry.new;
    let mut errors = Vec::new();
    let external =
        new.external || (options.external && Destination::needs_external(&new.destination, &context.hosts));
    let pattern = Pattern::parse(&new.source);
    match &pattern {
        Err(message) => errors.push(entry.remark("source", message)),
        Ok(pattern) => {
            if let Err(message) = check_source(pattern, &context.operations) {
                errors.push(entry.remark("source", &message));
            }
            if let Err(message) = check_destination(pattern, &new.destination, &context.hosts, external) {
                errors.push(entry.remark("destination", &message));
            }
        }
    }
    let status = RedirectStatus::of(new.permanent, new.status);
    if let Err(message) = status {
        errors.push(entry.remark("permanent", message));
    }
    if let Err(message) = check_dates(new.starts_at, new.ends_at) {
        errors.push(entry.remark("endsAt", message));
    }
    match (pattern, status) {
        (Ok(pattern), Ok(status)) if errors.is_empty() => Ok(Rule {
            id: Uuid::now_v7(),
            pattern,
            destination: new.destination.as_str().to_owned(),
            status,
            external,
            starts_at: new.starts_at.map(|time| time.0),
            ends_at: new.ends_at.map(|time| time.0),
        }),
        _ => Err(errors),
    }
}
