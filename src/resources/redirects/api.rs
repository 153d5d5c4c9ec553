//! What clients can do with redirects.
use poem_openapi::OpenApi;

use super::{
    forms::{Csv, Netlify, from_csv, from_map, from_netlify, to_csv, to_netlify},
    service::Redirects,
    types::{
        NewRedirect, Redirect, RedirectImport, RedirectKey, RedirectMap, RedirectQuery, RedirectReplacement,
        RedirectSummary,
    },
};
use crate::{
    api::Tag,
    contract::{
        answer::{Created, Found, Gone, Listed, Or, Replaced},
        cache::Cache,
        caller::{Caller, Editors, Viewer},
        problem::{Conflict, Error, Fault, Invalid, NotFound, Once, Stale, Unconditional},
        request::{Body, IdempotencyKey, IfMatch, IfNoneMatch, Path, Query},
        text_file::{Download, Upload},
    },
};

pub struct RedirectsApi(pub Redirects);

#[OpenApi(prefix_path = "/api/redirects", tag = "Tag::Redirects")]
impl RedirectsApi {
    /// List redirects by source
    ///
    /// With how often each was followed.
    #[oai(path = "/", method = "get", operation_id = "redirectsList")]
    async fn list(
        &self,
        _editor: Caller<Editors>,
        query: Query<RedirectQuery>,
        known: IfNoneMatch,
    ) -> Result<Listed<RedirectSummary>, Fault<Invalid>> {
        let etag = self.0.list_etag(&query.target).await?;
        if let Some(unchanged) = Listed::unchanged(&etag, &known.0, Cache::Private) {
            return Ok(unchanged);
        }
        Ok(Listed::new(self.0.list(&query).await?, &etag, &query.target, Cache::Private))
    }

    /// Write a redirect
    ///
    /// It acts at once. One that would lead in a circle, or to a path that leads on, is refused (409).
    #[oai(path = "/", method = "post", operation_id = "redirectsCreate")]
    async fn create(
        &self,
        _editor: Caller<Editors>,
        key: IdempotencyKey,
        new: Body<NewRedirect>,
    ) -> Result<Created<Redirect>, Fault<(Invalid, Once)>> {
        Ok(Created::new(self.0.create(new.0, key.0).await?))
    }

    /// Write the redirects of a JSON map
    ///
    /// All of them or none. Rules with the same source lead to the new destination, all others stay.
    #[oai(path = "/import", method = "post", operation_id = "redirectsImport")]
    async fn import(
        &self,
        _editor: Caller<Editors>,
        key: IdempotencyKey,
        map: Body<RedirectMap>,
    ) -> Result<Created<RedirectImport>, Fault<(Invalid, Once)>> {
        Ok(Created::new(self.0.take(from_map(map.0), key.0).await?))
    }

    /// Write the redirects of a CSV file
    ///
    /// All of them or none. The first line names the columns: source, destination, permanent, startsAt, endsAt.
    /// Without one of the last three, or where it is empty, a rule is for now and has no dates, even if it had some.
    #[oai(path = "/import/csv", method = "post", operation_id = "redirectsImportCsv")]
    async fn import_csv(
        &self,
        _editor: Caller<Editors>,
        key: IdempotencyKey,
        file: Upload<Csv>,
    ) -> Result<Created<RedirectImport>, Fault<(Invalid, Once)>> {
        Ok(Created::new(self.0.take(from_csv(&file.0), key.0).await?))
    }

    /// Write the redirects of a Netlify file
    ///
    /// All of them or none. Lines that rewrite, have placeholders or conditions are refused.
    #[oai(path = "/import/netlify", method = "post", operation_id = "redirectsImportNetlify")]
    async fn import_netlify(
        &self,
        _editor: Caller<Editors>,
        key: IdempotencyKey,
        file: Upload<Netlify>,
    ) -> Result<Created<RedirectImport>, Fault<(Invalid, Once)>> {
        Ok(Created::new(self.0.take(from_netlify(&file.0), key.0).await?))
    }

    /// Read all redirects as a JSON map
    ///
    /// By source, in the form that the import takes.
    #[oai(path = "/export", method = "get", operation_id = "redirectsExport")]
    async fn export(
        &self,
        _editor: Caller<Editors>,
        known: IfNoneMatch,
    ) -> Result<Found<RedirectMap>, Fault<()>> {
        let etag = self.0.file_etag("json").await?;
        let rules = self.0.all().await?.into_iter().map(|rule| {
            let NewRedirect { source, destination, permanent, starts_at, ends_at } = rule;
            (source, RedirectReplacement { destination, permanent, starts_at, ends_at })
        });
        Ok(Found::new(RedirectMap(rules.collect(), Some(etag)), &known.0))
    }

    /// Download all redirects as CSV
    ///
    /// By source, in the form that the import takes.
    #[oai(path = "/export/csv", method = "get", operation_id = "redirectsExportCsv")]
    async fn export_csv(
        &self,
        _editor: Caller<Editors>,
        known: IfNoneMatch,
    ) -> Result<Download<Csv>, Fault<()>> {
        let etag = self.0.file_etag("csv").await?;
        if let Some(unchanged) = Download::unchanged(&etag, &known.0) {
            return Ok(unchanged);
        }
        let text = to_csv(&self.0.all().await?).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Download::new(text, &etag))
    }

    /// Download all redirects as a Netlify file
    ///
    /// Rules that such a file has no form for stand in it as comments.
    #[oai(path = "/export/netlify", method = "get", operation_id = "redirectsExportNetlify")]
    async fn export_netlify(
        &self,
        _editor: Caller<Editors>,
        known: IfNoneMatch,
    ) -> Result<Download<Netlify>, Fault<()>> {
        let etag = self.0.file_etag("netlify").await?;
        if let Some(unchanged) = Download::unchanged(&etag, &known.0) {
            return Ok(unchanged);
        }
        Ok(Download::new(to_netlify(&self.0.all().await?), &etag))
    }

    /// Read a redirect
    ///
    /// Everybody sees the rules in force, editors all of them.
    #[oai(path = "/:key", method = "get", operation_id = "redirectsRead")]
    async fn read(
        &self,
        viewer: Viewer,
        /// The source of the rule, with or without its first slash, or its key form: hyphens for slashes.
        key: Path<RedirectKey>,
        known: IfNoneMatch,
    ) -> Result<Or<Found<Redirect>>, Fault<NotFound>> {
        Ok(Or::Here(Found::new(self.0.read(viewer.0.as_ref(), &key.0.0).await?, &known.0)))
    }

    /// Write or replace a redirect
    ///
    /// `If-None-Match: *` writes it only if there is none with this source yet.
    #[oai(path = "/:key", method = "put", operation_id = "redirectsReplace")]
    async fn replace(
        &self,
        _editor: Caller<Editors>,
        /// The source of the rule, with or without its first slash, or its key form: hyphens for slashes.
        key: Path<RedirectKey>,
        when: IfMatch,
        known: IfNoneMatch,
        to: Body<RedirectReplacement>,
    ) -> Result<Or<Replaced<Redirect>>, Fault<(Invalid, Conflict, Stale, Unconditional)>> {
        let (redirect, new) = self.0.replace(&key.0.0, to.0, when.0.unless(known.0)).await?;
        Ok(Or::Here(Replaced::new(redirect, new)))
    }

    /// Delete a redirect
    ///
    /// The paths lead to what there is at them, at once.
    #[oai(path = "/:key", method = "delete", operation_id = "redirectsRemove")]
    async fn remove(
        &self,
        _editor: Caller<Editors>,
        /// The source of the rule, with or without its first slash, or its key form: hyphens for slashes.
        key: Path<RedirectKey>,
        when: IfMatch,
    ) -> Result<Or<Gone>, Fault<(NotFound, Stale, Unconditional)>> {
        self.0.remove(&key.0.0, when.0).await?;
        Ok(Or::Here(Gone::new()))
    }
}
