//! The text of a parameter turned into a value of its schema's type.
use serde_json::{Number, Value};

use super::{
    compile::Compiler,
    keyword::{Result, whole},
    place::At,
    violation::{ErrorCode, Violation},
    walk::Walk,
};

/// A longer chain of references has no end.
const MAX_REFERENCES: usize = 16;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Text,
    Integer,
    Number,
    Boolean,
    List(Box<Kind>),
}

impl Kind {
    pub fn of(compiler: &Compiler<'_>, schema: &Value) -> Result<Kind> {
        let name = match find(compiler, schema, "type", MAX_REFERENCES)? {
            Some(Value::String(name)) => name.as_str(),
            Some(Value::Array(names)) => {
                let mut names = names.iter().filter_map(Value::as_str).filter(|name| *name != "null");
                match (names.next(), names.next()) {
                    (Some(name), None) => name,
                    _ => return Err("a parameter has to have one type".into()),
                }
            }
            _ => return Err("a parameter has to have a type".into()),
        };
        match name {
            "string" => Ok(Kind::Text),
            "integer" => Ok(Kind::Integer),
            "number" => Ok(Kind::Number),
            "boolean" => Ok(Kind::Boolean),
            "array" => {
                let items = find(compiler, schema, "items", MAX_REFERENCES)?;
                match Kind::of(compiler, items.ok_or("an array has to say what its items are")?)? {
                    Kind::List(_) => Err("an array of arrays cannot be a parameter".into()),
                    kind => Ok(Kind::List(Box::new(kind))),
                }
            }
            other => Err(format!("a value of type `{other}` cannot be a parameter")),
        }
    }

    pub fn default_of(compiler: &Compiler<'_>, schema: &Value) -> Result<Option<Value>> {
        let default = find(compiler, schema, "default", MAX_REFERENCES)?;
        Ok(default.map(|value| {
            value.as_number().map_or_else(|| value.clone(), |number| Value::Number(whole(number)))
        }))
    }

    /// Says itself what is wrong with a text that is not of this kind.
    pub fn read(&self, text: &str, at: &At<'_>, out: &mut Vec<Violation>) -> Option<Value> {
        let mut fail = |code, message: &str| {
            Walk { out: &mut *out }.fail(at, code, || message.to_owned());
            None
        };
        match self {
            Kind::Text | Kind::List(_) => Some(Value::String(text.to_owned())),
            Kind::Boolean => match text {
                "true" => Some(Value::Bool(true)),
                "false" => Some(Value::Bool(false)),
                _ => fail(ErrorCode::Type, "must be true or false"),
            },
            Kind::Integer if !is_integer(text) => fail(ErrorCode::Type, "must be an integer"),
            Kind::Integer => match text.parse::<i64>().map(Number::from) {
                Ok(number) => Some(Value::Number(number)),
                Err(_) if text.starts_with('-') => fail(ErrorCode::TooSmall, "must be an integer of 64 bits"),
                Err(_) => fail(ErrorCode::TooLarge, "must be an integer of 64 bits"),
            },
            Kind::Number if !is_number(text) => fail(ErrorCode::Type, "must be a number"),
            Kind::Number => match text.parse::<f64>().ok().and_then(Number::from_f64) {
                Some(number) => Some(Value::Number(whole(&number))),
                None if text.starts_with('-') => fail(ErrorCode::TooSmall, "must be a number of 64 bits"),
                None => fail(ErrorCode::TooLarge, "must be a number of 64 bits"),
            },
        }
    }
}

/// A keyword of a schema, also where a reference or a combination hides it.
fn find<'v>(
    compiler: &Compiler<'v>,
    schema: &'v Value,
    keyword: &str,
    references: usize,
) -> Result<Option<&'v Value>> {
    if let Some(found) = schema.get(keyword) {
        return Ok(Some(found));
    }
    let references = references.checked_sub(1).ok_or("its references have no end")?;
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

/// JSON's grammar of numbers.
fn is_number(text: &str) -> bool {
    let (mantissa, exponent) = text.split_once(['e', 'E']).map_or((text, None), |(m, e)| (m, Some(e)));
    let (integer, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(i, f)| (i, Some(f)));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_integer(integer)
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}
