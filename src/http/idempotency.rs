//! `Idempotency-Key`: one key, one effect.
//!
//! The status and the location of the response are stored in the transaction that creates the resource. A retry
//! therefore gets the same response, even if the process crashed between the commit and the response. Its ETag and
//! body are read from the resource: personal data is not copied into a table where an erasure would miss it.
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
use crate::{
    domain::id::Id,
    infra::db::{Db, Tx},
};

/// The largest body that is stored, in bytes.
const MAX_STORED_BODY: usize = 4096;

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
    async fn claim(&self, tx: &Tx) -> Result<Option<idempotency_key::Model>> {
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
        Ok(Some(row))
    }

    async fn store<T: Resource>(&self, tx: &Tx, resource: &T, body: String) -> Result<()> {
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

/// The response to a request whose key was used before.
#[derive(Debug)]
pub struct StoredResponse {
    pub status: u16,
    pub body: String,
    pub etag: String,
    pub location: String,
}

/// The result of a create: a new resource, or the response to a repeated request with the same key.
#[derive(Debug)]
pub enum Outcome<T> {
    New(T),
    Replayed(StoredResponse),
}

/// Returns the id at the end of the location of a resource.
pub fn id_of_location<T>(location: &str) -> Result<Id<T>> {
    let id = location.rsplit('/').next().and_then(|id| id.parse().ok());
    id.ok_or_else(|| Error::Internal(format!("no id at the end of the stored location {location}")))
}

/// Runs `create` in one transaction. If the key was used before, calls `reload` instead, with the location of the
/// resource, and responds with what it returns.
///
/// `reload` applies the rights of the caller and runs after the transaction, which has no changes then.
///
/// # Errors
///
/// A conflict if `reload` does not find the resource, which was deleted or is no longer visible to the caller.
pub async fn run_once<T, F, Fut, Reload>(
    db: &Db,
    request: Option<IdempotentRequest>,
    create: F,
    reload: impl FnOnce(String) -> Reload + Send,
) -> Result<Outcome<T>>
where
    T: Resource + 'static,
    F: FnOnce(Tx) -> Fut + Send + 'static,
    Fut: Future<Output = Result<T>> + Send + 'static,
    Reload: Future<Output = Result<T>> + Send,
{
    let row = match claim_or_create(db, request, create, |_| Ok(String::new())).await? {
        Claimed::New(resource) => return Ok(Outcome::New(resource)),
        Claimed::Existing(row) => row,
    };
    let location = row.location.unwrap_or_default();
    let resource = match reload(location.clone()).await {
        Err(Error::NotFound(_)) => return Err(Error::Conflict(CREATED_RESOURCE_NOT_FOUND)),
        reloaded => reloaded?,
    };
    let (body, etag) = (to_json(&resource)?, resource.etag().to_string());
    Ok(Outcome::Replayed(StoredResponse { status: status(row.status), body, etag, location }))
}

/// Like [`run_once`], for a result that cannot be read again: stores its body, which must be small and must not contain
/// a secret.
///
/// # Errors
///
/// An internal error, without effect, if the body has more than 4096 bytes.
pub async fn run_once_with_body<T, F, Fut>(
    db: &Db,
    request: Option<IdempotentRequest>,
    create: F,
) -> Result<Outcome<T>>
where
    T: Resource + 'static,
    F: FnOnce(Tx) -> Fut + Send + 'static,
    Fut: Future<Output = Result<T>> + Send + 'static,
{
    let to_body = |resource: &T| match to_json(resource)? {
        body if body.len() <= MAX_STORED_BODY => Ok(body),
        body => Err(Error::Internal(format!("a response of {} bytes cannot be stored", body.len()))),
    };
    let row = match claim_or_create(db, request, create, to_body).await? {
        Claimed::New(resource) => return Ok(Outcome::New(resource)),
        Claimed::Existing(row) => row,
    };
    let (etag, location) = (row.etag.unwrap_or_default(), row.location.unwrap_or_default());
    Ok(Outcome::Replayed(StoredResponse { status: status(row.status), body: row.body, etag, location }))
}

const CREATED_RESOURCE_NOT_FOUND: &str = "the first request with this Idempotency-Key succeeded, but its resource was \
    deleted or is no longer visible to you: send a new key to create another one";

enum Claimed<T> {
    New(T),
    Existing(idempotency_key::Model),
}

async fn claim_or_create<T, F, Fut>(
    db: &Db,
    request: Option<IdempotentRequest>,
    create: F,
    to_body: fn(&T) -> Result<String>,
) -> Result<Claimed<T>>
where
    T: Resource + 'static,
    F: FnOnce(Tx) -> Fut + Send + 'static,
    Fut: Future<Output = Result<T>> + Send + 'static,
{
    db.write(async move |tx: Tx| {
        if let Some(request) = &request
            && let Some(stored) = request.claim(&tx).await?
        {
            return Ok(Claimed::Existing(stored));
        }
        let resource = create(tx.clone()).await?;
        if let Some(request) = &request {
            request.store(&tx, &resource, to_body(&resource)?).await?;
        }
        Ok(Claimed::New(resource))
    })
    .await
}

fn to_json<T: Resource>(resource: &T) -> Result<String> {
    serde_json::to_string(resource).map_err(|error| Error::Internal(error.to_string()))
}

fn status(stored: i32) -> u16 {
    u16::try_from(stored).unwrap_or(201)
}
