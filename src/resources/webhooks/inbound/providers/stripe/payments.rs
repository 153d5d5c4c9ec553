//! Payments in the events of Stripe.
//!
//! Stripe reports one payment with several event types, each about another object: a checkout session, a payment intent,
//! a charge, an invoice. Each object has the ids of some of the others.
use serde_json::Value;

use crate::{
    domain::money::{Amount, Currency},
    resources::{
        billing::invoices::{InvoiceRef, PaymentProvider, PaymentReport},
        webhooks::inbound::action::{Action, StripeObject},
    },
};

/// The field in the metadata that contains the id or the number of an invoice.
const INVOICE_FIELD: &str = "invoice";

/// The metadata of an object, in the order in which they are searched. `*` stands for the items of a list.
const METADATA: &[&[&str]] = &[
    &["metadata"],
    &["payment_intent", "metadata"],
    &["payment_intent_data", "metadata"],
    &["subscription_details", "metadata"],
    &["parent", "subscription_details", "metadata"],
    &["lines", "data", "*", "metadata"],
    &["line_items", "data", "*", "metadata"],
];

/// Ids of a payment that are stored at most.
const MAX_REFERENCES: usize = 8;

/// Items of a list that are searched at most.
const MAX_ITEMS: usize = 100;

const NO_OBJECT: &str = "data.object does not fit the event type";
const NO_INVOICE: &str = "the metadata has no field `invoice`";

/// Returns the type of the object that an event type is about; `None` if the type has no action.
fn object_type(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "invoice.paid" | "invoice.payment_succeeded" => "invoice",
        "checkout.session.completed" | "checkout.session.async_payment_succeeded" => "checkout.session",
        "payment_intent.succeeded" => "payment_intent",
        "charge.succeeded" | "charge.captured" | "charge.refunded" => "charge",
        _ => return None,
    })
}

/// Returns the action for an event. The type of a thin event begins with `v1.`.
pub fn action(kind: &str, body: &str) -> Action {
    let kind = kind.strip_prefix("v1.").unwrap_or(kind);
    if object_type(kind).is_none() {
        return Action::Unhandled;
    }
    let Ok(event) = serde_json::from_str::<Value>(body) else { return Action::Ignore(NO_OBJECT) };
    match event.pointer("/data/object") {
        Some(object) => object_action(kind, object),
        None if event["object"] == "v2.core.event" => fetch_action(kind, &event),
        None => Action::Ignore(NO_OBJECT),
    }
}

/// Returns the request for the object of a thin event. Only the path is used, never another host.
fn fetch_action(kind: &str, event: &Value) -> Action {
    let related = &event["related_object"];
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_/".contains(&byte);
    let path = related["url"].as_str().filter(|path| {
        path.len() <= 200 && path.starts_with("/v1/") && path.bytes().all(is_plain) && !path.contains("//")
    });
    let Some(path) = path else { return Action::Ignore("the thin event names no object to request") };
    let context = [&related["stripe_context"], &event["context"]].into_iter().find_map(Value::as_str);
    let context = context.filter(|text| text.len() <= 200 && !text.is_empty() && text.bytes().all(is_plain));
    Action::FetchObject(StripeObject {
        kind: kind.to_owned(),
        path: path.to_owned(),
        context: context.map(str::to_owned),
    })
}

/// Returns the action for an event about this object. Parses the object and has no side effects.
pub fn object_action(kind: &str, object: &Value) -> Action {
    // Objects in tests and in early API versions have no type.
    let has_type = |name: &str| object["object"].as_str().is_none_or(|own| own == name);
    let Some(name) = object_type(kind).filter(|name| object.is_object() && has_type(name)) else {
        return Action::Ignore(NO_OBJECT);
    };
    let reported = match name {
        "invoice" => invoice(object),
        "checkout.session" => session(object),
        "payment_intent" => payment_intent(object),
        _ => charge(object, kind == "charge.refunded"),
    };
    let invoice = invoice_reference(object);
    match (reported, invoice) {
        (Err(reason), _) => Action::Ignore(reason),
        // The invoice of a refund is also known from its payment.
        (Ok(report), Err(_)) if report.refunded.is_some() => Action::RecordPayment(report),
        (Ok(_), Err(reason)) => Action::Ignore(reason),
        (Ok(report), Ok(invoice)) => {
            Action::RecordPayment(PaymentReport { invoice: Some(invoice), ..report })
        }
    }
}

type Reported = Result<PaymentReport, &'static str>;

/// An invoice of Stripe. Since the API version 2025-03-31 it does not name its payment intent.
fn invoice(object: &Value) -> Reported {
    if object["status"].as_str().is_some_and(|status| status != "paid") {
        return Err("the invoice of Stripe is not paid");
    }
    let payments = || items(&object["payments"]["data"]).map(|item| &item["payment"]);
    let intents = [&object["payment_intent"]].into_iter().chain(payments().map(|it| &it["payment_intent"]));
    let charges = [&object["charge"]].into_iter().chain(payments().map(|it| &it["charge"]));
    let transactions: Vec<_> = intents.chain(charges).filter_map(id).collect();
    report(object, "amount_paid", transactions, [&object["id"]])
}

fn session(object: &Value) -> Reported {
    if object["payment_status"].as_str().is_some_and(|status| status == "unpaid") {
        return Err("the checkout session is not paid yet");
    }
    let transactions = id(&object["payment_intent"]).into_iter().collect();
    report(object, "amount_total", transactions, [&object["invoice"], &object["id"]])
}

fn payment_intent(object: &Value) -> Reported {
    if object["status"].as_str().is_some_and(|status| status != "succeeded") {
        return Err("the payment intent has not succeeded");
    }
    let charges = items(&object["charges"]["data"]).map(|charge| &charge["id"]);
    let ids = [&object["id"], &object["latest_charge"]].into_iter().chain(charges);
    report(object, "amount_received", ids.filter_map(id).collect(), [&object["invoice"]])
}

fn charge(object: &Value, is_refund: bool) -> Reported {
    if object["status"].as_str().is_some_and(|status| status != "succeeded") {
        return Err("the charge has not succeeded");
    }
    if object["captured"] == false {
        return Err("the charge is not captured");
    }
    let paid = if object["amount_captured"].is_i64() { "amount_captured" } else { "amount" };
    let transactions = [&object["payment_intent"], &object["id"]].into_iter().filter_map(id).collect();
    let report = report(object, paid, transactions, [&object["invoice"]])?;
    if !is_refund {
        return Ok(report);
    }
    let refunded = amount(object, "amount_refunded").filter(|amount| amount.minor() > 0);
    match refunded {
        Some(refunded) => Ok(PaymentReport { refunded: Some(refunded), ..report }),
        None => Err("the charge has no refunded amount"),
    }
}

/// Returns a report with these ids. The first transaction is the most specific one.
fn report<const N: usize>(
    object: &Value,
    amount_field: &str,
    transactions: Vec<String>,
    others: [&Value; N],
) -> Reported {
    let amount = amount(object, amount_field).ok_or("the object has no valid amount and currency")?;
    let transaction = transactions.first().cloned();
    let mut references: Vec<String> = Vec::new();
    for reference in transactions.into_iter().chain(others.into_iter().filter_map(id)) {
        if !references.contains(&reference) && references.len() < MAX_REFERENCES {
            references.push(reference);
        }
    }
    match references.is_empty() {
        true => Err("the object has no id"),
        false => Ok(PaymentReport {
            provider: PaymentProvider::Stripe,
            invoice: None,
            transaction,
            references,
            amount: Some(amount),
            refunded: None,
        }),
    }
}

/// Returns the id of an object, which is either the id or the expanded object.
fn id(value: &Value) -> Option<String> {
    let text = value.as_str().or_else(|| value["id"].as_str())?;
    let is_id = (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    is_id.then(|| text.to_owned())
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten().take(MAX_ITEMS)
}

/// Returns an amount in minor units of ISO 4217. Stripe has other minor units for some currencies.
fn amount(object: &Value, field: &str) -> Option<Amount> {
    let (minor, currency) = (object[field].as_i64()?, object["currency"].as_str()?.to_ascii_uppercase());
    let minor = match currency.as_str() {
        "ISK" | "UGX" if minor % 100 == 0 => minor / 100,
        "ISK" | "UGX" => return None,
        "MGA" => minor.checked_mul(100)?,
        _ => minor,
    };
    Amount::new(minor, currency.parse::<Currency>().ok()?)
}

/// Returns the invoice that an object names.
fn invoice_reference(object: &Value) -> Result<InvoiceRef, &'static str> {
    for path in METADATA {
        let mut found = Vec::new();
        collect(object, path, &mut found);
        let Some(first) = found.first() else { continue };
        let parse = |text: &str| text.parse::<InvoiceRef>().ok();
        let invoice = parse(first).ok_or("the metadata field `invoice` is neither an id nor a number")?;
        return match found.iter().all(|text| parse(text) == Some(invoice)) {
            true => Ok(invoice),
            false => Err("the line items name several invoices"),
        };
    }
    let reference = object["client_reference_id"].as_str().and_then(|text| text.parse().ok());
    reference.ok_or(NO_INVOICE)
}

/// Collects the field `invoice` of the metadata at a path.
fn collect<'a>(value: &'a Value, path: &[&str], out: &mut Vec<&'a str>) {
    match path {
        [] => out.extend(value[INVOICE_FIELD].as_str().filter(|text| !text.is_empty())),
        ["*", rest @ ..] => items(value).for_each(|item| collect(item, rest, out)),
        [name, rest @ ..] => collect(&value[*name], rest, out),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reported(kind: &str, object: Value) -> PaymentReport {
        match object_action(kind, &object) {
            Action::RecordPayment(report) => report,
            other => panic!("{kind} {object}: {other:?}"),
        }
    }

    fn minor(amount: Option<Amount>) -> Option<(i64, String)> {
        amount.map(|amount| (amount.minor(), amount.currency().to_string()))
    }

    #[test]
    fn all_event_types_of_a_payment_name_its_payment_intent() {
        let metadata = json!({ "invoice": "42" });
        let usd = Some((15795, "USD".to_owned()));
        for (kind, object) in [
            (
                "checkout.session.completed",
                json!({ "object": "checkout.session", "id": "cs_1", "payment_intent": "pi_1", "payment_status": "paid", "amount_total": 15795 }),
            ),
            (
                "checkout.session.async_payment_succeeded",
                json!({ "id": "cs_1", "payment_intent": { "id": "pi_1" }, "payment_status": "paid", "amount_total": 15795 }),
            ),
            (
                "payment_intent.succeeded",
                json!({ "object": "payment_intent", "id": "pi_1", "latest_charge": "ch_1", "status": "succeeded", "amount": 20000, "amount_received": 15795 }),
            ),
            (
                "charge.succeeded",
                json!({ "object": "charge", "id": "ch_1", "payment_intent": "pi_1", "status": "succeeded", "captured": true, "amount": 15795 }),
            ),
            (
                "charge.captured",
                json!({ "id": "ch_1", "payment_intent": "pi_1", "captured": true, "amount": 20000, "amount_captured": 15795 }),
            ),
            (
                "invoice.paid",
                json!({ "object": "invoice", "id": "in_1", "payment_intent": "pi_1", "charge": "ch_1", "status": "paid", "amount_paid": 15795 }),
            ),
            (
                "invoice.payment_succeeded",
                json!({ "id": "in_1", "payments": { "data": [{ "payment": { "type": "payment_intent", "payment_intent": "pi_1" } }] }, "amount_paid": 15795 }),
            ),
            (
                "charge.refunded",
                json!({ "id": "ch_1", "payment_intent": "pi_1", "amount": 15795, "amount_refunded": 500 }),
            ),
        ] {
            let mut object = object;
            object["currency"] = json!("usd");
            object["metadata"] = metadata.clone();
            let report = reported(kind, object);
            assert_eq!(report.transaction.as_deref(), Some("pi_1"), "{kind}");
            assert_eq!(report.references[0], "pi_1", "{kind}");
            assert_eq!(
                (report.invoice, minor(report.amount)),
                (Some(InvoiceRef::Number(42)), usd.clone()),
                "{kind}"
            );
            let refunded = (kind == "charge.refunded").then(|| (500, "USD".to_owned()));
            assert_eq!(minor(report.refunded), refunded, "{kind}");
        }
        let without = reported(
            "invoice.paid",
            json!({ "id": "in_1", "amount_paid": 1, "currency": "eur", "metadata": metadata }),
        );
        assert_eq!((without.transaction, without.references), (None, vec!["in_1".to_owned()]));
    }

    #[test]
    fn the_invoice_is_found_in_all_metadata() {
        let named = |name: &str| json!({ "metadata": { "invoice": name } });
        for (place, object) in [
            ("object", named("42")),
            (
                "payment intent",
                json!({ "payment_intent": { "id": "pi_1", "metadata": { "invoice": "#42" } } }),
            ),
            ("payment intent data", json!({ "payment_intent_data": named("invoice 42") })),
            ("subscription", json!({ "subscription_details": named("42") })),
            ("parent", json!({ "parent": { "subscription_details": named("42") } })),
            ("lines", json!({ "lines": { "data": [{ "metadata": {} }, named("42"), named("#42")] } })),
            ("line items", json!({ "line_items": { "data": [named("42")] } })),
            ("client reference", json!({ "client_reference_id": "42" })),
            ("precedence", json!({ "metadata": { "invoice": "42" }, "client_reference_id": "43" })),
            ("an empty field", json!({ "metadata": { "invoice": "" }, "client_reference_id": "42" })),
        ] {
            assert_eq!(invoice_reference(&object), Ok(InvoiceRef::Number(42)), "{place}");
        }
        for (place, object) in [
            ("nothing", json!({})),
            ("a number", json!({ "metadata": { "invoice": 42 } })),
            ("another text", named("INV-42")),
            ("a negative number", named("-1")),
            ("several invoices", json!({ "lines": { "data": [named("42"), named("43")] } })),
            ("another reference", json!({ "client_reference_id": "cart-42" })),
            ("a list", json!([])),
        ] {
            assert!(invoice_reference(&object).is_err(), "{place}");
        }
    }

    #[test]
    fn objects_without_a_completed_payment_are_ignored() {
        let complete = json!({ "id": "x_1", "amount": 1, "amount_paid": 1, "amount_total": 1, "amount_received": 1,
            "amount_refunded": 1, "currency": "usd", "metadata": { "invoice": "42" } });
        for (kind, field, value) in [
            ("checkout.session.completed", "payment_status", json!("unpaid")),
            ("payment_intent.succeeded", "status", json!("processing")),
            ("charge.succeeded", "captured", json!(false)),
            ("charge.succeeded", "status", json!("failed")),
            ("invoice.paid", "status", json!("open")),
            ("invoice.paid", "object", json!("charge")),
            ("invoice.paid", "currency", json!(null)),
            ("invoice.paid", "currency", json!("euro")),
            ("invoice.paid", "amount_paid", json!(null)),
            ("invoice.paid", "amount_paid", json!(-1)),
            ("invoice.paid", "amount_paid", json!(1.5)),
            ("invoice.paid", "id", json!(null)),
            ("invoice.paid", "id", json!("x".repeat(256))),
            ("invoice.paid", "metadata", json!({})),
            ("charge.refunded", "amount_refunded", json!(0)),
            ("charge.refunded", "amount_refunded", json!(null)),
        ] {
            assert!(matches!(object_action(kind, &complete), Action::RecordPayment(_)), "{kind}");
            let mut object = complete.clone();
            object[field] = value;
            assert!(matches!(object_action(kind, &object), Action::Ignore(_)), "{kind} {object}");
        }
        // The invoice of a refund is known from its payment.
        let mut object = complete;
        object["metadata"] = json!({});
        assert_eq!(reported("charge.refunded", object).invoice, None);
    }

    #[test]
    fn amounts_are_converted_to_the_minor_units_of_iso_4217() {
        for (currency, minor, expected) in [
            ("usd", 500, Some(500)),
            ("JPY", 500, Some(500)),
            ("isk", 500, Some(5)),
            ("ugx", 550, None),
            ("mga", 5, Some(500)),
            ("kwd", 1230, Some(1230)),
        ] {
            let object = json!({ "amount": minor, "currency": currency });
            assert_eq!(amount(&object, "amount").map(Amount::minor), expected, "{currency}");
        }
    }

    #[test]
    fn a_thin_event_names_the_object_to_request() {
        let thin = |url: Value| {
            let event = json!({ "object": "v2.core.event", "type": "v1.payment_intent.succeeded",
                "context": "acct_1", "related_object": { "id": "pi_1", "url": url } });
            action("v1.payment_intent.succeeded", &event.to_string())
        };
        let object = StripeObject {
            kind: "payment_intent.succeeded".to_owned(),
            path: "/v1/payment_intents/pi_1".to_owned(),
            context: Some("acct_1".to_owned()),
        };
        assert_eq!(thin(json!("/v1/payment_intents/pi_1")), Action::FetchObject(object));
        for url in [
            json!(null),
            json!("https://evil.test/v1/payment_intents/pi_1"),
            json!("//evil.test/v1/x"),
            json!("/v1//evil.test"),
            json!("/v1/../x"),
            json!("/v1/x?expand=y"),
            json!("/v1/x@evil.test"),
            json!("/v2/core/events/evt_1"),
            json!(format!("/v1/{}", "x".repeat(200))),
        ] {
            assert!(matches!(thin(url.clone()), Action::Ignore(_)), "{url}");
        }
        assert_eq!(action("v2.core.event_destination.ping", "{}"), Action::Unhandled);
        assert!(matches!(action("invoice.paid", "{}"), Action::Ignore(_)));
    }
}
