//! Reads a setting from a TOML value, and from the text of an environment variable or a flag.
use std::{net::SocketAddr, path::PathBuf};

use serde_json::Value as Json;
use toml::{Table, Value};

use crate::domain::secret::Secret;

/// The type of a setting.
///
/// Messages of strings, lists and tables do not contain the value, because it may be a secret.
pub trait SettingValue: Sized {
    /// Converts the text of an environment variable or a flag to the TOML value that it means.
    fn from_text(text: &str) -> Result<Value, String>;

    /// Validates a TOML value.
    ///
    /// # Errors
    ///
    /// The violated rule, as a text that begins with `must`.
    fn read(value: Value) -> Result<Self, String>;

    /// Returns the value of a setting that is not set, if the setting is optional.
    fn unset() -> Option<Self> {
        None
    }
}

/// Implements [`SettingValue`] with a rule that converts the value of another type.
macro_rules! rules {
    ($($type:ty: $base:ty => $rule:expr;)+) => {$(
        impl $crate::config::value::SettingValue for $type {
            fn from_text(text: &str) -> Result<toml::Value, String> {
                <$base>::from_text(text)
            }
            fn read(value: toml::Value) -> Result<Self, String> {
                let rule: fn($base) -> Result<Self, String> = $rule;
                rule(<$base>::read(value)?)
            }
        }
    )+};
}
pub(super) use rules;

impl SettingValue for String {
    fn from_text(text: &str) -> Result<Value, String> {
        Ok(Value::String(text.to_owned()))
    }
    fn read(value: Value) -> Result<Self, String> {
        match value {
            Value::String(text) => Ok(text),
            other => Err(format!("must be a string, not {}", kind(&other))),
        }
    }
}

impl SettingValue for bool {
    fn from_text(text: &str) -> Result<Value, String> {
        match text {
            "on" | "true" | "1" => Ok(Value::Boolean(true)),
            "off" | "false" | "0" => Ok(Value::Boolean(false)),
            other => Err(format!("must be on or off, got {other}")),
        }
    }
    fn read(value: Value) -> Result<Self, String> {
        value.as_bool().ok_or_else(|| format!("must be true or false, not {}", kind(&value)))
    }
}

impl SettingValue for i64 {
    fn from_text(text: &str) -> Result<Value, String> {
        text.parse().map(Value::Integer).map_err(|_| format!("must be a whole number, got {text}"))
    }
    fn read(value: Value) -> Result<Self, String> {
        value.as_integer().ok_or_else(|| format!("must be a whole number, not {}", kind(&value)))
    }
}

impl SettingValue for f64 {
    fn from_text(text: &str) -> Result<Value, String> {
        text.parse().map(Value::Float).map_err(|_| format!("must be a number, got {text}"))
    }
    fn read(value: Value) -> Result<Self, String> {
        match value {
            Value::Float(number) => Ok(number),
            Value::Integer(number) => Ok(number as f64),
            other => Err(format!("must be a number, not {}", kind(&other))),
        }
    }
}

impl SettingValue for Table {
    fn from_text(text: &str) -> Result<Value, String> {
        if text.is_empty() {
            return Ok(Value::Table(Table::new()));
        }
        let json = serde_json::from_str(text).ok().filter(Json::is_object);
        let value = json.and_then(|json| Value::try_from(json).ok());
        value.ok_or_else(|| "must be a JSON object, such as {\"name\": \"value\"}".to_owned())
    }
    fn read(value: Value) -> Result<Self, String> {
        match value {
            Value::Table(table) => Ok(table),
            other => Err(format!("must be a table, not {}", kind(&other))),
        }
    }
}

/// A list: an array in the file; a comma-separated list or a JSON array in a variable or a flag.
impl<T: SettingValue> SettingValue for Vec<T> {
    fn from_text(text: &str) -> Result<Value, String> {
        if text.starts_with('[') {
            let json = serde_json::from_str::<Vec<Json>>(text).ok();
            let values = json.and_then(|values| Value::try_from(values).ok());
            return values.ok_or_else(|| "must be a JSON array or a comma-separated list".to_owned());
        }
        let parts = text.split(',').map(str::trim).filter(|_| !text.is_empty());
        parts.map(T::from_text).collect::<Result<_, _>>().map(Value::Array)
    }
    fn read(value: Value) -> Result<Self, String> {
        match value {
            Value::Array(values) => values.into_iter().map(T::read).collect(),
            other => Err(format!("must be an array, not {}", kind(&other))),
        }
    }
}

impl<T: SettingValue> SettingValue for Option<T> {
    fn from_text(text: &str) -> Result<Value, String> {
        T::from_text(text)
    }
    fn read(value: Value) -> Result<Self, String> {
        T::read(value).map(Some)
    }
    fn unset() -> Option<Self> {
        Some(None)
    }
}

/// Any value, for types that accept several kinds. A text that is a valid integer becomes an integer.
impl SettingValue for Value {
    fn from_text(text: &str) -> Result<Value, String> {
        Ok(text.parse().map_or_else(|_| Value::String(text.to_owned()), Value::Integer))
    }
    fn read(value: Value) -> Result<Self, String> {
        Ok(value)
    }
}

rules! {
    PathBuf: String => |path| Ok(path.into());
    Secret<String>: String => |text| Ok(Secret::new(text));
    SocketAddr: String => |text| {
        text.parse().map_err(|_| format!("must be an address such as 127.0.0.1:8080, got {text}"))
    };
}

/// The kind of a value, for messages.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a string",
        Value::Integer(_) | Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "an array",
        Value::Table(_) => "a table",
    }
}
