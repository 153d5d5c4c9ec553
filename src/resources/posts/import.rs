//! Posts that come from files: written once, brought up to date when the file changes.
use entity::{alias, post, post_coauthor, post_tag, tag};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, JoinType, QueryFilter, QueryOrder,
    QuerySelect, RelationTrait, Set, sea_query::OnConflict,
};
use uuid::Uuid;

use super::{
    service::{Posts, claim_free, searchable},
    slug::slugify,
};
use crate::{
    contract::problem::{Error, Result},
    ports::db::Tx,
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

/// What an import did with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Created,
    Updated,
    Unchanged,
}

impl Posts {
    /// Writes a post from a file, or brings the one that the file made before up to date.
    pub async fn import(&self, tx: &Tx, post: &Imported) -> Result<Effect> {
        let now = self.clock.now();
        let known = post::Entity::find().filter(post::Column::Source.eq(&post.source)).one(&**tx).await?;
        let id = known.as_ref().map(|row| row.id).or(post.id).unwrap_or_else(Uuid::now_v7);
        let author = *post.authors.first().ok_or_else(|| Error::Internal("a post without author".into()))?;
        let effect = match known {
            None => {
                let slug = claim_free(tx, id, &post.slug, now).await?;
                fresh(post, id, slug, author, now).insert(&**tx).await?;
                Effect::Created
            }
            // Whoever deleted it did not mean to get it back with the next import.
            Some(row) if row.deleted_at.is_some() => {
                return Err(Error::Conflict("the post that came from this file was deleted"));
            }
            Some(row) => {
                let published_at = post.published_at.unwrap_or(row.published_at);
                let same =
                    (
                        &row.title,
                        &row.content,
                        &row.excerpt,
                        &row.cover_image,
                        row.author_id,
                        row.published_at,
                    ) == (&post.title, &post.content, &post.excerpt, &post.cover_image, author, published_at);
                if same && self.same_relations(tx, id, post).await? {
                    return Ok(Effect::Unchanged);
                }
                let version = row.version;
                let mut row = row.into_active_model();
                row.search = Set(searchable(&post.title, post.excerpt.as_deref()));
                row.title = Set(post.title.clone());
                row.content = Set(post.content.clone());
                row.excerpt = Set(post.excerpt.clone());
                row.cover_image = Set(post.cover_image.clone());
                row.author_id = Set(author);
                row.published_at = Set(published_at);
                row.version = Set(version + 1);
                row.updated_at = Set(now);
                row.update(&**tx).await?;
                Effect::Updated
            }
        };
        self.tag(tx, id, &post.tags, now).await?;
        coauthors(tx, id, post.authors.get(1..).unwrap_or_default()).await?;
        aliases(tx, id, &post.aliases, now).await?;
        tx.touch("posts").await?;
        Ok(effect)
    }

    /// Whether a post has just these tags and co-authors, and at least these aliases.
    async fn same_relations(&self, tx: &Tx, id: Uuid, post: &Imported) -> Result<bool> {
        let tags: Vec<String> = post_tag::Entity::find()
            .select_only()
            .join(JoinType::InnerJoin, post_tag::Relation::Tag.def())
            .column(tag::Column::Slug)
            .filter(post_tag::Column::PostId.eq(id))
            .order_by_asc(post_tag::Column::Position)
            .into_tuple()
            .all(&**tx)
            .await?;
        let wanted: Vec<String> = post.tags.iter().map(|name| slugify(name, "tag")).collect();
        let together: Vec<Uuid> = post_coauthor::Entity::find()
            .select_only()
            .column(post_coauthor::Column::UserId)
            .filter(post_coauthor::Column::PostId.eq(id))
            .order_by_asc(post_coauthor::Column::Position)
            .into_tuple()
            .all(&**tx)
            .await?;
        let known: Vec<String> = alias::Entity::find()
            .select_only()
            .column(alias::Column::Path)
            .filter(alias::Column::Path.is_in(&post.aliases))
            .into_tuple()
            .all(&**tx)
            .await?;
        let others = post.authors.get(1..).unwrap_or_default();
        Ok(tags == wanted && together == others && post.aliases.iter().all(|path| known.contains(path)))
    }
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
