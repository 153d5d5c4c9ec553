//! Checks that a caller is still active: an account, session or API key may be disabled, revoked or deleted
//! while a request or a stream is running.
use entity::{
    api_key, session,
    user::{self, Status},
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, JoinType, QueryFilter,
    QuerySelect, RelationTrait, Select,
};
use uuid::Uuid;

use super::users::AuthorRef;
use crate::{
    domain::{audit::AuthFailure, id::Id},
    http::{
        auth::{Principal, Via},
        problem::{Error, Result},
    },
    infra::db::Tx,
};

/// The minimum time between two writes of the last use of a session or an API key, in milliseconds. Without
/// it, every request would write to the database.
pub const LAST_USED_INTERVAL: i64 = 60_000;

/// Returns a query for the caller's account, if it is active with the same role, and its session or API key is not
/// revoked.
fn active(caller: &Principal) -> Select<user::Entity> {
    let find = user::Entity::find_by_id(caller.user)
        .filter(user::Column::Status.eq(Status::Active))
        .filter(user::Column::Role.eq(caller.role));
    match &caller.via {
        Via::Session(id) => find
            .join(JoinType::InnerJoin, session::Relation::User.def().rev())
            .filter(session::Column::Id.eq(*id))
            .filter(session::Column::RevokedAt.is_null()),
        Via::Key { id, .. } => find
            .join(JoinType::InnerJoin, api_key::Relation::User.def().rev())
            .filter(api_key::Column::Id.eq(*id)),
        Via::Cli => find,
    }
}

/// Returns whether the caller's account is active with the same role, and its session or API key is neither
/// revoked nor expired. The idle timeout is not checked, because an open stream does not record a use.
pub async fn is_active(
    connection: &impl ConnectionTrait,
    caller: &Principal,
    now: i64,
) -> Result<bool, DbErr> {
    let find = active(caller);
    let find = match &caller.via {
        Via::Session(_) => find.filter(session::Column::ExpiresAt.gt(now)),
        Via::Key { .. } => {
            let expires = api_key::Column::ExpiresAt;
            find.filter(Condition::any().add(expires.is_null()).add(expires.gt(now)))
        }
        Via::Cli => find,
    };
    let id: Option<Uuid> = find.select_only().column(user::Column::Id).into_tuple().one(connection).await?;
    Ok(id.is_some())
}

#[derive(FromQueryResult)]
struct AuthorRow {
    name: String,
    avatar_url: Option<String>,
    bio: Option<String>,
}

/// Fails if the caller's account is no longer active or has another role, the session is revoked or the API key is
/// deleted. Returns the caller as an author. Locks the rows of the account and of the session or API key until the end
/// of the transaction.
///
/// The locks are shared. A concurrent transaction that disables or deletes the account, or revokes the session,
/// needs an exclusive lock, so it either runs before, and this check fails, or waits and sees everything that
/// this transaction has written.
pub async fn lock_active(tx: &Tx, caller: &Principal) -> Result<AuthorRef> {
    let columns = [user::Column::Name, user::Column::AvatarUrl, user::Column::Bio];
    let find = active(caller).select_only().columns(columns).lock_shared();
    let row = find.into_model::<AuthorRow>().one(&**tx).await?;
    let AuthorRow { name, avatar_url, bio } = row.ok_or_else(|| {
        Error::invalid_token(
            AuthFailure::Revoked,
            "the account, its role or the credential changed during the request",
        )
    })?;
    Ok(AuthorRef {
        id: Id::from(caller.user),
        name: name.into(),
        avatar_url: avatar_url.map(Into::into),
        bio: bio.map(Into::into),
    })
}
