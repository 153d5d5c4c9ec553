//! What clients can do with what documents were. A path belongs to whatever is there now, and any path may be a
//! document's: what lasts longer is addressed by the document's id.
use poem_openapi::OpenApi;

use super::{content::DocumentRevision, service::Docs, types::Document};
use crate::{
    api::Tag,
    contract::{
        answer::{Found, Listed},
        cache::Cache,
        caller::{Caller, Editors},
        done::Done,
        id::Id,
        problem::{Conflict, Fault, Invalid, NotFound, Stale, Unconditional},
        request::{IfMatch, IfNoneMatch, Path, Query},
    },
    resources::revisions::{DiffQuery, Revision, RevisionDiff, RevisionQuery},
};

pub struct DocRevisionsApi(pub Docs);

#[OpenApi(prefix_path = "/api/documents", tag = "Tag::Docs")]
impl DocRevisionsApi {
    /// Take a document out of the trash
    ///
    /// It is as it was when it was deleted, at its path, unless another document is there by now. One that is
    /// not in the trash stays as it is.
    #[oai(path = "/:id/restore", method = "post", operation_id = "docsRestore")]
    async fn restore(
        &self,
        editor: Caller<Editors>,
        /// The document's id.
        id: Path<Id<Document>>,
    ) -> Result<Done<Document>, Fault<(NotFound, Conflict)>> {
        Ok(Done::new(self.0.restore(&editor, id.0).await?))
    }

    /// List the revisions of a document, newest first
    ///
    /// Every write leaves one; the newest 200 are kept.
    #[oai(path = "/:id/revisions", method = "get", operation_id = "docsRevisionsList")]
    async fn list(
        &self,
        _editor: Caller<Editors>,
        /// The document's id.
        id: Path<Id<Document>>,
        query: Query<RevisionQuery>,
        known: IfNoneMatch,
    ) -> Result<Listed<Revision>, Fault<(Invalid, NotFound)>> {
        let page = self.0.revisions(id.0, &query).await?;
        Ok(Listed::fresh(page, &known.0, &query.target, Cache::Private))
    }

    /// Read a revision of a document
    ///
    /// With everything that could be written of the document.
    #[oai(path = "/:id/revisions/:revision", method = "get", operation_id = "docsRevisionsRead")]
    async fn read(
        &self,
        _editor: Caller<Editors>,
        /// The document's id.
        id: Path<Id<Document>>,
        /// The revision's id.
        revision: Path<Id<Revision>>,
        known: IfNoneMatch,
    ) -> Result<Found<DocumentRevision>, Fault<NotFound>> {
        Ok(Found::new(self.0.revision(id.0, revision.0).await?, &known.0))
    }

    /// Compare two revisions of a document
    ///
    /// The text line by line, the other members by value.
    #[oai(path = "/:id/revisions/:revision/diff", method = "get", operation_id = "docsRevisionsDiff")]
    async fn diff(
        &self,
        _editor: Caller<Editors>,
        /// The document's id.
        id: Path<Id<Document>>,
        /// The revision's id.
        revision: Path<Id<Revision>>,
        query: Query<DiffQuery>,
        known: IfNoneMatch,
    ) -> Result<Found<RevisionDiff>, Fault<NotFound>> {
        Ok(Found::new(self.0.diff(id.0, revision.0, query.against).await?, &known.0))
    }

    /// Bring back a revision of a document
    ///
    /// Title, text and position are as they were then, in a new version; the path stays. What
    /// says just that already stays as it is.
    #[oai(path = "/:id/revisions/:revision/restore", method = "post", operation_id = "docsRevisionsRestore")]
    async fn restore_revision(
        &self,
        editor: Caller<Editors>,
        /// The document's id.
        id: Path<Id<Document>>,
        /// The revision's id.
        revision: Path<Id<Revision>>,
        when: IfMatch,
    ) -> Result<Done<Document>, Fault<(NotFound, Stale, Unconditional)>> {
        Ok(Done::new(self.0.restore_revision(&editor, id.0, revision.0, when.0).await?))
    }
}
