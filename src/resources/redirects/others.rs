//! What editors do not look after.

/// What decides who gets in, and what others than editors look after: no rule acts on it or on what is below it.
const OTHERS: [&str; 15] = [
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

/// Whether a path, in its canonical form, is none of an editor's business.
pub fn is_others(path: &str) -> bool {
    let below = |rest: &str| rest.is_empty() || rest.starts_with('/');
    OTHERS.iter().any(|others| path.strip_prefix(others).is_some_and(below))
}
