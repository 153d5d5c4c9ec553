//! The actions that events of providers can have.
use crate::resources::billing::invoices::{InvoiceRef, InvoiceStatus};

/// The action for an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Set the status of an invoice.
    SetInvoiceStatus(InvoiceRef, InvoiceStatus),
    /// Import the documentation again.
    ImportDocuments,
    /// Nothing to do, with the reason.
    Ignore(&'static str),
    /// No handler exists for this event type.
    Unhandled,
}
