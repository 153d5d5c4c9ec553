//! User service: rules, transactions and queries. The only writer of the `users` table.
use entity::{redacted::Redacted, user};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::{
    list::page,
    password::{HashSlot, Passwords},
    password_rules::{self, PasswordError},
    row::{apply, check_no_content, check_other_admin, hashing_error, new_row, to_user},
    types::{Status, User, UserInput, UserPatch, UserQuery},
};
use crate::{
    domain::{
        audit::AuthFailure,
        event::{Audience, EventType},
        id::Id,
        secret::Secret,
        text::Email,
    },
    http::{
        auth::{Ownership, Principal, Role, Via},
        cursor::CursorKey,
        etag::{ETag, Precondition},
        extract::Client,
        idempotency::{IdempotentRequest, Outcome, id_of_location, run_once},
        pagination::Page,
        problem::{Error, Result},
        response::Resource,
    },
    infra::{
        audit_log::Changes,
        clock::Clock,
        db::{Db, Tx},
        shared_limits::SharedLimit,
    },
    resources::{
        accounts::{
            attempts::{Attempts, rejection},
            sessions::Sessions,
        },
        content::{media::clear_uploader, posts::delete_previews_by},
    },
};

/// The hash of a new password.
struct NewHash {
    hash: String,
    /// The hash that the current password was verified against.
    previous: Option<Redacted>,
    /// The delay that a correct current password ends.
    delay: Option<SharedLimit>,
}

#[derive(Clone)]
pub struct Users {
    pub(in crate::resources) db: Db,
    clock: Clock,
    cursors: CursorKey,
    sessions: Sessions,
    passwords: Passwords,
    attempts: Attempts,
    registration: bool,
}

impl Users {
    pub fn new(sessions: Sessions, cursors: CursorKey, registration: bool) -> Self {
        let Sessions { db, clock, passwords, attempts, .. } = sessions.clone();
        Users { db, clock, cursors, sessions, passwords, attempts, registration }
    }

    pub async fn list_etag(&self, target: &str) -> Result<ETag> {
        let version = self.db.versions(&["users"]).await?;
        Ok(ETag::weak_from_parts(&["users", &version.to_string(), target]))
    }

    pub async fn list(&self, query: &UserQuery) -> Result<Page<User>> {
        page(self.db.read(), &self.cursors, query).await
    }

    pub async fn read(&self, caller: &Principal, id: Id<User>) -> Result<User> {
        check_access(caller, id)?;
        let row = user::Entity::find_by_id(id.0).one(self.db.read()).await?;
        row.map(to_user).ok_or(Error::NotFound("user"))
    }

    /// Creates an account, by registration or by an admin.
    pub async fn create(
        &self,
        caller: Option<&Principal>,
        new: UserInput,
        client: &Client,
        attempt: Option<IdempotentRequest>,
    ) -> Result<Outcome<User>> {
        let UserInput { email, name, password, role } = new;
        let role = role.unwrap_or(Role::Reader);
        self.check_may_create(caller, role)?;
        let password = Secret::new(password.into());
        password_rules::validate(&password, &[&name], &[&email]).map_err(invalid_password)?;
        let limits = if caller.is_none() { self.attempts.registration(client) } else { Vec::new() };
        let slot = self.attempts.begin(limits, &self.passwords).await?;
        let hash = self.passwords.hash(&slot, password).await.map_err(hashing_error)?;
        let row = new_row(email, name, role, Some(hash), self.clock.now());
        let registers = caller.is_none();
        let reload = |location: String| async move {
            let id: Id<User> = id_of_location(&location)?;
            let row = user::Entity::find_by_id(id.0).one(self.db.read()).await?;
            // An anonymous caller may read what they sent, but not what has changed since.
            let row = row.filter(|row| !registers || row.version == 1);
            row.map(to_user).ok_or(Error::NotFound("user"))
        };
        let work = async move |tx: Tx| {
            let row = row.insert(&*tx).await.map_err(Error::on_unique_violation("email"))?;
            tx.touch("users").await?;
            let fields = [("role", Some(row.role.to_string())), ("email", row.email.clone())];
            tx.record_changes(row.id, Changes::created(fields));
            emit_event(&tx, EventType::UserCreated, row.id, 1, row.created_at);
            Ok(to_user(row))
        };
        run_once(&self.db, attempt, work, reload).await
    }

    /// Checks whether the caller may create an account with this role.
    fn check_may_create(&self, caller: Option<&Principal>, role: Role) -> Result<()> {
        let admin = caller.filter(|caller| caller.role == Role::Admin);
        match admin {
            None if !self.registration => {
                Err(Error::Forbidden("registration is disabled: ask an admin for an account"))
            }
            None if role != Role::Reader => Err(Error::Forbidden("role: only admins may set it")),
            // A leaked API key must not be able to create a privileged account that outlives the key.
            Some(Principal { via: Via::Key { .. }, .. }) if role != Role::Reader => {
                Err(Error::Forbidden("role: only admins with a session may set it, API keys may not"))
            }
            _ => Ok(()),
        }
    }

    /// Updates an account. `tag` computes the entity tag that `If-Match` is compared with: `/api/users/{id}`
    /// and `/api/me` return different tags for one row.
    pub async fn patch(
        &self,
        caller: &Principal,
        id: Id<User>,
        patch: UserPatch,
        if_match: Precondition,
        tag: impl Fn(&User) -> ETag + Send + 'static,
    ) -> Result<User> {
        check_access(caller, id)?;
        let row = user::Entity::find_by_id(id.0).one(self.db.read()).await?;
        let row = row.ok_or(Error::NotFound("user"))?;
        check_may_change(caller, &row, &patch)?;
        if_match.check(&tag(&to_user(row.clone())))?;
        let new_password = self.new_password(caller, &row, &patch).await?;
        let (users, caller) = (self.clone(), caller.clone());
        self.db
            .write(async move |tx| users.update(tx, caller, id, patch, if_match, tag, new_password).await)
            .await
    }

    /// Writes an update. Repeats the checks of [`Users::patch`] on the locked row, because the row may have
    /// changed while the password was hashed outside of the transaction.
    #[allow(clippy::too_many_arguments)]
    async fn update(
        &self,
        tx: Tx,
        caller: Principal,
        id: Id<User>,
        patch: UserPatch,
        if_match: Precondition,
        tag: impl Fn(&User) -> ETag,
        new_password: Option<NewHash>,
    ) -> Result<User> {
        let row = user::Entity::find_by_id(id.0).lock_exclusive().one(&*tx).await?;
        let mut row = row.ok_or(Error::NotFound("user"))?;
        check_may_change(&caller, &row, &patch)?;
        if_match.check(&tag(&to_user(row.clone())))?;
        if new_password.as_ref().is_some_and(|new| new.previous != row.password_hash) {
            return Err(Error::Conflict(
                "the password was changed by another request: read the account and retry",
            ));
        }
        if let Some(delay) = new_password.as_ref().and_then(|new| new.delay.as_ref()) {
            self.attempts.succeeded(&tx, delay).await?;
        }
        let before = row.clone();
        apply(&mut row, patch, new_password.map(|new| new.hash));
        if row == before {
            return Ok(to_user(row));
        }
        let is_admin = |row: &user::Model| row.role == Role::Admin && row.status == Status::Active;
        if is_admin(&before) && !is_admin(&row) {
            check_other_admin(&tx, row.id).await?;
        }
        let revokes_sessions =
            (before.role, before.status, &before.password_hash) != (row.role, row.status, &row.password_hash);
        if revokes_sessions {
            self.sessions.revoke_all(&tx, row.id, caller.session()).await?;
        }
        // An admin resets a password when the account may be compromised.
        let is_reset = caller.user != row.id && before.password_hash != row.password_hash;
        let loses_rights = row.status == Status::Disabled || !row.role.includes(before.role);
        if is_reset || loses_rights {
            self.sessions.api_keys.delete_all(&tx, row.id).await?;
            delete_previews_by(&tx, row.id).await?;
        }
        row.version += 1;
        row.updated_at = self.clock.now();
        let row = row
            .into_active_model()
            .reset_all()
            .update(&*tx)
            .await
            .map_err(Error::on_unique_violation("email"))?;
        tx.touch("users").await?;
        tx.record_changes(row.id, Changes::between(&before, &row));
        emit_event(&tx, EventType::UserUpdated, row.id, row.version, row.updated_at);
        Ok(to_user(row))
    }

    pub async fn remove(&self, caller: &Principal, id: Id<User>, if_match: Precondition) -> Result<()> {
        check_access(caller, id)?;
        let now = self.clock.now();
        self.db
            .write(async move |tx| {
                let row = user::Entity::find_by_id(id.0).lock_exclusive().one(&*tx).await?;
                let row = row.ok_or(Error::NotFound("user"))?;
                if_match.check(&to_user(row.clone()).etag())?;
                if row.role == Role::Admin && row.status == Status::Active {
                    check_other_admin(&tx, row.id).await?;
                }
                check_no_content(&tx, row.id).await?;
                clear_uploader(&tx, row.id, now).await?;
                delete_previews_by(&tx, row.id).await?;
                user::Entity::delete_by_id(row.id).exec(&*tx).await?;
                emit_event(&tx, EventType::UserDeleted, row.id, row.version + 1, now);
                tx.touch("users").await?;
                Ok(())
            })
            .await
    }

    /// Returns the hash of the new password, if the patch has one. Users who change their own password must
    /// send the current one.
    async fn new_password(
        &self,
        caller: &Principal,
        row: &user::Model,
        patch: &UserPatch,
    ) -> Result<Option<NewHash>> {
        let Some(new) = &patch.password else { return Ok(None) };
        let new = Secret::new(new.to_string());
        let names: Vec<&str> = [Some(&*row.name), patch.name.as_deref()].into_iter().flatten().collect();
        let emails: Vec<&str> =
            [row.email.as_deref(), patch.email.as_deref()].into_iter().flatten().collect();
        password_rules::validate(&new, &names, &emails).map_err(invalid_password)?;
        let (slot, delay) = match caller.user == row.id {
            true => self.verify_current(row, patch).await.map(|(slot, delay)| (slot, Some(delay)))?,
            false => (self.passwords.reserve()?, None),
        };
        let hash = self.passwords.hash(&slot, new).await.map_err(hashing_error)?;
        Ok(Some(NewHash { hash, previous: row.password_hash.clone(), delay }))
    }

    /// Verifies the current password of the caller. Returns the slot for the next hash, and the delay to end.
    async fn verify_current(&self, row: &user::Model, patch: &UserPatch) -> Result<(HashSlot, SharedLimit)> {
        let Some(current) = &patch.current_password else {
            return Err(Error::Forbidden("currentPassword: required to change your own password"));
        };
        let (id, identity) = (Some(row.id), row.id.to_string());
        let delay = self.attempts.current_password_delay(row.id);
        let slot = match self.attempts.begin(vec![delay.clone()], &self.passwords).await {
            Ok(slot) => slot,
            Err(error) => {
                if let Some(class) = rejection(&error) {
                    self.sessions.failures.record(class, id, &identity).await;
                }
                return Err(error);
            }
        };
        let stored = row.password_hash.clone().map(Redacted::into_inner);
        let current = Secret::new(current.to_string());
        if !self.passwords.verify(&slot, current, stored).await.map_err(hashing_error)? {
            self.sessions.failures.record(AuthFailure::WrongPassword, id, &identity).await;
            return Err(Error::Forbidden("currentPassword: does not match the current password"));
        }
        Ok((slot, delay))
    }

    /// Returns the owner for a new API key: the active account with this e-mail address. Without an address,
    /// returns the oldest active admin.
    pub async fn find_key_owner(&self, email: Option<&str>) -> Result<Option<Principal>> {
        let find = user::Entity::find().filter(user::Column::Status.eq(Status::Active));
        let find = match email {
            Some(email) => find.filter(user::Column::Email.eq(Email::from(email).as_str())),
            None => find.filter(user::Column::Role.eq(Role::Admin)),
        };
        let Some(row) = find.order_by_asc(user::Column::CreatedAt).one(self.db.read()).await? else {
            return Ok(None);
        };
        Ok(Some(Principal { user: row.id, role: row.role, via: Via::Cli }))
    }
}

/// Emits an event about an account. Its audience is the admins and the account itself.
pub(super) fn emit_event(tx: &Tx, kind: EventType, id: Uuid, version: i64, now: i64) {
    tx.emit(kind, id, format!("/api/users/{id}"), version, Audience::Admins(Some(id)), now);
}

fn invalid_password(error: PasswordError) -> Error {
    Error::invalid_field("#/password", error.code(), &error.to_string())
}

/// Rejects callers other than the owner of the account and admins. Returns 404 instead of 403, which would
/// disclose that the account exists.
fn check_access(caller: &Principal, id: Id<User>) -> Result<()> {
    match caller.owns(Ownership::Personal, id.0) || caller.role == Role::Admin {
        true => Ok(()),
        false => Err(Error::NotFound("user")),
    }
}

/// Returns 403 if the patch changes role, status or e-mail address and the caller is not an admin.
fn check_may_change(caller: &Principal, row: &user::Model, patch: &UserPatch) -> Result<()> {
    let differs = patch.role.is_some_and(|role| role != row.role)
        || patch.status.is_some_and(|status| status != row.status)
        || patch.email.as_ref().is_some_and(|email| Some(email.as_str()) != row.email.as_deref());
    match differs && caller.role != Role::Admin {
        true => Err(Error::Forbidden("only admins may change role, status and e-mail address")),
        false => Ok(()),
    }
}
