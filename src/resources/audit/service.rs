//! Audit service: queries and retention of the audit log. `infra/audit_log` writes it.
use entity::audit_entry;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::{
    settings::SettingsKey,
    types::{AuditEntry, AuditQuery},
};
use crate::{
    config::AuditConfig,
    http::{
        cursor::{CursorKey, PageQuery, SortKey, SortValue},
        pagination::Page,
        problem::Result,
    },
    infra::{audit_log::AuthFailures, clock::Clock, db::Db},
};

const DAY: i64 = 24 * 60 * 60 * 1000;

#[derive(Clone)]
pub struct Audit {
    pub(super) db: Db,
    pub(super) clock: Clock,
    cursors: CursorKey,
    pub(super) config: AuditConfig,
    pub(super) settings_key: SettingsKey,
    failures: AuthFailures,
}

impl Audit {
    pub fn new(
        cursors: CursorKey,
        config: AuditConfig,
        settings_key: SettingsKey,
        failures: AuthFailures,
    ) -> Self {
        let (db, clock) = (failures.db.clone(), failures.clock.clone());
        Audit { db, clock, cursors, config, settings_key, failures }
    }

    pub async fn list(&self, query: &AuditQuery) -> Result<Page<AuditEntry>> {
        let AuditQuery { paging, account, action, resource_id, request_id, from, before } = query;
        let mut find = audit_entry::Entity::find();
        if let Some(account) = account {
            find = find.filter(audit_entry::Column::Account.eq(account.0));
        }
        if let Some(action) = action {
            find = find.filter(audit_entry::Column::Action.eq(action.as_str()));
        }
        if let Some(id) = resource_id {
            find = find.filter(audit_entry::Column::ResourceId.eq(id.as_str()));
        }
        if let Some(id) = request_id {
            find = find.filter(audit_entry::Column::RequestId.eq(id.as_str()));
        }
        if let Some(from) = from {
            find = find.filter(audit_entry::Column::At.gte(from.0));
        }
        if let Some(before) = before {
            find = find.filter(audit_entry::Column::At.lt(before.0));
        }
        let slice = PageQuery {
            cursor_key: &self.cursors,
            list_id: format!(
                "audit {account:?} {action:?} {resource_id:?} {request_id:?} {from:?} {before:?}"
            ),
            order: vec![
                SortKey::descending(audit_entry::Column::At),
                SortKey::descending(audit_entry::Column::Position),
            ],
            params: paging,
        };
        let position =
            |row: &audit_entry::Model| vec![SortValue::Number(row.at), SortValue::Number(row.position)];
        let (rows, pagination) = slice.fetch(self.db.read(), find, |find| find, position).await?;
        Ok(Page { data: rows.into_iter().map(AuditEntry::from).collect(), pagination })
    }

    /// Deletes the entries whose retention time has ended.
    pub async fn delete_expired(&self) -> Result<()> {
        let days = i64::from(self.config.audit_retention_days.0);
        self.db.delete_audit_entries_before(self.clock.now() - days * DAY).await?;
        Ok(())
    }

    /// Writes the failed authentications that were counted in a minute that has ended; with `all`, also those of the
    /// current minute.
    pub async fn flush_failures(&self, all: bool) {
        self.failures.flush(all).await;
    }
}
