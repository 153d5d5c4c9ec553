//! HTTP operations on documents, addressed by id.
use macros::operations;

use super::{
    service::Documents,
    types::{Document, DocumentInput, DocumentPatch, DocumentQuery, DocumentSummary},
};
use crate::{
    domain::id::Id,
    http::{
        action_response::ActionResponse,
        auth::{Caller, Editors, OptionalAuth},
        extract::{IdempotencyKey, IfMatch, IfNoneMatch, JsonBody, MergePatch, Path, Query},
        problem::{
            ApiError, BadRequest, Conflict, CreateErrors, NotFound, PreconditionFailed, PreconditionRequired,
        },
        response::{CreateResponse, GetResponse, ListResponse, NoContent, UpdateResponse},
    },
    resources::content::trash::Deleted,
};

pub struct DocumentsApi(pub Documents);

type ChangeErrors = (NotFound, Conflict, PreconditionFailed, PreconditionRequired);

#[operations(prefix_path = "/api/documents", tag = "super::TAG")]
impl DocumentsApi {
    /// List documents
    ///
    /// Sorted by position, then by path. `prefix` selects a subtree. With `deleted=only`, editors list
    /// deleted documents.
    #[oai(path = "/", method = "get", operation_id = "documentsList")]
    #[operation(cached_by = "super::COLLECTIONS", search = "q")]
    async fn list(
        &self,
        viewer: OptionalAuth,
        query: Query<DocumentQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<ListResponse<DocumentSummary>, ApiError<BadRequest>> {
        let etag = self.0.list_etag(viewer.0.as_ref(), &query, &query.target).await?;
        let cache = Deleted::cache(query.deleted);
        if let Some(unchanged) = ListResponse::not_modified(&etag, &if_none_match.0, cache) {
            return Ok(unchanged);
        }
        let page = self.0.list(viewer.0.as_ref(), &query).await?;
        Ok(ListResponse::new(page, &etag, &query.target, cache))
    }

    /// Create a document
    ///
    /// Fails with 409 if another document exists at the path. No document needs to exist at the paths above.
    #[oai(path = "/", method = "post", operation_id = "documentsCreate")]
    async fn create(
        &self,
        editor: Caller<Editors>,
        key: IdempotencyKey,
        new: JsonBody<DocumentInput>,
    ) -> Result<CreateResponse<Document>, ApiError<CreateErrors>> {
        Ok(CreateResponse::new(self.0.create(&editor, new.0, key.0).await?))
    }

    /// Get a document
    ///
    /// The id does not change when the document is moved.
    #[oai(path = "/:id", method = "get", operation_id = "documentsGet")]
    #[operation(cached_by = "super::COLLECTIONS")]
    async fn get(
        &self,
        _viewer: OptionalAuth,
        /// The id of the document.
        id: Path<Id<Document>>,
        if_none_match: IfNoneMatch,
    ) -> Result<GetResponse<Document>, ApiError<NotFound>> {
        Ok(GetResponse::new(self.0.get(id.0).await?, &if_none_match.0))
    }

    /// Replace a document
    ///
    /// Another `path` moves the document. Documents below it are not moved. The former path is available
    /// immediately.
    #[oai(path = "/:id", method = "put", operation_id = "documentsReplace")]
    async fn replace(
        &self,
        editor: Caller<Editors>,
        /// The id of the document.
        id: Path<Id<Document>>,
        if_match: IfMatch,
        new: JsonBody<DocumentInput>,
    ) -> Result<UpdateResponse<Document>, ApiError<ChangeErrors>> {
        Ok(UpdateResponse::new(self.0.replace(&editor, id.0, new.0, if_match.0).await?))
    }

    /// Update or move a document
    ///
    /// A merge patch (RFC 7396): omitted fields are unchanged. Another `path` moves the document. Documents
    /// below it are not moved. The former path is available immediately.
    #[oai(path = "/:id", method = "patch", operation_id = "documentsUpdate")]
    async fn update(
        &self,
        editor: Caller<Editors>,
        /// The id of the document.
        id: Path<Id<Document>>,
        if_match: IfMatch,
        patch: MergePatch<DocumentPatch>,
    ) -> Result<UpdateResponse<Document>, ApiError<ChangeErrors>> {
        Ok(UpdateResponse::new(self.0.update(&editor, id.0, patch.0, if_match.0).await?))
    }

    /// Delete a document
    ///
    /// Documents below it are not deleted. Deleted documents can be restored for 30 days (`trash_retention_days`). The
    /// path is available immediately.
    #[oai(path = "/:id", method = "delete", operation_id = "documentsDelete")]
    async fn delete(
        &self,
        editor: Caller<Editors>,
        /// The id of the document.
        id: Path<Id<Document>>,
        if_match: IfMatch,
    ) -> Result<NoContent, ApiError<(NotFound, PreconditionFailed, PreconditionRequired)>> {
        self.0.delete(&editor, id.0, if_match.0).await?;
        Ok(NoContent::new())
    }

    /// Restore a deleted document
    ///
    /// The document is restored at its former path; if another document exists there, the request fails
    /// (409). A document that is not deleted is returned unchanged.
    #[oai(path = "/:id/restore", method = "post", operation_id = "documentsRestore")]
    async fn restore(
        &self,
        editor: Caller<Editors>,
        /// The id of the document.
        id: Path<Id<Document>>,
    ) -> Result<ActionResponse<Document>, ApiError<(NotFound, Conflict)>> {
        Ok(ActionResponse::new(self.0.restore(&editor, id.0).await?))
    }
}
