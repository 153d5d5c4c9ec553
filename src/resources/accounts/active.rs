//! Checks that a caller is still active: an account, session or API key may be disabled, revoked or deleted
//! while a request or a stream is running.
use entity::{
    api_key, session,
    user::{self, Status},
};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect};

use crate::{
    http::{
        auth::{Principal, Via},
        problem::{Error, Result},
    },
    infra::db::Tx,
};

/// The minimum time between two writes of the last use of a session or an API key, in milliseconds. Without
/// it, every request would write to the database.
pub const LAST_USED_INTERVAL: i64 = 60_000;

/// Returns whether the caller's account is active with the same role, and its session or API key is neither
/// revoked nor expired.
pub async fn is_active(
    connection: &impl ConnectionTrait,
    caller: &Principal,
    now: i64,
) -> Result<bool, DbErr> {
    let user = user::Entity::find_by_id(caller.user).filter(user::Column::Status.eq(Status::Active));
    let user = user.filter(user::Column::Role.eq(caller.role)).count(connection).await?;
    Ok(user > 0
        && credential_exists(connection, &caller.via).await?
        && !expired(connection, &caller.via, now).await?)
}

/// Returns whether the session or the API key has reached its expiry time. The idle timeout is not checked,
/// because an open stream does not record a use.
async fn expired(connection: &impl ConnectionTrait, via: &Via, now: i64) -> Result<bool, DbErr> {
    let count = match via {
        Via::Session(id) => {
            let session = session::Entity::find_by_id(*id).filter(session::Column::ExpiresAt.lte(now));
            session.count(connection).await?
        }
        Via::Cli => 0,
        Via::Key { id, .. } => {
            let key = api_key::Entity::find_by_id(*id).filter(api_key::Column::ExpiresAt.lte(now));
            key.count(connection).await?
        }
    };
    Ok(count > 0)
}

/// Returns whether the session is not revoked, or the API key exists.
async fn credential_exists(connection: &impl ConnectionTrait, via: &Via) -> Result<bool, DbErr> {
    let count = match via {
        Via::Session(id) => {
            let session = session::Entity::find_by_id(*id).filter(session::Column::RevokedAt.is_null());
            session.count(connection).await?
        }
        Via::Cli => 1,
        Via::Key { id, .. } => api_key::Entity::find_by_id(*id).count(connection).await?,
    };
    Ok(count > 0)
}

/// Fails if the caller's account is no longer active, the session is revoked or the API key is deleted. Locks
/// the row of the account until the end of the transaction.
///
/// The lock is shared. A concurrent transaction that disables or deletes the account needs an exclusive lock,
/// so it either runs before, and this check fails, or waits and sees everything that this transaction has
/// written.
pub async fn lock_active(tx: &Tx, caller: &Principal) -> Result<()> {
    let user = user::Entity::find_by_id(caller.user).filter(user::Column::Status.eq(Status::Active));
    let user = user.lock_shared().one(&**tx).await?;
    match user.is_some() && credential_exists(&**tx, &caller.via).await? {
        true => Ok(()),
        false => {
            Err(Error::invalid_token("the account or the credential was deactivated during the request"))
        }
    }
}
