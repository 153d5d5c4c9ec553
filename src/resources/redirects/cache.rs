//! The in-memory cache of the rules: loaded from the database after a change, read by requests without a
//! lock.
use std::sync::Arc;

use arc_swap::ArcSwap;
use entity::{
    alias, collection, document, post, post_slug,
    redirect::{self, RedirectKind},
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder,
    QuerySelect, RelationTrait,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use super::{
    destination::RedirectHosts,
    graph::Graph,
    path::Pattern,
    rules::build_graph,
    snapshot::{FormerPaths, Rule, Snapshot},
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
    graph: Arc<Graph>,
    former: Arc<FormerPaths>,
    /// The versions of the collections `redirects`, `posts` and `documents` that were read.
    versions: Versions,
}

type Versions = [i64; 3];

/// The existing rules that new rules are checked against.
pub struct CurrentRules {
    pub rules: Arc<Vec<Rule>>,
    pub graph: Arc<Graph>,
}

const COLLECTIONS: [&str; 3] = ["redirects", "posts", "documents"];

pub struct RuleCache {
    rules: ArcSwap<CachedRules>,
    /// Held during a refresh, so that refreshes do not overtake each other and store an older state.
    refreshing: tokio::sync::Mutex<()>,
    pub sites: RedirectHosts,
}

impl RuleCache {
    pub fn new(sites: RedirectHosts) -> Self {
        RuleCache { rules: ArcSwap::default(), refreshing: tokio::sync::Mutex::new(()), sites }
    }

    pub fn load(&self) -> arc_swap::Guard<Arc<CachedRules>> {
        self.rules.load()
    }

    /// Loads the rules if the database has changed. Requests use the previous rules until then.
    pub async fn refresh(&self, db: &Db) -> Result<()> {
        let _refreshing = self.refreshing.lock().await;
        let versions = versions(db.read()).await?;
        let before = self.rules.load_full();
        if before.versions == versions {
            return Ok(());
        }
        let rules = match before.versions[0] == versions[0] {
            true => before.rules.clone(),
            false => Arc::new(load_rules(db.read()).await?),
        };
        let former = match before.versions[1..] == versions[1..] {
            true => before.former.clone(),
            false => Arc::new(load_former_paths(db.read()).await?),
        };
        // Most writes to posts and documents do not change a path: reuse the snapshot and the graph.
        if before.versions[0] == versions[0] && before.former == former {
            let (snapshot, graph) = (before.snapshot.clone(), before.graph.clone());
            self.rules.store(Arc::new(CachedRules { snapshot, rules, graph, former, versions }));
            return Ok(());
        }
        let (sites, previous) = (self.sites.clone(), before.snapshot.clone());
        let built = tokio::task::spawn_blocking(move || {
            let snapshot = Snapshot::build(&rules, &former, &sites, Some(&previous));
            let graph = Arc::new(build_graph(&rules, &former.aliases, &sites));
            CachedRules { snapshot: Arc::new(snapshot), rules, graph, former, versions }
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
        let (versions, cached) = (versions(&**tx).await?, self.rules.load_full());
        let former = match cached.versions[1..] == versions[1..] {
            true => cached.former.clone(),
            false => Arc::new(load_former_paths(&**tx).await?),
        };
        let rules = match cached.versions[0] == versions[0] {
            true if cached.former == former => {
                return Ok(CurrentRules { rules: cached.rules.clone(), graph: cached.graph.clone() });
            }
            true => cached.rules.clone(),
            false => Arc::new(load_rules(&**tx).await?),
        };
        let (all, sites) = (rules.clone(), self.sites.clone());
        let built = tokio::task::spawn_blocking(move || build_graph(&all, &former.aliases, &sites)).await;
        let graph = Arc::new(built.map_err(|error| Error::Internal(error.to_string()))?);
        Ok(CurrentRules { rules, graph })
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
    kind: RedirectKind,
    source: String,
    destination: String,
    permanent: i32,
    starts_at: Option<i64>,
    ends_at: Option<i64>,
}

async fn load_rules<C: ConnectionTrait>(db: &C) -> Result<Vec<Rule>> {
    let columns = [
        redirect::Column::Id,
        redirect::Column::Kind,
        redirect::Column::Source,
        redirect::Column::Destination,
        redirect::Column::Permanent,
        redirect::Column::StartsAt,
        redirect::Column::EndsAt,
    ];
    let find = redirect::Entity::find().select_only().columns(columns);
    let rows = find.order_by_asc(redirect::Column::Source).into_model::<Row>().all(db).await?;
    let rule = |row: Row| Rule {
        id: row.id,
        pattern: Pattern { kind: row.kind, path: row.source },
        destination: row.destination,
        permanent: row.permanent != 0,
        starts_at: row.starts_at,
        ends_at: row.ends_at,
    };
    Ok(rows.into_iter().map(rule).collect())
}

/// Loads the former paths of published posts and of documents, with their current paths.
async fn load_former_paths<C: ConnectionTrait>(db: &C) -> Result<FormerPaths> {
    let slug = |slug: &str| format!("/api/posts/{slug}");
    let mut posts: Vec<(String, String)> = alias::Entity::find()
        .join(JoinType::InnerJoin, alias::Relation::Post.def())
        .filter(is_published())
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
    let mut slugs: Vec<(String, String)> = post_slug::Entity::find()
        .join(JoinType::InnerJoin, post_slug::Relation::Post.def())
        .filter(is_published())
        .filter(post_slug::Column::Slug.into_expr().ne(post::Column::Slug.into_expr()))
        .select_only()
        .column(post_slug::Column::Slug)
        .column(post::Column::Slug)
        .into_tuple()
        .all(db)
        .await?;
    // Sorted, because a refresh compares them with the previous ones.
    posts.sort_unstable();
    documents.sort_unstable();
    slugs.sort_unstable();
    let posts = posts.into_iter().map(|(path, now)| (path, slug(&now)));
    let documents = documents.into_iter().map(|(path, at)| (path, format!("/api/docs/{at}")));
    let slugs = slugs.into_iter().map(|(before, now)| (slug(&before), slug(&now)));
    Ok(FormerPaths { aliases: posts.chain(documents).collect(), slugs: slugs.collect() })
}

fn is_published() -> Condition {
    Condition::all()
        .add(Expr::col((post::Entity, post::Column::DeletedAt)).is_null())
        .add(Expr::col((post::Entity, post::Column::PublishedAt)).gt(0))
}
