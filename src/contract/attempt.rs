//! Idempotency-Key: one key, one effect. The answer of a create is kept in the very transaction that
//! creates, so a repeated request gets the first answer again, also after a crash in between.
use std::future::Future;

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use entity::idempotency_key;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Unchanged, ColumnTrait, EntityTrait, QueryFilter, Set,
    sea_query::OnConflict,
};

use super::{
    answer::Resource,
    problem::{Error, Result},
};
use crate::ports::db::{Db, Tx};

/// How long a key is remembered, in milliseconds.
pub const KEPT_FOR: i64 = 24 * 60 * 60 * 1000;

/// A create that names itself by an Idempotency-Key.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Caller, operation and key, hashed: one client's key never meets another's.
    pub scope: String,
    /// The body, hashed.
    pub fingerprint: String,
    /// When the request came, in milliseconds.
    pub now: i64,
}

impl Attempt {
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
        // A body may hold a password: only with the key, which is not kept, can its hash be tried.
        Attempt { scope, fingerprint: hash(&[key.as_bytes(), body]), now }
    }

    /// The same attempt with a body that was read, and hashed, after the attempt had begun.
    pub fn with_body(mut self, digest: &[u8]) -> Self {
        self.fingerprint = URL_SAFE_NO_PAD
            .encode(digest::digest(&digest::SHA256, &[self.fingerprint.as_bytes(), digest].concat()));
        self
    }

    /// Takes the key for this transaction, or gives the answer that was kept under it. Another process with
    /// the same key waits here until it is known whether the first one succeeds.
    async fn claim(&self, tx: &Tx) -> Result<Option<Kept>> {
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
            expires_at: Set(self.now + KEPT_FOR),
        };
        let claimed = idempotency_key::Entity::insert(row)
            .on_conflict(OnConflict::column(idempotency_key::Column::Scope).do_nothing().to_owned())
            .exec_without_returning(&**tx)
            .await?;
        if claimed > 0 {
            return Ok(None);
        }
        let row = idempotency_key::Entity::find_by_id(self.scope.clone()).one(&**tx).await?;
        let row = row.ok_or(Error::KeyInUse)?;
        if row.fingerprint != self.fingerprint {
            return Err(Error::KeyReused);
        }
        let (etag, location) = (row.etag.unwrap_or_default(), row.location.unwrap_or_default());
        let status = u16::try_from(row.status).unwrap_or(201);
        Ok(Some(Kept { status, body: row.body, etag, location }))
    }

    async fn keep<T: Resource>(&self, tx: &Tx, resource: &T) -> Result<()> {
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

/// Forgets the keys whose time is over.
pub async fn sweep(db: &Db, now: i64) -> Result<()> {
    db.write(async move |tx: Tx| {
        let over = idempotency_key::Column::ExpiresAt.lte(now);
        idempotency_key::Entity::delete_many().filter(over).exec(&*tx).await?;
        Ok(())
    })
    .await
}

/// The answer to the first request with a key.
#[derive(Debug)]
pub struct Kept {
    pub status: u16,
    pub body: String,
    pub etag: String,
    pub location: String,
}

/// A create, made now or made before under the same key.
#[derive(Debug)]
pub enum Outcome<T> {
    Fresh(T),
    Again(Kept),
}

/// Runs a create in one transaction, unless this attempt was made before.
pub async fn once<T, F, Fut>(db: &Db, attempt: Option<Attempt>, create: F) -> Result<Outcome<T>>
where
    T: Resource + 'static,
    F: FnOnce(Tx) -> Fut + Send + 'static,
    Fut: Future<Output = Result<T>> + Send + 'static,
{
    db.write(async move |tx: Tx| {
        if let Some(attempt) = &attempt
            && let Some(kept) = attempt.claim(&tx).await?
        {
            return Ok(Outcome::Again(kept));
        }
        let resource = create(tx.clone()).await?;
        if let Some(attempt) = &attempt {
            attempt.keep(&tx, &resource).await?;
        }
        Ok(Outcome::Fresh(resource))
    })
    .await
}
