//! Operations on invoices.
use macros::operations;

use super::{
    service::Invoices,
    types::{Invoice, InvoiceInput, InvoicePatch, InvoiceQuery, InvoiceSummary, OneInvoiceQuery},
};
use crate::{
    domain::{id::Id, locale::Locale},
    http::{
        auth::{Accountants, Caller},
        cache_control::CacheControl,
        extract::{IdempotencyKey, IfMatch, IfNoneMatch, JsonBody, MergePatch, Path, Query},
        file_response::{FileResponse, Pdf},
        negotiation::WithLanguage,
        problem::{
            ApiError, BadRequest, Conflict, CreateErrors, NotFound, PreconditionFailed, PreconditionRequired,
        },
        response::{CreateResponse, GetResponse, ListResponse, NoContent, UpdateResponse},
    },
};

pub struct InvoicesApi(pub Invoices);

type UpdateStatuses = (NotFound, PreconditionFailed, PreconditionRequired, Conflict);

#[operations(prefix_path = "/api/v2/invoices", tag = "super::TAG")]
impl InvoicesApi {
    /// List invoices in the currency of a locale, newest first
    ///
    /// The amount of an invoice in another currency is converted. `original` contains the original amount and
    /// the rate.
    #[oai(path = "/:locale", method = "get", operation_id = "invoicesList")]
    #[operation(search = "q")]
    async fn list(
        &self,
        _accountant: Caller<Accountants>,
        /// The locale, such as `en-us` or `fr`.
        locale: Path<Locale>,
        query: Query<InvoiceQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<WithLanguage<ListResponse<InvoiceSummary>>, ApiError<(BadRequest, NotFound)>> {
        let display = self.0.resolve_locale(locale.0)?;
        let etag = self.0.list_etag(&display, &query.target).await?;
        if let Some(unchanged) = ListResponse::not_modified(&etag, &if_none_match.0, CacheControl::Private) {
            return Ok(WithLanguage(unchanged, display.locale));
        }
        let (locale, page) = (display.locale.clone(), self.0.list(display, &query).await?);
        Ok(WithLanguage(ListResponse::new(page, &etag, &query.target, CacheControl::Private), locale))
    }

    /// Create an invoice
    ///
    /// The amount is in minor units of the currency of the locale.
    #[oai(path = "/:locale", method = "post", operation_id = "invoicesCreate")]
    async fn create(
        &self,
        _accountant: Caller<Accountants>,
        /// The locale, such as `en-us` or `fr`.
        locale: Path<Locale>,
        key: IdempotencyKey,
        new: JsonBody<InvoiceInput>,
    ) -> Result<WithLanguage<CreateResponse<Invoice>>, ApiError<(NotFound, CreateErrors)>> {
        let display = self.0.resolve_locale(locale.0)?;
        let locale = display.locale.clone();
        Ok(WithLanguage(CreateResponse::new(self.0.create(display, new.0, key.0).await?), locale))
    }

    /// Get an invoice
    ///
    /// The amount is in the currency of the locale. If it was converted, `original` contains the original
    /// amount and the rate. `payments` contains the payments that providers reported.
    #[oai(path = "/:locale/:id", method = "get", operation_id = "invoicesGet")]
    async fn get(
        &self,
        _accountant: Caller<Accountants>,
        /// The locale, such as `en-us` or `fr`.
        locale: Path<Locale>,
        /// The invoice's id.
        id: Path<Id<Invoice>>,
        query: Query<OneInvoiceQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<WithLanguage<GetResponse<Invoice>>, ApiError<NotFound>> {
        let display = self.0.resolve_locale(locale.0)?;
        let locale = display.locale.clone();
        Ok(WithLanguage(
            GetResponse::new(self.0.get(display, id.0, query.expand.is_some()).await?, &if_none_match.0),
            locale,
        ))
    }

    /// Get an invoice as PDF
    ///
    /// Renders one page in the language and the currency of the locale. The same version of an invoice always
    /// has the same bytes.
    #[oai(path = "/:locale/:id/pdf", method = "get", operation_id = "invoicesGetPdf")]
    async fn get_pdf(
        &self,
        _accountant: Caller<Accountants>,
        /// The locale, such as `en-us` or `fr`.
        locale: Path<Locale>,
        /// The invoice's id.
        id: Path<Id<Invoice>>,
        if_none_match: IfNoneMatch,
    ) -> Result<WithLanguage<FileResponse<Pdf>>, ApiError<NotFound>> {
        let display = self.0.resolve_locale(locale.0)?;
        let document = self.0.document(display, id.0).await?;
        let (etag, name, language) = (document.etag(), document.file_name(), document.language());
        if let Some(unchanged) =
            FileResponse::<Pdf>::not_modified(&etag, &if_none_match.0, CacheControl::Private)
        {
            return Ok(WithLanguage(unchanged, language));
        }
        Ok(WithLanguage(
            FileResponse::<Pdf>::new(self.0.render_pdf(document).await?, &name, &etag, CacheControl::Private),
            language,
        ))
    }

    /// Replace an invoice
    ///
    /// A draft can become pending, paid or void; a pending invoice can become draft, paid or void; a paid
    /// invoice can become void. All other fields of paid and void invoices are read-only. The amount can
    /// change only in a locale with the currency of the invoice. Other changes return 409.
    #[oai(path = "/:locale/:id", method = "put", operation_id = "invoicesReplace")]
    async fn replace(
        &self,
        _accountant: Caller<Accountants>,
        /// The locale, such as `en-us` or `fr`.
        locale: Path<Locale>,
        /// The invoice's id.
        id: Path<Id<Invoice>>,
        if_match: IfMatch,
        new: JsonBody<InvoiceInput>,
    ) -> Result<WithLanguage<UpdateResponse<Invoice>>, ApiError<UpdateStatuses>> {
        let display = self.0.resolve_locale(locale.0)?;
        let locale = display.locale.clone();
        Ok(WithLanguage(UpdateResponse::new(self.0.replace(display, id.0, new.0, if_match.0).await?), locale))
    }

    /// Update an invoice
    ///
    /// The body is a JSON merge patch (RFC 7396). The rules of replacing an invoice apply.
    #[oai(path = "/:locale/:id", method = "patch", operation_id = "invoicesUpdate")]
    async fn update(
        &self,
        _accountant: Caller<Accountants>,
        /// The locale, such as `en-us` or `fr`.
        locale: Path<Locale>,
        /// The invoice's id.
        id: Path<Id<Invoice>>,
        if_match: IfMatch,
        patch: MergePatch<InvoicePatch>,
    ) -> Result<WithLanguage<UpdateResponse<Invoice>>, ApiError<UpdateStatuses>> {
        let display = self.0.resolve_locale(locale.0)?;
        let locale = display.locale.clone();
        Ok(WithLanguage(
            UpdateResponse::new(self.0.update(display, id.0, patch.0, if_match.0).await?),
            locale,
        ))
    }

    /// Delete an invoice
    ///
    /// An invoice that is or was paid, or that has payments, cannot be deleted, even if it is void (409).
    #[oai(path = "/:locale/:id", method = "delete", operation_id = "invoicesDelete")]
    async fn delete(
        &self,
        _accountant: Caller<Accountants>,
        /// The locale, such as `en-us` or `fr`.
        locale: Path<Locale>,
        /// The invoice's id.
        id: Path<Id<Invoice>>,
        if_match: IfMatch,
    ) -> Result<NoContent, ApiError<UpdateStatuses>> {
        let display = self.0.resolve_locale(locale.0)?;
        self.0.delete(display, id.0, if_match.0).await?;
        Ok(NoContent::new())
    }
}
