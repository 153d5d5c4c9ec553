//! Redirect service: rules and queries. The only writer of the `redirects` table.
use std::{sync::Arc, time::Duration};

use entity::redirect;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, ModelTrait, QueryFilter,
    QueryOrder, QuerySelect, Set,
    sea_query::{Expr, ExprTrait},
};
use tokio::sync::watch;
use uuid::Uuid;

use super::{
    cache::RuleCache,
    path::{Pattern, RuleKey},
    rules::{RuleContext, check_dates, check_destination, check_source, check_with_existing},
    snapshot::{RedirectMatch, Rule},
    types::{Redirect, RedirectInput, RedirectReplacement},
};
use crate::{
    domain::{
        event::{Audience, EventType},
        id::Id,
        result_ext::ResultExt,
        search::search_key,
        timestamp::Timestamp,
    },
    http::{
        auth::Principal,
        cursor::CursorKey,
        etag::Precondition,
        idempotency::{IdempotentRequest, Outcome, run_once},
        problem::{Error, Result},
        response::Resource,
    },
    infra::{
        audit_log::Changes,
        clock::Clock,
        db::{Db, Tx},
    },
    schema::{ErrorCode, Location, Violation},
};

#[derive(Clone)]
pub struct Redirects {
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) cursors: CursorKey,
    pub(super) cache: Arc<RuleCache>,
}

impl From<redirect::Model> for Redirect {
    fn from(row: redirect::Model) -> Self {
        let pattern = Pattern { kind: row.kind, path: row.source };
        Redirect {
            id: Id::from(row.id),
            kind: pattern.kind,
            source: pattern.text().into(),
            destination: row.destination.into(),
            permanent: row.permanent != 0,
            starts_at: row.starts_at.map(Timestamp),
            ends_at: row.ends_at.map(Timestamp),
            created_at: Timestamp(row.created_at),
            updated_at: Timestamp(row.updated_at),
            version: row.version,
        }
    }
}

/// The interval between polls for rules that other processes have written.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// Hit counts are written on every tenth poll.
const POLLS_PER_FLUSH: u32 = 10;
/// Maximum number of hit counts in one transaction.
const FLUSH_BATCH: usize = 1000;
/// Maximum duration of a flush, in milliseconds. A flush at shutdown must end before the process is killed.
const FLUSH_TIMEOUT: i64 = 20_000;

impl Redirects {
    pub fn new(db: Db, clock: Clock, cursors: CursorKey, context: RuleContext) -> Self {
        Redirects { db, clock, cursors, cache: Arc::new(RuleCache::new(context)) }
    }

    /// Returns the redirect for a path at the time `now` (in milliseconds), according to the cached rules.
    pub fn find(&self, path: &str, query: Option<&str>, now: i64) -> Option<RedirectMatch> {
        self.cache.load().snapshot.find(path, query, now)
    }

    /// Loads the rules if any process has changed them.
    pub async fn refresh(&self) -> Result<()> {
        self.cache.refresh(&self.db).await
    }

    /// Polls for changed rules and writes hit counts, until `stop` is true.
    pub async fn run_refresh_loop(&self, mut stop: watch::Receiver<bool>) {
        let mut polls = tokio::time::interval(POLL_INTERVAL);
        polls.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for poll in (0..POLLS_PER_FLUSH).cycle() {
            tokio::select! {
                _ = polls.tick() => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            self.refresh().await.ok_or_log("polling for changed redirects");
            if poll == 0 {
                self.flush().await.ok_or_log("writing redirect hit counts");
            }
        }
    }

    /// Adds the hit counts to the table, in batches.
    pub async fn flush(&self) -> Result<()> {
        let until = self.clock.now().saturating_add(FLUSH_TIMEOUT);
        // Requests add counts during the flush. The limit of batches ensures that it ends under load.
        let mut left = self.cache.load().rules.len().div_ceil(FLUSH_BATCH);
        while left > 0 && self.clock.now() < until && self.flush_batch(FLUSH_BATCH).await? {
            left -= 1;
        }
        Ok(())
    }

    /// Writes one batch. Returns whether there was a count to write.
    async fn flush_batch(&self, max: usize) -> Result<bool> {
        let mut counts = self.cache.load().snapshot.take_counts(max);
        if counts.is_empty() {
            return Ok(false);
        }
        // All processes lock rows in the same order, which avoids deadlocks.
        counts.sort_unstable();
        let batch = counts.clone();
        let done = self.db.write(async move |tx: Tx| {
            for (id, count) in batch {
                let sum = Expr::col(redirect::Column::Hits).add(i64::try_from(count).unwrap_or(i64::MAX));
                redirect::Entity::update_many()
                    .col_expr(redirect::Column::Hits, sum)
                    .filter(redirect::Column::Id.eq(id))
                    .exec(&*tx)
                    .await?;
            }
            tx.touch("redirect hits").await?;
            Ok::<_, Error>(true)
        });
        done.await.inspect_err(|_| self.cache.load().snapshot.restore_counts(&counts))
    }

    /// Returns the rule with this key. Callers who are not editors see only rules that are in effect.
    pub async fn get(&self, viewer: Option<&Principal>, key: &str) -> Result<Redirect> {
        let row = find_row(self.db.read(), &RuleKey::parse(key)).await?.ok_or(Error::NotFound("redirect"))?;
        let now = self.clock.now();
        let is_current =
            row.starts_at.is_none_or(|start| start <= now) && row.ends_at.is_none_or(|end| now < end);
        let in_effect = is_current && !self.cache.load().snapshot.is_inactive(row.id);
        match in_effect || viewer.is_some_and(|viewer| viewer.role.is_editor()) {
            true => Ok(row.into()),
            false => Err(Error::NotFound("redirect")),
        }
    }

    pub async fn create(
        &self,
        new: RedirectInput,
        attempt: Option<IdempotentRequest>,
    ) -> Result<Outcome<Redirect>> {
        let (cache, now) = (self.cache.clone(), self.clock.now());
        let key = RuleKey::Path(new.source.to_string());
        let reload = |_: String| async move {
            let row = find_row(self.db.read(), &key).await?;
            row.map(Redirect::from).ok_or(Error::NotFound("redirect"))
        };
        let work = async move |tx: Tx| {
            let RedirectInput { source, destination, permanent, starts_at, ends_at } = new;
            let to = RedirectReplacement { destination, permanent, starts_at, ends_at };
            let invalid = |message: &str| Error::invalid_field("#/source", ErrorCode::Invalid, message);
            let pattern = Pattern::parse(&source).map_err(invalid)?;
            check_source(&pattern, &cache.context.operations).map_err(|message| invalid(&message))?;
            let rule = build_rule(Uuid::now_v7(), pattern, &to, &cache.context)?;
            let current = cache.lock_current(&tx).await?;
            if current.rules.iter().any(|other| other.pattern == rule.pattern) {
                return Err(Error::AlreadyExists("source"));
            }
            check_with_existing(&current, std::slice::from_ref(&rule), &cache.context).await?;
            let row = new_row(&rule, now).insert(&*tx).await.map_err(Error::on_unique_violation("source"))?;
            tx.touch("redirects").await?;
            let redirect = Redirect::from(row);
            emit(&tx, EventType::RedirectCreated, &redirect, now);
            Ok(redirect)
        };
        let created = run_once(&self.db, attempt, work, reload).await?;
        self.refresh().await.ok_or_log("loading a new redirect");
        Ok(created)
    }

    /// Creates or replaces a rule. Returns the rule and whether it was created.
    pub async fn replace(
        &self,
        key: &str,
        to: RedirectReplacement,
        precondition: Precondition,
    ) -> Result<(Redirect, bool)> {
        let (cache, now, key) = (self.cache.clone(), self.clock.now(), RuleKey::parse(key));
        let work = async move |tx: Tx| {
            let current = cache.lock_current(&tx).await?;
            let existing = find_row(&*tx, &key).await?;
            let (id, pattern) = match &existing {
                Some(row) => {
                    precondition.check(&Redirect::from(row.clone()).etag())?;
                    (row.id, Pattern { kind: row.kind, path: row.source.clone() })
                }
                None => {
                    precondition.check_absent()?;
                    let pattern = Pattern::parse(key.path()).map_err(invalid_key)?;
                    check_source(&pattern, &cache.context.operations)
                        .map_err(|message| invalid_key(&message))?;
                    (Uuid::now_v7(), pattern)
                }
            };
            let rule = build_rule(id, pattern, &to, &cache.context)?;
            if let Some(row) = existing.as_ref().filter(|row| is_unchanged(row, &rule)) {
                return Ok((row.clone().into(), false));
            }
            check_with_existing(&current, std::slice::from_ref(&rule), &cache.context).await?;
            let (row, new) = match existing {
                Some(before) => {
                    let row = updated_row(before.clone(), &rule, now).update(&*tx).await?;
                    tx.record_changes(row.id, Changes::between(&before, &row));
                    (row, false)
                }
                None => (new_row(&rule, now).insert(&*tx).await.map_err(Error::from_insert)?, true),
            };
            tx.touch("redirects").await?;
            let redirect = Redirect::from(row);
            let kind = if new { EventType::RedirectCreated } else { EventType::RedirectUpdated };
            emit(&tx, kind, &redirect, now);
            Ok::<_, Error>((redirect, new))
        };
        let done = self.db.write(work).await?;
        self.refresh().await.ok_or_log("loading a changed redirect");
        Ok(done)
    }

    pub async fn delete(&self, key: &str, precondition: Precondition) -> Result<()> {
        let (cache, now, key) = (self.cache.clone(), self.clock.now(), RuleKey::parse(key));
        let work = async move |tx: Tx| {
            cache.lock_current(&tx).await?;
            let row = find_row(&*tx, &key).await?.ok_or(Error::NotFound("redirect"))?;
            precondition.check(&Redirect::from(row.clone()).etag())?;
            emit(&tx, EventType::RedirectDeleted, &Redirect::from(row.clone()), now);
            row.delete(&*tx).await?;
            tx.touch("redirects").await?;
            Ok::<_, Error>(())
        };
        self.db.write(work).await?;
        self.refresh().await.ok_or_log("unloading a deleted redirect");
        Ok(())
    }
}

fn emit(tx: &Tx, kind: EventType, rule: &Redirect, now: i64) {
    tx.emit(kind, rule.id, rule.location(), rule.version, Audience::Editors, now);
}

fn invalid_key(message: &str) -> Error {
    let place = Location::Parameter("key".to_owned());
    Error::Invalid(vec![Violation::new(place, ErrorCode::Invalid, message)])
}

/// Builds a rule, and validates its dates and its destination.
fn build_rule(id: Uuid, pattern: Pattern, to: &RedirectReplacement, context: &RuleContext) -> Result<Rule> {
    let RedirectReplacement { destination, permanent, starts_at, ends_at } = to.clone();
    check_dates(starts_at, ends_at)
        .map_err(|message| Error::invalid_field("#/endsAt", ErrorCode::Invalid, message))?;
    check_destination(&pattern, &destination, &context.hosts)
        .map_err(|message| Error::invalid_field("#/destination", ErrorCode::Invalid, message))?;
    let (starts_at, ends_at) = (starts_at.map(|time| time.0), ends_at.map(|time| time.0));
    Ok(Rule { id, pattern, destination: destination.into(), permanent, starts_at, ends_at })
}

/// Returns the row with this key. If several rows have the same key form, the row whose source has a slash
/// for every hyphen is preferred, then the first row in the order of sources.
async fn find_row<C: ConnectionTrait>(db: &C, key: &RuleKey) -> Result<Option<redirect::Model>> {
    let find = match key {
        RuleKey::Path(path) => {
            let Ok(Pattern { kind, path }) = Pattern::parse(path) else { return Ok(None) };
            let by_source = redirect::Column::Source.eq(path);
            redirect::Entity::find().filter(redirect::Column::Kind.eq(kind)).filter(by_source)
        }
        RuleKey::Hyphenated(form, path) => {
            let is_literal = Expr::col(redirect::Column::Source).eq(path.clone());
            let find = redirect::Entity::find().filter(redirect::Column::KeyForm.eq(form));
            find.order_by_desc(is_literal).order_by_asc(redirect::Column::Source)
        }
    };
    Ok(find.limit(1).one(db).await?)
}

pub(super) fn new_row(rule: &Rule, now: i64) -> redirect::ActiveModel {
    redirect::ActiveModel {
        id: Set(rule.id),
        kind: Set(rule.pattern.kind),
        source: Set(rule.pattern.path.clone()),
        key_form: Set(rule.pattern.key_form()),
        destination: Set(rule.destination.clone()),
        permanent: Set(i32::from(rule.permanent)),
        starts_at: Set(rule.starts_at),
        ends_at: Set(rule.ends_at),
        hits: Set(0),
        search: Set(search_key(&format!("{} {}", rule.pattern.text(), rule.destination))),
        version: Set(1),
        created_at: Set(now),
        updated_at: Set(now),
    }
}

/// Returns whether a rule would not change the row.
fn is_unchanged(row: &redirect::Model, rule: &Rule) -> bool {
    (&row.destination, row.permanent, row.starts_at, row.ends_at)
        == (&rule.destination, i32::from(rule.permanent), rule.starts_at, rule.ends_at)
}

fn updated_row(row: redirect::Model, rule: &Rule, now: i64) -> redirect::ActiveModel {
    let version = row.version + 1;
    let new = new_row(rule, now);
    let mut row = row.into_active_model();
    row.destination = new.destination;
    row.permanent = new.permanent;
    row.starts_at = new.starts_at;
    row.ends_at = new.ends_at;
    row.search = new.search;
    row.updated_at = new.updated_at;
    row.version = Set(version);
    row
}
