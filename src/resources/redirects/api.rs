//! Operations on redirects.
use macros::operations;

use super::{
    formats::{Csv, Netlify, from_csv, from_map, from_netlify, to_csv, to_netlify},
    service::Redirects,
    types::{
        NewRedirect, Redirect, RedirectImport, RedirectKey, RedirectMap, RedirectQuery, RedirectReplacement,
        RedirectSummary,
    },
};
use crate::http::{
    auth::{Caller, Editors, OptionalAuth},
    cache_control::CacheControl,
    extract::{IdempotencyKey, IfMatch, IfNoneMatch, JsonBody, ManySegments, Path, Query},
    problem::{
        ApiError, BadRequest, Conflict, CreateErrors, Error, NotFound, PreconditionFailed,
        PreconditionRequired,
    },
    response::{CreateResponse, GetResponse, ListResponse, NoContent, OrRedirect, ReplaceResponse},
    text_file::{TextDownload, TextUpload},
};

pub struct RedirectsApi(pub Redirects);

#[operations(prefix_path = "/api/redirects", tag = "super::TAG")]
impl RedirectsApi {
    /// List redirects by source
    ///
    /// Each redirect includes the number of requests that it has redirected (`hits`).
    #[oai(path = "/", method = "get", operation_id = "redirectsList")]
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
    /// The redirect takes effect at once. A redirect that would form a cycle, or whose destination is itself
    /// redirected, is rejected (409).
    #[oai(path = "/", method = "post", operation_id = "redirectsCreate")]
    async fn create(
        &self,
        _editor: Caller<Editors>,
        key: IdempotencyKey,
        new: JsonBody<NewRedirect>,
    ) -> Result<CreateResponse<Redirect>, ApiError<(BadRequest, CreateErrors)>> {
        Ok(CreateResponse::new(self.0.create(new.0, key.0).await?))
    }

    /// Import redirects from a JSON map
    ///
    /// Imports all of them or none. A rule whose source exists replaces the existing rule; all other rules
    /// stay unchanged.
    #[oai(path = "/import", method = "post", operation_id = "redirectsImport")]
    #[operation(too_large = "; use the command `tenon import json` for larger files")]
    async fn import(
        &self,
        _editor: Caller<Editors>,
        key: IdempotencyKey,
        map: JsonBody<RedirectMap>,
    ) -> Result<CreateResponse<RedirectImport>, ApiError<(BadRequest, CreateErrors)>> {
        Ok(CreateResponse::new(self.0.run_import(from_map(map.0), key.0).await?))
    }

    /// Import redirects from a CSV file
    ///
    /// Imports all of them or none. The first line names the columns: `source`, `destination`, `permanent`,
    /// `startsAt`, `endsAt`. If `permanent` is missing or empty, the rule is temporary (307). If a date is
    /// missing or empty, the rule has no such date, even if it had one before.
    #[oai(path = "/import/csv", method = "post", operation_id = "redirectsImportCsv")]
    async fn import_csv(
        &self,
        _editor: Caller<Editors>,
        key: IdempotencyKey,
        file: TextUpload<Csv>,
    ) -> Result<CreateResponse<RedirectImport>, ApiError<(BadRequest, CreateErrors)>> {
        Ok(CreateResponse::new(self.0.run_import(from_csv(&file.0), key.0).await?))
    }

    /// Import redirects from a Netlify file
    ///
    /// Imports all of them or none. Lines with rewrites, placeholders or conditions are rejected.
    #[oai(path = "/import/netlify", method = "post", operation_id = "redirectsImportNetlify")]
    async fn import_netlify(
        &self,
        _editor: Caller<Editors>,
        key: IdempotencyKey,
        file: TextUpload<Netlify>,
    ) -> Result<CreateResponse<RedirectImport>, ApiError<(BadRequest, CreateErrors)>> {
        Ok(CreateResponse::new(self.0.run_import(from_netlify(&file.0), key.0).await?))
    }

    /// Export all redirects as a JSON map
    ///
    /// In ascending order of sources, in the format that the import accepts.
    #[oai(path = "/export", method = "get", operation_id = "redirectsExport")]
    async fn export(
        &self,
        _editor: Caller<Editors>,
        if_none_match: IfNoneMatch,
    ) -> Result<GetResponse<RedirectMap>, ApiError<()>> {
        let etag = self.0.export_etag("json").await?;
        let rules = self.0.all().await?.into_iter().map(|rule| {
            let NewRedirect { source, destination, permanent, starts_at, ends_at } = rule;
            (source, RedirectReplacement { destination, permanent, starts_at, ends_at })
        });
        Ok(GetResponse::new(RedirectMap(rules.collect(), Some(etag)), &if_none_match.0))
    }

    /// Export all redirects as CSV
    ///
    /// In ascending order of sources, in the format that the import accepts.
    #[oai(path = "/export/csv", method = "get", operation_id = "redirectsExportCsv")]
    async fn export_csv(
        &self,
        _editor: Caller<Editors>,
        if_none_match: IfNoneMatch,
    ) -> Result<TextDownload<Csv>, ApiError<()>> {
        let etag = self.0.export_etag("csv").await?;
        if let Some(unchanged) = TextDownload::not_modified(&etag, &if_none_match.0) {
            return Ok(unchanged);
        }
        let text = to_csv(&self.0.all().await?).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(TextDownload::new(text, &etag))
    }

    /// Export all redirects as a Netlify file
    ///
    /// In order of precedence. Rules that the format cannot express are written as comments.
    #[oai(path = "/export/netlify", method = "get", operation_id = "redirectsExportNetlify")]
    async fn export_netlify(
        &self,
        _editor: Caller<Editors>,
        if_none_match: IfNoneMatch,
    ) -> Result<TextDownload<Netlify>, ApiError<()>> {
        let etag = self.0.export_etag("netlify").await?;
        if let Some(unchanged) = TextDownload::not_modified(&etag, &if_none_match.0) {
            return Ok(unchanged);
        }
        Ok(TextDownload::new(to_netlify(&self.0.all().await?), &etag))
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
        Ok(OrRedirect::Body(GetResponse::new(
            self.0.get(viewer.0.as_ref(), &key.0.0).await?,
            &if_none_match.0,
        )))
    }

    /// Create or replace a redirect
    ///
    /// With `If-None-Match: *`, the redirect is created only if no redirect has this source.
    #[oai(path = "/:key", method = "put", operation_id = "redirectsReplace")]
    async fn replace(
        &self,
        _editor: Caller<Editors>,
        /// The source of the rule, with or without the leading slash, or its key form (hyphens for slashes).
        key: Path<RedirectKey, ManySegments>,
        if_match: IfMatch,
        if_none_match: IfNoneMatch,
        to: JsonBody<RedirectReplacement>,
    ) -> Result<
        OrRedirect<ReplaceResponse<Redirect>>,
        ApiError<(BadRequest, Conflict, PreconditionFailed, PreconditionRequired)>,
    > {
        let (redirect, new) =
            self.0.replace(&key.0.0, to.0, if_match.0.with_if_none_match(if_none_match.0)).await?;
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
        self.0.delete(&key.0.0, if_match.0).await?;
        Ok(OrRedirect::Body(NoContent::new()))
    }
}
