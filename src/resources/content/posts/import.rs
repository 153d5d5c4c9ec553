//! Import of posts from files: created once, updated when the file changes.
use entity::{alias, post, post_coauthor};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, Set,
    sea_query::OnConflict,
};
use serde::Serialize;
use uuid::Uuid;

use super::{
    content::PostSnapshot,
    events,
    service::{Posts, replace_tags, search_text},
    slugs::claim_available,
};
use crate::{
    domain::{text::TagName, timestamp::Timestamp},
    http::{
        auth::RESTRICTED,
        problem::{Error, Result},
    },
    infra::db::Tx,
    resources::{
        content::revisions::{Change, NewRevision, Subject},
        shared::import_log::{ImportEffect, ImportItem},
    },
};

/// A post read from a file.
#[derive(Debug, Clone, Serialize)]
pub struct ImportedPost {
    /// The id for a new post; `None` generates one.
    pub id: Option<Uuid>,
    /// The identifier of the file. A source maps to one post.
    pub source: String,
    pub title: String,
    pub content: String,
    pub excerpt: Option<String>,
    pub cover_image: Option<String>,
    pub slug: String,
    /// The author first, then the co-authors.
    pub authors: Vec<Uuid>,
    pub tags: Vec<String>,
    pub aliases: Vec<String>,
    /// Milliseconds since the Unix epoch, 0 for drafts. `None` is for published posts without a date: they
    /// are dated at the time of their first import.
    pub published_at: Option<i64>,
}

impl Posts {
    /// Creates the post of a file, or updates the post that an earlier import of the file created.
    ///
    /// Appends the new version to `revisions`. The caller stores these in the same transaction, many at once.
    pub async fn import(
        &self,
        tx: &Tx,
        post: &ImportedPost,
        revisions: &mut Vec<NewRevision>,
    ) -> Result<ImportEffect> {
        let now = self.clock.now();
        let item = ImportItem::new("post", &post.source, post)?;
        let author =
            *post.authors.first().ok_or_else(|| Error::Internal("an imported post has no author".into()))?;
        let (row, was_published, effect) = match item.previous(tx).await? {
            Some(before) if before.is_unchanged() => return Ok(ImportEffect::Unchanged),
            None => {
                let id = post.id.unwrap_or_else(Uuid::now_v7);
                let slug = claim_available(tx, id, &post.slug, now).await?;
                let row = new_row(post, id, slug, author, now).insert(&**tx).await?;
                (row, None, ImportEffect::Created)
            }
            Some(before) => {
                let find = post::Entity::find_by_id(before.target).filter(post::Column::DeletedAt.is_null());
                let row = find.lock_exclusive().one(&**tx).await?;
                before.check_unmodified(row.as_ref().map(|row| row.version))?;
                let Some(row) = row else { return Err(Error::NotFound("post")) };
                let was_published = row.published_at > 0;
                let row = updated_row(row, post, author, now).update(&**tx).await?;
                (row, Some(was_published), ImportEffect::Updated)
            }
        };
        let tags: Vec<TagName> = post.tags.iter().map(|name| name.as_str().into()).collect();
        // Lock order: tags before post_tags.
        let stored = self.tags.ensure(tx, &tags, now).await?;
        replace_tags(tx, row.id, &stored).await?;
        replace_coauthors(tx, row.id, post.authors.get(1..).unwrap_or_default()).await?;
        store_aliases(tx, row.id, &post.aliases, now).await?;
        item.record(tx, row.id, row.version).await?;
        let published = row.published_at > 0;
        let public = published || was_published == Some(true);
        tx.touch(if public { "posts" } else { RESTRICTED }).await?;
        events::imported(tx, (row.id, row.version), author, was_published, published, now);
        revisions.push(revision(row, tags, now)?);
        Ok(effect)
    }
}

fn revision(row: post::Model, tags: Vec<TagName>, now: i64) -> Result<NewRevision> {
    let post::Model { id, slug, title, content, excerpt, cover_image, published_at, version, .. } = row;
    let published = published_at > 0;
    let (publish_at, unpublish_at) = (row.publish_at.map(Timestamp), row.unpublish_at.map(Timestamp));
    let content = PostSnapshot {
        title: title.into(),
        slug: slug.into(),
        content: content.into(),
        excerpt: excerpt.map(Into::into),
        cover_image: cover_image.map(Into::into),
        tags,
        published,
        publish_at,
        unpublish_at,
    };
    NewRevision::new(Subject::Post(id), version, Change::Imported, &content, now)
}

/// Returns the existing row with the values of the file; `published_at` is unchanged if the file has no date.
fn updated_row(row: post::Model, post: &ImportedPost, author: Uuid, now: i64) -> post::ActiveModel {
    let (version, published_at) = (row.version + 1, post.published_at.unwrap_or(row.published_at));
    let mut row = row.into_active_model();
    row.search = Set(search_text(&post.title, post.excerpt.as_deref()));
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

/// Returns the row of a new post, dated at its publication.
fn new_row(post: &ImportedPost, id: Uuid, slug: String, author: Uuid, now: i64) -> post::ActiveModel {
    let published_at = post.published_at.unwrap_or(now);
    let created_at = if published_at > 0 { published_at } else { now };
    post::ActiveModel {
        id: Set(id),
        slug: Set(slug),
        search: Set(search_text(&post.title, post.excerpt.as_deref())),
        title: Set(post.title.clone()),
        content: Set(post.content.clone()),
        excerpt: Set(post.excerpt.clone()),
        cover_image: Set(post.cover_image.clone()),
        author_id: Set(author),
        published_at: Set(published_at),
        comments_count: Set(0),
        source: Set(Some(post.source.clone())),
        version: Set(1),
        created_at: Set(created_at),
        updated_at: Set(created_at),
        ..Default::default()
    }
}

async fn replace_coauthors(tx: &Tx, post: Uuid, authors: &[Uuid]) -> Result<()> {
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

/// Stores the former paths of a post, which redirect to it. A path that already belongs to a post stays with
/// it.
async fn store_aliases(tx: &Tx, post: Uuid, paths: &[String], now: i64) -> Result<()> {
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
