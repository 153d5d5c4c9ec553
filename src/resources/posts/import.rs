//! Posts that come from files: written once, brought up to date when the file changes.
use entity::{alias, post, post_coauthor};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, Set,
    sea_query::OnConflict,
};
use uuid::Uuid;

use super::{
    content::PostContent,
    events,
    service::{Posts, searchable},
    slugs::claim_free,
};
use crate::{
    contract::{
        caller::HIDDEN,
        problem::{Error, Result},
        time::Timestamp,
    },
    ports::db::Tx,
    resources::{
        imports::{Effect, Item},
        revisions::{Change, Subject, Written},
    },
};

/// A post that comes from a file.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The id that it gets when it is new; else a fresh one.
    pub id: Option<Uuid>,
    /// What the file is known by; the same source is the same post.
    pub source: String,
    pub title: String,
    pub content: String,
    pub excerpt: Option<String>,
    pub cover_image: Option<String>,
    pub slug: String,
    /// First the author, then those who wrote with them.
    pub authors: Vec<Uuid>,
    pub tags: Vec<String>,
    pub aliases: Vec<String>,
    /// 0 for drafts; nothing for posts that are published but have no date: they keep the time at which they
    /// came in.
    pub published_at: Option<i64>,
}

impl Posts {
    /// Writes a post from a file, or brings the one that the file made before up to date; the version that this
    /// makes joins the `history` that is to be kept in the same transaction.
    pub async fn import(&self, tx: &Tx, post: &Imported, history: &mut Vec<Written>) -> Result<Effect> {
        let now = self.clock.now();
        let item = Item::new("post", &post.source, post);
        let author = *post.authors.first().ok_or_else(|| Error::Internal("a post without author".into()))?;
        let (row, was_open, effect) = match item.before(tx).await? {
            Some(before) if before.is_same() => return Ok(Effect::Unchanged),
            None => {
                let id = post.id.unwrap_or_else(Uuid::now_v7);
                let slug = claim_free(tx, id, &post.slug, now).await?;
                let row = fresh(post, id, slug, author, now).insert(&**tx).await?;
                (row, None, Effect::Created)
            }
            Some(before) => {
                let find = post::Entity::find_by_id(before.target).filter(post::Column::DeletedAt.is_null());
                let row = find.lock_exclusive().one(&**tx).await?;
                before.check(row.as_ref().map(|row| row.version))?;
                let Some(row) = row else { return Err(Error::NotFound("post")) };
                let was_open = row.published_at > 0;
                let row = again(row, post, author, now).update(&**tx).await?;
                (row, Some(was_open), Effect::Updated)
            }
        };
        self.tag(tx, row.id, &post.tags, now).await?;
        coauthors(tx, row.id, post.authors.get(1..).unwrap_or_default()).await?;
        aliases(tx, row.id, &post.aliases, now).await?;
        item.remember(tx, row.id, row.version).await?;
        let open = row.published_at > 0;
        let seen = open || was_open == Some(true);
        tx.touch(if seen { "posts" } else { HIDDEN }).await?;
        events::imported(tx, (row.id, row.version), author, was_open, open, now);
        history.push(written(row, &post.tags, now)?);
        Ok(effect)
    }
}

fn written(row: post::Model, tags: &[String], now: i64) -> Result<Written> {
    let post::Model { id, slug, title, content, excerpt, cover_image, published_at, version, .. } = row;
    let (tags, published) = (tags.to_vec(), published_at > 0);
    let (publish_at, unpublish_at) = (row.publish_at.map(Timestamp), row.unpublish_at.map(Timestamp));
    let content =
        PostContent { title, slug, content, excerpt, cover_image, tags, published, publish_at, unpublish_at };
    Written::new(Subject::Post(id), version, Change::Imported, &content, now)
}

/// The row as the file now wants it.
fn again(row: post::Model, post: &Imported, author: Uuid, now: i64) -> post::ActiveModel {
    let (version, published_at) = (row.version + 1, post.published_at.unwrap_or(row.published_at));
    let mut row = row.into_active_model();
    row.search = Set(searchable(&post.title, post.excerpt.as_deref()));
    row.title = Set(post.title.clone());
    row.content = Set(post.content.clone());
    row.excerpt = Set(post.excerpt.clone());
    row.cover_image = Set(post.cover_image.clone());
    row.author_id = Set(author);
    row.published_at = Set(published_at);
    row.version = Set(version);
    row.updated_at = Set(now);
    row
}

fn fresh(post: &Imported, id: Uuid, slug: String, author: Uuid, now: i64) -> post::ActiveModel {
    let published_at = post.published_at.unwrap_or(now);
    let written = if published_at > 0 { published_at } else { now };
    post::ActiveModel {
        id: Set(id),
        slug: Set(slug),
        search: Set(searchable(&post.title, post.excerpt.as_deref())),
        title: Set(post.title.clone()),
        content: Set(post.content.clone()),
        excerpt: Set(post.excerpt.clone()),
        cover_image: Set(post.cover_image.clone()),
        author_id: Set(author),
        published_at: Set(published_at),
        comments_count: Set(0),
        source: Set(Some(post.source.clone())),
        version: Set(1),
        created_at: Set(written),
        updated_at: Set(written),
        deleted_at: Set(None),
        publish_at: Set(None),
        unpublish_at: Set(None),
    }
}

async fn coauthors(tx: &Tx, post: Uuid, authors: &[Uuid]) -> Result<()> {
    post_coauthor::Entity::delete_many().filter(post_coauthor::Column::PostId.eq(post)).exec(&**tx).await?;
    let rows = authors.iter().zip(0..).map(|(user, position)| post_coauthor::ActiveModel {
        post_id: Set(post),
        user_id: Set(*user),
        position: Set(position),
    });
    let rows: Vec<_> = rows.collect();
    if !rows.is_empty() {
        post_coauthor::Entity::insert_many(rows).exec_without_returning(&**tx).await?;
    }
    Ok(())
}

/// Remembers the old addresses of a post, so that they can lead to it; the first post to claim one keeps it.
async fn aliases(tx: &Tx, post: Uuid, paths: &[String], now: i64) -> Result<()> {
    let rows: Vec<_> = paths
        .iter()
        .map(|path| alias::ActiveModel {
            path: Set(path.clone()),
            post_id: Set(Some(post)),
            document_id: Set(None),
            created_at: Set(now),
        })
        .collect();
    if !rows.is_empty() {
        alias::Entity::insert_many(rows)
            .on_conflict(OnConflict::column(alias::Column::Path).do_nothing().to_owned())
            .exec_without_returning(&**tx)
            .await?;
    }
    Ok(())
}
