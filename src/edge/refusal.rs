//! Why the loop does not let a request through to the edge.
use crate::contract::code::Code;

/// A refusal that is known before the request has a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    pub code: Code,
    pub detail: &'static str,
}

impl Refusal {
    pub const URI_TOO_LONG: Self =
        Refusal { code: Code::UriTooLong, detail: "keep the request line below 8,192 bytes" };

    pub const fn malformed(detail: &'static str) -> Self {
        Refusal { code: Code::MalformedRequest, detail }
    }

    pub const fn head_too_large(detail: &'static str) -> Self {
        Refusal { code: Code::HeadersTooLarge, detail }
    }
}
