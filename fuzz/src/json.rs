//! JSON bodies.
use serde_json::Value;
use tenon::schema::{ErrorCode, JsonError, MAX_DEPTH, parse};

/// Accepts the same texts as serde_json with the same values, except for duplicate fields and deep nesting. A value
/// that is printed and parsed again is equal.
pub fn json(data: &[u8]) {
    let reference = serde_json::from_slice::<Value>(data);
    match (parse(data), reference) {
        (Ok(value), Ok(reference)) => {
            assert!(equal(&value, &reference), "{value} differs from {reference}");
            let Shape { depth, fields } = Shape::of(data);
            assert!(depth <= MAX_DEPTH, "{depth} levels of nesting are accepted");
            assert_eq!(fields, count_fields(&value), "a duplicate field is accepted");
            let again = parse(value.to_string().as_bytes());
            assert!(
                again.as_ref().is_ok_and(|again| equal(again, &value)),
                "{value} is printed as {again:?}"
            );
        }
        (Ok(value), Err(error)) => panic!("{value} is accepted, and serde_json rejects it: {error}"),
        (Err(JsonError::Empty), _) => assert!(data.is_empty(), "is not empty"),
        (Err(JsonError::Invalid(violation)), Ok(reference)) => {
            let Shape { depth, fields } = Shape::of(data);
            let expected = match violation.code {
                ErrorCode::TooDeep => depth > MAX_DEPTH,
                ErrorCode::Duplicate => fields > count_fields(&reference),
                _ => false,
            };
            assert!(expected, "{reference} is rejected: {violation:?}");
        }
        (Err(JsonError::Invalid(_)), Err(_)) => {}
    }
}

/// Compares two values. A number of one parser may be an integer, and the same number of the other one not. Numbers
/// with many digits may differ in the last one, because serde_json reads them with a small error.
fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            let both = one.as_f64().zip(other.as_f64());
            one == other
                || both.is_some_and(|(one, other)| (one - other).abs() <= one.abs() * 4.0 * f64::EPSILON)
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| one.0 == other.0 && equal(one.1, other.1))
        }
        (one, other) => one == other,
    }
}

fn count_fields(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(count_fields).sum(),
        Value::Object(fields) => fields.len() + fields.values().map(count_fields).sum::<usize>(),
        _ => 0,
    }
}

/// Properties of a valid JSON text, found without a parser.
struct Shape {
    depth: usize,
    fields: usize,
}

impl Shape {
    fn of(text: &[u8]) -> Shape {
        let mut shape = Shape { depth: 0, fields: 0 };
        let (mut open, mut in_string, mut escaped) = (0_usize, false, false);
        for byte in text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = !in_string,
                _ if in_string => {}
                b'[' | b'{' => {
                    open += 1;
                    shape.depth = shape.depth.max(open);
                }
                b']' | b'}' => open = open.saturating_sub(1),
                b':' => shape.fields += 1,
                _ => {}
            }
        }
        shape
    }
}
