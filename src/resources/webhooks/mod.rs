//! Webhooks: inbound events of providers, outbound endpoints and deliveries.
pub mod inbound;
pub mod outbound;
