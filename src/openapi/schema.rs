//! Converts schemas of poem-openapi, in its variant of OpenAPI 3.0, to OpenAPI 3.1.
use serde_json::{Map, Value, json};

/// Converts a schema and all schemas in it.
pub fn convert(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = object.get_mut(key) {
            convert(inner);
        }
    }
    for key in ["allOf", "anyOf", "oneOf"] {
        if let Some(Value::Array(inner)) = object.get_mut(key) {
            inner.iter_mut().for_each(convert);
        }
    }
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        properties.values_mut().for_each(convert);
    }
    object.remove("title");
    unwrap_reference(object);
    convert_bounds(object);
    convert_integers(object);
    add_defaults(object);
    forbid_additional_properties(object);
    convert_nullable(object);
}

/// Unwraps a reference with a description. poem-openapi writes both into `allOf`, and the description also
/// beside it. In OpenAPI 3.1, a reference may have siblings.
fn unwrap_reference(object: &mut Map<String, Value>) {
    let Some(Value::Array(parts)) = object.get("allOf") else { return };
    let Some(reference) = parts.first().and_then(|part| part.get("$ref")).cloned() else { return };
    if parts.len() != 2 {
        return;
    }
    object.remove("allOf");
    let siblings = std::mem::take(object);
    object.insert("$ref".into(), reference);
    object.extend(siblings);
}

/// Converts exclusive bounds from booleans to numbers, and bounds without a fraction from floats to integers.
fn convert_bounds(object: &mut Map<String, Value>) {
    for (flag, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        match object.get(flag) {
            Some(Value::Bool(true)) => {
                if let Some(value) = object.remove(bound) {
                    object.insert(flag.into(), value);
                }
            }
            Some(Value::Bool(false)) => {
                object.remove(flag);
            }
            _ => {}
        }
    }
    for key in ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"] {
        let integer =
            object.get(key).and_then(Value::as_f64).filter(|n| n.fract() == 0.0 && n.abs() < 9.1e15);
        if let Some(integer) = integer {
            object.insert(key.into(), json!(integer as i64));
        }
    }
}

/// Replaces unsigned formats, which are not in the OpenAPI format registry: the format states the width, the
/// bounds exclude negative numbers.
fn convert_integers(object: &mut Map<String, Value>) {
    if object.get("type") != Some(&json!("integer")) {
        return;
    }
    // 2^53 - 1 is the largest integer that JavaScript represents exactly (RFC 8259, section 6).
    let (format, low, high) = match object.get("format").and_then(Value::as_str) {
        Some("uint8") => ("int32", 0, 255),
        Some("uint16") => ("int32", 0, 65_535),
        Some("uint32") => ("int32", 0, i64::from(i32::MAX)),
        Some("uint64") => ("int64", 0, 9_007_199_254_740_991),
        Some("int64") => ("int64", -9_007_199_254_740_991, 9_007_199_254_740_991),
        _ => ("int32", i64::from(i32::MIN), i64::from(i32::MAX)),
    };
    object.insert("format".into(), json!(format));
    object.entry("minimum").or_insert(json!(low));
    object.entry("maximum").or_insert(json!(high));
}

fn add_defaults(object: &mut Map<String, Value>) {
    let kind = object.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    if kind == "string" && object.contains_key("maxLength") {
        object.entry("minLength").or_insert(json!(0));
    }
    if kind == "array" {
        object.entry("minItems").or_insert(json!(0));
    }
    if object.get("deprecated") == Some(&json!(false)) {
        object.remove("deprecated");
    }
}

/// Forbids additional properties, so that a misspelled field is reported.
fn forbid_additional_properties(object: &mut Map<String, Value>) {
    if object.get("type") != Some(&json!("object")) {
        return;
    }
    if object.contains_key("oneOf") {
        object.remove("type");
    } else {
        object.entry("additionalProperties").or_insert(json!(false));
    }
}

/// Converts `nullable` to the type `null`: in a list of types, or in `anyOf` beside a reference.
fn convert_nullable(object: &mut Map<String, Value>) {
    if object.remove("nullable") != Some(json!(true)) {
        return;
    }
    if let Some(Value::String(kind)) = object.get("type").cloned() {
        object.insert("type".into(), json!([kind, "null"]));
        if let Some(Value::Array(values)) = object.get_mut("enum") {
            values.push(Value::Null);
        }
    } else if let Some(reference) = object.remove("$ref") {
        object.insert("anyOf".into(), json!([{ "$ref": reference }, { "type": "null" }]));
    }
}
