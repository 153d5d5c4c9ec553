//! Payments in the events of PayPal: captures and their refunds. `invoice_id` is the id or the number of the invoice.
use serde::Deserialize;

use crate::{
    domain::money::{Amount, Currency},
    resources::{
        billing::invoices::{InvoiceRef, PaymentProvider, PaymentReport},
        webhooks::inbound::action::Action,
    },
};

#[derive(Deserialize)]
struct Event {
    resource: Resource,
}

/// A capture or a refund.
#[derive(Deserialize)]
struct Resource {
    id: String,
    status: Option<String>,
    amount: Money,
    invoice_id: Option<String>,
    seller_payable_breakdown: Option<Breakdown>,
    #[serde(default)]
    links: Vec<Link>,
}

#[derive(Deserialize)]
struct Money {
    value: String,
    currency_code: String,
}

#[derive(Deserialize)]
struct Breakdown {
    total_refunded_amount: Option<Money>,
}

#[derive(Deserialize)]
struct Link {
    rel: String,
    href: String,
}

impl Money {
    fn amount(&self) -> Option<Amount> {
        Amount::parse_decimal(&self.value, self.currency_code.parse::<Currency>().ok()?)
    }
}

/// Returns the action for an event.
pub fn action(kind: &str, body: &str) -> Action {
    let report = match kind {
        "PAYMENT.CAPTURE.COMPLETED" => capture,
        "PAYMENT.CAPTURE.REFUNDED" => refund,
        _ => return Action::Unhandled,
    };
    let Ok(Event { resource }) = serde_json::from_str(body) else {
        return Action::Ignore("the resource does not fit the event type");
    };
    match report(&resource) {
        Ok(report) => Action::RecordPayment(report),
        Err(reason) => Action::Ignore(reason),
    }
}

fn capture(resource: &Resource) -> Result<PaymentReport, &'static str> {
    let completed = ["COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"];
    if resource.status.as_deref().is_some_and(|status| !completed.contains(&status)) {
        return Err("the capture is not completed");
    }
    let id = checked_id(&resource.id).ok_or("the capture has no id")?;
    let amount = resource.amount.amount().ok_or("the capture has no valid amount and currency")?;
    let invoice = resource.invoice_id.as_deref().ok_or("the capture has no field `invoice_id`")?;
    let invoice = invoice.parse().map_err(|()| "the field `invoice_id` is neither an id nor a number")?;
    Ok(report(id, Some(invoice), Some(amount), None))
}

fn refund(resource: &Resource) -> Result<PaymentReport, &'static str> {
    if resource.status.as_deref().is_some_and(|status| status != "COMPLETED") {
        return Err("the refund is not completed");
    }
    let up = resource.links.iter().find(|link| link.rel == "up").and_then(|link| {
        let (_, id) = link.href.rsplit_once("/captures/")?;
        checked_id(id)
    });
    let id = up.ok_or("the refund has no link to its capture")?;
    let total = resource.seller_payable_breakdown.as_ref().and_then(|it| it.total_refunded_amount.as_ref());
    let refunded = total.unwrap_or(&resource.amount).amount();
    let refunded = refunded.ok_or("the refund has no valid amount and currency")?;
    // The invoice is the one of the capture.
    Ok(report(id, None, None, Some(refunded)))
}

fn checked_id(text: &str) -> Option<&str> {
    let is_id = (1..=255).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_id.then_some(text)
}

fn report(
    id: &str,
    invoice: Option<InvoiceRef>,
    amount: Option<Amount>,
    refunded: Option<Amount>,
) -> PaymentReport {
    PaymentReport {
        provider: PaymentProvider::Paypal,
        invoice,
        transaction: Some(id.to_owned()),
        references: vec![id.to_owned()],
        amount,
        refunded,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(kind: &str, resource: &Value) -> Action {
        action(kind, &json!({ "id": "WH-1", "event_type": kind, "resource": resource }).to_string())
    }

    fn usd(minor: i64) -> Option<Amount> {
        Amount::new(minor, Currency::USD)
    }

    #[test]
    fn captures_and_refunds_are_reported() {
        let capture = json!({ "id": "42311647XV020574X", "status": "COMPLETED", "invoice_id": "invoice 42",
            "amount": { "value": "157.95", "currency_code": "USD" } });
        let expected = report("42311647XV020574X", Some(InvoiceRef::Number(42)), usd(15795), None);
        assert_eq!(of("PAYMENT.CAPTURE.COMPLETED", &capture), Action::RecordPayment(expected));
        let mut refund = json!({ "id": "1Y107995YT783435V", "status": "COMPLETED",
            "amount": { "value": "0.99", "currency_code": "USD" },
            "seller_payable_breakdown": { "total_refunded_amount": { "value": "1.98", "currency_code": "USD" } },
            "links": [
                { "rel": "self", "href": "https://api.paypal.com/v2/payments/refunds/1Y107995YT783435V" },
                { "rel": "up", "href": "https://api.paypal.com/v2/payments/captures/42311647XV020574X" }
            ] });
        let expected = |minor| Action::RecordPayment(report("42311647XV020574X", None, None, usd(minor)));
        assert_eq!(of("PAYMENT.CAPTURE.REFUNDED", &refund), expected(198));
        refund["seller_payable_breakdown"] = json!({});
        assert_eq!(of("PAYMENT.CAPTURE.REFUNDED", &refund), expected(99));
        for (base, kind, field, value) in [
            (&capture, "PAYMENT.CAPTURE.COMPLETED", "status", json!("PENDING")),
            (&capture, "PAYMENT.CAPTURE.COMPLETED", "invoice_id", json!(null)),
            (&capture, "PAYMENT.CAPTURE.COMPLETED", "invoice_id", json!("cart-42")),
            (&capture, "PAYMENT.CAPTURE.COMPLETED", "id", json!("a b")),
            (
                &capture,
                "PAYMENT.CAPTURE.COMPLETED",
                "amount",
                json!({ "value": "-1.00", "currency_code": "USD" }),
            ),
            (&capture, "PAYMENT.CAPTURE.COMPLETED", "amount", json!("157.95")),
            (&refund, "PAYMENT.CAPTURE.REFUNDED", "status", json!("PENDING")),
            (&refund, "PAYMENT.CAPTURE.REFUNDED", "links", json!([])),
            (
                &refund,
                "PAYMENT.CAPTURE.REFUNDED",
                "links",
                json!([{ "rel": "up", "href": "https://x/captures/a/b" }]),
            ),
        ] {
            let mut resource = base.clone();
            resource[field] = value;
            assert!(matches!(of(kind, &resource), Action::Ignore(_)), "{kind} {resource}");
        }
        assert_eq!(of("PAYMENT.CAPTURE.DENIED", &capture), Action::Unhandled);
    }
}
