//! Documents that come from files.
use super::{
    service::{Docs, at, put},
    types::DocumentReplacement,
};
use crate::{contract::problem::Result, ports::db::Tx, resources::posts::Effect};

/// A document from a file.
#[derive(Debug, Clone)]
pub struct ImportedDocument {
    pub path: String,
    pub title: String,
    pub content: String,
    pub position: i64,
}

impl Docs {
    /// Writes a document from a file, unless it is there just so.
    pub async fn import(&self, tx: &Tx, document: &ImportedDocument) -> Result<Effect> {
        let ImportedDocument { path, title, content, position } = document;
        let known = at(tx, path).await?;
        let effect = match &known {
            None => Effect::Created,
            Some(row) if (&row.title, &row.content, row.position) == (title, content, *position) => {
                return Ok(Effect::Unchanged);
            }
            Some(_) => Effect::Updated,
        };
        let new = DocumentReplacement { title: title.clone(), content: content.clone(), position: *position };
        put(tx, known, path, new, self.clock.now()).await?;
        tx.touch("documents").await?;
        Ok(effect)
    }
}
