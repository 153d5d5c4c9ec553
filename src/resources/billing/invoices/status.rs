//! Status changes of invoices.
use super::types::InvoiceStatus;

/// Returns whether the status of an invoice can change from `from` to `to`.
pub fn can_become(from: InvoiceStatus, to: InvoiceStatus) -> bool {
    use InvoiceStatus::{Draft, Paid, Pending, Void};
    from == to
        || matches!(
            (from, to),
            (Draft, Pending | Paid | Void) | (Pending, Draft | Paid | Void) | (Paid, Void)
        )
}

/// Returns the payment time of an invoice whose status changes to `status`. `before` is its payment time
/// before the change: a paid invoice that becomes void retains it.
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
