//! Actions of the audit log that are not events, and the classes of failed authentication.
use std::fmt;

use uuid::Uuid;

macro_rules! actions {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal in $resource:literal;)*) => {
        /// An action that is recorded in the audit log and emits no event.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum AuditAction {$( $(#[doc = $doc])* $name, )*}

        impl AuditAction {
            pub const ALL: &'static [AuditAction] = &[$(AuditAction::$name),*];

            pub fn as_str(self) -> &'static str {
                match self {$(AuditAction::$name => $text,)*}
            }

            /// Returns the kind of resource that the action is about.
            pub fn resource(self) -> &'static str {
                match self {$(AuditAction::$name => $resource,)*}
            }
        }
    };
}

actions! {
    /// A client failed to authenticate. The reason is an [`AuthFailure`], the resource the account if it is known.
    AuthFailed = "auth.failed" in "users";
    /// An account signed in.
    SessionCreated = "session.created" in "sessions";
    /// A refresh token was exchanged.
    SessionRefreshed = "session.refreshed" in "sessions";
    /// A refresh token was used again, and its session was revoked.
    SessionReused = "session.reused" in "sessions";
    /// A session was revoked.
    SessionRevoked = "session.revoked" in "sessions";
    /// The sessions of an account were revoked. The resource is the account. Without a resource, those of all accounts.
    SessionsRevoked = "sessions.revoked" in "users";
    /// The keys that sign access tokens were replaced.
    SigningKeysReplaced = "signing-keys.replaced" in "signing-keys";
    /// An API key was created.
    KeyCreated = "key.created" in "api-keys";
    /// An API key was used for the first time from an address.
    KeyUsed = "key.used" in "api-keys";
    /// An API key got a new secret.
    KeyRotated = "key.rotated" in "api-keys";
    /// An API key was deleted.
    KeyDeleted = "key.deleted" in "api-keys";
    /// The API keys of an account were deleted. The resource is the account.
    KeysDeleted = "keys.deleted" in "users";
    /// A webhook endpoint was created.
    EndpointCreated = "endpoint.created" in "webhook-endpoints";
    /// A webhook endpoint was changed.
    EndpointUpdated = "endpoint.updated" in "webhook-endpoints";
    /// A webhook endpoint got a new secret.
    EndpointRotated = "endpoint.rotated" in "webhook-endpoints";
    /// A webhook endpoint was deleted.
    EndpointDeleted = "endpoint.deleted" in "webhook-endpoints";
    /// A test event was sent to a webhook endpoint. The resource is the delivery.
    DeliveryTested = "delivery.tested" in "webhook-deliveries";
    /// A delivery to a webhook endpoint was enqueued again.
    DeliveryReplayed = "delivery.replayed" in "webhook-deliveries";
    /// A webhook of a provider was verified and stored.
    WebhookReceived = "webhook.received" in "webhook-events";
    /// A webhook of a provider was enqueued again.
    WebhookReplayed = "webhook.replayed" in "webhook-events";
    /// A job was enqueued again.
    JobRetried = "job.retried" in "jobs";
    /// A preview link of a post was created. The resource is the post.
    PreviewCreated = "preview.created" in "posts";
    /// The preview links of a post were deleted. The resource is the post.
    PreviewsDeleted = "previews.deleted" in "posts";
    /// A scheduled post was not published, because the account that scheduled it may no longer publish it. The resource
    /// is the post.
    PublicationRejected = "publication.rejected" in "posts";
    /// Invoices were exported.
    InvoicesExported = "invoices.exported" in "invoices";
    /// Redirect rules were exported.
    RedirectsExported = "redirects.exported" in "redirects";
    /// The server started with other settings than before.
    SettingsChanged = "settings.changed" in "settings";
    /// The secrets in the database were sealed with another key.
    SecretsSealed = "secrets.sealed" in "secrets";
}

macro_rules! failures {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal;)*) => {
        /// The class of the reason for which authentication failed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum AuthFailure {$( $(#[doc = $doc])* $name, )*}

        impl AuthFailure {
            pub const ALL: &'static [AuthFailure] = &[$(AuthFailure::$name),*];

            pub fn as_str(self) -> &'static str {
                match self {$(AuthFailure::$name => $text,)*}
            }
        }
    };
}

failures! {
    /// The credential does not have the form of a token, an API key or a cookie.
    Malformed = "malformed";
    /// The access token is not signed by this service, or has wrong claims.
    Forged = "forged";
    /// No session or API key has this id, or the session is not the one of the token.
    Unknown = "unknown";
    /// The secret of the API key is wrong.
    WrongSecret = "wrong-secret";
    /// The credential or its session has expired.
    Expired = "expired";
    /// The session is revoked.
    Revoked = "revoked";
    /// The account is disabled.
    Disabled = "disabled";
    /// No account has this e-mail address.
    UnknownAccount = "unknown-account";
    /// The password is wrong, or the account has none.
    WrongPassword = "wrong-password";
    /// Too many attempts of the client to sign in or to refresh.
    RateLimited = "rate-limited";
    /// An attempt during the delay after failures of the account, of the device or of the current password.
    Delayed = "delayed";
    /// Too many other passwords were being hashed.
    HashingBusy = "hashing-busy";
    /// A write with a session cookie from another site.
    Csrf = "csrf";
    /// The signature of a webhook is wrong.
    WrongSignature = "wrong-signature";
    /// Failures that were not counted separately, because too many different ones occurred within one minute.
    Other = "other";
}

/// A rejected credential. The reason is for logs only: the client must not learn whether a credential exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedCredential {
    pub class: AuthFailure,
    /// The account of the credential, if it is known.
    pub account: Option<Uuid>,
    pub reason: String,
}

impl RejectedCredential {
    pub fn new(class: AuthFailure, reason: impl Into<String>) -> Self {
        RejectedCredential { class, account: None, reason: reason.into() }
    }

    /// Adds the account of the credential.
    pub fn of(mut self, account: Uuid) -> Self {
        self.account = Some(account);
        self
    }
}

impl fmt::Display for RejectedCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}
