//! The settings of the last start. A start with other settings is recorded.
use std::collections::BTreeMap;

use entity::audit_setting;
use ring::hmac;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, Set, sea_query::OnConflict};

use super::service::Audit;
use crate::{
    config::{Config, SettingText},
    domain::audit::AuditAction,
    http::problem::{Error, Result},
    infra::{
        audit_log::{Changes, NewEntry},
        db::Tx,
    },
};

/// The key of the hashes of secret settings, so that a hash in the database does not help to guess a secret.
#[derive(Clone)]
pub struct SettingsKey(hmac::Key);

/// The prefix of the stored hash of a secret. No setting has a value with this form: values are TOML.
const HIDDEN: &str = "hmac ";

impl SettingsKey {
    pub fn new(secret: &[u8]) -> Self {
        SettingsKey(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// Returns the text that is stored for a setting.
    fn stored(&self, text: SettingText) -> String {
        match text {
            SettingText::Shown(text) => text,
            SettingText::Secret(text) => {
                let tag = hmac::sign(&self.0, text.expose().as_bytes());
                let digits: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
                format!("{HIDDEN}{digits}")
            }
        }
    }
}

impl Audit {
    /// Records the settings that differ from those of the last start, and stores the current ones. The first start of a
    /// database records nothing.
    pub async fn record_settings(&self, config: &Config) -> Result<()> {
        let current = config.audited_settings().into_iter();
        let current: BTreeMap<String, String> =
            current.map(|(name, text)| (name.to_owned(), self.settings_key.stored(text))).collect();
        let now = self.clock.now();
        self.db
            .write(async move |tx: Tx| {
                let rows = audit_setting::Entity::find().lock_exclusive().all(&*tx).await?;
                let stored: BTreeMap<String, String> =
                    rows.into_iter().map(|row| (row.name, row.value)).collect();
                if stored == current {
                    return Ok(());
                }
                if !stored.is_empty() {
                    tx.record(
                        NewEntry::new(AuditAction::SettingsChanged, "", now)
                            .with_changes(differences(&stored, &current)),
                    );
                }
                store(&tx, current).await
            })
            .await
    }
}

fn differences(stored: &BTreeMap<String, String>, current: &BTreeMap<String, String>) -> Changes {
    let mut changes = Changes::default();
    let mut names: Vec<&String> = stored.keys().chain(current.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let (from, to) = (stored.get(name), current.get(name));
        let shown = |value: Option<&String>| value.filter(|text| !text.starts_with(HIDDEN)).cloned();
        if from != to {
            changes.add(name, shown(from), shown(to));
        }
    }
    changes
}

async fn store(tx: &Tx, current: BTreeMap<String, String>) -> Result<()> {
    let removed = audit_setting::Column::Name.is_not_in(current.keys());
    audit_setting::Entity::delete_many().filter(removed).exec(&**tx).await?;
    let rows = current
        .into_iter()
        .map(|(name, value)| audit_setting::ActiveModel { name: Set(name), value: Set(value) });
    let replace = OnConflict::column(audit_setting::Column::Name)
        .update_column(audit_setting::Column::Value)
        .to_owned();
    audit_setting::Entity::insert_many(rows).on_conflict(replace).exec_without_returning(&**tx).await?;
    Ok::<_, Error>(())
}
