//! Rows of the `users` table: new rows, patches, conversion to [`User`], and checks before a change.
use entity::{comment, message, post, post_coauthor, redacted::Redacted, user};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect, Set};
use uuid::Uuid;

use super::{
    password::{HashingFailed, QueueFull},
    types::{Status, User, UserPatch},
};
use crate::{
    domain::{
        id::Id,
        text::{Email, PersonName},
        timestamp::Timestamp,
    },
    http::{
        auth::Role,
        problem::{Error, Result},
    },
    infra::db::Tx,
};

/// Applies a merge patch to a row. `hash` is the hash of the new password, if there is one.
pub(super) fn apply(row: &mut user::Model, patch: UserPatch, hash: Option<String>) {
    if let Some(name) = patch.name {
        row.name = name.into();
    }
    row.bio = patch.bio.apply_to(row.bio.take());
    row.url = patch.url.apply_to(row.url.take());
    row.avatar_url = patch.avatar_url.apply_to(row.avatar_url.take());
    if let Some(email) = patch.email {
        row.email = Some(email.into());
    }
    if let Some(role) = patch.role {
        row.role = role;
    }
    if let Some(status) = patch.status {
        row.status = status;
    }
    if hash.is_some() {
        row.password_hash = hash.map(Redacted::from);
    }
}

/// Fails if `except` is the last active admin. Locks the rows of all active admins, so that two concurrent
/// requests cannot remove the last two.
pub(super) async fn check_other_admin(tx: &Tx, except: Uuid) -> Result<()> {
    let admins: Vec<Uuid> = user::Entity::find()
        .select_only()
        .column(user::Column::Id)
        .filter(user::Column::Role.eq(Role::Admin))
        .filter(user::Column::Status.eq(Status::Active))
        .lock_exclusive()
        .into_tuple()
        .all(&**tx)
        .await?;
    match admins.iter().any(|admin| *admin != except) {
        true => Ok(()),
        false => {
            Err(Error::Conflict("this is the last active admin: give another account the role admin first"))
        }
    }
}

/// Fails if the user has posts, comments or messages.
pub(super) async fn check_no_content(tx: &Tx, id: Uuid) -> Result<()> {
    let posts = post::Entity::find().filter(post::Column::AuthorId.eq(id)).count(&**tx).await?;
    let coauthored = post_coauthor::Entity::find().filter(post_coauthor::Column::UserId.eq(id));
    let comments = comment::Entity::find().filter(comment::Column::AuthorId.eq(id)).count(&**tx).await?;
    let messages = message::Entity::find().filter(message::Column::AuthorId.eq(id)).count(&**tx).await?;
    match posts + coauthored.count(&**tx).await? + comments + messages {
        0 => Ok(()),
        _ => Err(Error::Conflict("this user has posts, comments or messages: disable the account instead")),
    }
}

/// Returns a new row with a new id, version 1 and status active.
pub(super) fn new_row(
    email: Email,
    name: PersonName,
    role: Role,
    hash: Option<String>,
    now: i64,
) -> user::ActiveModel {
    user::ActiveModel {
        id: Set(Uuid::now_v7()),
        email: Set(Some(email.into())),
        name: Set(name.into()),
        bio: Set(None),
        url: Set(None),
        avatar_url: Set(None),
        role: Set(role),
        status: Set(Status::Active),
        password_hash: Set(hash.map(Redacted::from)),
        source: Set(None),
        version: Set(1),
        created_at: Set(now),
        updated_at: Set(now),
    }
}

/// Converts a row to the response type.
pub(in crate::resources) fn to_user(row: user::Model) -> User {
    User {
        id: Id::from(row.id),
        email: row.email.map(Into::into),
        name: row.name.into(),
        bio: row.bio.map(Into::into),
        url: row.url.map(Into::into),
        avatar_url: row.avatar_url.map(Into::into),
        role: row.role,
        status: row.status,
        created_at: Timestamp(row.created_at),
        updated_at: Timestamp(row.updated_at),
        version: row.version,
    }
}

pub(in crate::resources) fn hashing_error(error: HashingFailed) -> Error {
    Error::Internal(error.to_string())
}

impl From<QueueFull> for Error {
    fn from(_: QueueFull) -> Self {
        Error::HashingBusy
    }
}
