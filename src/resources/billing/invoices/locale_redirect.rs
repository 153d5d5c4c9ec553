//! The list of invoices without a locale: redirects to the locale that matches the client best.
use macros::operations;

use super::{service::Invoices, types::InvoiceQuery};
use crate::http::{
    auth::{Accountants, Caller},
    extract::{AcceptLanguage, Query},
    negotiation::LanguageRedirect,
    problem::ApiError,
};

pub struct LocaleRedirectApi(pub Invoices);

#[operations(prefix_path = "/api/v2/invoices", tag = "super::TAG")]
impl LocaleRedirectApi {
    /// Redirect to the invoices in the client's language
    ///
    /// Redirects to the locale that matches `Accept-Language` best, or to the first configured locale.
    #[oai(path = "/", method = "get", operation_id = "invoicesRedirectToLocale")]
    async fn redirect_to_locale(
        &self,
        _accountant: Caller<Accountants>,
        languages: AcceptLanguage,
        query: Query<InvoiceQuery>,
    ) -> Result<LanguageRedirect, ApiError<()>> {
        Ok(LanguageRedirect::to_best_locale("/api/v2/invoices", &query.target, &languages, self.0.locales())?)
    }
}
