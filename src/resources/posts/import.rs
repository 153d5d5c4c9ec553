//! Posts that come from files: written once, brought up to date when the file changes.
use entity::{alias, post, post_coauthor};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, Set, sea_query::OnConflict,
};
use uuid::Uuid;

use super::service::{Posts, claim_free, searchable};
use crate::{
    contract::problem::{Error, Result},
    ports::db::Tx,
};

/// A post that comes from a file.
#[derive(Debug, Clone)]
pub struct Imported {
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
    /// 0 for drafts.
    pub published_at: i64,
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
        let id = known.as_ref().map_or_else(Uuid::now_v7, |row| row.id);
        let author = *post.authors.first().ok_or_else(|| Error::Internal("a post without author".into()))?;
        let effect = match known {
            None => {
                let slug = claim_free(tx, id, &post.slug, now).await?;
                let row = post::ActiveModel {
                    id: Set(id),
                    slug: Set(slug),
                    search: Set(searchable(&post.title, post.excerpt.as_deref())),
                    title: Set(post.title.clone()),
                    content: Set(post.content.clone()),
                    excerpt: Set(post.excerpt.clone()),
                    cover_image: Set(post.cover_image.clone()),
                    author_id: Set(author),
                    published_at: Set(post.published_at),
                    comments_count: Set(0),
                    source: Set(Some(post.source.clone())),
                    version: Set(1),
                    created_at: Set(if post.published_at > 0 { post.published_at } else { now }),
                    updated_at: Set(if post.published_at > 0 { post.published_at } else { now }),
                    deleted_at: Set(None),
                };
                row.insert(&**tx).await?;
                Effect::Created
            }
            Some(row) => {
                let same = (
                    &row.title,
                    &row.content,
                    &row.excerpt,
                    &row.cover_image,
                    row.author_id,
                    row.published_at,
                ) == (
                    &post.title,
                    &post.content,
                    &post.excerpt,
                    &post.cover_image,
                    author,
                    post.published_at,
                );
                if same {
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
                row.published_at = Set(post.published_at);
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
