//! Strict parsing of schema keywords.
use serde_json::{Number, Value};

use super::node::{NumberRules, Types};

pub(super) type Result<T> = std::result::Result<T, String>;

const ANNOTATIONS: &[&str] = &[
    "title",
    "description",
    "example",
    "examples",
    "default",
    "deprecated",
    "contentMediaType",
    "contentEncoding",
    "readOnly",
    "writeOnly",
    "externalDocs",
];

/// Returns whether a keyword does not constrain the value.
pub(super) fn is_annotation(keyword: &str) -> bool {
    keyword.starts_with("x-") || ANNOTATIONS.contains(&keyword)
}

pub(super) fn as_text(value: &Value) -> Result<&str> {
    value.as_str().ok_or_else(|| format!("must be a string, got {value}"))
}

pub(super) fn as_array(value: &Value) -> Result<&Vec<Value>> {
    value.as_array().ok_or_else(|| format!("must be an array, got {value}"))
}

/// Parses a non-negative integer, also in the form `200.0`.
pub(super) fn as_count(value: &Value) -> Result<u64> {
    let count = value.as_number().map(normalize_integer).and_then(|number| number.as_u64());
    count.ok_or_else(|| format!("must be a non-negative integer, got {value}"))
}

pub(super) fn types(value: &Value) -> Result<Types> {
    let mut types = Types::default();
    match value {
        Value::String(name) => types.add(name)?,
        Value::Array(names) => names.iter().try_for_each(|name| types.add(as_text(name)?))?,
        _ => {}
    }
    if types.is_empty() { Err(format!("must be a type or a list of types, got {value}")) } else { Ok(types) }
}

/// Sets the rule of a bound, or of `multipleOf`.
pub(super) fn set_bound(rules: &mut NumberRules, keyword: &str, value: &Value) -> Result<()> {
    let number = value.as_number().ok_or_else(|| format!("must be a number, got {value}"))?;
    let bound = match keyword {
        "minimum" => &mut rules.min,
        "maximum" => &mut rules.max,
        "exclusiveMinimum" => &mut rules.exclusive_min,
        "exclusiveMaximum" => &mut rules.exclusive_max,
        _ if number.as_f64().is_some_and(|step| step <= 0.0) => return Err("must be more than 0".into()),
        _ => &mut rules.multiple_of,
    };
    *bound = Some(normalize_integer(number));
    Ok(())
}

/// Converts a float without a fraction, such as `1.0`, to an integer (JSON Schema Core, section 4.2.3). Types
/// that parse the value later expect an integer.
pub(super) fn normalize_integer(number: &Number) -> Number {
    // 2^63, the smallest float greater than `i64::MAX`.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && (-LIMIT..LIMIT).contains(&float) => {
            Number::from(float as i64)
        }
        _ => number.clone(),
    }
}
