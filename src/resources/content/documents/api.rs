//! HTTP operations on documents by path.
use macros::operations;

use super::{
    service::Docs,
    types::{DocPath, Document, DocumentQuery, DocumentReplacement, DocumentSummary},
};
use crate::http::{
    auth::{Caller, Editors, OptionalAuth},
    cache_control::CacheControl,
    extract::{IfMatch, IfNoneMatch, JsonBody, ManySegments, Path, Query},
    problem::{ApiError, BadRequest, NotFound, PreconditionFailed, PreconditionRequired},
    response::{GetResponse, ListResponse, NoContent, OrRedirect, ReplaceResponse},
};

pub struct DocsApi(pub Docs);

#[operations(prefix_path = "/api/docs", tag = "super::TAG")]
impl DocsApi {
    /// List documents
    ///
    /// Sorted by position, then by path. `prefix` selects a subtree. With `deleted=only`, editors list
    /// deleted documents.
    #[oai(path = "/", method = "get", operation_id = "docsList")]
    async fn list(
        &self,
        viewer: OptionalAuth,
        query: Query<DocumentQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<ListResponse<DocumentSummary>, ApiError<BadRequest>> {
        let etag = self.0.list_etag(viewer.0.as_ref(), &query, &query.target).await?;
        if let Some(unchanged) = ListResponse::not_modified(&etag, &if_none_match.0, CacheControl::PUBLIC) {
            return Ok(unchanged);
        }
        let page = self.0.list(viewer.0.as_ref(), &query).await?;
        Ok(ListResponse::new(page, &etag, &query.target, CacheControl::PUBLIC))
    }

    /// Get a document
    ///
    /// A path has at most ten segments. A trailing slash redirects (308) to the path without it.
    #[oai(path = "/:path", method = "get", operation_id = "docsGet")]
    async fn get(
        &self,
        _viewer: OptionalAuth,
        /// The path of the document in the tree.
        path: Path<DocPath, ManySegments>,
        if_none_match: IfNoneMatch,
    ) -> Result<OrRedirect<GetResponse<Document>>, ApiError<NotFound>> {
        Ok(OrRedirect::Body(GetResponse::new(self.0.get(&path.0.0).await?, &if_none_match.0)))
    }

    /// Create or replace a document
    ///
    /// With `If-None-Match: *`, the document is created only if none exists at the path.
    #[oai(path = "/:path", method = "put", operation_id = "docsReplace")]
    async fn replace(
        &self,
        editor: Caller<Editors>,
        /// The path of the document in the tree.
        path: Path<DocPath, ManySegments>,
        if_match: IfMatch,
        if_none_match: IfNoneMatch,
        new: JsonBody<DocumentReplacement>,
    ) -> Result<OrRedirect<ReplaceResponse<Document>>, ApiError<(PreconditionFailed, PreconditionRequired)>>
    {
        let (document, created) =
            self.0.replace(&editor, &path.0.0, new.0, if_match.0.with_if_none_match(if_none_match.0)).await?;
        Ok(OrRedirect::Body(ReplaceResponse::new(document, created)))
    }

    /// Delete a document
    ///
    /// Documents below it are not deleted. Deleted documents can be restored for 30 days (`trash_retention_days`). The
    /// path is available immediately.
    #[oai(path = "/:path", method = "delete", operation_id = "docsDelete")]
    async fn delete(
        &self,
        editor: Caller<Editors>,
        /// The path of the document in the tree.
        path: Path<DocPath, ManySegments>,
        if_match: IfMatch,
    ) -> Result<OrRedirect<NoContent>, ApiError<(NotFound, PreconditionFailed, PreconditionRequired)>> {
        self.0.delete(&editor, &path.0.0, if_match.0).await?;
        Ok(OrRedirect::Body(NoContent::new()))
    }
}
