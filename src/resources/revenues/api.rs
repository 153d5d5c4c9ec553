//! What clients can ask of revenues.
use poem_openapi::OpenApi;

use super::{
    service::Revenues,
    types::{Revenue, RevenueFigure, RevenueQuery},
};
use crate::{
    api::Tag,
    contract::{
        answer::{Found, Gone, Listed, Replaced},
        cache::Cache,
        caller::{Accountants, Caller},
        date::Month,
        locale::Locale,
        problem::{Fault, Invalid, NotFound, Stale, Unconditional},
        redirect::{Negotiated, Spoken},
        request::{AcceptLanguage, Body, IfMatch, IfNoneMatch, Path, Query},
    },
};

pub struct RevenuesApi(pub Revenues);

#[OpenApi(prefix_path = "/api/v2/revenues", tag = "Tag::Revenues")]
impl RevenuesApi {
    /// Find the list of revenues in the client's language
    ///
    /// Leads to the locale that suits `Accept-Language` best, and to the first one where none does.
    #[oai(path = "/", method = "get", operation_id = "revenuesNegotiate")]
    async fn negotiate(
        &self,
        _accountant: Caller<Accountants>,
        languages: AcceptLanguage,
        query: Query<RevenueQuery>,
    ) -> Result<Negotiated, Fault<()>> {
        Ok(Negotiated::below("/api/v2/revenues", &query.target, &languages, self.0.locales())?)
    }

    /// List revenues by month
    ///
    /// Every month from the first with any revenue to the present one (UTC), and at least twelve; a month without
    /// any is 0. In the currency of the locale: `originals` says what was converted, and by which rate.
    #[oai(path = "/:locale", method = "get", operation_id = "revenuesList")]
    async fn list(
        &self,
        _accountant: Caller<Accountants>,
        /// The locale, such as `en-us` or `fr`.
        locale: Path<Locale>,
        query: Query<RevenueQuery>,
        known: IfNoneMatch,
    ) -> Result<Spoken<Listed<Revenue>>, Fault<(Invalid, NotFound)>> {
        let place = self.0.place(locale.0)?;
        let etag = self.0.list_etag(&place, &query.target).await?;
        if let Some(unchanged) = Listed::unchanged(&etag, &known.0, Cache::Private) {
            return Ok(Spoken(unchanged, place.locale));
        }
        let page = self.0.list(&place, &query).await?;
        Ok(Spoken(Listed::new(page, &etag, &query.target, Cache::Private), place.locale))
    }

    /// Read what a month brought in
    ///
    /// As the list shows it; a month without any revenue, or to come, is 0.
    #[oai(path = "/:locale/:month", method = "get", operation_id = "revenuesRead")]
    async fn read(
        &self,
        _accountant: Caller<Accountants>,
        /// The locale, such as `en-us` or `fr`.
        locale: Path<Locale>,
        /// The month, such as `2026-11`.
        month: Path<Month>,
        known: IfNoneMatch,
    ) -> Result<Spoken<Found<Revenue>>, Fault<NotFound>> {
        let place = self.0.place(locale.0)?;
        Ok(Spoken(Found::new(self.0.read(&place, month.0).await?, &known.0), place.locale))
    }

    /// Write or replace the figure of a month
    ///
    /// What the books say, in the currency of the locale, as an import would write it: it counts before the invoices
    /// of that month, which are no longer added up. `If-None-Match: *` writes it only if there is no figure yet.
    #[oai(path = "/:locale/:month", method = "put", operation_id = "revenuesReplace")]
    async fn replace(
        &self,
        _accountant: Caller<Accountants>,
        /// The locale, such as `en-us` or `fr`.
        locale: Path<Locale>,
        /// The month, such as `2026-11`.
        month: Path<Month>,
        when: IfMatch,
        known: IfNoneMatch,
        figure: Body<RevenueFigure>,
    ) -> Result<Spoken<Replaced<Revenue>>, Fault<(NotFound, Stale, Unconditional)>> {
        let place = self.0.place(locale.0)?;
        let (month, new) = self.0.replace(&place, month.0, figure.0, when.0.unless(known.0)).await?;
        Ok(Spoken(Replaced::new(month, new), place.locale))
    }

    /// Take the figure of a month away
    ///
    /// The month is what its paid invoices add up to again. There is nothing to take away where no figure was
    /// imported or written (404).
    #[oai(path = "/:locale/:month", method = "delete", operation_id = "revenuesRemove")]
    async fn remove(
        &self,
        _accountant: Caller<Accountants>,
        /// The locale, such as `en-us` or `fr`.
        locale: Path<Locale>,
        /// The month, such as `2026-11`.
        month: Path<Month>,
        when: IfMatch,
    ) -> Result<Gone, Fault<(NotFound, Stale, Unconditional)>> {
        let place = self.0.place(locale.0)?;
        self.0.remove(&place, month.0, when.0).await?;
        Ok(Gone::new())
    }
}
