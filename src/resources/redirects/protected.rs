//! Paths that redirects must not cover, because editors do not manage the resources there.

/// Prefixes for authentication, accounts, billing, webhooks and operations. No rule applies to these paths or
/// below.
const PROTECTED: [&str; 15] = [
    "/.well-known",
    "/api/api-keys",
    "/api/events",
    "/api/health",
    "/api/jobs",
    "/api/me",
    "/api/rates",
    "/api/upstreams",
    "/api/users",
    "/api/v1/invoices",
    "/api/v2",
    "/api/webhook-deliveries",
    "/api/webhook-endpoints",
    "/api/webhook-events",
    "/api/webhooks",
];

/// Returns whether a canonical path is a protected path or below one.
pub fn is_protected(path: &str) -> bool {
    let below = |rest: &str| rest.is_empty() || rest.starts_with('/');
    PROTECTED.iter().any(|protected| path.strip_prefix(protected).is_some_and(below))
}
