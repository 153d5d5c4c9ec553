//! What may happen to redirects. The only writer of the `redirects` table.
use std::{sync::Arc, time::Duration};

use entity::redirect;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, ModelTrait, QueryFilter,
    QueryOrder, QuerySelect, Set,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use super::{
    live::Live,
    path::{Key, Kind, Pattern},
    rules::{checked, dated, leads},
    snapshot::{Found, Rule},
    target::Sites,
    types::{NewRedirect, Redirect, RedirectKind, RedirectReplacement},
};
use crate::{
    contract::{
        answer::Resource,
        attempt::{Attempt, Outcome, once},
        caller::Principal,
        check::{ErrorCode, Place, Violation},
        cursor::CursorKey,
        etag::Precondition,
        event::{Audience, EventType, told},
        id::Id,
        or_log::OrLog,
        problem::{Error, Result},
        text::folded,
        time::Timestamp,
    },
    ports::{
        clock::Clock,
        db::{Db, Tx},
    },
};

#[derive(Clone)]
pub struct Redirects {
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) cursors: CursorKey,
    pub(super) live: Arc<Live>,
}

impl From<redirect::Model> for Redirect {
    fn from(row: redirect::Model) -> Self {
        let pattern = Pattern::stored(&row.kind, row.source);
        Redirect {
            id: Id::from(row.id),
            kind: kind(pattern.kind),
            source: pattern.text(),
            destination: row.destination,
            permanent: row.permanent != 0,
            starts_at: row.starts_at.map(Timestamp),
            ends_at: row.ends_at.map(Timestamp),
            created_at: Timestamp(row.created_at),
            updated_at: Timestamp(row.updated_at),
            version: row.version,
        }
    }
}

pub(super) fn kind(kind: Kind) -> RedirectKind {
    match kind {
        Kind::Exact => RedirectKind::Exact,
        Kind::Prefix => RedirectKind::Prefix,
        Kind::Wildcard => RedirectKind::Wildcard,
    }
}

/// How often other processes' rules are looked for.
const LOOK: Duration = Duration::from_millis(500);
/// After how many looks the counts are kept.
const KEEP: u32 = 10;
/// The most counts that are kept at once.
const MOST: usize = 1000;
/// For how many milliseconds one flush may go on: no longer than a server drains.
const PATIENCE: i64 = 20_000;

impl Redirects {
    pub fn new(db: Db, clock: Clock, cursors: CursorKey, sites: Sites) -> Self {
        Redirects { db, clock, cursors, live: Arc::new(Live::new(sites)) }
    }

    /// Where a path leads now, by the rules that are known here.
    pub fn find(&self, path: &str, query: Option<&str>, now: i64) -> Option<Found> {
        self.live.known().snapshot.find(path, query, now)
    }

    /// Takes over what was changed by whomever.
    pub async fn refresh(&self) -> Result<()> {
        self.live.refresh(&self.db).await
    }

    /// Looks for changes and keeps the counts, for as long as the process lives.
    pub async fn tend(&self) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for look in (0..KEEP).cycle() {
            looks.tick().await;
            self.refresh().await.or_log("looking for changed redirects");
            if look == 0 {
                self.flush().await.or_log("keeping the counts of redirects");
            }
        }
    }

    /// Adds all that was counted to the table, some of it at a time.
    pub async fn flush(&self) -> Result<()> {
        let until = self.clock.now().saturating_add(PATIENCE);
        // Requests may go on counting meanwhile.
        let mut left = self.live.known().rules.len().div_ceil(MOST);
        while left > 0 && self.clock.now() < until && self.keep_some(MOST).await? {
            left -= 1;
        }
        Ok(())
    }

    /// Whether there was something to keep.
    async fn keep_some(&self, most: usize) -> Result<bool> {
        let mut counts = self.live.known().snapshot.take_counts(most);
        if counts.is_empty() {
            return Ok(false);
        }
        // In one order, so that no two processes wait for each other's rows.
        counts.sort_unstable();
        let kept = counts.clone();
        let done = self.db.write(async move |tx: Tx| {
            for (id, count) in kept {
                let more = Expr::col(redirect::Column::Hits).add(i64::try_from(count).unwrap_or(i64::MAX));
                redirect::Entity::update_many()
                    .col_expr(redirect::Column::Hits, more)
                    .filter(redirect::Column::Id.eq(id))
                    .exec(&*tx)
                    .await?;
            }
            tx.touch("redirect hits").await?;
            Ok::<_, Error>(true)
        });
        done.await.inspect_err(|_| self.live.known().snapshot.give_back(&counts))
    }

    /// The rule that the key names. Those who may not write rules see what is in force.
    pub async fn read(&self, viewer: Option<&Principal>, key: &str) -> Result<Redirect> {
        let row = at(self.db.read(), &Key::read(key)).await?.ok_or(Error::NotFound("redirect"))?;
        let now = self.clock.now();
        let dated = row.starts_at.is_none_or(|start| start <= now) && row.ends_at.is_none_or(|end| now < end);
        let source = Pattern::stored(&row.kind, row.source.clone()).text();
        let acts = dated && !self.live.known().snapshot.leaves_out(&source);
        match acts || viewer.is_some_and(|viewer| viewer.role.edits()) {
            true => Ok(row.into()),
            false => Err(Error::NotFound("redirect")),
        }
    }

    pub async fn create(&self, new: NewRedirect, attempt: Option<Attempt>) -> Result<Outcome<Redirect>> {
        let (live, now) = (self.live.clone(), self.clock.now());
        let made = once(&self.db, attempt, async move |tx| {
            let NewRedirect { source, destination, permanent, starts_at, ends_at } = new;
            let to = RedirectReplacement { destination, permanent, starts_at, ends_at };
            let pattern =
                Pattern::parse(&source).map_err(|why| Error::at("#/source", ErrorCode::Invalid, why))?;
            let rule = ruled(Uuid::now_v7(), pattern, &to, &live.sites)?;
            let standing = live.standing(&tx).await?;
            if standing.rules.iter().any(|other| other.pattern == rule.pattern) {
                return Err(Error::Taken("source"));
            }
            checked(&standing.web, vec![rule.clone()], &live.sites).await?;
            let row = fresh(&rule, now).insert(&*tx).await.map_err(Error::taken("source"))?;
            tx.touch("redirects").await?;
            let made = Redirect::from(row);
            tell(&tx, EventType::RedirectCreated, &made, now);
            Ok(made)
        });
        let made = made.await?;
        self.refresh().await.or_log("taking over a redirect");
        Ok(made)
    }

    /// The rule as it is now, and whether it is new.
    pub async fn replace(
        &self,
        key: &str,
        to: RedirectReplacement,
        when: Precondition,
    ) -> Result<(Redirect, bool)> {
        let (live, now, key) = (self.live.clone(), self.clock.now(), Key::read(key));
        let work = async move |tx: Tx| {
            let standing = live.standing(&tx).await?;
            let known = at(&*tx, &key).await?;
            let (id, pattern) = match &known {
                Some(row) => {
                    when.check(&Redirect::from(row.clone()).etag())?;
                    (row.id, Pattern::stored(&row.kind, row.source.clone()))
                }
                None => {
                    when.check_absent()?;
                    (Uuid::now_v7(), Pattern::parse(key.path()).map_err(no_source)?)
                }
            };
            let rule = ruled(id, pattern, &to, &live.sites)?;
            checked(&standing.web, vec![rule.clone()], &live.sites).await?;
            if let Some(row) = known.as_ref().filter(|row| says(row, &rule)) {
                return Ok((row.clone().into(), false));
            }
            let (row, new) = match known {
                Some(row) => (again(row, &rule, now).update(&*tx).await?, false),
                None => (fresh(&rule, now).insert(&*tx).await.map_err(Error::raced)?, true),
            };
            tx.touch("redirects").await?;
            let made = Redirect::from(row);
            let kind = if new { EventType::RedirectCreated } else { EventType::RedirectUpdated };
            tell(&tx, kind, &made, now);
            Ok::<_, Error>((made, new))
        };
        let done = self.db.write(work).await?;
        self.refresh().await.or_log("taking over a redirect");
        Ok(done)
    }

    pub async fn remove(&self, key: &str, when: Precondition) -> Result<()> {
        let (live, now, key) = (self.live.clone(), self.clock.now(), Key::read(key));
        let work = async move |tx: Tx| {
            live.standing(&tx).await?;
            let row = at(&*tx, &key).await?.ok_or(Error::NotFound("redirect"))?;
            when.check(&Redirect::from(row.clone()).etag())?;
            tell(&tx, EventType::RedirectDeleted, &Redirect::from(row.clone()), now);
            row.delete(&*tx).await?;
            tx.touch("redirects").await?;
            Ok::<_, Error>(())
        };
        self.db.write(work).await?;
        self.refresh().await.or_log("taking over that a redirect is gone");
        Ok(())
    }
}

fn tell(tx: &Tx, kind: EventType, rule: &Redirect, now: i64) {
    tx.tell(told(kind, rule, &rule.id, rule.version, Audience::Editors(None), now));
}

fn no_source(why: &'static str) -> Error {
    let place = Place::Parameter("key".to_owned());
    Error::Invalid(vec![Violation::new(place, ErrorCode::Invalid, why)])
}

/// The rule, if its dates and its destination make sense.
fn ruled(id: Uuid, pattern: Pattern, to: &RedirectReplacement, sites: &Sites) -> Result<Rule> {
    let RedirectReplacement { destination, permanent, starts_at, ends_at } = to.clone();
    dated(starts_at, ends_at).map_err(|why| Error::at("#/endsAt", ErrorCode::Invalid, why))?;
    leads(&pattern, &destination, sites)
        .map_err(|why| Error::at("#/destination", ErrorCode::Invalid, why))?;
    let (starts_at, ends_at) = (starts_at.map(|time| time.0), ends_at.map(|time| time.0));
    Ok(Rule { id, pattern, destination, permanent, starts_at, ends_at })
}

/// The row that a key names; of several with one key form the path that it spells out, else the first.
async fn at<C: ConnectionTrait>(db: &C, key: &Key) -> Result<Option<redirect::Model>> {
    let find = match key {
        Key::Path(path) => {
            let Ok(Pattern { kind, path }) = Pattern::parse(path) else { return Ok(None) };
            let same = redirect::Column::Source.eq(path);
            redirect::Entity::find().filter(redirect::Column::Kind.eq(kind.as_str())).filter(same)
        }
        Key::Form(form, path) => {
            let spelled = Expr::col(redirect::Column::Source).eq(path.clone());
            let find = redirect::Entity::find().filter(redirect::Column::KeyForm.eq(form));
            find.order_by_desc(spelled).order_by_asc(redirect::Column::Source)
        }
    };
    Ok(find.limit(1).one(db).await?)
}

pub(super) fn fresh(rule: &Rule, now: i64) -> redirect::ActiveModel {
    redirect::ActiveModel {
        id: Set(rule.id),
        kind: Set(rule.pattern.kind.as_str().to_owned()),
        source: Set(rule.pattern.path.clone()),
        key_form: Set(rule.pattern.key_form()),
        destination: Set(rule.destination.clone()),
        permanent: Set(i32::from(rule.permanent)),
        starts_at: Set(rule.starts_at),
        ends_at: Set(rule.ends_at),
        hits: Set(0),
        search: Set(folded(&format!("{} {}", rule.pattern.text(), rule.destination))),
        version: Set(1),
        created_at: Set(now),
        updated_at: Set(now),
    }
}

/// Whether the row says what the rule says.
fn says(row: &redirect::Model, rule: &Rule) -> bool {
    (&row.destination, row.permanent, row.starts_at, row.ends_at)
        == (&rule.destination, i32::from(rule.permanent), rule.starts_at, rule.ends_at)
}

fn again(row: redirect::Model, rule: &Rule, now: i64) -> redirect::ActiveModel {
    let version = row.version + 1;
    let new = fresh(rule, now);
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
