//! Operations on redirects.
use macros::operations;

use super::{
    service::Redirects,
    types::{Redirect, RedirectInput, RedirectKey, RedirectQuery, RedirectReplacement, RedirectSummary},
};
use crate::http::{
    auth::{Caller, Editors, OptionalAuth},
    cache_control::CacheControl,
    extract::{IdempotencyKey, IfMatch, IfNoneMatch, JsonBody, ManySegments, Path, Query},
    problem::{
        ApiError, BadRequest, Conflict, CreateErrors, Forbidden, NotFound, PreconditionFailed,
        PreconditionRequired,
    },
    response::{CreateResponse, GetResponse, ListResponse, NoContent, OrRedirect, ReplaceResponse},
};

pub struct RedirectsApi(pub Redirects);

#[operations(prefix_path = "/api/redirects", tag = "super::TAG")]
impl RedirectsApi {
    /// List redirects by source
    ///
    /// Each redirect includes the number of requests that it has redirected (`hits`).
    #[oai(path = "/", method = "get", operation_id = "redirectsList")]
    #[operation(search = "q")]
    async fn list(
        &self,
        _editor: Caller<Editors>,
        query: Query<RedirectQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<ListResponse<RedirectSummary>, ApiError<BadRequest>> {
        let etag = self.0.list_etag(&query.target).await?;
        if let Some(unchanged) = ListResponse::not_modified(&etag, &if_none_match.0, CacheControl::Private) {
            return Ok(unchanged);
        }
        Ok(ListResponse::new(self.0.list(&query).await?, &etag, &query.target, CacheControl::Private))
    }

    /// Create a redirect
    ///
    /// The redirect takes effect at once. Operations have precedence: a source that matches the path of an
    /// operation is rejected (400). A redirect that would form a cycle is rejected (409). Only admins may set
    /// `external` (403).
    #[oai(path = "/", method = "post", operation_id = "redirectsCreate")]
    async fn create(
        &self,
        editor: Caller<Editors>,
        key: IdempotencyKey,
        new: JsonBody<RedirectInput>,
    ) -> Result<CreateResponse<Redirect>, ApiError<(BadRequest, Forbidden, CreateErrors)>> {
        Ok(CreateResponse::new(self.0.create(&editor, new.0, key.0).await?))
    }

    /// Get a redirect
    ///
    /// Editors see every rule; other callers see only rules that are in effect.
    #[oai(path = "/:key", method = "get", operation_id = "redirectsGet")]
    async fn get(
        &self,
        viewer: OptionalAuth,
        /// The source of the rule, with or without the leading slash, or its key form (hyphens for slashes).
        key: Path<RedirectKey, ManySegments>,
        if_none_match: IfNoneMatch,
    ) -> Result<OrRedirect<GetResponse<Redirect>>, ApiError<NotFound>> {
        Ok(OrRedirect::Body(GetResponse::new(self.0.get(viewer.0.as_ref(), &key.0).await?, &if_none_match.0)))
    }

    /// Create or replace a redirect
    ///
    /// With `If-None-Match: *`, the redirect is created only if no redirect has this source. Only admins may set
    /// `external`, or change the destination of a redirect that has it (403).
    #[oai(path = "/:key", method = "put", operation_id = "redirectsReplace")]
    async fn replace(
        &self,
        editor: Caller<Editors>,
        /// The source of the rule, with or without the leading slash, or its key form (hyphens for slashes).
        key: Path<RedirectKey, ManySegments>,
        if_match: IfMatch,
        if_none_match: IfNoneMatch,
        to: JsonBody<RedirectReplacement>,
    ) -> Result<
        OrRedirect<ReplaceResponse<Redirect>>,
        ApiError<(BadRequest, Forbidden, Conflict, PreconditionFailed, PreconditionRequired)>,
    > {
        let (redirect, new) =
            self.0.replace(&editor, &key.0, to.0, if_match.0.with_if_none_match(if_none_match.0)).await?;
        Ok(OrRedirect::Body(ReplaceResponse::new(redirect, new)))
    }

    /// Delete a redirect
    ///
    /// Takes effect at once: requests for the source are no longer redirected.
    #[oai(path = "/:key", method = "delete", operation_id = "redirectsDelete")]
    async fn delete(
        &self,
        _editor: Caller<Editors>,
        /// The source of the rule, with or without the leading slash, or its key form (hyphens for slashes).
        key: Path<RedirectKey, ManySegments>,
        if_match: IfMatch,
    ) -> Result<OrRedirect<NoContent>, ApiError<(NotFound, PreconditionFailed, PreconditionRequired)>> {
        self.0.delete(&key.0, if_match.0).await?;
        Ok(OrRedirect::Body(NoContent::new()))
    }
}
