//! What was imported, as it was: a second import changes only what its file has changed, and nothing that
//! somebody has changed here since.
use entity::import;
use sea_orm::{EntityTrait, Set, sea_query::OnConflict};
use uuid::Uuid;

use crate::{
    contract::{
        problem::{Error, Result},
        secret,
    },
    ports::db::Tx,
};

/// What an import did with an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Created,
    Updated,
    Unchanged,
}

/// One item of a source, by what the source calls it, with everything that it says.
pub struct Item<'a> {
    pub kind: &'static str,
    pub source: &'a str,
    digest: String,
}

/// What the item became when it was imported before.
pub struct Before {
    pub target: Uuid,
    version: i64,
    same: bool,
}

impl<'a> Item<'a> {
    pub fn new(kind: &'static str, source: &'a str, says: &impl std::fmt::Debug) -> Self {
        Item { kind, source, digest: secret::digest(&format!("{says:?}")) }
    }

    /// What became of it the last time, if there was one.
    pub async fn before(&self, tx: &Tx) -> Result<Option<Before>> {
        let key = (self.kind.to_owned(), self.source.to_owned());
        let row = import::Entity::find_by_id(key).one(&**tx).await?;
        Ok(row.map(|row| Before {
            target: row.target,
            version: row.version,
            same: row.digest == self.digest,
        }))
    }

    /// Remembers what became of it now.
    pub async fn remember(&self, tx: &Tx, target: Uuid, version: i64) -> Result<()> {
        let row = import::ActiveModel {
            kind: Set(self.kind.to_owned()),
            source: Set(self.source.to_owned()),
            digest: Set(self.digest.clone()),
            target: Set(target),
            version: Set(version),
        };
        let again = OnConflict::columns([import::Column::Kind, import::Column::Source])
            .update_columns([import::Column::Digest, import::Column::Target, import::Column::Version])
            .to_owned();
        import::Entity::insert(row).on_conflict(again).exec_without_returning(&**tx).await?;
        Ok(())
    }
}

impl Before {
    /// Whether the item says just what it said then.
    pub fn is_same(&self) -> bool {
        self.same
    }

    /// Refuses to write over what is gone, or is another version than the import left.
    pub fn check(&self, version: Option<i64>) -> Result<()> {
        match version {
            None => Err(Error::Conflict("what came from this file was deleted here")),
            Some(version) if version != self.version => Err(Error::Conflict(
                "the file has changed, and so has what came from it: nothing was written",
            )),
            Some(_) => Ok(()),
        }
    }
}
