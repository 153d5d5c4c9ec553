//! The rules in force: read from the database when they have changed, handed out without waiting.
use std::sync::Arc;

use arc_swap::ArcSwap;
use entity::{alias, collection, document, post, post_slug, redirect};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder,
    QuerySelect, RelationTrait,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use super::{
    path::Pattern,
    rules::web,
    snapshot::{Former, Rule, Snapshot},
    target::Sites,
    web::Web,
};
use crate::{
    contract::problem::{Error, Result},
    ports::db::{Db, Tx},
};

/// What is known of the database at one moment.
#[derive(Default)]
pub struct Known {
    pub snapshot: Arc<Snapshot>,
    pub rules: Arc<Vec<Rule>>,
    web: Arc<Web>,
    former: Arc<Former>,
    /// The versions of rules, of posts and of documents that this was made from.
    versions: Versions,
}

type Versions = [i64; 3];

/// What new rules have to get along with.
pub struct Standing {
    pub rules: Arc<Vec<Rule>>,
    pub web: Arc<Web>,
}

const COLLECTIONS: [&str; 3] = ["redirects", "posts", "documents"];

pub struct Live {
    known: ArcSwap<Known>,
    /// Held by whoever reads the rules anew.
    reading: tokio::sync::Mutex<()>,
    pub sites: Sites,
}

impl Live {
    pub fn new(sites: Sites) -> Self {
        Live { known: ArcSwap::default(), reading: tokio::sync::Mutex::new(()), sites }
    }

    pub fn known(&self) -> arc_swap::Guard<Arc<Known>> {
        self.known.load()
    }

    /// Takes over what has changed in the database, if anything has. Requests go on with what was known.
    pub async fn refresh(&self, db: &Db) -> Result<()> {
        let _reading = self.reading.lock().await;
        let versions = versions(db.read()).await?;
        let before = self.known.load_full();
        if before.versions == versions {
            return Ok(());
        }
        let rules = match before.versions[0] == versions[0] {
            true => before.rules.clone(),
            false => Arc::new(rules(db.read()).await?),
        };
        let former = match before.versions[1..] == versions[1..] {
            true => before.former.clone(),
            false => Arc::new(former(db.read()).await?),
        };
        // Most of what is written of posts and documents moves nothing.
        if before.versions[0] == versions[0] && before.former == former {
            let (snapshot, web) = (before.snapshot.clone(), before.web.clone());
            self.known.store(Arc::new(Known { snapshot, rules, web, former, versions }));
            return Ok(());
        }
        let (sites, last) = (self.sites.clone(), before.snapshot.clone());
        let made = tokio::task::spawn_blocking(move || {
            let snapshot = Snapshot::build(&rules, &former, &sites, Some(&last));
            let web = Arc::new(web(&rules, &former.aliases, &sites));
            Known { snapshot: Arc::new(snapshot), rules, web, former, versions }
        });
        let made = made.await.map_err(|error| Error::Internal(error.to_string()))?;
        tell(&made.snapshot, &before.snapshot);
        self.known.store(Arc::new(made));
        Ok(())
    }

    /// All rules as they stand in this transaction, with the former addresses. Others that want to write some
    /// wait until it has ended.
    pub async fn standing(&self, tx: &Tx) -> Result<Standing> {
        let find = collection::Entity::find_by_id(COLLECTIONS[0].to_owned()).lock_exclusive();
        find.one(&**tx).await?;
        let (versions, known) = (versions(&**tx).await?, self.known.load_full());
        let former = match known.versions[1..] == versions[1..] {
            true => known.former.clone(),
            false => Arc::new(former(&**tx).await?),
        };
        let rules = match known.versions[0] == versions[0] {
            true if known.former == former => {
                return Ok(Standing { rules: known.rules.clone(), web: known.web.clone() });
            }
            true => known.rules.clone(),
            false => Arc::new(rules(&**tx).await?),
        };
        let (all, sites) = (rules.clone(), self.sites.clone());
        let made = tokio::task::spawn_blocking(move || web(&all, &former.aliases, &sites)).await;
        let web = Arc::new(made.map_err(|error| Error::Internal(error.to_string()))?);
        Ok(Standing { rules, web })
    }
}

/// Says what is left out, unless that has been said.
fn tell(now: &Snapshot, before: &Snapshot) {
    if !now.left_out.is_empty() && now.left_out != before.left_out {
        tracing::warn!(sources = ?now.left_out, "redirects to hosts that are not listed are left out");
    }
    if !now.circles.is_empty() && now.circles != before.circles {
        tracing::warn!(sources = ?now.circles, "redirects that would lead in a circle are left out");
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
    kind: String,
    source: String,
    destination: String,
    permanent: i32,
    starts_at: Option<i64>,
    ends_at: Option<i64>,
}

async fn rules<C: ConnectionTrait>(db: &C) -> Result<Vec<Rule>> {
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
        pattern: Pattern::stored(&row.kind, row.source),
        destination: row.destination,
        permanent: row.permanent != 0,
        starts_at: row.starts_at,
        ends_at: row.ends_at,
    };
    Ok(rows.into_iter().map(rule).collect())
}

/// The former addresses of what everybody may read, and where it is now.
async fn former<C: ConnectionTrait>(db: &C) -> Result<Former> {
    let slug = |slug: &str| format!("/api/posts/slug/{slug}");
    let mut posts: Vec<(String, String)> = alias::Entity::find()
        .join(JoinType::InnerJoin, alias::Relation::Post.def())
        .filter(readable())
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
        .filter(readable())
        .filter(post_slug::Column::Slug.into_expr().ne(post::Column::Slug.into_expr()))
        .select_only()
        .column(post_slug::Column::Slug)
        .column(post::Column::Slug)
        .into_tuple()
        .all(db)
        .await?;
    // In one order, so that what is the same is seen to be.
    posts.sort_unstable();
    documents.sort_unstable();
    slugs.sort_unstable();
    let posts = posts.into_iter().map(|(path, now)| (path, slug(&now)));
    let documents = documents.into_iter().map(|(path, at)| (path, format!("/api/docs/{at}")));
    let slugs = slugs.into_iter().map(|(before, now)| (slug(&before), slug(&now)));
    Ok(Former { aliases: posts.chain(documents).collect(), slugs: slugs.collect() })
}

fn readable() -> Condition {
    Condition::all()
        .add(Expr::col((post::Entity, post::Column::DeletedAt)).is_null())
        .add(Expr::col((post::Entity, post::Column::PublishedAt)).gt(0))
}
