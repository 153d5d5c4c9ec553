//! Documents that come from files.
use super::{
    content::written,
    service::{Docs, at, put, tell},
    types::DocumentReplacement,
};
use crate::{
    contract::problem::{Error, Result},
    ports::db::Tx,
    resources::{
        imports::{Effect, Item},
        revisions::{Change, Written},
    },
};

/// A document from a file.
#[derive(Debug, Clone)]
pub struct ImportedDocument {
    pub path: String,
    pub title: String,
    pub content: String,
    pub position: i64,
}

impl Docs {
    /// Writes a document from a file, or brings the one that the file made before up to date; the version that
    /// this makes joins the `history` that is to be kept in the same transaction.
    pub async fn import(
        &self,
        tx: &Tx,
        document: &ImportedDocument,
        history: &mut Vec<Written>,
    ) -> Result<Effect> {
        let item = Item::new("document", &document.path, document);
        let ImportedDocument { path, title, content, position } = document;
        let known = at(tx, path).await?;
        let effect = match item.before(tx).await? {
            Some(before) if before.is_same() => return Ok(Effect::Unchanged),
            None if known.is_some() => {
                return Err(Error::Conflict("there is a document at this path that no import made"));
            }
            None => Effect::Created,
            Some(before) => {
                let own = known.as_ref().filter(|row| row.id == before.target);
                before.check(own.map(|row| row.version))?;
                Effect::Updated
            }
        };
        let new = DocumentReplacement { title: title.clone(), content: content.clone(), position: *position };
        let now = self.clock.now();
        let row = put(tx, known, path, new, now).await?;
        item.remember(tx, row.id, row.version).await?;
        tx.touch("documents").await?;
        tell(tx, &row, now);
        history.push(written(&row, Change::Imported, now)?);
        Ok(effect)
    }
}
