//! The invoices without a locale: leads to the one that suits the client best.
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
    /// Find the list of invoices in the client's language
    ///
    /// Leads to the locale that suits `Accept-Language` best, and to the first one where none does.
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
