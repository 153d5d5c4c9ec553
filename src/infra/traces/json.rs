//! The JSON encoding of OTLP 1.
use serde_json::{Value, json};

use super::{Attribute, span::FinishedSpan};

/// Returns the body of a request to `/v1/traces`.
pub fn encode(spans: &[FinishedSpan]) -> Value {
    let version = env!("CARGO_PKG_VERSION");
    let resource = [("service.name", "tenon".into()), ("service.version", version.into())];
    json!({ "resourceSpans": [{
        "resource": { "attributes": attributes(&resource) },
        "scopeSpans": [{
            "scope": { "name": "tenon", "version": version },
            "spans": spans.iter().map(encode_span).collect::<Vec<_>>(),
        }],
    }] })
}

fn encode_span(span: &FinishedSpan) -> Value {
    let mut encoded = json!({
        "traceId": format!("{:032x}", span.context.trace_id),
        "spanId": format!("{:016x}", span.context.span_id),
        "name": span.name,
        "kind": span.kind as u8,
        // 64-bit integers are strings in the JSON encoding of Protocol Buffers.
        "startTimeUnixNano": span.start.to_string(),
        "endTimeUnixNano": span.end.to_string(),
        "attributes": attributes(&span.attributes),
        "status": if span.failed { json!({ "code": 2 }) } else { json!({}) },
    });
    if let Some(parent) = span.parent {
        encoded["parentSpanId"] = format!("{parent:016x}").into();
    }
    if let Some(state) = &span.context.state {
        encoded["traceState"] = (&**state).into();
    }
    encoded
}

fn attributes(attributes: &[(&'static str, Attribute)]) -> Vec<Value> {
    let value = |value: &Attribute| match value {
        Attribute::Text(text) => json!({ "stringValue": text }),
        Attribute::Number(number) => json!({ "intValue": number.to_string() }),
    };
    attributes.iter().map(|(key, attribute)| json!({ "key": key, "value": value(attribute) })).collect()
}
