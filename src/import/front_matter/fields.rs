//! The fields of front matter. Reading a field removes it, so that the remaining ones are the unused fields.
use serde_json::{Map, Value};

use super::FrontMatterError;

pub type Result<T> = std::result::Result<T, FrontMatterError>;

pub struct Fields(Map<String, Value>);

impl Fields {
    pub fn new(map: Map<String, Value>) -> Fields {
        Fields(map)
    }

    /// Removes and returns the first of these fields that is present and not empty.
    pub fn take(&mut self, names: &[&str]) -> Option<(String, Value)> {
        let name = *names.iter().find(|name| self.0.get(**name).is_some_and(|value| !is_empty(value)))?;
        self.0.shift_remove(name).map(|value| (name.to_owned(), value))
    }

    /// Removes and returns a table. A field of another type is not removed.
    pub fn table(&mut self, name: &str) -> Fields {
        if !self.0.get(name).is_some_and(Value::is_object) {
            return Fields(Map::new());
        }
        match self.0.shift_remove(name) {
            Some(Value::Object(map)) => Fields(map),
            _ => Fields(Map::new()),
        }
    }

    /// Removes and returns a text field.
    pub fn text(&mut self, names: &[&str]) -> Result<Option<String>> {
        let Some((name, value)) = self.take(names) else { return Ok(None) };
        match scalar(&value) {
            Some(text) => Ok(Some(text).filter(|text| !text.is_empty())),
            None => Err(FrontMatterError(format!("{name}: must be text"))),
        }
    }

    /// Removes and returns a list of texts, or one text, which is split at commas if `split` is true. An
    /// entry may also be a table with a `name`.
    pub fn list(&mut self, names: &[&str], split: bool) -> Result<Vec<String>> {
        let Some((name, value)) = self.take(names) else { return Ok(Vec::new()) };
        let error = || FrontMatterError(format!("{name}: must be text or a list of texts"));
        let texts: Vec<String> = match value {
            Value::Array(entries) => entries.iter().map(name_of).collect::<Option<_>>().ok_or_else(error)?,
            one => {
                let text = name_of(&one).ok_or_else(error)?;
                if split { text.split(',').map(|part| part.trim().to_owned()).collect() } else { vec![text] }
            }
        };
        Ok(texts.into_iter().filter(|text| !text.is_empty()).collect())
    }

    /// Removes and returns a boolean field.
    pub fn flag(&mut self, name: &str) -> Result<Option<bool>> {
        match self.take(&[name]) {
            None => Ok(None),
            Some((_, value)) => boolean(&value)
                .map(Some)
                .ok_or_else(|| FrontMatterError(format!("{name}: must be true or false"))),
        }
    }

    /// Returns the names of the remaining fields, each with a prefix.
    pub fn unused(self, prefix: &str) -> impl Iterator<Item = String> {
        self.0.into_iter().map(move |(name, _)| format!("{prefix}{name}"))
    }
}

/// Parses a boolean. In addition to `true` and `false`, accepts the texts `yes`, `on`, `no` and `off`.
pub fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Some(true),
            "false" | "no" | "off" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// Returns a text or a number as trimmed text.
pub fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        // TOML and YAML parse a title such as 1984 as a number.
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn name_of(value: &Value) -> Option<String> {
    match value {
        Value::Object(map) => map.get("name").and_then(scalar),
        other => scalar(other),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        _ => false,
    }
}
