//! The addresses from which API keys were used. The audit log has an entry for the first use from each. The only writer
//! of the
//! `api_key_addresses` table.
use std::sync::Arc;

use entity::{api_key, api_key_address};
use quick_cache::sync::Cache;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QuerySelect,
};
use uuid::Uuid;

use super::service::ApiKeys;
use crate::{
    domain::{audit::AuditAction, result_ext::ResultExt},
    infra::{
        audit_log::{NewEntry, Origin},
        db::Tx,
    },
};

/// Pairs of a key and an address in memory. A pair that is not in memory is looked up in the database.
const CAPACITY: usize = 10_000;

/// Addresses per key that are stored. The uses from further ones are not recorded.
const MAX_ADDRESSES: u64 = 100;

/// The pairs whose use needs no entry.
#[derive(Clone)]
pub struct KnownAddresses(Arc<Cache<(Uuid, Option<String>), ()>>);

impl Default for KnownAddresses {
    fn default() -> Self {
        KnownAddresses(Arc::new(Cache::new(CAPACITY)))
    }
}

impl ApiKeys {
    /// Returns whether the use of a key from an address is known to need no entry.
    pub fn is_recorded(&self, key: Uuid, address: Option<&str>) -> bool {
        self.addresses.0.get(&(key, address.map(str::to_owned))).is_some()
    }

    /// Records the use of a key from the address of the current request, if it is the first one.
    pub async fn record_address(&self, key: Uuid) {
        let address = Origin::current().address().map(str::to_owned);
        let recorded = self.record_new_address(key, address.clone().unwrap_or_default()).await;
        if recorded.ok_or_log("recording the first use of an API key").is_some() {
            self.addresses.0.insert((key, address), ());
        }
    }

    async fn record_new_address(&self, key: Uuid, address: String) -> Result<(), DbErr> {
        let now = self.clock.now();
        // Most requests that get here are the first ones of a process, or come from one of many addresses. They need no
        // write.
        if needs_no_entry(self.db.read(), key, &address).await? {
            return Ok(());
        }
        let row = api_key_address::Model { key_id: key, address };
        self.db
            .write(async move |tx: Tx| {
                // The lock serializes the first uses of a key, so that they cannot exceed the limit together.
                let lock = api_key::Entity::find_by_id(key).select_only().column(api_key::Column::Id);
                let found: Option<Uuid> = lock.lock_exclusive().into_tuple().one(&*tx).await?;
                if found.is_some() && !needs_no_entry(&*tx, key, &row.address).await? {
                    row.into_active_model().insert(&*tx).await?;
                    tx.record(NewEntry::new(AuditAction::KeyUsed, key, now));
                }
                Ok(())
            })
            .await
    }
}

/// Returns whether the address is stored for the key, or the key has as many addresses as it may have.
async fn needs_no_entry(connection: &impl ConnectionTrait, key: Uuid, address: &str) -> Result<bool, DbErr> {
    use api_key_address::Column;
    let of_key = api_key_address::Entity::find().filter(Column::KeyId.eq(key));
    let known = of_key.clone().filter(Column::Address.eq(address));
    Ok(known.count(connection).await? > 0 || of_key.count(connection).await? >= MAX_ADDRESSES)
}
