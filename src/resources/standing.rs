//! Whether a caller is still who they were when their request came: accounts, sessions and keys may end while it
//! runs, and what ends them must find everything that they made.
use entity::{api_key, session, user};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect};

use crate::{
    contract::{
        caller::{Principal, Via},
        problem::{Error, Result},
    },
    ports::db::Tx,
};

/// How often the last use of a session or a key is written at most, in milliseconds.
pub const NOTED: i64 = 60_000;

/// Whether a caller's account, session or key goes on, in the same role.
pub async fn stands(connection: &impl ConnectionTrait, caller: &Principal, now: i64) -> Result<bool, DbErr> {
    let user = user::Entity::find_by_id(caller.user).filter(user::Column::Status.eq("active"));
    let user = user.filter(user::Column::Role.eq(caller.role.as_str())).count(connection).await?;
    Ok(user > 0
        && credential(connection, &caller.via).await?
        && !expired(connection, &caller.via, now).await?)
}

/// Whether the session or the key has come to its end by itself. That a stream is open is no use of it.
async fn expired(connection: &impl ConnectionTrait, via: &Via, now: i64) -> Result<bool, DbErr> {
    let ended = match via {
        Via::Session(id) => {
            let session = session::Entity::find_by_id(*id).filter(session::Column::ExpiresAt.lte(now));
            session.count(connection).await?
        }
        Via::Machine => 0,
        Via::Key { id, .. } => {
            let key = api_key::Entity::find_by_id(*id).filter(api_key::Column::ExpiresAt.lte(now));
            key.count(connection).await?
        }
    };
    Ok(ended > 0)
}

/// Whether the session or the key is still there.
async fn credential(connection: &impl ConnectionTrait, via: &Via) -> Result<bool, DbErr> {
    let there = match via {
        Via::Session(id) => {
            let session = session::Entity::find_by_id(*id).filter(session::Column::RevokedAt.is_null());
            session.count(connection).await?
        }
        Via::Machine => 1,
        Via::Key { id, .. } => api_key::Entity::find_by_id(*id).count(connection).await?,
    };
    Ok(there > 0)
}

/// Refuses a caller whose account, session or key has ended meanwhile, and keeps the account from changing until
/// this transaction has ended.
pub async fn still_there(tx: &Tx, caller: &Principal) -> Result<()> {
    let user = user::Entity::find_by_id(caller.user).filter(user::Column::Status.eq("active"));
    let user = user.lock_shared().one(&**tx).await?;
    match user.is_some() && credential(&**tx, &caller.via).await? {
        true => Ok(()),
        false => Err(Error::InvalidToken),
    }
}
