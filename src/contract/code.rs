//! Every kind of failure there is: the closed list behind `Problem.code`, the problem pages and the
//! document's shared responses.
use poem::http::StatusCode;

macro_rules! codes {
    ($($name:ident = $code:literal, $status:ident, $title:literal, $advice:literal;)*) => {
        /// The word that names a kind of failure, for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code { $($name),* }

        impl Code {
            pub const ALL: &'static [Code] = &[$(Code::$name),*];

            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $code),* }
            }
            pub fn status(self) -> StatusCode {
                match self { $(Code::$name => StatusCode::$status),* }
            }
            /// The same for every failure of this kind; for people.
            pub fn title(self) -> &'static str {
                match self { $(Code::$name => $title),* }
            }
            /// What the client can do about it; shown on the problem's page.
            pub fn advice(self) -> &'static str {
                match self { $(Code::$name => $advice),* }
            }
        }
    };
}

codes! {
    Invalid = "invalid", BAD_REQUEST, "The request is not valid",
        "Read `errors`: each entry names one place in the request and what is wrong there. Mend all of them and send the request again.";
    MalformedJson = "malformed-json", BAD_REQUEST, "The body is not JSON",
        "Send one JSON value in UTF-8, without repeated member names, at most 64 levels deep, with nothing after it.";
    InvalidSignature = "invalid-signature", BAD_REQUEST, "The signature is not valid",
        "Sign the very bytes that you send with the secret that is set here, and send them at once.";
    InvalidCursor = "invalid-cursor", BAD_REQUEST, "The cursor does not belong to this list",
        "Use `nextCursor` only with the filters, the sort and the endpoint of the page that it came from, or start again from the first page.";
    MalformedRequest = "malformed-request", BAD_REQUEST, "The request cannot be read",
        "The message breaks the rules of HTTP (RFC 9112): send exactly one Host and one way to tell the length of the body.";
    Unauthenticated = "unauthenticated", UNAUTHORIZED, "Sign in first",
        "Send an access token or an API key as `Authorization: Bearer …`, or sign in for a session cookie.";
    InvalidToken = "invalid-token", UNAUTHORIZED, "The credential is not valid",
        "The token, key or session is unknown, expired or revoked: refresh it or sign in again.";
    WrongPassword = "wrong-password", UNAUTHORIZED, "E-mail or password is wrong",
        "Check both and try again; after several tries the account rests for a while.";
    Forbidden = "forbidden", FORBIDDEN, "You may not do this",
        "The caller is known, but the operation or this resource needs another role. The operation's `x-authz` says which.";
    InsufficientScope = "insufficient-scope", FORBIDDEN, "The API key may not do this",
        "Create a key with the scope that the operation's `security` names.";
    CrossSite = "cross-site", FORBIDDEN, "A session cookie was sent from another site",
        "Browsers may write with a session cookie only from the service's own site or a listed origin. Use an access token elsewhere.";
    NotFound = "not-found", NOT_FOUND, "There is nothing here",
        "The address is wrong, the resource is gone, or the caller may not know of it.";
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, "This method is not for this resource",
        "Use one of the methods in the `Allow` field.";
    NotAcceptable = "not-acceptable", NOT_ACCEPTABLE, "No acceptable form",
        "The `Accept` or `Accept-Encoding` field excludes every form that this operation answers with.";
    RequestTimeout = "request-timeout", REQUEST_TIMEOUT, "The request came too slowly",
        "Send the whole request within 30 seconds.";
    Taken = "taken", CONFLICT, "The value is taken",
        "Another resource has this unique value: choose another one. `errors` names the member.";
    Conflict = "conflict", CONFLICT, "The resource is in another state",
        "Read the resource again and decide anew.";
    KeyInUse = "idempotency-key-in-use", CONFLICT, "A request with this Idempotency-Key is still running",
        "Wait for the seconds in `Retry-After` and send the same request again to get its answer.";
    Stale = "stale", PRECONDITION_FAILED, "The resource has changed",
        "Read it again, apply your change to the new version and send its ETag in `If-Match`; `currentEtag` is the present one.";
    PayloadTooLarge = "payload-too-large", PAYLOAD_TOO_LARGE, "The body is too large",
        "Send a smaller body: it may have 1,048,576 bytes, and a picture 5,242,880. For many records or rules at once there is the command `tenon import json`, on the machine of the service.";
    UriTooLong = "uri-too-long", URI_TOO_LONG, "The address is too long",
        "Keep the path and query below 8,192 bytes.";
    UnsupportedMediaType = "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "This media type is not taken",
        "Send the body as one of the types in the answer's `Accept` field, in UTF-8 and without a content coding.";
    RangeNotSatisfiable = "range-not-satisfiable", RANGE_NOT_SATISFIABLE, "There are no such bytes",
        "`Content-Range` says how many bytes there are: ask for some of them, or leave `Range` out.";
    KeyReused = "idempotency-key-reused", UNPROCESSABLE_ENTITY, "The Idempotency-Key was used for another request",
        "Use a new key for a new request; a key belongs to one body.";
    PreconditionRequired = "precondition-required", PRECONDITION_REQUIRED, "An If-Match is required",
        "Read the resource and send its ETag in `If-Match`, so that nobody's change is lost.";
    TooManyRequests = "too-many-requests", TOO_MANY_REQUESTS, "Too many requests",
        "Wait for the seconds in `Retry-After`; `RateLimit` says what is left.";
    HeadersTooLarge = "header-fields-too-large", REQUEST_HEADER_FIELDS_TOO_LARGE, "The header section is too large",
        "Send at most 64 fields and 16,384 bytes of them.";
    Internal = "internal", INTERNAL_SERVER_ERROR, "The service failed",
        "The request may be tried again. If it keeps failing, tell the operator the `trace`.";
    BadGateway = "bad-gateway", BAD_GATEWAY, "The upstream gave nothing that can be handed on",
        "`detail` says what the upstream did. Mend the path or the query, or wait until the upstream is well again.";
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "The service is busy or stopping",
        "Try again after the seconds in `Retry-After`.";
    GatewayTimeout = "gateway-timeout", GATEWAY_TIMEOUT, "The upstream took too long",
        "Ask again later, or ask the upstream for less at a time.";
}
