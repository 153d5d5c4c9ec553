//! What an event is to bring about: read out of its body, and nothing done yet.
use serde::Deserialize;
use serde_json::{Map, Value};

use super::types::Provider;
use crate::resources::invoices::{InvoiceName, InvoiceStatus};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// An invoice is this far now.
    Invoice(InvoiceName, InvoiceStatus),
    /// The documentation may have changed.
    Documents,
    /// There is nothing to do, and why.
    Nothing(&'static str),
    /// Nobody here does anything about events of this type.
    Unknown,
}

/// The member of the metadata in Stripe that names an invoice of this service.
const NAME: &str = "invoice";

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
    /// Of a charge: that all of it went back.
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

/// What an event of this type with this body is to bring about.
pub fn effect(provider: Provider, kind: &str, body: &str) -> Effect {
    match (provider, kind) {
        (Provider::Stripe, "invoice.paid") => invoice(body, InvoiceStatus::Paid),
        (Provider::Stripe, "charge.refunded") => invoice(body, InvoiceStatus::Void),
        (Provider::Github, "push") => push(body),
        (Provider::Github, "ping") => Effect::Nothing("it only asks whether somebody is here"),
        _ => Effect::Unknown,
    }
}

fn invoice(body: &str, status: InvoiceStatus) -> Effect {
    let Ok(StripeEvent { data: StripeData { object } }) = serde_json::from_str(body) else {
        return Effect::Nothing("it has no object of the kind that its type promises");
    };
    if status == InvoiceStatus::Void && !object.refunded {
        return Effect::Nothing("only a part went back");
    }
    match object.metadata.as_ref().and_then(|metadata| metadata.get(NAME)?.as_str()) {
        None => Effect::Nothing("its metadata names no invoice"),
        Some(text) => match text.parse() {
            Ok(name) => Effect::Invoice(name, status),
            Err(_) => Effect::Nothing("its metadata names an invoice by neither id nor number"),
        },
    }
}

fn push(body: &str) -> Effect {
    let Ok(Push { reference, deleted, repository }) = serde_json::from_str(body) else {
        return Effect::Nothing("it does not say what was pushed");
    };
    let main = repository.and_then(|repository| repository.default_branch);
    match main {
        _ if deleted => Effect::Nothing("it tells that a branch is gone"),
        Some(main) if reference != format!("refs/heads/{main}") => {
            Effect::Nothing("another branch was pushed")
        }
        _ => Effect::Documents,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_say_what_they_are_to_bring_about() {
        let id = "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f";
        let paid = |name: &str| format!(r#"{{"data":{{"object":{{"metadata":{{"invoice":{name}}}}}}}}}"#);
        let stripe = |kind: &str, body: &str| effect(Provider::Stripe, kind, body);
        let named = |text: &str| text.parse::<InvoiceName>().expect("a name");
        let (number, known) = (named("42"), named(id));
        assert_eq!(stripe("invoice.paid", &paid("\"42\"")), Effect::Invoice(number, InvoiceStatus::Paid));
        let back = r#"{"data":{"object":{"refunded":true,"metadata":{"invoice":"ID"}}}}"#.replace("ID", id);
        assert_eq!(stripe("charge.refunded", &back), Effect::Invoice(known, InvoiceStatus::Void));
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
    fn pushes_to_the_main_branch_count() {
        let push = |reference: &str, more: &str| {
            let body = format!(r#"{{"ref":"{reference}","repository":{{"default_branch":"main"}}{more}}}"#);
            effect(Provider::Github, "push", &body)
        };
        assert_eq!(push("refs/heads/main", ""), Effect::Documents);
        assert_eq!(effect(Provider::Github, "push", r#"{"ref":"refs/heads/x"}"#), Effect::Documents);
        for (reference, more) in
            [("refs/heads/other", ""), ("refs/tags/main", ""), ("refs/heads/main", ",\"deleted\":true")]
        {
            assert!(matches!(push(reference, more), Effect::Nothing(_)), "{reference}{more}");
        }
        assert_eq!(effect(Provider::Github, "star", "{}"), Effect::Unknown);
    }
}
