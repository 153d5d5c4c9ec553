//! Revisions of documents, for editors.
use entity::document;
use sea_orm::{ColumnTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use super::{
    content::{self, DocumentRevision, DocumentSnapshot},
    service::{Documents, emit_written, lock, not_deleted, write},
    types::{Document, DocumentPatch},
};
use crate::{
    domain::id::Id,
    http::{
        auth::Principal,
        etag::Precondition,
        pagination::Page,
        problem::{Error, Result},
        response::Resource,
    },
    resources::content::revisions::{
        Change, Revision, RevisionDiff, RevisionQuery, StoredRevision, Subject, diff_revisions,
        list_revisions, load_revision, store_revisions,
    },
};

impl Documents {
    pub async fn revisions(&self, id: Id<Document>, query: &RevisionQuery) -> Result<Page<Revision>> {
        self.check_exists(id).await?;
        list_revisions(self.db.read(), &self.cursors, Subject::Document(id.0), &query.paging).await
    }

    pub async fn revision(&self, id: Id<Document>, revision: Id<Revision>) -> Result<DocumentRevision> {
        self.check_exists(id).await?;
        let location = format!("/api/documents/{id}/revisions/{revision}");
        let StoredRevision { revision, content } =
            load_revision(self.db.read(), Subject::Document(id.0), revision).await?;
        Ok(DocumentRevision { revision, document: content, location })
    }

    pub async fn diff(
        &self,
        id: Id<Document>,
        revision: Id<Revision>,
        against: Option<Id<Revision>>,
    ) -> Result<RevisionDiff> {
        self.check_exists(id).await?;
        let (subject, location) =
            (Subject::Document(id.0), format!("/api/documents/{id}/revisions/{revision}/diff"));
        diff_revisions::<_, DocumentSnapshot>(self.db.read(), subject, revision, against, location).await
    }

    /// Restores title, content and position of a revision. The path is unchanged.
    pub async fn restore_revision(
        &self,
        editor: &Principal,
        id: Id<Document>,
        revision: Id<Revision>,
        precondition: Precondition,
    ) -> Result<Document> {
        let (editor, now) = (editor.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                let row = lock(&tx, id).await?;
                precondition.check(&Document::from(row.clone()).etag())?;
                let stored: StoredRevision<DocumentSnapshot> =
                    load_revision(&*tx, Subject::Document(id.0), revision).await?;
                let DocumentSnapshot { path: _, title, content, position } = stored.content;
                let patch = DocumentPatch {
                    path: None,
                    title: Some(title),
                    content: Some(content),
                    position: Some(position),
                };
                let (row, changed) = write(&tx, Some(row), patch, now).await?;
                if !changed {
                    return Ok(row.into());
                }
                let restored = content::revision(&row, Change::Restored, now)?;
                store_revisions(&tx, [restored.changed_by(&editor).restored_from(revision)]).await?;
                emit_written(&tx, &row, now);
                tx.touch("documents").await?;
                Ok(row.into())
            })
            .await
    }

    async fn check_exists(&self, id: Id<Document>) -> Result<()> {
        let find =
            not_deleted().filter(document::Column::Id.eq(id.0)).select_only().column(document::Column::Id);
        let found: Option<Uuid> = find.into_tuple().one(self.db.read()).await?;
        found.map(|_| ()).ok_or(Error::NotFound("document"))
    }
}
