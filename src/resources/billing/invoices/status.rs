//! Status changes of invoices.
use super::types::InvoiceStatus;

/// Returns whether an invoice with the status `from` may get the status `to`.
pub fn can_become(from: InvoiceStatus, to: InvoiceStatus) -> bool {
    use InvoiceStatus::{Draft, Paid, Pending, Void};
    from == to
        || matches!(
            (from, to),
            (Draft, Pending | Paid | Void) | (Pending, Draft | Paid | Void) | (Paid, Void)
        )
}

/// Returns the payment time of an invoice with this status, from its previous payment time.
pub fn paid_at(status: InvoiceStatus, before: Option<i64>, now: i64) -> Option<i64> {
    match status {
        InvoiceStatus::Paid => before.or(Some(now)),
        InvoiceStatus::Void => before,
        InvoiceStatus::Draft | InvoiceStatus::Pending => None,
    }
}

/// Returns whether the fields of an invoice with this status are read-only.
pub fn is_closed(status: InvoiceStatus) -> bool {
    matches!(status, InvoiceStatus::Paid | InvoiceStatus::Void)
}
