//! What clients can do with invoices.
use poem_openapi::OpenApi;

use super::{
    service::Invoices,
    types::{
        Invoice, InvoiceLinesQuery, InvoicePatch, InvoiceQuery, InvoiceSummary, InvoiceTableQuery,
        NewInvoice, OneInvoiceQuery,
    },
};
use crate::{
    api::Tag,
    contract::{
        answer::{Changed, Created, Found, Gone, Listed},
        cache::Cache,
        caller::{Accountants, Caller},
        download::{Csv, Form, Ndjson},
        file::{File, Pdf},
        id::Id,
        locale::Locale,
        problem::{Conflict, Fault, Invalid, NotFound, Once, Stale, Unconditional},
        redirect::Spoken,
        request::{Body, IdempotencyKey, IfMatch, IfNoneMatch, Patch, Path, Query},
    },
};

pub struct InvoicesApi(pub Invoices);

type Kept = (NotFound, Stale, Unconditional, Conflict);

#[OpenApi(prefix_path = "/api/v2/invoices", tag = "Tag::Invoices")]
impl InvoicesApi {
    /// List invoices in the currency of a locale, newest first
    ///
    /// An invoice in another currency is converted, and `original` says from what and by which rate.
    #[oai(path = "/:locale", method = "get", operation_id = "invoicesList")]
    async fn list(
        &self,
        _accountant: Caller<Accountants>,
        /// The locale, such as `en-us` or `fr`.
        locale: Path<Locale>,
        query: Query<InvoiceQuery>,
        known: IfNoneMatch,
    ) -> Result<Spoken<Listed<InvoiceSummary>>, Fault<(Invalid, NotFound)>> {
        let place = self.0.place(locale.0)?;
        let etag = self.0.list_etag(&place, &query.target).await?;
        if let Some(unchanged) = Listed::unchanged(&etag, &known.0, Cache::Private) {
            return Ok(Spoken(unchanged, place.locale));
        }
        let (locale, page) = (place.locale.clone(), self.0.list(place, &query).await?);
        Ok(Spoken(Listed::new(page, &etag, &query.target, Cache::Private), locale))
    }

    /// Download invoices as a table
    ///
    /// All that the filter leaves, as CSV (RFC 4180, UTF-8) with a line of names, while they are read: as they are at
    /// one moment, in the currency of the locale. A text that would be taken for a formula has an apostrophe before
    /// it. A download that breaks off is not whole.
    #[oai(path = "/:locale/csv", method = "get", operation_id = "invoicesCsv")]
    async fn csv(
        &self,
        accountant: Caller<Accountants>,
        /// The locale, such as `en-us` or `fr`.
        locale: Path<Locale>,
        query: Query<InvoiceTableQuery>,
        known: IfNoneMatch,
    ) -> Result<Spoken<Csv<InvoiceSummary>>, Fault<NotFound>> {
        let place = self.0.place(locale.0)?;
        let etag = self.0.list_etag(&place, &query.target).await?;
        if let Some(unchanged) = Csv::unchanged(&etag, &known.0) {
            return Ok(Spoken(unchanged, place.locale));
        }
        let (locale, name) = (place.locale.clone(), self.0.file_name(&place, "csv"));
        let rows = self.0.export(accountant.user, place, &query.filter, None, true).await?;
        let form = Form::new(query.fields.as_deref(), query.bom);
        Ok(Spoken(Csv::new(form, rows, &name, &etag), locale))
    }

    /// Download invoices as lines
    ///
    /// All that the filter leaves, one JSON text in each line, while they are read: as they are at one moment, in the
    /// currency of the locale. A download that breaks off is not whole.
    #[oai(path = "/:locale/ndjson", method = "get", operation_id = "invoicesNdjson")]
    async fn ndjson(
        &self,
        accountant: Caller<Accountants>,
        /// The locale, such as `en-us` or `fr`.
        locale: Path<Locale>,
        query: Query<InvoiceLinesQuery>,
        known: IfNoneMatch,
    ) -> Result<Spoken<Ndjson<InvoiceSummary>>, Fault<NotFound>> {
        let place = self.0.place(locale.0)?;
        let etag = self.0.list_etag(&place, &query.target).await?;
        if let Some(unchanged) = Ndjson::unchanged(&etag, &known.0) {
            return Ok(Spoken(unchanged, place.locale));
        }
        let (locale, name) = (place.locale.clone(), self.0.file_name(&place, "ndjson"));
        let rows = self
            .0
            .export(accountant.user, place, &query.filter, query.fields.clone(), query.with_customer())
            .await?;
        Ok(Spoken(Ndjson::new(rows, &name, &etag), locale))
    }

    /// Write an invoice
    ///
    /// In the currency of the locale, in minor units.
    #[oai(path = "/:locale", method = "post", operation_id = "invoicesCreate")]
    async fn create(
        &self,
        _accountant: Caller<Accountants>,
        /// The locale, such as `en-us` or `fr`.
        locale: Path<Locale>,
        key: IdempotencyKey,
        new: Body<NewInvoice>,
    ) -> Result<Spoken<Created<Invoice>>, Fault<(NotFound, Once)>> {
        let place = self.0.place(locale.0)?;
        let locale = place.locale.clone();
        Ok(Spoken(Created::new(self.0.create(place, new.0, key.0).await?), locale))
    }

    /// Read an invoice
    ///
    /// In the currency of the locale; `original` says what it was made out in.
    #[oai(path = "/:locale/:id", method = "get", operation_id = "invoicesRead")]
    async fn read(
        &self,
        _accountant: Caller<Accountants>,
        /// The locale, such as `en-us` or `fr`.
        locale: Path<Locale>,
        /// The invoice's id.
        id: Path<Id<Invoice>>,
        query: Query<OneInvoiceQuery>,
        known: IfNoneMatch,
    ) -> Result<Spoken<Found<Invoice>>, Fault<NotFound>> {
        let place = self.0.place(locale.0)?;
        let locale = place.locale.clone();
        Ok(Spoken(Found::new(self.0.read(place, id.0, query.expand.is_some()).await?, &known.0), locale))
    }

    /// Print an invoice
    ///
    /// As a page to send, in the language and the currency of the locale. The same invoice gives the same bytes.
    #[oai(path = "/:locale/:id/pdf", method = "get", operation_id = "invoicesPdf")]
    async fn pdf(
        &self,
        _accountant: Caller<Accountants>,
        /// The locale, such as `en-us` or `fr`.
        locale: Path<Locale>,
        /// The invoice's id.
        id: Path<Id<Invoice>>,
        known: IfNoneMatch,
    ) -> Result<Spoken<File<Pdf>>, Fault<NotFound>> {
        let place = self.0.place(locale.0)?;
        let paper = self.0.paper(place, id.0).await?;
        let (etag, name, language) = (paper.etag(), paper.name(), paper.language());
        if let Some(unchanged) = File::<Pdf>::unchanged(&etag, &known.0, Cache::Private) {
            return Ok(Spoken(unchanged, language));
        }
        Ok(Spoken(File::<Pdf>::new(self.0.print(paper).await?, &name, &etag, Cache::Private), language))
    }

    /// Replace an invoice
    ///
    /// A draft leads to pending, paid and void, pending also back to draft, paid to void. Paid and void ones stay
    /// as they are otherwise, and an amount changes in a locale of its own currency only (409).
    #[oai(path = "/:locale/:id", method = "put", operation_id = "invoicesReplace")]
    async fn replace(
        &self,
        _accountant: Caller<Accountants>,
        /// The locale, such as `en-us` or `fr`.
        locale: Path<Locale>,
        /// The invoice's id.
        id: Path<Id<Invoice>>,
        when: IfMatch,
        new: Body<NewInvoice>,
    ) -> Result<Spoken<Changed<Invoice>>, Fault<Kept>> {
        let place = self.0.place(locale.0)?;
        let locale = place.locale.clone();
        Ok(Spoken(Changed::new(self.0.replace(place, id.0, new.0, when.0).await?), locale))
    }

    /// Change an invoice
    ///
    /// A merge patch (RFC 7396), under the rules of replacing.
    #[oai(path = "/:locale/:id", method = "patch", operation_id = "invoicesPatch")]
    async fn patch(
        &self,
        _accountant: Caller<Accountants>,
        /// The locale, such as `en-us` or `fr`.
        locale: Path<Locale>,
        /// The invoice's id.
        id: Path<Id<Invoice>>,
        when: IfMatch,
        patch: Patch<InvoicePatch>,
    ) -> Result<Spoken<Changed<Invoice>>, Fault<Kept>> {
        let place = self.0.place(locale.0)?;
        let locale = place.locale.clone();
        Ok(Spoken(Changed::new(self.0.patch(place, id.0, patch.0, when.0).await?), locale))
    }

    /// Delete an invoice
    ///
    /// One that is or was paid stays, also when it is void (409).
    #[oai(path = "/:locale/:id", method = "delete", operation_id = "invoicesRemove")]
    async fn remove(
        &self,
        _accountant: Caller<Accountants>,
        /// The locale, such as `en-us` or `fr`.
        locale: Path<Locale>,
        /// The invoice's id.
        id: Path<Id<Invoice>>,
        when: IfMatch,
    ) -> Result<Gone, Fault<Kept>> {
        let place = self.0.place(locale.0)?;
        self.0.remove(place, id.0, when.0).await?;
        Ok(Gone::new())
    }
}
