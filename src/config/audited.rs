//! The settings as the audit log compares them between starts.
use super::{
    Config,
    section::{Flag, inline},
    settings,
};
use crate::domain::secret::Secret;

/// The value of a setting.
#[derive(Debug, Clone)]
pub enum SettingText {
    /// A value that may be stored.
    Shown(String),
    /// A value that contains a secret. Only a keyed hash of it may be stored.
    Secret(Secret<String>),
}

impl Config {
    /// Returns the settings that are set, with their values as one line of TOML.
    pub fn audited_settings(&self) -> Vec<(&'static str, SettingText)> {
        let text = |setting: &'static super::section::Setting| {
            let (value, _) = self.values.0.get(setting.key)?;
            let is_secret = setting.has(Flag::Secret) || setting.has(Flag::SecretEntries);
            Some((
                setting.key,
                match is_secret {
                    true => SettingText::Secret(Secret::new(inline(value, false))),
                    false => SettingText::Shown(setting.display(value)),
                },
            ))
        };
        settings().filter_map(text).collect()
    }
}
