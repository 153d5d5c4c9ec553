//! What may happen to tags. The only writer of the `tags` table.
use entity::tag;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, Set, sea_query::OnConflict};
use uuid::Uuid;

use crate::{
    contract::problem::Result,
    ports::db::{Db, Tx},
    resources::posts::slugify,
};

#[derive(Clone)]
pub struct Tags {
    pub(super) db: Db,
}

impl Tags {
    pub fn new(db: Db) -> Self {
        Tags { db }
    }

    /// The tags of these names in their order, made where they do not exist yet. Names with one slug are
    /// one tag.
    pub async fn ensure(&self, tx: &Tx, names: &[String], now: i64) -> Result<Vec<Uuid>> {
        let mut slugs: Vec<(String, String)> = Vec::new();
        for name in names {
            let name = name.trim_matches(|c: char| c <= '\u{20}');
            let slug = slugify(name, "tag");
            if !name.is_empty() && !slugs.iter().any(|(known, _)| *known == slug) {
                slugs.push((slug, name.to_owned()));
            }
        }
        if slugs.is_empty() {
            return Ok(Vec::new());
        }
        let rows = slugs.iter().map(|(slug, name)| tag::ActiveModel {
            id: Set(Uuid::now_v7()),
            slug: Set(slug.clone()),
            name: Set(name.clone()),
            description: Set(None),
            version: Set(1),
            created_at: Set(now),
            updated_at: Set(now),
        });
        let made = tag::Entity::insert_many(rows)
            .on_conflict(OnConflict::column(tag::Column::Slug).do_nothing().to_owned())
            .exec_without_returning(&**tx)
            .await?;
        if made > 0 {
            tx.touch("tags").await?;
        }
        let found: Vec<(String, Uuid)> = tag::Entity::find()
            .select_only()
            .columns([tag::Column::Slug, tag::Column::Id])
            .filter(tag::Column::Slug.is_in(slugs.iter().map(|(slug, _)| slug.clone())))
            .into_tuple()
            .all(&**tx)
            .await?;
        let id = |slug: &String| found.iter().find(|(known, _)| known == slug).map(|(_, id)| *id);
        Ok(slugs.iter().filter_map(|(slug, _)| id(slug)).collect())
    }
}
