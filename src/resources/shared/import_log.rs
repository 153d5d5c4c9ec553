//! Import log: the digest and the target of each imported item. A repeated import skips items that did not
//! change in the source, and rejects items whose target was changed or deleted in the service.
use entity::import;
use sea_orm::{EntityTrait, Set, sea_query::OnConflict};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    domain::secret,
    http::problem::{Error, Result},
    infra::db::Tx,
};

/// The result of the import of one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportEffect {
    Created,
    Updated,
    Unchanged,
}

/// An item to be imported: kind, identifier in the source, and digest of all its values.
pub struct ImportItem<'a> {
    pub kind: &'static str,
    pub source: &'a str,
    digest: String,
}

/// The target of an earlier import of the item.
pub struct PreviousImport {
    pub target: Uuid,
    version: i64,
    same: bool,
}

impl<'a> ImportItem<'a> {
    /// Creates an item. The digest covers the JSON of `values`.
    pub fn new(kind: &'static str, source: &'a str, values: &impl Serialize) -> Result<Self> {
        let json = serde_json::to_string(values).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(ImportItem { kind, source, digest: secret::token_digest(&json) })
    }

    /// Returns the earlier import of the item, if any.
    pub async fn previous(&self, tx: &Tx) -> Result<Option<PreviousImport>> {
        let key = (self.kind.to_owned(), self.source.to_owned());
        let row = import::Entity::find_by_id(key).one(&**tx).await?;
        Ok(row.map(|row| PreviousImport {
            target: row.target,
            version: row.version,
            same: row.digest == self.digest,
        }))
    }

    /// Stores the target of this import with its version.
    pub async fn record(&self, tx: &Tx, target: Uuid, version: i64) -> Result<()> {
        let row = import::ActiveModel {
            kind: Set(self.kind.to_owned()),
            source: Set(self.source.to_owned()),
            digest: Set(self.digest.clone()),
            target: Set(target),
            version: Set(version),
        };
        let upsert = OnConflict::columns([import::Column::Kind, import::Column::Source])
            .update_columns([import::Column::Digest, import::Column::Target, import::Column::Version])
            .to_owned();
        import::Entity::insert(row).on_conflict(upsert).exec_without_returning(&**tx).await?;
        Ok(())
    }
}

impl PreviousImport {
    /// Returns whether the values of the item are the same as in the earlier import.
    pub fn is_unchanged(&self) -> bool {
        self.same
    }

    /// Rejects an update of a target that was deleted, or whose `version` is not the one that the import
    /// wrote.
    pub fn check_unmodified(&self, version: Option<i64>) -> Result<()> {
        match version {
            None => Err(Error::Conflict(
                "the resource imported from this file was deleted here: restore it, or remove the file",
            )),
            Some(version) if version != self.version => Err(Error::Conflict(
                "both the file and the resource imported from it have changed: nothing was written",
            )),
            Some(_) => Ok(()),
        }
    }
}
