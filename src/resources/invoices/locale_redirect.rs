//! The list of invoices without a locale: redirects to the locale that matches the client best.
use poem_openapi::OpenApi;

use super::{service::Invoices, types::InvoiceQuery};
use crate::{
    api::Tag,
    contract::{
        caller::{Accountants, Caller},
        problem::Fault,
        redirect::Negotiated,
        request::{AcceptLanguage, Query},
    },
};

pub struct NegotiateApi(pub Invoices);

#[OpenApi(prefix_path = "/api/v2/invoices", tag = "Tag::Invoices")]
impl NegotiateApi {
    /// Redirect to the invoices in the client's language
    ///
    /// Redirects to the locale that matches `Accept-Language` best, or to the first configured locale.
    #[oai(path = "/", method = "get", operation_id = "invoicesNegotiate")]
    async fn negotiate(
        &self,
        _accountant: Caller<Accountants>,
        languages: AcceptLanguage,
        query: Query<InvoiceQuery>,
    ) -> Result<Negotiated, Fault<()>> {
        Ok(Negotiated::below("/api/v2/invoices", &query.target, &languages, self.0.locales())?)
    }
}
