//! PDF rendering of invoices. The output is deterministic: the same invoice always has the same bytes.
mod canvas;
mod fonts;
mod format;
mod labels;
mod layout;

use std::sync::Arc;

use tokio::{sync::Semaphore, task};

use super::{service::Invoices, types::Invoice};
use crate::{
    config::SellerConfig,
    domain::{
        id::Id,
        locale::{Locale, LocaleCurrency},
    },
    http::{
        etag::ETag,
        problem::{Error, Result},
        response::Resource,
    },
};

/// The version of the layout, a part of the ETag. Increase it with every visible change, so that cached
/// copies are not reused. The release version covers changes of the fonts and of the PDF library.
const LAYOUT_VERSION: &str = "1";

/// Renders PDFs, at most one per processor at the same time.
#[derive(Clone)]
pub struct PdfRenderer {
    seller: Arc<SellerConfig>,
    permits: Arc<Semaphore>,
}

impl PdfRenderer {
    pub fn new(seller: SellerConfig) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        PdfRenderer { seller: Arc::new(seller), permits: Arc::new(Semaphore::new(processors)) }
    }

    /// Renders the bytes of the PDF.
    pub async fn render(&self, document: InvoiceDocument) -> Result<Vec<u8>> {
        let permits = self.permits.clone();
        let permit = permits
            .acquire_owned()
            .await
            .map_err(|_| Error::Internal("the semaphore of the PDF renderer is closed".into()))?;
        let rendered = task::spawn_blocking(move || {
            let pdf = layout::render(&document);
            // The task holds the permit: a cancelled request must not start another one early.
            drop(permit);
            pdf
        });
        let rendered =
            rendered.await.map_err(|error| Error::Internal(format!("rendering a PDF failed: {error}")))?;
        rendered.map_err(Error::Internal)
    }
}

/// The content of one PDF.
pub struct InvoiceDocument {
    invoice: Invoice,
    seller: Arc<SellerConfig>,
}

impl InvoiceDocument {
    pub fn etag(&self) -> ETag {
        let (invoice, seller) = (self.invoice.etag(), format!("{:?}", self.seller));
        let versions = [env!("CARGO_PKG_VERSION"), LAYOUT_VERSION];
        ETag::from_parts(&["pdf", versions[0], versions[1], invoice.as_str(), &self.invoice.locale, &seller])
    }

    /// Returns the language of the labels: English if the language of the locale has no labels.
    pub fn language(&self) -> Locale {
        Locale(labels::LocaleStyle::of(&self.invoice.locale).tag.to_lowercase())
    }

    pub fn file_name(&self) -> String {
        format!("invoice-{}.pdf", self.invoice.number)
    }
}

impl Invoices {
    /// Loads an invoice and the seller for a PDF.
    pub async fn document(&self, display: LocaleCurrency, id: Id<Invoice>) -> Result<InvoiceDocument> {
        let invoice = self.get(display, id, true).await?;
        Ok(InvoiceDocument { invoice, seller: self.printer.seller.clone() })
    }

    pub async fn render_pdf(&self, document: InvoiceDocument) -> Result<Vec<u8>> {
        self.printer.render(document).await
    }
}
