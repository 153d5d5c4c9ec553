//! Operations that export invoices as files. Their paths are not below `/api/v2/invoices/{locale}`, where every
//! segment is the id of an invoice.
use macros::operations;

use super::{
    service::Invoices,
    types::{InvoiceLinesQuery, InvoiceSummary, InvoiceTableQuery},
};
use crate::{
    domain::locale::Locale,
    http::{
        auth::{Accountants, Caller},
        export::{Csv, CsvOptions, Ndjson},
        extract::{IfNoneMatch, Path, Query},
        negotiation::WithLanguage,
        problem::{ApiError, NotFound},
    },
};

pub struct InvoiceExportsApi(pub Invoices);

#[operations(prefix_path = "/api/v2/invoice-exports", tag = "super::TAG")]
impl InvoiceExportsApi {
    /// Export invoices as CSV
    ///
    /// Streams all invoices that match the filter as CSV (RFC 4180, UTF-8) with a header line, in the
    /// currency of the locale. All rows are from one database snapshot. An apostrophe precedes text that a
    /// spreadsheet would evaluate as a formula. An error during the export aborts the connection: the file is
    /// then incomplete.
    #[oai(path = "/:locale/csv", method = "get", operation_id = "invoicesExportCsv")]
    #[operation(search = "q")]
    async fn export_csv(
        &self,
        accountant: Caller<Accountants>,
        /// The locale, such as `en-us` or `fr`.
        locale: Path<Locale>,
        query: Query<InvoiceTableQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<WithLanguage<Csv<InvoiceSummary>>, ApiError<NotFound>> {
        let display = self.0.resolve_locale(locale.0)?;
        let etag = self.0.list_etag(&display, &query.target).await?;
        if let Some(unchanged) = Csv::not_modified(&etag, &if_none_match.0) {
            return Ok(WithLanguage(unchanged, display.locale));
        }
        let (locale, name) = (display.locale.clone(), self.0.file_name(&display, "csv"));
        let rows = self.0.export(accountant.user, display, &query.filter, None, true).await?;
        let form = CsvOptions::new(query.fields.as_deref(), query.bom);
        Ok(WithLanguage(Csv::new(form, rows, &name, &etag), locale))
    }

    /// Export invoices as NDJSON
    ///
    /// Streams all invoices that match the filter with one JSON object per line, in the currency of the
    /// locale. All lines are from one database snapshot. An error during the export aborts the connection:
    /// the file is then incomplete.
    #[oai(path = "/:locale/ndjson", method = "get", operation_id = "invoicesExportNdjson")]
    #[operation(search = "q")]
    async fn export_ndjson(
        &self,
        accountant: Caller<Accountants>,
        /// The locale, such as `en-us` or `fr`.
        locale: Path<Locale>,
        query: Query<InvoiceLinesQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<WithLanguage<Ndjson<InvoiceSummary>>, ApiError<NotFound>> {
        let display = self.0.resolve_locale(locale.0)?;
        let etag = self.0.list_etag(&display, &query.target).await?;
        if let Some(unchanged) = Ndjson::not_modified(&etag, &if_none_match.0) {
            return Ok(WithLanguage(unchanged, display.locale));
        }
        let (locale, name) = (display.locale.clone(), self.0.file_name(&display, "ndjson"));
        let rows = self
            .0
            .export(accountant.user, display, &query.filter, query.fields.clone(), query.with_customer())
            .await?;
        Ok(WithLanguage(Ndjson::new(rows, &name, &etag), locale))
    }
}
