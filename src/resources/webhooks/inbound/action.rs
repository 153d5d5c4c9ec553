//! Maps an event to the action that its handler executes. Parses the body and has no side effects.
use serde::Deserialize;
use serde_json::{Map, Value};

use super::types::Provider;
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
pub fn action(provider: Provider, kind: &str, body: &str) -> Action {
    match (provider, kind) {
        (Provider::Stripe, "invoice.paid") => invoice(body, InvoiceStatus::Paid),
        (Provider::Stripe, "charge.refunded") => invoice(body, InvoiceStatus::Void),
        (Provider::Github, "push") => push(body),
        (Provider::Github, "ping") => Action::Ignore("ping events need no action"),
        _ => Action::Unhandled,
    }
}

fn invoice(body: &str, status: InvoiceStatus) -> Action {
    let Ok(StripeEvent { data: StripeData { object } }) = serde_json::from_str(body) else {
        return Action::Ignore("data.object does not fit the event type");
    };
    if status == InvoiceStatus::Void && !object.refunded {
        return Action::Ignore("the charge was refunded only in part");
    }
    match object.metadata.as_ref().and_then(|metadata| metadata.get(INVOICE_FIELD)?.as_str()) {
        None => Action::Ignore("the metadata has no field `invoice`"),
        Some(text) => match text.parse() {
            Ok(name) => Action::SetInvoiceStatus(name, status),
            Err(_) => Action::Ignore("the metadata field `invoice` is neither an id nor a number"),
        },
    }
}

fn push(body: &str) -> Action {
    let Ok(Push { reference, deleted, repository }) = serde_json::from_str(body) else {
        return Action::Ignore("the push has no field `ref`");
    };
    let default_branch = repository.and_then(|repository| repository.default_branch);
    match default_branch {
        _ if deleted => Action::Ignore("a branch was deleted"),
        Some(default_branch) if reference != format!("refs/heads/{default_branch}") => {
            Action::Ignore("the push is not to the default branch")
        }
        _ => Action::ImportDocuments,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stripe_events_set_the_status_of_an_invoice() {
        let id = "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f";
        let paid = |name: &str| format!(r#"{{"data":{{"object":{{"metadata":{{"invoice":{name}}}}}}}}}"#);
        let stripe = |kind: &str, body: &str| action(Provider::Stripe, kind, body);
        let named = |text: &str| text.parse::<InvoiceRef>().expect("a name");
        let (number, known) = (named("42"), named(id));
        assert_eq!(
            stripe("invoice.paid", &paid("\"42\"")),
            Action::SetInvoiceStatus(number, InvoiceStatus::Paid)
        );
        let refunded =
            r#"{"data":{"object":{"refunded":true,"metadata":{"invoice":"ID"}}}}"#.replace("ID", id);
        assert_eq!(
            stripe("charge.refunded", &refunded),
            Action::SetInvoiceStatus(known, InvoiceStatus::Void)
        );
        for (kind, body) in [
            ("invoice.paid", paid("42").as_str()),
            ("invoice.paid", &paid("\"\"")),
            ("invoice.paid", &paid("\"-1\"")),
            ("invoice.paid", &paid("\"INV-42\"")),
            ("invoice.paid", "{}"),
            ("invoice.paid", r#"{"data":{"object":{"metadata":null}}}"#),
            ("charge.refunded", &paid("\"42\"")),
        ] {
            assert!(matches!(stripe(kind, body), Action::Ignore(_)), "{kind} {body}");
        }
        assert_eq!(stripe("invoice.created", &paid("\"42\"")), Action::Unhandled);
        assert_eq!(action(Provider::Paypal, "invoice.paid", &paid("\"42\"")), Action::Unhandled);
    }

    #[test]
    fn only_pushes_to_the_default_branch_import_documents() {
        let push = |reference: &str, fields: &str| {
            let body = format!(r#"{{"ref":"{reference}","repository":{{"default_branch":"main"}}{fields}}}"#);
            action(Provider::Github, "push", &body)
        };
        assert_eq!(push("refs/heads/main", ""), Action::ImportDocuments);
        assert_eq!(action(Provider::Github, "push", r#"{"ref":"refs/heads/x"}"#), Action::ImportDocuments);
        for (reference, fields) in
            [("refs/heads/other", ""), ("refs/tags/main", ""), ("refs/heads/main", ",\"deleted\":true")]
        {
            assert!(matches!(push(reference, fields), Action::Ignore(_)), "{reference}{fields}");
        }
        assert_eq!(action(Provider::Github, "star", "{}"), Action::Unhandled);
    }
}
