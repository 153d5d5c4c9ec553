//! Declares the settings of a section and reads their values.
use std::{collections::BTreeMap, fmt};

use toml::{Table, Value};

use super::value::SettingValue;

/// The source of a value. Later sources override earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Default,
    File,
    Environment,
    Flag,
}

/// A property of a setting. Declared in brackets after its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// The value is never printed.
    Secret,
    /// The entries named `authorization` of the table are never printed.
    SecretEntries,
    /// An empty value is an error and does not unset the setting: a webhook with an empty secret would accept
    /// requests of any sender.
    NonEmpty,
}

/// One setting: its key, its description, and the functions that read its value.
pub struct Setting {
    pub key: &'static str,
    pub description: &'static str,
    pub flags: &'static [Flag],
    pub default: fn() -> Option<Value>,
    pub from_text: fn(&str) -> Result<Value, String>,
    /// Returns the rule that a value violates.
    pub check: fn(Value) -> Result<(), String>,
}

/// The values of all settings with their sources.
#[derive(Clone, Default)]
pub struct Values(pub BTreeMap<&'static str, (Value, Source)>);

/// The values include secrets.
impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Values {
    /// Reads the value of a setting.
    pub fn read<T: SettingValue>(&self, key: &str) -> Result<T, String> {
        let value = match self.0.get(key) {
            Some((value, _)) => T::read(value.clone()),
            None => T::unset().ok_or_else(|| "must be set".to_owned()),
        };
        value.map_err(|rule| format!("{key}: {rule}"))
    }
}

impl Setting {
    pub fn has(&self, flag: Flag) -> bool {
        self.flags.contains(&flag)
    }

    /// Stores the value of a source. An empty string unsets an optional setting.
    ///
    /// # Errors
    ///
    /// The key and the violated rule.
    pub fn set(&self, values: &mut Values, value: Value, source: Source) -> Result<(), String> {
        let default = (self.default)();
        let is_empty = value.as_str().is_some_and(str::is_empty);
        if is_empty && default.is_none() && !self.has(Flag::NonEmpty) {
            values.0.remove(self.key);
            return Ok(());
        }
        (self.check)(value.clone()).map_err(|rule| format!("{}: {rule}", self.key))?;
        values.0.insert(self.key, (value, source));
        Ok(())
    }

    /// Stores the value of an environment variable or a flag.
    ///
    /// # Errors
    ///
    /// The key and the violated rule.
    pub fn set_text(&self, values: &mut Values, text: &str, source: Source) -> Result<(), String> {
        let value = match text.is_empty() && (self.default)().is_none() {
            true => Value::String(String::new()),
            false => (self.from_text)(text).map_err(|rule| format!("{}: {rule}", self.key))?,
        };
        self.set(values, value, source)
    }

    /// Returns the value as one line of TOML, without secrets.
    pub fn display(&self, value: &Value) -> String {
        match self.has(Flag::Secret) {
            true => "\"[hidden]\"".to_owned(),
            false => inline(value, self.has(Flag::SecretEntries)),
        }
    }
}

/// Formats a value as one line of TOML.
pub fn inline(value: &Value, hide_authorization: bool) -> String {
    let entry = |(key, value): (&String, &Value)| match hide_authorization && key == "authorization" {
        true => format!("{key} = \"[hidden]\""),
        false => format!("{key} = {}", inline(value, hide_authorization)),
    };
    match value {
        Value::Table(table) if table.is_empty() => "{}".to_owned(),
        Value::Table(table) => format!("{{ {} }}", table.iter().map(entry).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// Returns a table with these entries, in order.
pub fn table<const N: usize>(entries: [(&str, &str); N]) -> Table {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect()
}

/// Declares a section: a struct with one field for each setting, and the list of its settings.
///
/// The doc comment of a field is the description of the setting. Its type implements [`SettingValue`]. A
/// setting without a default has the type `Option`.
macro_rules! section {
    ($(#[doc = $about:literal])* $name:ident {
        $( $(#[doc = $doc:literal])+ $key:ident: $type:ty $([$($flag:ident),+])? $(= $default:expr)?; )+
    }) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone)]
        pub struct $name { $( $(#[doc = $doc])+ pub $key: $type, )+ }

        impl $name {
            pub(super) const SETTINGS: &[$crate::config::section::Setting] = &[$(
                $crate::config::section::Setting {
                    key: stringify!($key),
                    description: concat!($($doc),+).trim_ascii_start(),
                    flags: &[$($($crate::config::section::Flag::$flag),+)?],
                    default: || [$(toml::Value::from($default))?].into_iter().next(),
                    from_text: <$type as $crate::config::value::SettingValue>::from_text,
                    check: |value| <$type as $crate::config::value::SettingValue>::read(value).map(drop),
                }
            ),+];

            pub(super) fn read(values: &$crate::config::section::Values) -> Result<Self, String> {
                Ok($name { $( $key: values.read(stringify!($key))? ),+ })
            }
        }
    };
}
pub(super) use section;
