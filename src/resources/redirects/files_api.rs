//! Operations that import and export redirects as files. Their paths are not below `/api/redirects`, where every
//! path is the key of a rule.
use macros::operations;

use super::{
    formats::{Csv, Netlify, from_csv, from_map, from_netlify, to_csv, to_netlify},
    import::ImportOptions,
    service::Redirects,
    types::{RedirectImport, RedirectImportQuery, RedirectMap},
};
use crate::http::{
    auth::{Caller, Editors, Role},
    cache_control::CacheControl,
    extract::{IdempotencyKey, IfNoneMatch, JsonBody, Query},
    problem::{ApiError, BadRequest, CreateErrors, Error, Forbidden},
    response::GetResponse,
    text_file::{TextDownload, TextUpload},
    upsert_response::Upserted,
};

pub struct RedirectFilesApi(pub Redirects);

#[operations(prefix_path = "/api/redirect-files", tag = "super::TAG")]
impl RedirectFilesApi {
    /// Import redirects from a JSON map
    ///
    /// Imports all of them or none. A rule whose source exists replaces the existing rule; all other rules
    /// stay unchanged. If a source occurs more than once, its first rule is imported. The response lists what
    /// was not imported. A dry run returns the same result with 200, without writing anything.
    #[oai(path = "/json", method = "post", operation_id = "redirectsImportJson")]
    #[operation(too_large = "; use the command `tenon import redirects` for larger files")]
    async fn import_json(
        &self,
        editor: Caller<Editors>,
        query: Query<RedirectImportQuery>,
        key: IdempotencyKey,
        map: JsonBody<RedirectMap>,
    ) -> Result<Upserted<RedirectImport>, ApiError<(BadRequest, Forbidden, CreateErrors)>> {
        let options = options(&editor, &query);
        Ok(Upserted::new(self.0.run_import(from_map(map.0), options, key.0).await?))
    }

    /// Import redirects from a CSV file
    ///
    /// Imports all of them or none. The first line names the columns: `source`, `destination`, `permanent`,
    /// `startsAt`, `endsAt`, `status`, `external`. Other columns are ignored. The separator is a comma, a
    /// semicolon or a tab. If `permanent` and `status` are missing or empty, the rule is temporary (307). If a
    /// date is missing or empty, the rule has no such date, even if it had one before. If a source occurs more
    /// than once, its first rule is imported. A dry run returns the same result with 200, without writing
    /// anything.
    #[oai(path = "/csv", method = "post", operation_id = "redirectsImportCsv")]
    #[operation(too_large = "; use the command `tenon import redirects` for larger files")]
    async fn import_csv(
        &self,
        editor: Caller<Editors>,
        query: Query<RedirectImportQuery>,
        key: IdempotencyKey,
        file: TextUpload<Csv>,
    ) -> Result<Upserted<RedirectImport>, ApiError<(BadRequest, Forbidden, CreateErrors)>> {
        let options = options(&editor, &query);
        Ok(Upserted::new(self.0.run_import(from_csv(&file.0), options, key.0).await?))
    }

    /// Import redirects from a Netlify file
    ///
    /// Imports all rules or none. Lines with rewrites, roles, unknown conditions or without a destination are
    /// skipped, and the response lists them. If a source occurs more than once, its first rule is imported. A
    /// dry run returns the same result with 200, without writing anything.
    #[oai(path = "/netlify", method = "post", operation_id = "redirectsImportNetlify")]
    #[operation(too_large = "; use the command `tenon import redirects` for larger files")]
    async fn import_netlify(
        &self,
        editor: Caller<Editors>,
        query: Query<RedirectImportQuery>,
        key: IdempotencyKey,
        file: TextUpload<Netlify>,
    ) -> Result<Upserted<RedirectImport>, ApiError<(BadRequest, Forbidden, CreateErrors)>> {
        let options = options(&editor, &query);
        Ok(Upserted::new(self.0.run_import(from_netlify(&file.0), options, key.0).await?))
    }

    /// Export all redirects as a JSON map
    ///
    /// In ascending order of sources, in the format that the import accepts.
    #[oai(path = "/json", method = "get", operation_id = "redirectsExportJson")]
    async fn export_json(
        &self,
        _editor: Caller<Editors>,
        if_none_match: IfNoneMatch,
    ) -> Result<GetResponse<RedirectMap>, ApiError<()>> {
        let etag = self.0.export_etag("json").await?;
        if let Some(unchanged) = GetResponse::not_modified(&etag, &if_none_match.0, CacheControl::Private) {
            return Ok(unchanged);
        }
        let rules = self.0.export().await?.into_iter().map(|rule| {
            let (source, to) = rule.into_parts();
            (source.into(), to)
        });
        Ok(GetResponse::new(RedirectMap(rules.collect(), Some(etag)), &if_none_match.0))
    }

    /// Export all redirects as CSV
    ///
    /// In ascending order of sources, in the format that the import accepts.
    #[oai(path = "/csv", method = "get", operation_id = "redirectsExportCsv")]
    async fn export_csv(
        &self,
        _editor: Caller<Editors>,
        if_none_match: IfNoneMatch,
    ) -> Result<TextDownload<Csv>, ApiError<()>> {
        let etag = self.0.export_etag("csv").await?;
        if let Some(unchanged) = TextDownload::not_modified(&etag, &if_none_match.0) {
            return Ok(unchanged);
        }
        let text = to_csv(&self.0.export().await?).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(TextDownload::new(text, &etag))
    }

    /// Export all redirects as a Netlify file
    ///
    /// In order of precedence. Rules that the format cannot express are written as comments.
    #[oai(path = "/netlify", method = "get", operation_id = "redirectsExportNetlify")]
    async fn export_netlify(
        &self,
        _editor: Caller<Editors>,
        if_none_match: IfNoneMatch,
    ) -> Result<TextDownload<Netlify>, ApiError<()>> {
        let etag = self.0.export_etag("netlify").await?;
        if let Some(unchanged) = TextDownload::not_modified(&etag, &if_none_match.0) {
            return Ok(unchanged);
        }
        Ok(TextDownload::new(to_netlify(&self.0.export().await?), &etag))
    }
}

fn options(caller: &Caller<Editors>, query: &RedirectImportQuery) -> ImportOptions {
    ImportOptions {
        dry_run: query.dry_run == Some(true),
        external: query.external == Some(true),
        is_admin: caller.role == Role::Admin,
    }
}
