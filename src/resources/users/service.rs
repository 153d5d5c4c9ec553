//! What may happen to accounts. The only writer of the `users` table.
use std::sync::Arc;

use entity::{hidden::Hidden, user};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::{
    list::page,
    password::{self, Passwords, Unsuitable},
    row::{another_admin, apply, fresh, normalized, unhashed, wire, wrote_nothing},
    types::{NewUser, Status, User, UserPatch, UserQuery},
};
use crate::{
    contract::{
        answer::Resource,
        attempt::{Attempt, Outcome, once},
        caller::{Principal, Role, Via},
        check::ErrorCode,
        cursor::CursorKey,
        etag::{ETag, Precondition},
        event::{Audience, EventType, of},
        id::Id,
        page::Page,
        problem::{Error, Result},
        secret::Secret,
    },
    ports::{
        clock::Clock,
        db::{Db, Tx},
        limiter::{Limiter, Policy},
    },
    resources::{media::forget_uploader, sessions::Sessions},
};

/// How often somebody may try to prove the present password.
const PROOFS: Policy = Policy { name: "password", quota: 5, window_seconds: 60, burst: 5 };

#[derive(Clone)]
pub struct Users {
    pub(in crate::resources) db: Db,
    clock: Clock,
    cursors: CursorKey,
    sessions: Sessions,
    passwords: Passwords,
    limiter: Arc<Limiter>,
    registration: bool,
}

impl Users {
    pub fn new(sessions: Sessions, cursors: CursorKey, registration: bool) -> Self {
        let Sessions { db, clock, passwords, limiter, .. } = sessions.clone();
        Users { db, clock, cursors, sessions, passwords, limiter, registration }
    }

    pub async fn list_etag(&self, target: &str) -> Result<ETag> {
        let version = self.db.versions(&["users"]).await?;
        Ok(ETag::weak(&["users", &version.to_string(), target]))
    }

    pub async fn list(&self, query: &UserQuery) -> Result<Page<User>> {
        page(self.db.read(), &self.cursors, query).await
    }

    pub async fn read(&self, caller: &Principal, id: Id<User>) -> Result<User> {
        owned(caller, id)?;
        let row = user::Entity::find_by_id(id.0).one(self.db.read()).await?;
        wire(row.ok_or(Error::NotFound("user"))?)
    }

    /// Makes an account: by registration, or by an admin.
    pub async fn create(
        &self,
        caller: Option<&Principal>,
        new: NewUser,
        attempt: Option<Attempt>,
    ) -> Result<Outcome<User>> {
        let NewUser { email, name, password, role } = new;
        let role = role.unwrap_or(Role::Reader);
        self.may_create(caller, role)?;
        let hash = self.hash(password).await?;
        let row = fresh(&email, &name, role, Some(hash), self.clock.now());
        once(&self.db, attempt, async move |tx| {
            let row = row.insert(&*tx).await.map_err(Error::taken("email"))?;
            tx.touch("users").await?;
            tell(&tx, EventType::UserCreated, row.id, 1, row.created_at);
            wire(row)
        })
        .await
    }

    fn may_create(&self, caller: Option<&Principal>, role: Role) -> Result<()> {
        let admin = caller.filter(|caller| caller.role == Role::Admin);
        match admin {
            None if !self.registration => Err(Error::Forbidden("registration is off: ask an admin")),
            None if role != Role::Reader => Err(Error::Forbidden("only an admin may give a role")),
            // A leaked key must not become an account that outlives it.
            Some(Principal { via: Via::Key { .. }, .. }) if role != Role::Reader => {
                Err(Error::Forbidden("only an admin in person may give a role"))
            }
            _ => Ok(()),
        }
    }

    /// Changes an account that is known to its callers by `tag` of its row.
    pub async fn patch(
        &self,
        caller: &Principal,
        id: Id<User>,
        patch: UserPatch,
        when: Precondition,
        tag: impl Fn(&User) -> ETag + Send + 'static,
    ) -> Result<User> {
        owned(caller, id)?;
        let row = user::Entity::find_by_id(id.0).one(self.db.read()).await?;
        let row = row.ok_or(Error::NotFound("user"))?;
        may_change(caller, &row, &patch)?;
        when.check(&tag(&wire(row.clone())?))?;
        let hash = self.new_password(caller, &row, &patch).await?;
        let (users, caller, proven) = (self.clone(), caller.clone(), row.password_hash);
        self.db
            .write(async move |tx| users.change(tx, caller, id, patch, when, tag, hash, proven).await)
            .await
    }

    #[allow(clippy::too_many_arguments)]
    async fn change(
        &self,
        tx: Tx,
        caller: Principal,
        id: Id<User>,
        patch: UserPatch,
        when: Precondition,
        tag: impl Fn(&User) -> ETag,
        hash: Option<String>,
        proven: Option<Hidden>,
    ) -> Result<User> {
        let row = user::Entity::find_by_id(id.0).lock_exclusive().one(&*tx).await?;
        let mut row = row.ok_or(Error::NotFound("user"))?;
        may_change(&caller, &row, &patch)?;
        when.check(&tag(&wire(row.clone())?))?;
        if hash.is_some() && row.password_hash != proven {
            return Err(Error::Conflict("the password was changed meanwhile"));
        }
        let before = row.clone();
        apply(&mut row, patch, hash);
        if row == before {
            return wire(row);
        }
        let admin = |row: &user::Model| row.role == "admin" && row.status == "active";
        if admin(&before) && !admin(&row) {
            another_admin(&tx, row.id).await?;
        }
        let ends = (&before.role, &before.status, &before.password_hash)
            != (&row.role, &row.status, &row.password_hash);
        if ends {
            self.sessions.end_all(&tx, row.id, caller.session()).await?;
        }
        // Whoever needs an admin for a new password may have lost more than the old one.
        if caller.user != row.id && before.password_hash != row.password_hash {
            self.sessions.api_keys.end_all(&tx, row.id).await?;
        }
        row.version += 1;
        row.updated_at = self.clock.now();
        let row = row.into_active_model().reset_all().update(&*tx).await.map_err(Error::taken("email"))?;
        tx.touch("users").await?;
        tell(&tx, EventType::UserUpdated, row.id, row.version, row.updated_at);
        wire(row)
    }

    pub async fn remove(&self, caller: &Principal, id: Id<User>, when: Precondition) -> Result<()> {
        owned(caller, id)?;
        let now = self.clock.now();
        self.db
            .write(async move |tx| {
                let row = user::Entity::find_by_id(id.0).lock_exclusive().one(&*tx).await?;
                let row = row.ok_or(Error::NotFound("user"))?;
                when.check(&wire(row.clone())?.etag())?;
                if row.role == "admin" && row.status == "active" {
                    another_admin(&tx, row.id).await?;
                }
                wrote_nothing(&tx, row.id).await?;
                forget_uploader(&tx, row.id, now).await?;
                user::Entity::delete_by_id(row.id).exec(&*tx).await?;
                tell(&tx, EventType::UserDeleted, row.id, row.version + 1, now);
                tx.touch("users").await?;
                Ok(())
            })
            .await
    }

    /// The hash of the new password, once the present one is proven by whoever changes their own.
    async fn new_password(
        &self,
        caller: &Principal,
        row: &user::Model,
        patch: &UserPatch,
    ) -> Result<Option<String>> {
        let Some(new) = &patch.password else { return Ok(None) };
        if caller.user == row.id {
            let verdict = self.limiter.take(&PROOFS, &row.id.to_string(), self.clock.now());
            if !verdict.allowed {
                return Err(Error::TooMany(verdict.retry_after_seconds));
            }
            let Some(current) = &patch.current_password else {
                return Err(Error::Forbidden("changing your own password needs currentPassword"));
            };
            let current = Secret::new(current.clone());
            if !self
                .passwords
                .verify(current, row.password_hash.clone().map(Hidden::into_inner))
                .await
                .map_err(unhashed)?
            {
                return Err(Error::Forbidden("currentPassword is not the present password"));
            }
        }
        self.hash(new.clone()).await.map(Some)
    }

    /// Hashes a password that may be chosen.
    pub async fn hash(&self, password: String) -> Result<String> {
        let password = Secret::new(password);
        if let Err(unsuitable) = password::check(&password) {
            let code = match unsuitable {
                Unsuitable::TooShort => ErrorCode::TooShort,
                Unsuitable::TooLong => ErrorCode::TooLong,
                Unsuitable::Common => ErrorCode::Invalid,
            };
            return Err(Error::at("#/password", code, &unsuitable.to_string()));
        }
        self.passwords.hash(password).await.map_err(unhashed)
    }

    /// The account that a key is made for: the one with this e-mail, or the first admin.
    pub async fn owner_of_keys(&self, email: Option<&str>) -> Result<Option<Principal>> {
        let find = user::Entity::find().filter(user::Column::Status.eq(Status::Active.as_str()));
        let find = match email {
            Some(email) => find.filter(user::Column::Email.eq(normalized(email))),
            None => find.filter(user::Column::Role.eq(Role::Admin.as_str())),
        };
        let Some(row) = find.order_by_asc(user::Column::CreatedAt).one(self.db.read()).await? else {
            return Ok(None);
        };
        let role = row.role.parse().map_err(Error::Internal)?;
        Ok(Some(Principal { user: row.id, role, via: Via::Machine }))
    }
}

/// Says what happened to an account: to admins, and to whose it is.
pub(super) fn tell(tx: &Tx, kind: EventType, id: Uuid, version: i64, now: i64) {
    tx.tell(of(kind, id, format!("/api/users/{id}"), version, Audience::Admins(Some(id)), now));
}

/// Others' accounts are there for admins only.
fn owned(caller: &Principal, id: Id<User>) -> Result<()> {
    match caller.user == id.0 || caller.role == Role::Admin {
        true => Ok(()),
        false => Err(Error::NotFound("user")),
    }
}

fn may_change(caller: &Principal, row: &user::Model, patch: &UserPatch) -> Result<()> {
    let differs = patch.role.is_some_and(|role| role.as_str() != row.role)
        || patch.status.is_some_and(|status| status.as_str() != row.status)
        || patch.email.as_ref().is_some_and(|email| Some(normalized(email)) != row.email);
    match differs && caller.role != Role::Admin {
        true => Err(Error::Forbidden("only an admin may change role, status or e-mail")),
        false => Ok(()),
    }
}
