//! The slugs of posts: each belongs to one post, which keeps those that it had before.
use entity::post_slug;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, Set, sea_query::OnConflict};
use uuid::Uuid;

use crate::{
    contract::problem::{Error, Result},
    ports::db::Tx,
};

/// Makes a slug the post's own; the primary key decides races.
async fn claim(tx: &Tx, post: Uuid, slug: &str, now: i64) -> Result<bool> {
    let row = post_slug::ActiveModel { slug: Set(slug.to_owned()), post_id: Set(post), created_at: Set(now) };
    let made = post_slug::Entity::insert(row)
        .on_conflict(OnConflict::column(post_slug::Column::Slug).do_nothing().to_owned())
        .exec_without_returning(&**tx)
        .await?;
    Ok(made > 0)
}

/// The slug that was asked for, unless another post has or had it.
pub(super) async fn claim_exactly(tx: &Tx, post: Uuid, slug: &str, now: i64) -> Result<String> {
    if claim(tx, post, slug, now).await? {
        return Ok(slug.to_owned());
    }
    let holder = post_slug::Entity::find_by_id(slug.to_owned()).one(&**tx).await?;
    match holder.is_some_and(|holder| holder.post_id == post) {
        true => Ok(slug.to_owned()),
        false => Err(Error::Taken("slug")),
    }
}

/// How many numbered names are looked at in one statement.
const AT_ONCE: u32 = 100;

/// The slug, or the slug with the first number that is free.
pub(super) async fn claim_free(tx: &Tx, post: Uuid, slug: &str, now: i64) -> Result<String> {
    if claim(tx, post, slug, now).await? {
        return Ok(slug.to_owned());
    }
    for first in (2..10_000).step_by(AT_ONCE as usize) {
        let numbered = (first..first + AT_ONCE).map(|number| format!("{slug}-{number}"));
        let numbered: Vec<String> = numbered.collect();
        let taken: Vec<String> = post_slug::Entity::find()
            .select_only()
            .column(post_slug::Column::Slug)
            .filter(post_slug::Column::Slug.is_in(&numbered))
            .into_tuple()
            .all(&**tx)
            .await?;
        for name in numbered.into_iter().filter(|name| !taken.contains(name)) {
            if claim(tx, post, &name, now).await? {
                return Ok(name);
            }
        }
    }
    Err(Error::Taken("slug"))
}
