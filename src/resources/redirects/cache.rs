//! The in-memory cache of the rules: loaded from the database after a change, read by requests without a
//! lock.
use std::sync::Arc;

use arc_swap::ArcSwap;
use entity::{alias, collection, document, post, redirect};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder,
    QuerySelect, RelationTrait,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use super::{
    rules::RuleContext,
    snapshot::{Alias, Rule, Snapshot},
    source::Pattern,
    status::RedirectStatus,
};
use crate::{
    http::problem::{Error, Result},
    infra::db::{Db, Tx},
};

/// The state of the database at one time.
#[derive(Default)]
pub struct CachedRules {
    pub snapshot: Arc<Snapshot>,
    pub rules: Arc<Vec<Rule>>,
    aliases: Arc<Vec<Alias>>,
    /// The versions of the collections `redirects`, `posts` and `documents` that were read; `None` if nothing
    /// was read.
    versions: Option<Versions>,
}

type Versions = [i64; 3];

impl CachedRules {
    /// Returns for each collection whether it has the version that was read.
    fn unchanged(&self, versions: &Versions) -> [bool; 3] {
        std::array::from_fn(|i| self.versions.is_some_and(|read| read[i] == versions[i]))
    }
}

/// The existing rules and aliases that new rules are checked against.
#[derive(Clone)]
pub struct CurrentRules {
    pub rules: Arc<Vec<Rule>>,
    pub aliases: Arc<Vec<Alias>>,
    /// The snapshot of these rules and aliases, if it is in the cache.
    pub snapshot: Option<Arc<Snapshot>>,
}

const COLLECTIONS: [&str; 3] = ["redirects", "posts", "documents"];

pub struct RuleCache {
    rules: ArcSwap<CachedRules>,
    /// Held during a refresh, so that refreshes do not overtake each other and store an older state.
    refreshing: tokio::sync::Mutex<()>,
    pub context: RuleContext,
}

impl RuleCache {
    pub fn new(context: RuleContext) -> Self {
        RuleCache { rules: ArcSwap::default(), refreshing: tokio::sync::Mutex::new(()), context }
    }

    pub fn load(&self) -> arc_swap::Guard<Arc<CachedRules>> {
        self.rules.load()
    }

    /// Loads the rules if the database has changed. Requests use the previous rules until then.
    pub async fn refresh(&self, db: &Db) -> Result<()> {
        let _refreshing = self.refreshing.lock().await;
        let versions = versions(db.read()).await?;
        let before = self.rules.load_full();
        let [same_rules, same_posts, same_documents] = before.unchanged(&versions);
        if same_rules && same_posts && same_documents {
            return Ok(());
        }
        let rules = match same_rules {
            true => before.rules.clone(),
            false => Arc::new(load_rules(db.read()).await?),
        };
        let aliases = match same_posts && same_documents {
            true => before.aliases.clone(),
            false => Arc::new(load_aliases(db.read()).await?),
        };
        // Most writes to posts and documents do not change a path: reuse the snapshot.
        if same_rules && before.aliases == aliases {
            let (snapshot, versions) = (before.snapshot.clone(), Some(versions));
            self.rules.store(Arc::new(CachedRules { snapshot, rules, aliases, versions }));
            return Ok(());
        }
        let (context, previous) = (self.context.clone(), before.snapshot.clone());
        let built = tokio::task::spawn_blocking(move || {
            let snapshot = Snapshot::build(&rules, &aliases, &context, Some(&previous));
            CachedRules { snapshot: Arc::new(snapshot), rules, aliases, versions: Some(versions) }
        });
        let built = built.await.map_err(|error| Error::Internal(error.to_string()))?;
        log_inactive(&built.snapshot, &before.snapshot);
        self.rules.store(Arc::new(built));
        Ok(())
    }

    /// Returns the rules as of this transaction, and locks the collection: concurrent writers of rules wait
    /// until the transaction ends. Without the lock, two rules that form a cycle could each pass the check.
    pub async fn lock_current(&self, tx: &Tx) -> Result<CurrentRules> {
        let find = collection::Entity::find_by_id(COLLECTIONS[0].to_owned()).lock_exclusive();
        find.one(&**tx).await?;
        let cached = self.rules.load_full();
        let mut unchanged = cached.unchanged(&versions(&**tx).await?);
        for (unchanged, name) in unchanged.iter_mut().zip(COLLECTIONS) {
            *unchanged &= !tx.is_touched(name);
        }
        let [same_rules, same_posts, same_documents] = unchanged;
        let aliases = match same_posts && same_documents {
            true => cached.aliases.clone(),
            false => Arc::new(load_aliases(&**tx).await?),
        };
        let rules = match same_rules {
            true => cached.rules.clone(),
            false => Arc::new(load_rules(&**tx).await?),
        };
        let is_cached = same_rules && aliases == cached.aliases;
        Ok(CurrentRules { rules, aliases, snapshot: is_cached.then(|| cached.snapshot.clone()) })
    }
}

/// Logs the rules without effect when their list has changed.
fn log_inactive(now: &Snapshot, before: &Snapshot) {
    if !now.disallowed.is_empty() && now.disallowed != before.disallowed {
        tracing::warn!(sources = ?now.disallowed, "redirects to hosts that are not in redirect_hosts are ignored");
    }
    if !now.cycles.is_empty() && now.cycles != before.cycles {
        tracing::warn!(sources = ?now.cycles, "redirects that would form a cycle are ignored");
    }
}

async fn versions<C: ConnectionTrait>(db: &C) -> Result<Versions> {
    let find = collection::Entity::find().filter(collection::Column::Name.is_in(COLLECTIONS));
    let rows = find.all(db).await?;
    let of = |name: &str| rows.iter().find(|row| row.name == name).map_or(0, |row| row.version);
    Ok(COLLECTIONS.map(of))
}

#[derive(FromQueryResult)]
struct Row {
    id: Uuid,
    source: String,
    destination: String,
    status: i32,
    external: i32,
    starts_at: Option<i64>,
    ends_at: Option<i64>,
}

async fn load_rules<C: ConnectionTrait>(db: &C) -> Result<Vec<Rule>> {
    let columns = [
        redirect::Column::Id,
        redirect::Column::Source,
        redirect::Column::Destination,
        redirect::Column::Status,
        redirect::Column::External,
        redirect::Column::StartsAt,
        redirect::Column::EndsAt,
    ];
    let find = redirect::Entity::find().select_only().columns(columns);
    let rows = find.order_by_asc(redirect::Column::Source).into_model::<Row>().all(db).await?;
    let rule = |row: Row| match Pattern::parse(&row.source) {
        Ok(pattern) => Some(Rule {
            id: row.id,
            pattern,
            destination: row.destination,
            status: RedirectStatus::from_code(row.status.into()).unwrap_or_default(),
            external: row.external != 0,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
        }),
        Err(message) => {
            tracing::warn!(source = row.source, %message, "a redirect with an invalid source is ignored");
            None
        }
    };
    Ok(rows.into_iter().filter_map(rule).collect())
}

/// Loads the aliases of published posts and of documents.
async fn load_aliases<C: ConnectionTrait>(db: &C) -> Result<Vec<Alias>> {
    let mut posts: Vec<(String, String)> = alias::Entity::find()
        .join(JoinType::InnerJoin, alias::Relation::Post.def())
        .filter(Expr::col((post::Entity, post::Column::DeletedAt)).is_null())
        .filter(Expr::col((post::Entity, post::Column::PublishedAt)).gt(0))
        .select_only()
        .column(alias::Column::Path)
        .column(post::Column::Slug)
        .into_tuple()
        .all(db)
        .await?;
    let mut documents: Vec<(String, String)> = alias::Entity::find()
        .join(JoinType::InnerJoin, alias::Relation::Document.def())
        .filter(Expr::col((document::Entity, document::Column::DeletedAt)).is_null())
        .select_only()
        .column(alias::Column::Path)
        .column(document::Column::Path)
        .into_tuple()
        .all(db)
        .await?;
    // Sorted, because a refresh compares them with the previous ones.
    posts.sort_unstable();
    documents.sort_unstable();
    let posts = posts.into_iter().map(|(path, slug)| (path, format!("/api/posts/{slug}")));
    let documents = documents.into_iter().map(|(path, at)| (path, format!("/api/docs/{at}")));
    Ok(posts.chain(documents).collect())
}
