//! `Idempotency-Key`: one key, one effect.
//!
//! The response of a create is stored in the transaction that creates the resource. A retry therefore gets
//! the first response again, even if the process crashed between the commit and the response.
use std::future::Future;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use entity::idempotency_key;
use ring::digest;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Unchanged, ColumnTrait, EntityTrait, QueryFilter, Set,
    sea_query::OnConflict,
};

use super::{
    problem::{Error, Result},
    response::Resource,
};
use crate::infra::db::{Db, Tx};

/// How long a key and its response are stored, in milliseconds.
pub const RETENTION_MS: i64 = 24 * 60 * 60 * 1000;

/// A create request with an `Idempotency-Key`.
#[derive(Debug, Clone)]
pub struct IdempotentRequest {
    /// Hash of caller, operation and key, so that equal keys of two clients do not collide.
    pub scope: String,
    /// Hash of the body, keyed with the idempotency key.
    pub fingerprint: String,
    /// The time of the request, in milliseconds since the Unix epoch.
    pub now: i64,
}

impl IdempotentRequest {
    pub fn new(caller: &str, operation: &str, key: &str, body: &[u8], now: i64) -> Self {
        let hash = |parts: &[&[u8]]| {
            let mut context = digest::Context::new(&digest::SHA256);
            for part in parts {
                context.update(&(part.len() as u64).to_be_bytes());
                context.update(part);
            }
            URL_SAFE_NO_PAD.encode(context.finish())
        };
        let scope = hash(&[caller.as_bytes(), operation.as_bytes(), key.as_bytes()]);
        // A body may contain a password. The hash includes the key, which is not stored, so that a leaked
        // fingerprint cannot be brute-forced offline.
        IdempotentRequest { scope, fingerprint: hash(&[key.as_bytes(), body]), now }
    }

    /// Returns the request with the digest of a streamed body added to its fingerprint.
    pub fn with_body_digest(mut self, digest: &[u8]) -> Self {
        self.fingerprint = URL_SAFE_NO_PAD
            .encode(digest::digest(&digest::SHA256, &[self.fingerprint.as_bytes(), digest].concat()));
        self
    }

    /// Inserts the key, or returns the response that is stored under it.
    ///
    /// A concurrent transaction with the same key blocks on the insert until the first one commits or rolls
    /// back. It then replays the stored response or creates the resource itself.
    async fn claim(&self, tx: &Tx) -> Result<Option<StoredResponse>> {
        idempotency_key::Entity::delete_many()
            .filter(idempotency_key::Column::Scope.eq(&self.scope))
            .filter(idempotency_key::Column::ExpiresAt.lte(self.now))
            .exec(&**tx)
            .await?;
        let row = idempotency_key::ActiveModel {
            scope: Set(self.scope.clone()),
            fingerprint: Set(self.fingerprint.clone()),
            status: Set(201),
            location: Set(None),
            etag: Set(None),
            body: Set(String::new()),
            created_at: Set(self.now),
            expires_at: Set(self.now + RETENTION_MS),
        };
        let claimed = idempotency_key::Entity::insert(row)
            .on_conflict(OnConflict::column(idempotency_key::Column::Scope).do_nothing().to_owned())
            .exec_without_returning(&**tx)
            .await?;
        if claimed > 0 {
            return Ok(None);
        }
        let row = idempotency_key::Entity::find_by_id(self.scope.clone()).one(&**tx).await?;
        let row = row.ok_or(Error::IdempotencyKeyInUse)?;
        if row.fingerprint != self.fingerprint {
            return Err(Error::IdempotencyKeyReused);
        }
        let (etag, location) = (row.etag.unwrap_or_default(), row.location.unwrap_or_default());
        let status = u16::try_from(row.status).unwrap_or(201);
        Ok(Some(StoredResponse { status, body: row.body, etag, location }))
    }

    async fn store<T: Resource>(&self, tx: &Tx, resource: &T) -> Result<()> {
        let body = serde_json::to_string(resource).map_err(|e| Error::Internal(e.to_string()))?;
        let row = idempotency_key::ActiveModel {
            scope: Unchanged(self.scope.clone()),
            status: Set(if resource.is_new() { 201 } else { 200 }),
            location: Set(Some(resource.location())),
            etag: Set(Some(resource.etag().to_string())),
            body: Set(body),
            ..Default::default()
        };
        row.update(&**tx).await?;
        Ok(())
    }
}

/// Deletes expired keys.
pub async fn delete_expired(db: &Db, now: i64) -> Result<()> {
    db.write(async move |tx: Tx| {
        let expired = idempotency_key::Column::ExpiresAt.lte(now);
        idempotency_key::Entity::delete_many().filter(expired).exec(&*tx).await?;
        Ok(())
    })
    .await
}

/// The stored response to the first request with a key.
#[derive(Debug)]
pub struct StoredResponse {
    pub status: u16,
    pub body: String,
    pub etag: String,
    pub location: String,
}

/// The result of a create: a new resource, or the stored response of an earlier request with the same key.
#[derive(Debug)]
pub enum Outcome<T> {
    New(T),
    Replayed(StoredResponse),
}

/// Runs `create` in one transaction, or returns the stored response if the key was used before.
pub async fn run_once<T, F, Fut>(db: &Db, request: Option<IdempotentRequest>, create: F) -> Result<Outcome<T>>
where
    T: Resource + 'static,
    F: FnOnce(Tx) -> Fut + Send + 'static,
    Fut: Future<Output = Result<T>> + Send + 'static,
{
    db.write(async move |tx: Tx| {
        if let Some(request) = &request
            && let Some(stored) = request.claim(&tx).await?
        {
            return Ok(Outcome::Replayed(stored));
        }
        let resource = create(tx.clone()).await?;
        if let Some(request) = &request {
            request.store(&tx, &resource).await?;
        }
        Ok(Outcome::New(resource))
    })
    .await
}
