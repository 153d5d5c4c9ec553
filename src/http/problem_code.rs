//! Problem codes: the closed list of values of `Problem.code`, with their status, title and advice.
use poem::http::StatusCode;

macro_rules! codes {
    ($($name:ident = $code:literal, $status:ident, $title:literal, $advice:literal;)*) => {
        /// The machine-readable kind of a failure.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum ProblemCode { $($name),* }

        impl ProblemCode {
            pub const ALL: &'static [ProblemCode] = &[$(ProblemCode::$name),*];

            pub fn as_str(self) -> &'static str {
                match self { $(ProblemCode::$name => $code),* }
            }
            pub fn status(self) -> StatusCode {
                match self { $(ProblemCode::$name => StatusCode::$status),* }
            }
            /// Returns the human-readable title, which is the same for every failure of this kind.
            pub fn title(self) -> &'static str {
                match self { $(ProblemCode::$name => $title),* }
            }
            /// Returns how to fix the request. Shown on the problem's page.
            pub fn advice(self) -> &'static str {
                match self { $(ProblemCode::$name => $advice),* }
            }
        }
    };
}

codes! {
    ValidationFailed = "validation-failed", BAD_REQUEST, "Validation failed",
        "Fix every entry of `errors` and send the request again. Each entry names a location in the request and the rule that it violates.";
    MalformedJson = "malformed-json", BAD_REQUEST, "Malformed JSON",
        "Send one JSON text in UTF-8: no duplicate field names, at most 64 levels of nesting, nothing after its end.";
    InvalidSignature = "invalid-signature", BAD_REQUEST, "Invalid signature",
        "Sign the exact bytes of the body with the configured secret and send the request immediately: old timestamps are rejected.";
    InvalidCursor = "invalid-cursor", BAD_REQUEST, "Invalid cursor",
        "Use `nextCursor` only with the endpoint, filters and sort order of the page that returned it, or restart from the first page.";
    MalformedRequest = "malformed-request", BAD_REQUEST, "Malformed request",
        "The message violates HTTP (RFC 9112) or the format of its body. Send exactly one `Host`, and either `Content-Length` or `Transfer-Encoding`.";
    Unauthenticated = "unauthenticated", UNAUTHORIZED, "Authentication required",
        "Send an access token or an API key as `Authorization: Bearer …`, or log in to get a session cookie.";
    InvalidToken = "invalid-token", UNAUTHORIZED, "Invalid token",
        "The access token, API key or session is unknown, expired or revoked. Refresh it or log in again.";
    InvalidCredentials = "invalid-credentials", UNAUTHORIZED, "Invalid credentials",
        "Check the e-mail address and the password. After several failed attempts, further ones are delayed.";
    Forbidden = "forbidden", FORBIDDEN, "Forbidden",
        "The operation or the resource requires another role. `x-authz` of the operation lists the allowed callers.";
    InsufficientScope = "insufficient-scope", FORBIDDEN, "Insufficient scope",
        "Create an API key with the scope that `security` of the operation names.";
    Csrf = "csrf", FORBIDDEN, "Cross-site request rejected",
        "With a session cookie, browsers may write only from the service's own origin or an allowed origin. Use an access token elsewhere.";
    NotFound = "not-found", NOT_FOUND, "Not found",
        "The URL is wrong, the resource was deleted, or the caller may not see it.";
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, "Method not allowed",
        "Use one of the methods in `Allow`.";
    NotAcceptable = "not-acceptable", NOT_ACCEPTABLE, "Not acceptable",
        "`Accept` or `Accept-Encoding` excludes every representation that this operation returns.";
    RequestTimeout = "request-timeout", REQUEST_TIMEOUT, "Request timeout",
        "Send the whole request within 30 seconds.";
    AlreadyExists = "already-exists", CONFLICT, "Already exists",
        "Another resource has this unique value. Choose another value; `errors` names the field.";
    Conflict = "conflict", CONFLICT, "Conflict",
        "The current state of the resource does not allow this operation. Read the resource again before you retry.";
    IdempotencyKeyInUse = "idempotency-key-in-use", CONFLICT, "Idempotency-Key in use",
        "The first request with this key is still running. Repeat the request after `Retry-After` seconds to get its response.";
    PreconditionFailed = "precondition-failed", PRECONDITION_FAILED, "Precondition failed",
        "The resource changed since you read it. Read it again, apply your change to the new version and send its ETag in `If-Match`. `currentEtag` is the current version.";
    PayloadTooLarge = "payload-too-large", PAYLOAD_TOO_LARGE, "Payload too large",
        "Send at most 1,048,576 bytes, or `media_max_bytes` (by default 20,971,520) bytes for an image. To import many records or redirects, run `tenon import json` or `tenon import redirects` on the server.";
    UriTooLong = "uri-too-long", URI_TOO_LONG, "URI too long",
        "Send less than 8,192 bytes of path and query.";
    UnsupportedMediaType = "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "Unsupported media type",
        "Send the body as one of the media types in the response's `Accept`, in UTF-8 and without `Content-Encoding`.";
    RangeNotSatisfiable = "range-not-satisfiable", RANGE_NOT_SATISFIABLE, "Range not satisfiable",
        "Request bytes within the size in `Content-Range`, or omit `Range`.";
    IdempotencyKeyReused = "idempotency-key-reused", UNPROCESSABLE_ENTITY, "Idempotency-Key reused",
        "The key was used for a request with another body. Use a new key for every new request.";
    PreconditionRequired = "precondition-required", PRECONDITION_REQUIRED, "Precondition required",
        "Read the resource and send its ETag in `If-Match`. This prevents lost updates.";
    TooManyRequests = "too-many-requests", TOO_MANY_REQUESTS, "Too many requests",
        "Retry after `Retry-After` seconds. `RateLimit` has the number of remaining requests.";
    DailyWriteLimit = "daily-write-limit", TOO_MANY_REQUESTS, "Daily write limit reached",
        "The account has sent as many bytes in request bodies as it may on one day (`daily_write_bytes`). Retry after `Retry-After` seconds: after midnight UTC. Reads still work.";
    HeadersTooLarge = "headers-too-large", REQUEST_HEADER_FIELDS_TOO_LARGE, "Headers too large",
        "Send at most 64 headers, with at most 16,384 bytes in total.";
    InternalServerError = "internal-server-error", INTERNAL_SERVER_ERROR, "Internal server error",
        "Retry the request. If it fails again, report the `trace` to the operator.";
    BadGateway = "bad-gateway", BAD_GATEWAY, "Bad gateway",
        "The upstream did not return a usable response; `detail` names the cause. Fix the path or the query, or retry later.";
    ServiceUnavailable = "service-unavailable", SERVICE_UNAVAILABLE, "Service unavailable",
        "The service is overloaded or shutting down. Retry after `Retry-After` seconds.";
    HashingBusy = "hashing-busy", SERVICE_UNAVAILABLE, "Password hashing busy",
        "Too many passwords are being hashed, which takes much memory and processor time. Nothing was changed. Retry after `Retry-After` seconds.";
    ConcurrencyLimit = "concurrency-limit", SERVICE_UNAVAILABLE, "Concurrency limit reached",
        "The client has too many requests of this kind in progress: searches, or image sizes to make. Send fewer at the same time. Retry after `Retry-After` seconds.";
    Busy = "busy", SERVICE_UNAVAILABLE, "Database busy",
        "No connection to the database was available in time: too many transactions wait for it, or it does not respond. Nothing was changed. Retry after `Retry-After` seconds.";
    TimeLimitExceeded = "time-limit-exceeded", SERVICE_UNAVAILABLE, "Time limit exceeded",
        "A query or a transaction took too long and was stopped. Nothing was changed. Use narrower filters or a smaller `limit`, or retry after `Retry-After` seconds.";
    InsufficientStorage = "insufficient-storage", INSUFFICIENT_STORAGE, "Insufficient storage",
        "The disk of the server is full. The request had no effect. Retry when the operator has freed space.";
    GatewayTimeout = "gateway-timeout", GATEWAY_TIMEOUT, "Gateway timeout",
        "The upstream did not respond in time. Retry later, or request less data at once.";
}
