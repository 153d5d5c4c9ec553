//! JSON read strictly (RFC 8259, I-JSON's rule on names): what two readers could take for two things is
//! refused.
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value, error::Category, map::Entry};

use super::{
    keyword::whole,
    place::push_token,
    violation::{ErrorCode, Place, Violation},
};

/// How deep arrays and objects may stand in each other.
pub const MAX_DEPTH: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonError {
    /// There is no body at all.
    Empty,
    Invalid(Violation),
}

/// Reads one JSON text; an integer written `1.0` is handed on as an integer.
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    if bytes.is_empty() {
        return Err(JsonError::Empty);
    }
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        return Err(whole_body(ErrorCode::Encoding, "must not begin with a byte order mark".into()));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let message = format!("must be UTF-8; the byte at offset {} is not", error.valid_up_to());
        whole_body(ErrorCode::Encoding, message)
    })?;
    let mut refusal = None;
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = Strict { depth: 0, refusal: &mut refusal }.deserialize(&mut reader);
    match read.and_then(|value| reader.end().map(|()| value)) {
        Ok(value) => Ok(value),
        Err(error) => Err(match refusal {
            Some(refusal) => refusal.into_error(),
            None => whole_body(ErrorCode::Malformed, mistake(&error)),
        }),
    }
}

fn whole_body(code: ErrorCode, message: String) -> JsonError {
    JsonError::Invalid(Violation::new(Place::Pointer("#".into()), code, message))
}

fn mistake(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    if error.classify() == Category::Eof {
        "must be JSON; it ends before its value is complete".into()
    } else if error.to_string().starts_with("number out of range") {
        format!("must be JSON; the number at line {line}, column {column} is out of range")
    } else {
        format!("must be JSON; it goes wrong at line {line}, column {column}")
    }
}

/// A rule of ours that was broken; serde's errors carry text only, so it travels beside them.
struct Refusal {
    code: ErrorCode,
    message: String,
    /// Innermost first, gathered on the way out.
    path: Vec<String>,
}

impl Refusal {
    fn into_error(self) -> JsonError {
        let mut pointer = "#".to_owned();
        self.path.iter().rev().for_each(|token| push_token(&mut pointer, token));
        JsonError::Invalid(Violation::new(Place::Pointer(pointer), self.code, self.message))
    }
}

struct Strict<'r> {
    depth: usize,
    refusal: &'r mut Option<Refusal>,
}

impl Strict<'_> {
    fn below(&mut self) -> Strict<'_> {
        Strict { depth: self.depth + 1, refusal: self.refusal }
    }

    fn refuse<E: serde::de::Error>(&mut self, code: ErrorCode, message: String, path: Vec<String>) -> E {
        *self.refusal = Some(Refusal { code, message, path });
        E::custom(code.as_str())
    }

    fn enter<E: serde::de::Error>(&mut self) -> Result<(), E> {
        if self.depth < MAX_DEPTH {
            return Ok(());
        }
        Err(self.refuse(
            ErrorCode::TooDeep,
            format!("must not be nested deeper than {MAX_DEPTH} levels"),
            Vec::new(),
        ))
    }

    fn on_the_way_out<T, E>(&mut self, read: Result<T, E>, token: impl FnOnce() -> String) -> Result<T, E> {
        if let (Err(_), Some(refusal)) = (&read, self.refusal.as_mut()) {
            refusal.path.push(token());
        }
        read
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
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
        let number = Number::from_f64(value).ok_or_else(|| E::custom("a number out of range"))?;
        Ok(Value::Number(whole(&number)))
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
            let item = from.next_element_seed(self.below());
            match self.on_the_way_out(item, || items.len().to_string())? {
                Some(item) => items.push(item),
                None => return Ok(Value::Array(items)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut from: A) -> Result<Value, A::Error> {
        self.enter()?;
        let mut members = Map::new();
        while let Some(name) = from.next_key::<String>()? {
            match members.entry(name) {
                Entry::Vacant(vacant) => {
                    let value = from.next_value_seed(self.below());
                    let value = self.on_the_way_out(value, || vacant.key().clone())?;
                    vacant.insert(value);
                }
                Entry::Occupied(taken) => {
                    let message = "stands twice in its object; leave one out".to_owned();
                    return Err(self.refuse(ErrorCode::Duplicate, message, vec![taken.key().clone()]));
                }
            }
        }
        Ok(Value::Object(members))
    }
}
