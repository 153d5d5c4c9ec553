//! Slugs of posts. Each slug belongs to one post, which retains its former slugs for redirects.
use entity::post_slug;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, Set, sea_query::OnConflict};
use uuid::Uuid;

use super::key::is_id_form;
use crate::{
    http::problem::{Error, Result},
    infra::db::Tx,
    schema::ErrorCode,
};

/// Reserves a slug for the post; returns false if it already exists. The primary key resolves concurrent
/// claims.
async fn claim(tx: &Tx, post: Uuid, slug: &str, now: i64) -> Result<bool> {
    let row = post_slug::ActiveModel { slug: Set(slug.to_owned()), post_id: Set(post), created_at: Set(now) };
    let inserted = post_slug::Entity::insert(row)
        .on_conflict(OnConflict::column(post_slug::Column::Slug).do_nothing().to_owned())
        .exec_without_returning(&**tx)
        .await?;
    Ok(inserted > 0)
}

/// Reserves this slug. Fails if it has the form of an id, or is a current or former slug of another post.
pub(super) async fn claim_exact(tx: &Tx, post: Uuid, slug: &str, now: i64) -> Result<String> {
    if is_id_form(slug) {
        return Err(Error::invalid_field("#/slug", ErrorCode::Invalid, "must not have the form of a UUID"));
    }
    if claim(tx, post, slug, now).await? {
        return Ok(slug.to_owned());
    }
    let holder = post_slug::Entity::find_by_id(slug.to_owned()).one(&**tx).await?;
    match holder.is_some_and(|holder| holder.post_id == post) {
        true => Ok(slug.to_owned()),
        false => Err(Error::AlreadyExists("slug")),
    }
}

/// The number of numbered slugs that one query checks.
const BATCH: u32 = 100;

/// Reserves the slug, or the first available one of `slug-2`, `slug-3` and so on. A slug with the form of an
/// id is not available.
pub(super) async fn claim_available(tx: &Tx, post: Uuid, slug: &str, now: i64) -> Result<String> {
    if !is_id_form(slug) && claim(tx, post, slug, now).await? {
        return Ok(slug.to_owned());
    }
    for first in (2..10_000).step_by(BATCH as usize) {
        let candidates = (first..first + BATCH).map(|number| format!("{slug}-{number}"));
        let candidates: Vec<String> = candidates.collect();
        let existing: Vec<String> = post_slug::Entity::find()
            .select_only()
            .column(post_slug::Column::Slug)
            .filter(post_slug::Column::Slug.is_in(&candidates))
            .into_tuple()
            .all(&**tx)
            .await?;
        for candidate in candidates.into_iter().filter(|candidate| !existing.contains(candidate)) {
            if claim(tx, post, &candidate, now).await? {
                return Ok(candidate);
            }
        }
    }
    Err(Error::AlreadyExists("slug"))
}
