//! Comparison of JSON numbers: 64-bit integers and floats.
use std::cmp::Ordering;

use serde_json::Number;

/// Compares integers exactly: a float cannot represent all 64-bit integers.
pub(super) fn compare(a: &Number, b: &Number) -> Ordering {
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal),
    }
}

pub(super) fn is_multiple(number: &Number, step: &Number) -> bool {
    match (number.as_i128(), step.as_i128()) {
        (Some(number), Some(step)) => step == 0 || number % step == 0,
        // The tolerance is needed because 19.99 / 0.01 is 1998.9999999999998.
        _ => {
            let quotient = number.as_f64().unwrap_or_default() / step.as_f64().unwrap_or(1.0);
            (quotient - quotient.round()).abs() <= 1e-9 * quotient.abs().max(1.0)
        }
    }
}
