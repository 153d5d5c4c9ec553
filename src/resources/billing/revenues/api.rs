//! Operations on revenues.
use macros::operations;

use super::{
    service::Revenues,
    types::{Revenue, RevenueFigure, RevenueQuery},
};
use crate::{
    domain::{date::Month, locale::Locale},
    http::{
        auth::{Accountants, Caller},
        cache_control::CacheControl,
        extract::{AcceptLanguage, IfMatch, IfNoneMatch, JsonBody, Path, Query},
        negotiation::{LanguageRedirect, WithLanguage},
        problem::{ApiError, BadRequest, NotFound, PreconditionFailed, PreconditionRequired},
        response::{GetResponse, ListResponse, NoContent, ReplaceResponse},
    },
};

pub struct RevenuesApi(pub Revenues);

#[operations(prefix_path = "/api/v2/revenues", tag = "super::TAG")]
impl RevenuesApi {
    /// Redirect to the revenues in the client's language
    ///
    /// Redirects to the locale that matches `Accept-Language` best, or to the first configured locale.
    #[oai(path = "/", method = "get", operation_id = "revenuesRedirectToLocale")]
    async fn redirect_to_locale(
        &self,
        _accountant: Caller<Accountants>,
        languages: AcceptLanguage,
        query: Query<RevenueQuery>,
    ) -> Result<LanguageRedirect, ApiError<()>> {
        Ok(LanguageRedirect::to_best_locale("/api/v2/revenues", &query.target, &languages, self.0.locales())?)
    }

    /// List revenues by month
    ///
    /// Lists every month from the first with a revenue to the current one (UTC), at least twelve. A month
    /// without revenue has the amount 0. Amounts are in the currency of the locale; `originals` contains the
    /// converted amounts and their rates.
    #[oai(path = "/:locale", method = "get", operation_id = "revenuesList")]
    async fn list(
        &self,
        _accountant: Caller<Accountants>,
        /// The locale, such as `en-us` or `fr`.
        locale: Path<Locale>,
        query: Query<RevenueQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<WithLanguage<ListResponse<Revenue>>, ApiError<(BadRequest, NotFound)>> {
        let display = self.0.resolve_locale(locale.0)?;
        let etag = self.0.list_etag(&display, &query.target).await?;
        if let Some(unchanged) = ListResponse::not_modified(&etag, &if_none_match.0, CacheControl::Private) {
            return Ok(WithLanguage(unchanged, display.locale));
        }
        let page = self.0.list(&display, &query).await?;
        Ok(WithLanguage(ListResponse::new(page, &etag, &query.target, CacheControl::Private), display.locale))
    }

    /// Get the revenue of a month
    ///
    /// The response is the same as in the list. A month without revenue and a future month have the amount 0.
    #[oai(path = "/:locale/:month", method = "get", operation_id = "revenuesGet")]
    async fn get(
        &self,
        _accountant: Caller<Accountants>,
        /// The locale, such as `en-us` or `fr`.
        locale: Path<Locale>,
        /// The month, such as `2026-11`.
        month: Path<Month>,
        if_none_match: IfNoneMatch,
    ) -> Result<WithLanguage<GetResponse<Revenue>>, ApiError<NotFound>> {
        let display = self.0.resolve_locale(locale.0)?;
        Ok(WithLanguage(
            GetResponse::new(self.0.get(&display, month.0).await?, &if_none_match.0),
            display.locale,
        ))
    }

    /// Create or replace the figure of a month
    ///
    /// The figure is an amount in the currency of the locale, as an import would store it. It replaces the
    /// sum of the paid invoices of that month. With `If-None-Match: *`, it is created only if the month has
    /// no figure.
    #[oai(path = "/:locale/:month", method = "put", operation_id = "revenuesReplace")]
    async fn replace(
        &self,
        _accountant: Caller<Accountants>,
        /// The locale, such as `en-us` or `fr`.
        locale: Path<Locale>,
        /// The month, such as `2026-11`.
        month: Path<Month>,
        if_match: IfMatch,
        if_none_match: IfNoneMatch,
        figure: JsonBody<RevenueFigure>,
    ) -> Result<
        WithLanguage<ReplaceResponse<Revenue>>,
        ApiError<(NotFound, PreconditionFailed, PreconditionRequired)>,
    > {
        let display = self.0.resolve_locale(locale.0)?;
        let (month, new) = self
            .0
            .replace(&display, month.0, figure.0, if_match.0.with_if_none_match(if_none_match.0))
            .await?;
        Ok(WithLanguage(ReplaceResponse::new(month, new), display.locale))
    }

    /// Delete the figure of a month
    ///
    /// The revenue of the month is then the sum of its paid invoices again. A month without an imported or
    /// written figure returns 404.
    #[oai(path = "/:locale/:month", method = "delete", operation_id = "revenuesDelete")]
    async fn delete(
        &self,
        _accountant: Caller<Accountants>,
        /// The locale, such as `en-us` or `fr`.
        locale: Path<Locale>,
        /// The month, such as `2026-11`.
        month: Path<Month>,
        if_match: IfMatch,
    ) -> Result<NoContent, ApiError<(NotFound, PreconditionFailed, PreconditionRequired)>> {
        let display = self.0.resolve_locale(locale.0)?;
        self.0.delete(&display, month.0, if_match.0).await?;
        Ok(NoContent::new())
    }
}
