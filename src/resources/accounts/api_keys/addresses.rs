//! The addresses from which API keys were used. The audit log has an entry for the first use from each.
use std::sync::Arc;

use quick_cache::sync::Cache;
use sea_orm::DbErr;
use uuid::Uuid;

use super::service::ApiKeys;
use crate::{
    domain::{audit::AuditAction, result_ext::ResultExt},
    infra::{
        audit_log::{NewEntry, Origin},
        db::Tx,
    },
};

/// Pairs of a key and an address in memory. A pair that is not in memory is looked up in the audit log.
const CAPACITY: usize = 10_000;

/// The pairs that are known to have an entry.
#[derive(Clone)]
pub struct KnownAddresses(Arc<Cache<(Uuid, Option<String>), ()>>);

impl Default for KnownAddresses {
    fn default() -> Self {
        KnownAddresses(Arc::new(Cache::new(CAPACITY)))
    }
}

impl ApiKeys {
    /// Returns whether the first use of a key from an address is known to be recorded.
    pub fn is_recorded(&self, key: Uuid, address: Option<&str>) -> bool {
        self.addresses.0.get(&(key, address.map(str::to_owned))).is_some()
    }

    /// Records the use of a key from the address of the current request, if it is the first one in the audit log.
    pub async fn record_address(&self, key: Uuid) {
        let (address, now) = (Origin::current().address().map(str::to_owned), self.clock.now());
        let pair = (key, address.clone());
        let recorded = self.db.write(async move |tx: Tx| {
            let (id, address) = (key.to_string(), address.as_deref());
            if !tx.is_recorded(AuditAction::KeyUsed, &id, address).await? {
                tx.record(NewEntry::new(AuditAction::KeyUsed, id, now));
            }
            Ok::<_, DbErr>(())
        });
        if recorded.await.ok_or_log("recording the first use of an API key").is_some() {
            self.addresses.0.insert(pair, ());
        }
    }
}
