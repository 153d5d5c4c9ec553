//! Conversion of parameters from text to the type of their schema.
use serde_json::{Number, Value};

use super::{
    compile::Compiler,
    keywords::{Result, normalize_integer},
    pointer::InstancePath,
    validate::Validator,
    violation::{ErrorCode, Violation, excerpt},
};

/// The maximum length of a chain of references. A longer chain is assumed to be a cycle.
const MAX_REFERENCES: usize = 16;

/// The type of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ParamType {
    Text,
    Integer,
    Number,
    Boolean,
    List(Box<ParamType>),
}

impl ParamType {
    /// Determines the type of a parameter from its schema.
    pub fn from_schema(compiler: &Compiler<'_>, schema: &Value) -> Result<ParamType> {
        let name = match find(compiler, schema, "type", MAX_REFERENCES)? {
            Some(Value::String(name)) => name.as_str(),
            Some(Value::Array(names)) => {
                let mut names = names.iter().filter_map(Value::as_str).filter(|name| *name != "null");
                match (names.next(), names.next()) {
                    (Some(name), None) => name,
                    _ => return Err("a parameter must have exactly one type".into()),
                }
            }
            _ => return Err("a parameter must have a type".into()),
        };
        match name {
            "string" => Ok(ParamType::Text),
            "integer" => Ok(ParamType::Integer),
            "number" => Ok(ParamType::Number),
            "boolean" => Ok(ParamType::Boolean),
            "array" => {
                let items = find(compiler, schema, "items", MAX_REFERENCES)?;
                match ParamType::from_schema(compiler, items.ok_or("an array must have `items`")?)? {
                    ParamType::List(_) => Err("an array of arrays is not supported".into()),
                    kind => Ok(ParamType::List(Box::new(kind))),
                }
            }
            other => Err(format!("parameters of type `{other}` are not supported")),
        }
    }

    /// Returns the default of a schema.
    pub fn default_value(compiler: &Compiler<'_>, schema: &Value) -> Result<Option<Value>> {
        let default = find(compiler, schema, "default", MAX_REFERENCES)?;
        Ok(default.map(|value| {
            value.as_number().map_or_else(|| value.clone(), |number| Value::Number(normalize_integer(number)))
        }))
    }

    /// Parses `text`, or adds a violation.
    pub fn parse(&self, text: &str, at: &InstancePath<'_>, out: &mut Vec<Violation>) -> Option<Value> {
        let mut fail = |code, expected: &str| {
            Validator { out: &mut *out }
                .fail(at, code, || format!("must be {expected}, got \"{}\"", excerpt(text)));
            None
        };
        match self {
            ParamType::Text | ParamType::List(_) => Some(Value::String(text.to_owned())),
            ParamType::Boolean => match text {
                "true" => Some(Value::Bool(true)),
                "false" => Some(Value::Bool(false)),
                _ => fail(ErrorCode::Type, "true or false"),
            },
            ParamType::Integer if !is_integer(text) => fail(ErrorCode::Type, "an integer"),
            ParamType::Integer => match text.parse::<i64>().map(Number::from) {
                Ok(number) => Some(Value::Number(number)),
                Err(_) if text.starts_with('-') => fail(ErrorCode::TooSmall, "a 64-bit integer"),
                Err(_) => fail(ErrorCode::TooLarge, "a 64-bit integer"),
            },
            ParamType::Number if !is_number(text) => fail(ErrorCode::Type, "a number"),
            ParamType::Number => match text.parse::<f64>().ok().and_then(Number::from_f64) {
                Some(number) => Some(Value::Number(normalize_integer(&number))),
                None if text.starts_with('-') => fail(ErrorCode::TooSmall, "a 64-bit number"),
                None => fail(ErrorCode::TooLarge, "a 64-bit number"),
            },
        }
    }
}

/// Finds a keyword in a schema, in the schemas that it refers to and in its `allOf` and `anyOf` branches.
fn find<'v>(
    compiler: &Compiler<'v>,
    schema: &'v Value,
    keyword: &str,
    references: usize,
) -> Result<Option<&'v Value>> {
    if let Some(found) = schema.get(keyword) {
        return Ok(Some(found));
    }
    let references = references.checked_sub(1).ok_or("the chain of references is too long")?;
    if let Some(Value::String(reference)) = schema.get("$ref") {
        return find(compiler, compiler.resolve(reference)?, keyword, references);
    }
    for combination in ["allOf", "anyOf"] {
        for branch in schema.get(combination).and_then(Value::as_array).into_iter().flatten() {
            if branch.get("type").is_some_and(|name| name == "null") {
                continue;
            }
            if let Some(found) = find(compiler, branch, keyword, references)? {
                return Ok(Some(found));
            }
        }
    }
    Ok(None)
}

fn is_integer(text: &str) -> bool {
    match text.strip_prefix('-').unwrap_or(text).as_bytes() {
        [b'0'] => true,
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

/// Returns whether `text` is a number in JSON's grammar (RFC 8259, section 6).
fn is_number(text: &str) -> bool {
    let (mantissa, exponent) = text.split_once(['e', 'E']).map_or((text, None), |(m, e)| (m, Some(e)));
    let (integer, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(i, f)| (i, Some(f)));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_integer(integer)
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}
