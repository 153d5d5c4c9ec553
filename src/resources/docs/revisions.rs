//! What documents were: for editors.
use entity::document;
use sea_orm::{ColumnTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use super::{
    content::{DocumentContent, DocumentRevision, written},
    service::{Docs, put, says, tell, there},
    types::{Document, DocumentReplacement},
};
use crate::{
    contract::{
        answer::Resource,
        caller::Principal,
        etag::Precondition,
        id::Id,
        page::Page,
        problem::{Error, Result},
    },
    resources::revisions::{
        Change, Past, Revision, RevisionDiff, RevisionQuery, Subject, compared, keep, page, past,
    },
};

impl Docs {
    pub async fn revisions(&self, id: Id<Document>, query: &RevisionQuery) -> Result<Page<Revision>> {
        self.known(id).await?;
        page(self.db.read(), &self.cursors, Subject::Document(id.0), &query.paging).await
    }

    pub async fn revision(&self, id: Id<Document>, revision: Id<Revision>) -> Result<DocumentRevision> {
        self.known(id).await?;
        let location = format!("/api/documents/{id}/revisions/{revision}");
        let Past { revision, content } = past(self.db.read(), Subject::Document(id.0), revision).await?;
        Ok(DocumentRevision { revision, document: content, location })
    }

    pub async fn diff(
        &self,
        id: Id<Document>,
        revision: Id<Revision>,
        against: Option<Id<Revision>>,
    ) -> Result<RevisionDiff> {
        self.known(id).await?;
        let (subject, location) =
            (Subject::Document(id.0), format!("/api/documents/{id}/revisions/{revision}/diff"));
        compared::<_, DocumentContent>(self.db.read(), subject, revision, against, location).await
    }

    /// Brings back what a document said; its path stays.
    pub async fn restore_revision(
        &self,
        editor: &Principal,
        id: Id<Document>,
        revision: Id<Revision>,
        when: Precondition,
    ) -> Result<Document> {
        let (editor, now) = (editor.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                let row = there().filter(document::Column::Id.eq(id.0)).lock_exclusive().one(&*tx).await?;
                let row = row.ok_or(Error::NotFound("document"))?;
                when.check(&Document::from(row.clone()).etag())?;
                let past: Past<DocumentContent> = past(&*tx, Subject::Document(id.0), revision).await?;
                let DocumentContent { path: _, title, content, position } = past.content;
                let (path, back) = (row.path.clone(), DocumentReplacement { title, content, position });
                if says(&row, &back) {
                    return Ok(row.into());
                }
                let row = put(&tx, Some(row), &path, back, now).await?;
                let written = written(&row, Change::Restored, now)?.by(&editor).restored_from(revision);
                keep(&tx, [written]).await?;
                tell(&tx, &row, now);
                tx.touch("documents").await?;
                Ok(row.into())
            })
            .await
    }

    async fn known(&self, id: Id<Document>) -> Result<()> {
        let find = there().filter(document::Column::Id.eq(id.0)).select_only().column(document::Column::Id);
        let found: Option<Uuid> = find.into_tuple().one(self.db.read()).await?;
        found.map(|_| ()).ok_or(Error::NotFound("document"))
    }
}
