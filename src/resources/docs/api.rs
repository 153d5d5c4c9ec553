//! What clients can do with documents.
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
    /// List documents in the order of the tree
    ///
    /// By position, then by path; `prefix` takes one branch of it. `deleted=only` shows editors the trash.
    #[oai(path = "/", method = "get", operation_id = "docsList")]
    async fn list(
        &self,
        viewer: Viewer,
        query: Query<DocumentQuery>,
        known: IfNoneMatch,
    ) -> Result<Listed<DocumentSummary>, Fault<Invalid>> {
        let etag = self.0.list_etag(viewer.0.as_ref(), &query, &query.target).await?;
        if let Some(unchanged) = Listed::unchanged(&etag, &known.0, Cache::PUBLIC) {
            return Ok(unchanged);
        }
        let page = self.0.list(viewer.0.as_ref(), &query).await?;
        Ok(Listed::new(page, &etag, &query.target, Cache::PUBLIC))
    }

    /// Read a document
    ///
    /// The path may be ten segments deep. With a slash at its end it leads to the address without.
    #[oai(path = "/:path", method = "get", operation_id = "docsRead")]
    async fn read(
        &self,
        _viewer: Viewer,
        /// The document's place in the tree.
        path: Path<DocPath>,
        known: IfNoneMatch,
    ) -> Result<Or<Found<Document>>, Fault<NotFound>> {
        Ok(Or::Here(Found::new(self.0.read(&path.0.0).await?, &known.0)))
    }

    /// Write or replace a document
    ///
    /// `If-None-Match: *` writes it only if there is none at the path yet.
    #[oai(path = "/:path", method = "put", operation_id = "docsReplace")]
    async fn replace(
        &self,
        editor: Caller<Editors>,
        /// The document's place in the tree.
        path: Path<DocPath>,
        when: IfMatch,
        known: IfNoneMatch,
        new: Body<DocumentReplacement>,
    ) -> Result<Or<Replaced<Document>>, Fault<(Stale, Unconditional)>> {
        let (document, fresh) = self.0.replace(&editor, &path.0.0, new.0, when.0.unless(known.0)).await?;
        Ok(Or::Here(Replaced::new(document, fresh)))
    }

    /// Delete a document
    ///
    /// What lies below it stays. The document can be taken out of the trash for 30 days, unless the service is set
    /// otherwise; its path is free at once.
    #[oai(path = "/:path", method = "delete", operation_id = "docsRemove")]
    async fn remove(
        &self,
        editor: Caller<Editors>,
        /// The document's place in the tree.
        path: Path<DocPath>,
        when: IfMatch,
    ) -> Result<Or<Gone>, Fault<(NotFound, Stale, Unconditional)>> {
        self.0.remove(&editor, &path.0.0, when.0).await?;
        Ok(Or::Here(Gone::new()))
    }
}
