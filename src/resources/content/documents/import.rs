//! Import of documents from files.
use serde::Serialize;

use super::{
    content::revision,
    service::{Documents, emit_written, find_by_id_for_update, find_for_update, write},
    types::DocumentInput,
};
use crate::{
    http::problem::{Error, Result},
    infra::db::Tx,
    resources::{
        content::revisions::{Change, NewRevision},
        shared::import_log::{ImportEffect, ImportItem},
    },
};

/// A document read from a file.
#[derive(Debug, Clone, Serialize)]
pub struct ImportedDocument {
    pub path: String,
    pub title: String,
    pub content: String,
    pub position: i64,
}

impl Documents {
    /// Creates the document of a file, or updates the document that an earlier import of the file created.
    ///
    /// Appends the new version to `revisions`. The caller stores these in the same transaction, many at once.
    pub async fn import(
        &self,
        tx: &Tx,
        document: &ImportedDocument,
        revisions: &mut Vec<NewRevision>,
    ) -> Result<ImportEffect> {
        let item = ImportItem::new("document", &document.path, document)?;
        let ImportedDocument { path, title, content, position } = document;
        let (existing, effect) = match item.previous(tx).await? {
            Some(before) if before.is_unchanged() => return Ok(ImportEffect::Unchanged),
            None if find_for_update(tx, path).await?.is_some() => {
                return Err(Error::Conflict(
                    "a document that was not imported already exists at this path: delete one of them",
                ));
            }
            None => (None, ImportEffect::Created),
            Some(before) => {
                // By id: the document can have been moved, and its path can belong to another document.
                let imported = find_by_id_for_update(tx, before.target).await?;
                before.check_unmodified(imported.as_ref().map(|row| row.version))?;
                (imported, ImportEffect::Updated)
            }
        };
        let new = DocumentInput {
            path: path.as_str().into(),
            title: title.as_str().into(),
            content: content.as_str().into(),
            position: *position,
        };
        let now = self.clock.now();
        let (row, changed) = write(tx, existing, new.into(), now).await.map_err(Error::from_insert)?;
        item.record(tx, row.id, row.version).await?;
        if !changed {
            return Ok(ImportEffect::Unchanged);
        }
        tx.touch("documents").await?;
        emit_written(tx, &row, now);
        revisions.push(revision(&row, Change::Imported, now)?);
        Ok(effect)
    }
}
