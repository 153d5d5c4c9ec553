//! HTTP operations on documents by path.
use poem_openapi::OpenApi;

use super::{
    service::Docs,
    types::{DocPath, Document, DocumentQuery, DocumentReplacement, DocumentSummary},
};
use crate::{
    api::Tag,
    contract::{
        answer::{Found, Gone, Listed, Or, Replaced},
        cache::Cache,
        caller::{Caller, Editors, Viewer},
        problem::{Fault, Invalid, NotFound, Stale, Unconditional},
        request::{Body, IfMatch, IfNoneMatch, Path, Query},
    },
};

pub struct DocsApi(pub Docs);

#[OpenApi(prefix_path = "/api/docs", tag = "Tag::Docs")]
impl DocsApi {
    /// List documents
    ///
    /// Sorted by position, then by path. `prefix` selects a subtree. With `deleted=only`, editors list
    /// deleted documents.
    #[oai(path = "/", method = "get", operation_id = "docsList")]
    async fn list(
        &self,
        viewer: Viewer,
        query: Query<DocumentQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<Listed<DocumentSummary>, Fault<Invalid>> {
        let etag = self.0.list_etag(viewer.0.as_ref(), &query, &query.target).await?;
        if let Some(unchanged) = Listed::unchanged(&etag, &if_none_match.0, Cache::PUBLIC) {
            return Ok(unchanged);
        }
        let page = self.0.list(viewer.0.as_ref(), &query).await?;
        Ok(Listed::new(page, &etag, &query.target, Cache::PUBLIC))
    }

    /// Get a document
    ///
    /// A path has at most ten segments. A trailing slash redirects (308) to the path without it.
    #[oai(path = "/:path", method = "get", operation_id = "docsGet")]
    async fn get(
        &self,
        _viewer: Viewer,
        /// The path of the document in the tree.
        path: Path<DocPath>,
        if_none_match: IfNoneMatch,
    ) -> Result<Or<Found<Document>>, Fault<NotFound>> {
        Ok(Or::Here(Found::new(self.0.get(&path.0.0).await?, &if_none_match.0)))
    }

    /// Create or replace a document
    ///
    /// With `If-None-Match: *`, the document is created only if none exists at the path.
    #[oai(path = "/:path", method = "put", operation_id = "docsReplace")]
    async fn replace(
        &self,
        editor: Caller<Editors>,
        /// The path of the document in the tree.
        path: Path<DocPath>,
        if_match: IfMatch,
        if_none_match: IfNoneMatch,
        new: Body<DocumentReplacement>,
    ) -> Result<Or<Replaced<Document>>, Fault<(Stale, Unconditional)>> {
        let (document, created) =
            self.0.replace(&editor, &path.0.0, new.0, if_match.0.unless(if_none_match.0)).await?;
        Ok(Or::Here(Replaced::new(document, created)))
    }

    /// Delete a document
    ///
    /// Documents below it are not deleted. Deleted documents can be restored for 30 days (`trash_days`). The
    /// path is available immediately.
    #[oai(path = "/:path", method = "delete", operation_id = "docsDelete")]
    async fn delete(
        &self,
        editor: Caller<Editors>,
        /// The path of the document in the tree.
        path: Path<DocPath>,
        if_match: IfMatch,
    ) -> Result<Or<Gone>, Fault<(NotFound, Stale, Unconditional)>> {
        self.0.delete(&editor, &path.0.0, if_match.0).await?;
        Ok(Or::Here(Gone::new()))
    }
}
