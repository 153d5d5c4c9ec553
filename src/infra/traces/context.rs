//! The identity of a span, and its headers `traceparent` and `tracestate` (W3C Trace Context).
use std::{fmt, sync::Arc};

/// Maximum characters of `tracestate` that are passed on.
const MAX_STATE: usize = 512;

/// Maximum entries of `tracestate`.
const MAX_ENTRIES: usize = 32;

/// The identity of a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanContext {
    pub trace_id: u128,
    pub span_id: u64,
    /// Whether the spans of the trace are recorded.
    pub sampled: bool,
    /// The `tracestate` of the caller, which is passed on unchanged.
    pub state: Option<Arc<str>>,
}

impl SpanContext {
    /// Parses the headers of a request. An invalid `traceparent` is ignored, and an invalid `tracestate` too.
    pub fn parse(traceparent: &str, tracestate: Option<&str>) -> Option<Self> {
        let version = hex(traceparent.get(..2)?)?;
        // A later version may append fields.
        let has_end = match traceparent.as_bytes().get(55) {
            None => true,
            Some(next) => version != 0 && *next == b'-',
        };
        let mut fields = traceparent.get(2..55)?.strip_prefix('-')?.split('-');
        let (trace, span, flags) = (fields.next()?, fields.next()?, fields.next()?);
        let has_lengths = (trace.len(), span.len(), flags.len()) == (32, 16, 2);
        if !has_end || version == 0xff || !has_lengths || fields.next().is_some() {
            return None;
        }
        let (trace_id, span_id) = (hex(trace)?, u64::try_from(hex(span)?).ok()?);
        let state = tracestate.filter(|state| is_state(state)).map(Arc::from);
        let context = SpanContext { trace_id, span_id, sampled: hex(flags)? & 1 == 1, state };
        (trace_id != 0 && span_id != 0).then_some(context)
    }
}

/// Writes the value of `traceparent`.
impl fmt::Display for SpanContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, u8::from(self.sampled))
    }
}

/// Parses hexadecimal digits in lower case.
fn hex(text: &str) -> Option<u128> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.bytes().all(is_digit).then(|| u128::from_str_radix(text, 16).ok())?
}

/// Returns whether the text is a list of entries such as `vendor=value`.
fn is_state(text: &str) -> bool {
    let is_entry = |entry: &str| {
        let is_key =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/@".contains(&byte);
        let is_value = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'=';
        entry.trim().split_once('=').is_some_and(|(key, value)| {
            !key.is_empty() && key.bytes().all(is_key) && !value.is_empty() && value.bytes().all(is_value)
        })
    };
    text.len() <= MAX_STATE && text.split(',').count() <= MAX_ENTRIES && text.split(',').all(is_entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn parses_and_writes_traceparent() {
        let context = SpanContext::parse(VALID, Some("rojo=1,congo=t61")).expect("valid");
        assert_eq!(context.trace_id, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!((context.span_id, context.sampled), (0x00f0_67aa_0ba9_02b7, true));
        assert_eq!(
            (context.to_string().as_str(), context.state.as_deref()),
            (VALID, Some("rojo=1,congo=t61"))
        );
        let unsampled = SpanContext::parse(&VALID.replace("-01", "-02"), None).expect("valid");
        assert!(!unsampled.sampled);
        for later in
            ["01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x", &VALID.replacen("00", "cc", 1)]
        {
            assert!(SpanContext::parse(later, None).is_some(), "{later}");
        }
    }

    #[test]
    fn ignores_invalid_headers() {
        for invalid in [
            "",
            "00",
            &VALID[..54],
            &format!("{VALID}0"),
            &format!("{VALID}-x"),
            &VALID.to_uppercase(),
            &VALID.replacen("00", "ff", 1),
            &VALID.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &VALID.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &VALID.replace("4bf9", "4bg9"),
            &VALID.replace("4bf9", "+bf9"),
            &VALID.replace('-', "_"),
            "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7é",
        ] {
            assert_eq!(SpanContext::parse(invalid, None), None, "{invalid}");
        }
        for invalid in
            ["", "a", "a=", "=b", "A=b", "a=b,,c=d", "a=b\u{7f}", "a=é", &format!("a={}", "b".repeat(512))]
        {
            assert_eq!(SpanContext::parse(VALID, Some(invalid)).expect("valid").state, None, "{invalid}");
        }
    }
}
