//! Maps an event to the action that its handler executes. Parses the body and has no side effects.
use serde::Deserialize;
use serde_json::{Map, Value};

use super::types::Provider;
use crate::resources::invoices::{InvoiceName, InvoiceStatus};

/// The action for an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Set the status of an invoice.
    Invoice(InvoiceName, InvoiceStatus),
    /// Import the documentation again.
    Documents,
    /// Nothing to do, with the reason.
    Nothing(&'static str),
    /// No handler exists for this event type.
    Unknown,
}

/// The field in the Stripe metadata that contains the id or the number of an invoice.
const INVOICE_FIELD: &str = "invoice";

#[derive(Deserialize)]
struct StripeEvent {
    data: StripeData,
}

#[derive(Deserialize)]
struct StripeData {
    object: StripeObject,
}

#[derive(Deserialize)]
struct StripeObject {
    #[serde(default)]
    metadata: Option<Map<String, Value>>,
    /// For a charge: whether it is fully refunded.
    #[serde(default)]
    refunded: bool,
}

#[derive(Deserialize)]
struct Push {
    #[serde(rename = "ref")]
    reference: String,
    #[serde(default)]
    deleted: bool,
    repository: Option<Repository>,
}

#[derive(Deserialize)]
struct Repository {
    default_branch: Option<String>,
}

/// Returns the action for an event.
pub fn effect(provider: Provider, kind: &str, body: &str) -> Effect {
    match (provider, kind) {
        (Provider::Stripe, "invoice.paid") => invoice(body, InvoiceStatus::Paid),
        (Provider::Stripe, "charge.refunded") => invoice(body, InvoiceStatus::Void),
        (Provider::Github, "push") => push(body),
        (Provider::Github, "ping") => Effect::Nothing("ping events need no action"),
        _ => Effect::Unknown,
    }
}

fn invoice(body: &str, status: InvoiceStatus) -> Effect {
    let Ok(StripeEvent { data: StripeData { object } }) = serde_json::from_str(body) else {
        return Effect::Nothing("data.object does not fit the event type");
    };
    if status == InvoiceStatus::Void && !object.refunded {
        return Effect::Nothing("the charge was refunded only in part");
    }
    match object.metadata.as_ref().and_then(|metadata| metadata.get(INVOICE_FIELD)?.as_str()) {
        None => Effect::Nothing("the metadata has no field `invoice`"),
        Some(text) => match text.parse() {
            Ok(name) => Effect::Invoice(name, status),
            Err(_) => Effect::Nothing("the metadata field `invoice` is neither an id nor a number"),
        },
    }
}

fn push(body: &str) -> Effect {
    let Ok(Push { reference, deleted, repository }) = serde_json::from_str(body) else {
        return Effect::Nothing("the push has no field `ref`");
    };
    let default_branch = repository.and_then(|repository| repository.default_branch);
    match default_branch {
        _ if deleted => Effect::Nothing("a branch was deleted"),
        Some(default_branch) if reference != format!("refs/heads/{default_branch}") => {
            Effect::Nothing("the push is not to the default branch")
        }
        _ => Effect::Documents,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stripe_events_set_the_status_of_an_invoice() {
        let id = "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f";
        let paid = |name: &str| format!(r#"{{"data":{{"object":{{"metadata":{{"invoice":{name}}}}}}}}}"#);
        let stripe = |kind: &str, body: &str| effect(Provider::Stripe, kind, body);
        let named = |text: &str| text.parse::<InvoiceName>().expect("a name");
        let (number, known) = (named("42"), named(id));
        assert_eq!(stripe("invoice.paid", &paid("\"42\"")), Effect::Invoice(number, InvoiceStatus::Paid));
        let refunded =
            r#"{"data":{"object":{"refunded":true,"metadata":{"invoice":"ID"}}}}"#.replace("ID", id);
        assert_eq!(stripe("charge.refunded", &refunded), Effect::Invoice(known, InvoiceStatus::Void));
        for (kind, body) in [
            ("invoice.paid", paid("42").as_str()),
            ("invoice.paid", &paid("\"\"")),
            ("invoice.paid", &paid("\"-1\"")),
            ("invoice.paid", &paid("\"INV-42\"")),
            ("invoice.paid", "{}"),
            ("invoice.paid", r#"{"data":{"object":{"metadata":null}}}"#),
            ("charge.refunded", &paid("\"42\"")),
        ] {
            assert!(matches!(stripe(kind, body), Effect::Nothing(_)), "{kind} {body}");
        }
        assert_eq!(stripe("invoice.created", &paid("\"42\"")), Effect::Unknown);
        assert_eq!(effect(Provider::Paypal, "invoice.paid", &paid("\"42\"")), Effect::Unknown);
    }

    #[test]
    fn only_pushes_to_the_default_branch_import_documents() {
        let push = |reference: &str, fields: &str| {
            let body = format!(r#"{{"ref":"{reference}","repository":{{"default_branch":"main"}}{fields}}}"#);
            effect(Provider::Github, "push", &body)
        };
        assert_eq!(push("refs/heads/main", ""), Effect::Documents);
        assert_eq!(effect(Provider::Github, "push", r#"{"ref":"refs/heads/x"}"#), Effect::Documents);
        for (reference, fields) in
            [("refs/heads/other", ""), ("refs/tags/main", ""), ("refs/heads/main", ",\"deleted\":true")]
        {
            assert!(matches!(push(reference, fields), Effect::Nothing(_)), "{reference}{fields}");
        }
        assert_eq!(effect(Provider::Github, "star", "{}"), Effect::Unknown);
    }
}
