//! HTTP operations on revisions and deleted documents. They address documents by id, because a path can
//! belong to another document later, and because any suffix such as `/revisions` is itself a valid document
//! path.
use macros::operations;

use super::{content::DocumentRevision, service::Docs, types::Document};
use crate::{
    domain::id::Id,
    http::{
        action_response::ActionResponse,
        auth::{Caller, Editors},
        cache_control::CacheControl,
        extract::{IfMatch, IfNoneMatch, Path, Query},
        problem::{ApiError, BadRequest, Conflict, NotFound, PreconditionFailed, PreconditionRequired},
        response::{GetResponse, ListResponse},
    },
    resources::content::revisions::{DiffQuery, Revision, RevisionDiff, RevisionQuery},
};

pub struct DocRevisionsApi(pub Docs);

#[operations(prefix_path = "/api/documents", tag = "super::TAG")]
impl DocRevisionsApi {
    /// Restore a deleted document
    ///
    /// The document is restored at its former path; if another document exists there, the request fails
    /// (409). A document that is not deleted is returned unchanged.
    #[oai(path = "/:id/restore", method = "post", operation_id = "docsRestore")]
    async fn restore(
        &self,
        editor: Caller<Editors>,
        /// The id of the document.
        id: Path<Id<Document>>,
    ) -> Result<ActionResponse<Document>, ApiError<(NotFound, Conflict)>> {
        Ok(ActionResponse::new(self.0.restore(&editor, id.0).await?))
    }

    /// List the revisions of a document, newest first
    ///
    /// Every write creates a revision; the newest 200 of a document are stored.
    #[oai(path = "/:id/revisions", method = "get", operation_id = "docsRevisionsList")]
    async fn list(
        &self,
        _editor: Caller<Editors>,
        /// The id of the document.
        id: Path<Id<Document>>,
        query: Query<RevisionQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<ListResponse<Revision>, ApiError<(BadRequest, NotFound)>> {
        let page = self.0.revisions(id.0, &query).await?;
        Ok(ListResponse::with_content_etag(page, &if_none_match.0, &query.target, CacheControl::Private))
    }

    /// Get a revision of a document
    ///
    /// The response contains all editable fields of the document in that version.
    #[oai(path = "/:id/revisions/:revision", method = "get", operation_id = "docsRevisionsGet")]
    async fn get(
        &self,
        _editor: Caller<Editors>,
        /// The id of the document.
        id: Path<Id<Document>>,
        /// The id of the revision.
        revision: Path<Id<Revision>>,
        if_none_match: IfNoneMatch,
    ) -> Result<GetResponse<DocumentRevision>, ApiError<NotFound>> {
        Ok(GetResponse::new(self.0.revision(id.0, revision.0).await?, &if_none_match.0))
    }

    /// Compare two revisions of a document
    ///
    /// The content is compared line by line, the other fields by value. Without `against`, the previous
    /// revision is used.
    #[oai(path = "/:id/revisions/:revision/diff", method = "get", operation_id = "docsRevisionsDiff")]
    async fn diff(
        &self,
        _editor: Caller<Editors>,
        /// The id of the document.
        id: Path<Id<Document>>,
        /// The id of the revision.
        revision: Path<Id<Revision>>,
        query: Query<DiffQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<GetResponse<RevisionDiff>, ApiError<NotFound>> {
        Ok(GetResponse::new(self.0.diff(id.0, revision.0, query.against).await?, &if_none_match.0))
    }

    /// Restore a revision of a document
    ///
    /// Title, content and position of the revision are written as a new version. The path does not change. If
    /// the document already equals the revision, no version is created.
    #[oai(path = "/:id/revisions/:revision/restore", method = "post", operation_id = "docsRevisionsRestore")]
    async fn restore_revision(
        &self,
        editor: Caller<Editors>,
        /// The id of the document.
        id: Path<Id<Document>>,
        /// The id of the revision.
        revision: Path<Id<Revision>>,
        if_match: IfMatch,
    ) -> Result<ActionResponse<Document>, ApiError<(NotFound, PreconditionFailed, PreconditionRequired)>>
    {
        Ok(ActionResponse::new(self.0.restore_revision(&editor, id.0, revision.0, if_match.0).await?))
    }
}
