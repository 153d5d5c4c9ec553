//! The number of attempts to deliver webhooks, by result.
use super::types::DeliveryState;
use crate::infra::metrics::Counter;

#[derive(Debug, Default)]
pub struct DeliveryMetrics {
    delivered: Counter,
    /// The attempt failed, and another one follows.
    retried: Counter,
    /// The last attempt failed.
    failed: Counter,
}

impl DeliveryMetrics {
    pub(super) fn record(&self, state: DeliveryState) {
        match state {
            DeliveryState::Delivered => self.delivered.increment(),
            DeliveryState::Pending => self.retried.increment(),
            DeliveryState::Failed => self.failed.increment(),
        }
    }

    /// Returns the number of attempts by result.
    pub fn results(&self) -> [(&'static str, u64); 3] {
        [("delivered", self.delivered.get()), ("retried", self.retried.get()), ("failed", self.failed.get())]
    }
}
