//! The actions that events of providers can have.
use crate::resources::billing::invoices::PaymentReport;

/// The action for an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Record a payment or a refund.
    RecordPayment(PaymentReport),
    /// Request the object of a thin event of Stripe.
    FetchObject(StripeObject),
    /// Import the documentation again.
    ImportDocuments,
    /// Nothing to do, with the reason.
    Ignore(&'static str),
    /// No handler exists for this event type.
    Unhandled,
}

/// The object that a thin event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StripeObject {
    /// The event type, as in events with an object.
    pub kind: String,
    /// The path of the object in the API of Stripe.
    pub path: String,
    /// The account that the object belongs to, if it is not the account of the API key.
    pub context: Option<String>,
}
