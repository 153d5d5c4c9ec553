//! Strict JSON parsing (RFC 8259) with the rules of I-JSON (RFC 7493): input that parsers could
//! interpret differently, such as duplicate field names, is rejected.
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value, error::Category, map::Entry};

use super::{
    keywords::normalize_integer,
    pointer::push_token,
    violation::{ErrorCode, Location, Violation},
};

/// The maximum nesting of arrays and objects.
pub const MAX_DEPTH: usize = 64;

/// An error of [`parse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonError {
    /// The input is empty.
    Empty,
    Invalid(Violation),
}

/// Parses one JSON text. A number without a fraction, such as `1.0`, is returned as an integer.
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    if bytes.is_empty() {
        return Err(JsonError::Empty);
    }
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        return Err(at_root(ErrorCode::Encoding, "must not begin with a byte order mark".into()));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let message = format!("must be UTF-8: invalid byte at offset {}", error.valid_up_to());
        at_root(ErrorCode::Encoding, message)
    })?;
    let mut rejection = None;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = StrictVisitor { depth: 0, rejection: &mut rejection }.deserialize(&mut deserializer);
    match parsed.and_then(|value| deserializer.end().map(|()| value)) {
        Ok(value) => Ok(value),
        Err(error) => Err(match rejection {
            Some(rejection) => rejection.into_error(),
            None => at_root(ErrorCode::Malformed, syntax_message(&error)),
        }),
    }
}

fn at_root(code: ErrorCode, message: String) -> JsonError {
    JsonError::Invalid(Violation::new(Location::body(), code, message))
}

/// Returns the message for invalid JSON. serde_json has no category for numbers out of range, so their error
/// is detected by its text.
fn syntax_message(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    if error.classify() == Category::Eof {
        "must be valid JSON: unexpected end of input".into()
    } else if error.to_string().starts_with("number out of range") {
        format!("must be valid JSON: number out of range at line {line}, column {column}")
    } else {
        format!("must be valid JSON: syntax error at line {line}, column {column}")
    }
}

/// A violation of a rule beyond JSON's grammar. An error of serde contains text only, so the visitors store
/// the violation separately.
struct Rejection {
    code: ErrorCode,
    message: String,
    /// The tokens of the path, innermost first. They are added while the visitors return.
    path: Vec<String>,
}

impl Rejection {
    fn into_error(self) -> JsonError {
        let mut pointer = "#".to_owned();
        self.path.iter().rev().for_each(|token| push_token(&mut pointer, token));
        JsonError::Invalid(Violation::new(Location::Pointer(pointer), self.code, self.message))
    }
}

struct StrictVisitor<'r> {
    depth: usize,
    rejection: &'r mut Option<Rejection>,
}

impl StrictVisitor<'_> {
    fn child(&mut self) -> StrictVisitor<'_> {
        StrictVisitor { depth: self.depth + 1, rejection: self.rejection }
    }

    fn reject<E: serde::de::Error>(&mut self, code: ErrorCode, message: String, path: Vec<String>) -> E {
        *self.rejection = Some(Rejection { code, message, path });
        E::custom(code.as_str())
    }

    fn enter<E: serde::de::Error>(&mut self) -> Result<(), E> {
        if self.depth < MAX_DEPTH {
            return Ok(());
        }
        Err(self.reject(
            ErrorCode::TooDeep,
            format!("must have at most {MAX_DEPTH} levels of nesting"),
            Vec::new(),
        ))
    }

    fn with_token<T, E>(&mut self, result: Result<T, E>, token: impl FnOnce() -> String) -> Result<T, E> {
        if let (Err(_), Some(rejection)) = (&result, self.rejection.as_mut()) {
            rejection.path.push(token());
        }
        result
    }
}

impl<'de> DeserializeSeed<'de> for StrictVisitor<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StrictVisitor<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("number out of range"))?;
        Ok(Value::Number(normalize_integer(&number)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut from: A) -> Result<Value, A::Error> {
        self.enter()?;
        let mut items = Vec::new();
        loop {
            let item = from.next_element_seed(self.child());
            match self.with_token(item, || items.len().to_string())? {
                Some(item) => items.push(item),
                None => return Ok(Value::Array(items)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut from: A) -> Result<Value, A::Error> {
        self.enter()?;
        let mut fields = Map::new();
        while let Some(name) = from.next_key::<String>()? {
            match fields.entry(name) {
                Entry::Vacant(vacant) => {
                    let value = from.next_value_seed(self.child());
                    let value = self.with_token(value, || vacant.key().clone())?;
                    vacant.insert(value);
                }
                Entry::Occupied(existing) => {
                    let message = "is a duplicate field: remove one".to_owned();
                    return Err(self.reject(ErrorCode::Duplicate, message, vec![existing.key().clone()]));
                }
            }
        }
        Ok(Value::Object(fields))
    }
}
