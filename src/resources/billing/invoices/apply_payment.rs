//! Payments and refunds that payment providers report.
use std::str::FromStr;

use entity::{invoice, payment};
use sea_orm::{
    ActiveEnum, ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, Set,
};
use uuid::Uuid;

use super::{
    payments::{self, PaymentOutcome, PaymentProvider},
    service::{Invoices, location, update_event},
    status::{can_become, is_closed},
    types::InvoiceStatus,
};
use crate::{
    domain::{event::Audience, money::Amount},
    http::problem::{Error, Result},
    infra::{
        audit_log::{Changes, NewEntry},
        db::Tx,
    },
};

/// A reference to an invoice by its id or its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvoiceRef {
    Id(Uuid),
    Number(i64),
}

impl FromStr for InvoiceRef {
    type Err = ();

    /// Parses an id, or a number such as `42`, `#42`, `invoice 42` and `Invoice #42`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let text = text.trim();
        let number = match text.get(..7).filter(|prefix| prefix.eq_ignore_ascii_case("invoice")) {
            Some(_) if text[7..].starts_with([' ', '#']) => text[7..].trim_start(),
            _ => text,
        };
        let number = number.strip_prefix('#').unwrap_or(number);
        let digits = (1..=15).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
        match number.parse() {
            Ok(number) if digits => Ok(InvoiceRef::Number(number)),
            _ => Uuid::try_parse(text).map(InvoiceRef::Id).map_err(|_| ()),
        }
    }
}

/// What an event of a provider reports about a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentReport {
    pub provider: PaymentProvider,
    /// The invoice that the event names. A refund may name only its payment.
    pub invoice: Option<InvoiceRef>,
    /// The id of the payment intent, the charge or the capture.
    pub transaction: Option<String>,
    /// All ids of the payment, at least one, the most specific first.
    pub references: Vec<String>,
    /// The amount of the payment. Some events about a refund do not contain it.
    pub amount: Option<Amount>,
    /// The sum of all refunds. It is in the currency of the payment.
    pub refunded: Option<Amount>,
}

/// The result of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentResult {
    /// The report is recorded. The text describes its effect.
    Recorded(String),
    /// No invoice has this name.
    UnknownInvoice,
    /// The refund is one of a payment that is not recorded.
    UnknownPayment,
}

impl Invoices {
    /// Records a payment or a refund, and sets the status of the invoice.
    ///
    /// A payment of the amount and the currency of an open invoice sets it to `paid`, and the full refund of that
    /// payment sets it to `void`. All other payments and refunds are only recorded. Repeated and late reports change
    /// nothing, because providers deliver events more than once and out of order, and report a payment with several
    /// types of events.
    pub async fn apply_payment(&self, tx: &Tx, report: &PaymentReport) -> Result<PaymentResult> {
        let by_name = match (payments::find_by_reference(tx, report).await?, report.invoice) {
            (Some(known), _) => invoice::Column::Id.eq(known.invoice_id),
            (None, Some(InvoiceRef::Id(id))) => invoice::Column::Id.eq(id),
            (None, Some(InvoiceRef::Number(number))) => invoice::Column::Number.eq(number),
            (None, None) => return Ok(PaymentResult::UnknownPayment),
        };
        let row = invoice::Entity::find().filter(by_name).lock_exclusive().one(&**tx).await?;
        let Some(row) = row else { return Ok(PaymentResult::UnknownInvoice) };
        // Again, because another event may have recorded the payment before the lock.
        let known = match payments::find_by_reference(tx, report).await? {
            None => payments::find_equal(tx, row.id, report).await?,
            known => known,
        };
        let now = self.clock.now();
        let mut payment = match (&known, report.amount) {
            (Some(known), _) => known.clone(),
            (None, Some(amount)) => new_payment(&row, report, amount, now),
            (None, None) => return Ok(PaymentResult::UnknownPayment),
        };
        if payment.transaction_id.is_none()
            && let Some(transaction) = &report.transaction
        {
            payment.transaction_id = Some(transaction.clone());
            payment.reference.clone_from(transaction);
        }
        // The sum of all refunds ascends, so a lower one is late.
        let refunded = report.refunded.filter(|sum| sum.currency().as_str() == payment.currency);
        payment.refunded = refunded.map_or(0, Amount::minor).max(payment.refunded);
        let changed = known.as_ref() != Some(&payment);
        if changed {
            payment.updated_at = now;
        }
        payments::store_payment(tx, known.as_ref(), &payment, report).await?;
        let next = next_status(row.status, &payment);
        let message = describe(&row, next, known.as_ref(), &payment)?;
        if changed || next != row.status {
            self.update_paid(tx, row, next, &payment, now).await?;
        }
        Ok(PaymentResult::Recorded(message))
    }

    /// Sets the status of an invoice with a changed payment.
    async fn update_paid(
        &self,
        tx: &Tx,
        before: invoice::Model,
        next: InvoiceStatus,
        payment: &payment::Model,
        now: i64,
    ) -> Result<()> {
        let (id, version) = (before.id, before.version + 1);
        // A refund implies a payment, even if its event arrives before the payment event.
        let paid_at = before.paid_at.or((payment.outcome == PaymentOutcome::Paid).then_some(now));
        let mut row = before.clone().into_active_model();
        row.status = Set(next);
        row.paid_at = Set(paid_at);
        row.version = Set(version);
        row.updated_at = Set(now);
        let row = row.update(&**tx).await?;
        tx.touch("invoices").await?;
        let mut changes = Changes::between(&before, &row);
        changes.add("payments", None, Some(payment.outcome.to_value()));
        tx.record_changes(id, changes);
        let kind = update_event(before.status, next);
        match row.currency.parse().ok().and_then(|currency| self.locales.for_currency(currency)) {
            Some(display) => tx.emit(kind, id, location(&display, id), version, Audience::Accountants, now),
            // The invoice has no path in a locale, so there is no event.
            None => tx.record(NewEntry::of_event(kind, id, now)),
        }
        Ok(())
    }
}

fn new_payment(invoice: &invoice::Model, report: &PaymentReport, amount: Amount, now: i64) -> payment::Model {
    let is_equal =
        (amount.minor(), amount.currency().as_str()) == (invoice.amount, invoice.currency.as_str());
    let outcome = match is_equal {
        false => PaymentOutcome::AmountMismatch,
        true if is_closed(invoice.status) => PaymentOutcome::InvoiceClosed,
        true => PaymentOutcome::Paid,
    };
    payment::Model {
        id: Uuid::now_v7(),
        invoice_id: invoice.id,
        provider: report.provider,
        reference: report.references.first().cloned().unwrap_or_default(),
        transaction_id: report.transaction.clone(),
        amount: amount.minor(),
        currency: amount.currency().to_string(),
        refunded: 0,
        outcome,
        created_at: now,
        updated_at: now,
    }
}

/// Returns the status of an invoice after a payment of it was recorded or refunded.
fn next_status(status: InvoiceStatus, payment: &payment::Model) -> InvoiceStatus {
    let next = match payment.outcome {
        PaymentOutcome::Paid if payment.refunded > 0 && payment.refunded >= payment.amount => {
            InvoiceStatus::Void
        }
        PaymentOutcome::Paid => InvoiceStatus::Paid,
        PaymentOutcome::AmountMismatch | PaymentOutcome::InvoiceClosed => status,
    };
    if can_become(status, next) { next } else { status }
}

/// Describes the effect of a report.
fn describe(
    invoice: &invoice::Model,
    next: InvoiceStatus,
    before: Option<&payment::Model>,
    payment: &payment::Model,
) -> Result<String> {
    let amount = |minor: i64, currency: &str| {
        let currency = currency.parse().map_err(Error::Internal)?;
        let out_of_range = || Error::Internal(format!("{minor} is not an amount"));
        Amount::new(minor, currency).ok_or_else(out_of_range)
    };
    let (number, status) = (invoice.number, next.to_value());
    let paid = amount(payment.amount, &payment.currency)?;
    if next != invoice.status {
        return Ok(format!("invoice {number} is {status}"));
    }
    if payment.refunded > before.map_or(0, |before| before.refunded) {
        let refunded = amount(payment.refunded, &payment.currency)?;
        return Ok(format!("invoice {number}: {refunded} of {paid} refunded"));
    }
    Ok(match (before, payment.outcome) {
        (None, PaymentOutcome::AmountMismatch) => {
            let due = amount(invoice.amount, &invoice.currency)?;
            format!("amount-mismatch: invoice {number} is over {due}, the payment over {paid}")
        }
        (None, PaymentOutcome::InvoiceClosed) => {
            format!("invoice {number} was already {status}: another payment of {paid} is recorded")
        }
        (Some(_), PaymentOutcome::AmountMismatch) => {
            format!("the payment of invoice {number} was already recorded")
        }
        _ => format!("invoice {number} was already {status}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invoice_is_named_by_its_id_or_its_number() {
        for text in ["42", "#42", "invoice 42", "Invoice #42", "INVOICE  42", "invoice#42", " 42 "] {
            assert_eq!(text.parse(), Ok(InvoiceRef::Number(42)), "{text}");
        }
        let id = "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f";
        assert_eq!(id.parse(), Ok(InvoiceRef::Id(id.parse().expect("an id"))));
        for text in [
            "",
            "#",
            "invoice",
            "invoice42",
            "INV-42",
            "-1",
            "##42",
            "42.0",
            "1234567890123456",
            "invoicé 42",
        ] {
            assert_eq!(text.parse::<InvoiceRef>(), Err(()), "{text}");
        }
    }
}
