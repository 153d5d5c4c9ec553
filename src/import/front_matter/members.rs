//! Members of front matter, taken one by one, so that those left over are the unused ones.
use serde_json::{Map, Value};

use super::FrontMatterError;

pub type Result<T> = std::result::Result<T, FrontMatterError>;

pub struct Members(Map<String, Value>);

impl Members {
    pub fn new(map: Map<String, Value>) -> Members {
        Members(map)
    }

    /// The first of the members that is there and not empty.
    pub fn take(&mut self, names: &[&str]) -> Option<(String, Value)> {
        let name = *names.iter().find(|name| self.0.get(**name).is_some_and(|value| !is_empty(value)))?;
        self.0.shift_remove(name).map(|value| (name.to_owned(), value))
    }

    /// A table; something else of that name is left where it is.
    pub fn table(&mut self, name: &str) -> Members {
        if !self.0.get(name).is_some_and(Value::is_object) {
            return Members(Map::new());
        }
        match self.0.shift_remove(name) {
            Some(Value::Object(map)) => Members(map),
            _ => Members(Map::new()),
        }
    }

    pub fn text(&mut self, names: &[&str]) -> Result<Option<String>> {
        let Some((name, value)) = self.take(names) else { return Ok(None) };
        match scalar(&value) {
            Some(text) => Ok(Some(text).filter(|text| !text.is_empty())),
            None => Err(FrontMatterError(format!("{name} is not text"))),
        }
    }

    /// Texts in a list, or one text. An entry may also be a table with a `name`.
    pub fn list(&mut self, names: &[&str], commas: bool) -> Result<Vec<String>> {
        let Some((name, value)) = self.take(names) else { return Ok(Vec::new()) };
        let wrong = || FrontMatterError(format!("{name} is not a list of texts"));
        let texts: Vec<String> = match value {
            Value::Array(entries) => entries.iter().map(named).collect::<Option<_>>().ok_or_else(wrong)?,
            one => {
                let text = named(&one).ok_or_else(wrong)?;
                if commas { text.split(',').map(|part| part.trim().to_owned()).collect() } else { vec![text] }
            }
        };
        Ok(texts.into_iter().filter(|text| !text.is_empty()).collect())
    }

    pub fn flag(&mut self, name: &str) -> Result<Option<bool>> {
        match self.take(&[name]) {
            None => Ok(None),
            Some((_, value)) => truth(&value)
                .map(Some)
                .ok_or_else(|| FrontMatterError(format!("{name} is neither true nor false"))),
        }
    }

    /// The names of what nobody took, below `prefix`.
    pub fn rest(self, prefix: &str) -> impl Iterator<Item = String> {
        self.0.into_iter().map(move |(name, _)| format!("{prefix}{name}"))
    }
}

pub fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Some(true),
            "false" | "no" | "off" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

pub fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        // A title such as 1984 is a number to TOML and YAML.
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn named(value: &Value) -> Option<String> {
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
