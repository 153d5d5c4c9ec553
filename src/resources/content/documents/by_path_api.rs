//! HTTP operations on documents, addressed by path. Sub-resources such as revisions have no address here,
//! because any suffix such as `/revisions` is itself a valid path of a document.
use macros::operations;

use super::{
    service::Documents,
    types::{Document, DocumentByPathInput},
};
use crate::domain::slug::SlugPath;
use crate::http::{
    auth::{Caller, Editors, OptionalAuth},
    extract::{IfMatch, IfNoneMatch, JsonBody, ManySegments, Path},
    problem::{ApiError, NotFound, PreconditionFailed, PreconditionRequired},
    response::{GetResponse, NoContent, OrRedirect, ReplaceResponse},
};

pub struct DocumentsByPathApi(pub Documents);

#[operations(prefix_path = "/api/docs", tag = "super::TAG")]
impl DocumentsByPathApi {
    /// Get the document at a path
    ///
    /// A path has at most ten segments. A trailing slash redirects (308) to the path without it.
    #[oai(path = "/:path", method = "get", operation_id = "documentsGetByPath")]
    #[operation(cached_by = "super::COLLECTIONS")]
    async fn get_by_path(
        &self,
        _viewer: OptionalAuth,
        /// The path of the document in the tree.
        path: Path<SlugPath, ManySegments>,
        if_none_match: IfNoneMatch,
    ) -> Result<OrRedirect<GetResponse<Document>>, ApiError<NotFound>> {
        Ok(OrRedirect::Body(GetResponse::new(self.0.get_by_path(&path.0).await?, &if_none_match.0)))
    }

    /// Create or replace the document at a path
    ///
    /// With `If-None-Match: *`, the document is created only if none exists at the path.
    #[oai(path = "/:path", method = "put", operation_id = "documentsReplaceByPath")]
    async fn replace_by_path(
        &self,
        editor: Caller<Editors>,
        /// The path of the document in the tree.
        path: Path<SlugPath, ManySegments>,
        if_match: IfMatch,
        if_none_match: IfNoneMatch,
        new: JsonBody<DocumentByPathInput>,
    ) -> Result<OrRedirect<ReplaceResponse<Document>>, ApiError<(PreconditionFailed, PreconditionRequired)>>
    {
        let precondition = if_match.0.with_if_none_match(if_none_match.0);
        let (document, created) = self.0.replace_by_path(&editor, path.0, new.0, precondition).await?;
        Ok(OrRedirect::Body(ReplaceResponse::new(document, created)))
    }

    /// Delete the document at a path
    ///
    /// Documents below it are not deleted. Deleted documents can be restored for 30 days (`trash_retention_days`). The
    /// path is available immediately.
    #[oai(path = "/:path", method = "delete", operation_id = "documentsDeleteByPath")]
    async fn delete_by_path(
        &self,
        editor: Caller<Editors>,
        /// The path of the document in the tree.
        path: Path<SlugPath, ManySegments>,
        if_match: IfMatch,
    ) -> Result<OrRedirect<NoContent>, ApiError<(NotFound, PreconditionFailed, PreconditionRequired)>> {
        self.0.delete_by_path(&editor, path.0, if_match.0).await?;
        Ok(OrRedirect::Body(NoContent::new()))
    }
}
