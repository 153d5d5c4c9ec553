//! HTTP operations on revisions of documents.
use macros::operations;

use super::{content::DocumentRevision, service::Documents, types::Document};
use crate::{
    domain::id::Id,
    http::{
        action_response::ActionResponse,
        auth::{Caller, Editors},
        cache_control::CacheControl,
        extract::{IfMatch, IfNoneMatch, Path, Query},
        problem::{ApiError, BadRequest, NotFound, PreconditionFailed, PreconditionRequired},
        response::{GetResponse, ListResponse},
    },
    resources::content::revisions::{DiffQuery, Revision, RevisionDiff, RevisionQuery},
};

pub struct DocumentRevisionsApi(pub Documents);

#[operations(prefix_path = "/api/documents", tag = "super::TAG")]
impl DocumentRevisionsApi {
    /// List the revisions of a document, newest first
    ///
    /// Every write creates a revision; the newest 200 of a document are stored.
    #[oai(path = "/:id/revisions", method = "get", operation_id = "documentsRevisionsList")]
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
    #[oai(path = "/:id/revisions/:revision", method = "get", operation_id = "documentsRevisionsGet")]
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
    #[oai(path = "/:id/revisions/:revision/diff", method = "get", operation_id = "documentsRevisionsDiff")]
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
    #[oai(
        path = "/:id/revisions/:revision/restore",
        method = "post",
        operation_id = "documentsRevisionsRestore"
    )]
    async fn restore(
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
