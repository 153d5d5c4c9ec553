//! An invoice as a page that a business sends: the same bytes for the same invoice, always.
mod figures;
mod fonts;
mod layout;
mod sheet;
mod words;

use std::sync::Arc;

use tokio::{sync::Semaphore, task};

use super::{service::Invoices, types::Invoice};
use crate::contract::{
    answer::Resource,
    etag::ETag,
    id::Id,
    locale::{Locale, Place},
    problem::{Error, Result},
};

/// Rises with every change in what a page looks like, so that no old copy passes for a new one. With the release,
/// which stands for the fonts and the library, it is part of the entity tag.
const LAYOUT: &str = "1";

/// Who sends the invoices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seller {
    pub name: Option<String>,
    pub address: Vec<String>,
    pub tax_id: Option<String>,
    pub email: Option<String>,
    pub note: Vec<String>,
    /// How long a customer has to pay; 0 says nothing about it.
    pub payment_days: u16,
}

/// Makes pages, at most as many at once as there are processors.
#[derive(Clone)]
pub struct Printer {
    seller: Arc<Seller>,
    turns: Arc<Semaphore>,
}

impl Printer {
    pub fn new(seller: Seller) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Printer { seller: Arc::new(seller), turns: Arc::new(Semaphore::new(processors)) }
    }

    /// The bytes of the PDF.
    pub async fn print(&self, paper: Paper) -> Result<Vec<u8>> {
        let turns = self.turns.clone();
        let turn = turns.acquire_owned().await.map_err(|_| Error::Internal("the printer is gone".into()))?;
        let printed = task::spawn_blocking(move || {
            let pdf = layout::pdf(&paper);
            drop(turn);
            pdf
        });
        let printed = printed.await.map_err(|error| Error::Internal(format!("printing failed: {error}")))?;
        printed.map_err(Error::Internal)
    }
}

/// All that a page is made of.
pub struct Paper {
    invoice: Invoice,
    seller: Arc<Seller>,
}

impl Paper {
    pub fn etag(&self) -> ETag {
        let (known, seller) = (self.invoice.etag(), format!("{:?}", self.seller));
        let made_by = [env!("CARGO_PKG_VERSION"), LAYOUT];
        ETag::of_parts(&["pdf", made_by[0], made_by[1], known.as_str(), &self.invoice.locale, &seller])
    }

    /// The language in which the page is written, which is English where the locale's is not among them.
    pub fn language(&self) -> Locale {
        Locale(words::Manner::of(&self.invoice.locale).tag.to_lowercase())
    }

    pub fn name(&self) -> String {
        format!("invoice-{}.pdf", self.invoice.number)
    }
}

impl Invoices {
    /// An invoice and who sends it, ready to be printed.
    pub async fn paper(&self, place: Place, id: Id<Invoice>) -> Result<Paper> {
        let invoice = self.read(place, id, true).await?;
        Ok(Paper { invoice, seller: self.printer.seller.clone() })
    }

    pub async fn print(&self, paper: Paper) -> Result<Vec<u8>> {
        self.printer.print(paper).await
    }
}
