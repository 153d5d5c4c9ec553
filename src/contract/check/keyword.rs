//! The keywords of a schema, read strictly.
use serde_json::{Number, Value};

use super::schema::{Numbers, Types};

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

/// Says something about a value, but does not constrain it.
pub(super) fn is_annotation(keyword: &str) -> bool {
    keyword.starts_with("x-") || ANNOTATIONS.contains(&keyword)
}

pub(super) fn as_text(value: &Value) -> Result<&str> {
    value.as_str().ok_or_else(|| format!("has to be a string, not {value}"))
}

pub(super) fn as_array(value: &Value) -> Result<&Vec<Value>> {
    value.as_array().ok_or_else(|| format!("has to be an array, not {value}"))
}

/// A whole number; a document may write it `200.0`.
pub(super) fn as_count(value: &Value) -> Result<u64> {
    let count = value.as_number().map(whole).and_then(|number| number.as_u64());
    count.ok_or_else(|| format!("has to be a whole number, not {value}"))
}

pub(super) fn types(value: &Value) -> Result<Types> {
    let mut types = Types::default();
    match value {
        Value::String(name) => types.add(name)?,
        Value::Array(names) => names.iter().try_for_each(|name| types.add(as_text(name)?))?,
        _ => {}
    }
    if types.is_empty() { Err(format!("names no type: {value}")) } else { Ok(types) }
}

pub(super) fn set_bound(numbers: &mut Numbers, keyword: &str, value: &Value) -> Result<()> {
    let number = value.as_number().ok_or_else(|| format!("has to be a number, not {value}"))?;
    let field = match keyword {
        "minimum" => &mut numbers.min,
        "maximum" => &mut numbers.max,
        "exclusiveMinimum" => &mut numbers.above,
        "exclusiveMaximum" => &mut numbers.below,
        _ if number.as_f64().is_some_and(|step| step <= 0.0) => return Err("has to be above 0".into()),
        _ => &mut numbers.multiple_of,
    };
    *field = Some(whole(number));
    Ok(())
}

/// `1.0` is the integer 1, also for what reads the value next (JSON Schema Core, 4.2.3).
pub(super) fn whole(number: &Number) -> Number {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && (-LIMIT..LIMIT).contains(&float) => {
            Number::from(float as i64)
        }
        _ => number.clone(),
    }
}
