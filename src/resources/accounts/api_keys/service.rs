//! API key service: authentication, rules and queries. The only writer of the `api_keys` table.
use entity::{
    api_key,
    user::{self, Status},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, JoinType, PaginatorTrait, QueryFilter,
    QuerySelect, RelationTrait, Set,
    sea_query::{Condition, Expr},
};
use serde_json::json;
use uuid::Uuid;

use super::{
    addresses::KnownAddresses,
    secret::ApiKeyToken,
    types::{ApiKey, ApiKeyInput, ApiKeyQuery, Expiry, IssuedApiKey},
};
use crate::{
    domain::{
        audit::{AuditAction, AuthFailure, RejectedCredential},
        id::Id,
        result_ext::ResultExt,
        scope::Scope,
        timestamp::Timestamp,
    },
    http::{
        auth::{Principal, Role, Via},
        cursor::{CursorKey, PageQuery, SortKey, SortValue},
        pagination::Page,
        problem::{Error, Result},
    },
    infra::{
        audit_log::{Changes, NewEntry},
        clock::Clock,
        db::{Db, Tx},
    },
    resources::accounts::{
        active::{LAST_USED_INTERVAL, lock_active},
        verified::{CREDENTIALS, Verified},
    },
    schema::ErrorCode,
};

/// How long the previous secret stays valid after a rotation, in milliseconds.
pub const ROTATION_OVERLAP: i64 = 24 * 3_600_000;

/// The number of keys of an account, expired ones included.
const MAX_KEYS: u64 = 50;

/// How long a new key is valid by default, and at most for callers other than admins, in milliseconds: 365 days.
const LIFETIME: i64 = 365 * 24 * 3_600_000;

#[derive(Clone)]
pub struct ApiKeys {
    pub(in crate::resources) db: Db,
    pub(in crate::resources) clock: Clock,
    cursors: CursorKey,
    pub(super) addresses: KnownAddresses,
}

impl ApiKeys {
    pub fn new(db: Db, clock: Clock, cursors: CursorKey) -> Self {
        ApiKeys { db, clock, cursors, addresses: KnownAddresses::default() }
    }

    /// Authenticates a key. Returns its owner with their current role, limited to the scopes of the key.
    /// Loads the key and the owner in one query.
    pub async fn authenticate(&self, text: &str) -> Result<Verified> {
        let presented = ApiKeyToken::parse(text)
            .ok_or_else(|| Error::invalid_token(AuthFailure::Malformed, "the API key is malformed"))?;
        let now = self.clock.now();
        let find = api_key::Entity::find_by_id(presented.id)
            .join(JoinType::InnerJoin, api_key::Relation::User.def())
            .select_also(user::Entity);
        let Some((key, Some(owner))) = find.one(self.db.read()).await? else {
            return Err(Error::invalid_token(AuthFailure::Unknown, "no API key has this id"));
        };
        let previous =
            key.previous_hash.as_deref().filter(|_| key.previous_secret_until.is_some_and(|t| now < t));
        // `|` without short circuit: the duration must not depend on which secret matches.
        let matches_current = presented.matches(&key.hash);
        let matches = matches_current | previous.is_some_and(|hash| presented.matches(hash));
        let is_active = key.expires_at.is_none_or(|end| now < end) && owner.status == Status::Active;
        if !matches || !is_active {
            let (class, reason) = match matches {
                true if owner.status != Status::Active => {
                    (AuthFailure::Disabled, "the owner of the API key is disabled")
                }
                true => (AuthFailure::Expired, "the API key is expired"),
                false => (AuthFailure::WrongSecret, "the secret of the API key is wrong"),
            };
            let reason = format!("{reason} (key {})", key.id);
            return Err(Error::InvalidToken(RejectedCredential::new(class, reason).of(owner.id)));
        }
        let mut last_used_at = key.last_used_at.map_or(i64::MIN, |last| last.min(now));
        if now.saturating_sub(last_used_at) >= LAST_USED_INTERVAL {
            self.record_use(key.id, now).await.ok_or_log("recording the last use of an API key");
            last_used_at = now;
        }
        let previous_until = key.previous_secret_until.filter(|_| !matches_current);
        let ends = [Some(last_used_at + LAST_USED_INTERVAL), key.expires_at, previous_until];
        let scopes = key.scopes.split_whitespace().map(str::to_owned).collect();
        let principal = Principal { user: owner.id, role: owner.role, via: Via::Key { id: key.id, scopes } };
        Ok(Verified { principal, valid_until: ends.into_iter().flatten().min().unwrap_or(now) })
    }

    async fn record_use(&self, id: Uuid, now: i64) -> Result<()> {
        self.db
            .write(async move |tx| {
                api_key::Entity::update_many()
                    .col_expr(api_key::Column::LastUsedAt, Expr::val(now))
                    .filter(api_key::Column::Id.eq(id))
                    .exec(&*tx)
                    .await?;
                Ok(())
            })
            .await
    }

    pub async fn list(&self, caller: &Principal, query: &ApiKeyQuery) -> Result<Page<ApiKey>> {
        let mut find = api_key::Entity::find().filter(visible_to(caller));
        if let Some(owner) = query.owner {
            find = find.filter(api_key::Column::UserId.eq(owner.0));
        }
        let slice = PageQuery {
            cursor_key: &self.cursors,
            list_id: format!("api-keys {} {:?} {:?}", caller.role, caller.user, query.owner),
            order: vec![
                SortKey::descending(api_key::Column::CreatedAt),
                SortKey::descending(api_key::Column::Id),
            ],
            params: &query.paging,
        };
        let cursor_keys =
            |row: &api_key::Model| vec![SortValue::Number(row.created_at), SortValue::Id(row.id)];
        let (rows, pagination) = slice.fetch(self.db.read(), find, |find| find, cursor_keys).await?;
        let now = self.clock.now();
        let data = rows.into_iter().map(|row| to_api_key(row, now)).collect::<Result<_>>()?;
        Ok(Page { data, pagination })
    }

    pub async fn read(&self, caller: &Principal, id: Id<ApiKey>) -> Result<ApiKey> {
        let find = api_key::Entity::find_by_id(id.0).filter(visible_to(caller));
        let row = find.one(self.db.read()).await?.ok_or(Error::NotFound("API key"))?;
        to_api_key(row, self.clock.now())
    }

    /// Deletes all keys of a user.
    pub async fn delete_all(&self, tx: &Tx, user: Uuid) -> Result<()> {
        let keys = api_key::Entity::delete_many().filter(api_key::Column::UserId.eq(user));
        if keys.exec(&**tx).await?.rows_affected > 0 {
            tx.record(NewEntry::new(AuditAction::KeysDeleted, user, self.clock.now()));
        }
        tx.touch(CREDENTIALS).await?;
        Ok(())
    }

    pub async fn create(&self, caller: &Principal, new: ApiKeyInput) -> Result<IssuedApiKey> {
        let now = self.clock.now();
        let expires_at = expiry(caller, new.expires_at, new.expires, now)?;
        let token = ApiKeyToken::generate(Uuid::now_v7());
        let mut scopes = new.scopes;
        scopes.sort();
        scopes.dedup();
        let scopes: Vec<&str> = scopes.iter().map(|scope| scope.0.as_str()).collect();
        let recorded_scopes = json!(scopes).to_string();
        let row = api_key::ActiveModel {
            id: Set(token.id),
            user_id: Set(caller.user),
            name: Set(new.name.into()),
            hash: Set(token.digest()),
            previous_hash: Set(None),
            previous_secret_until: Set(None),
            scopes: Set(scopes.join(" ")),
            expires_at: Set(expires_at),
            last_used_at: Set(None),
            version: Set(1),
            created_at: Set(now),
            updated_at: Set(now),
        };
        let caller = caller.clone();
        let inserted = self.db.write(async move |tx| {
            // The lock on the account serializes the creation of its keys: two concurrent requests could exceed the
            // limit together.
            user::Entity::find_by_id(caller.user).lock_exclusive().one(&*tx).await?;
            // A concurrent request that disables the account or deletes its keys must not miss this key.
            lock_active(&tx, &caller).await?;
            let keys = api_key::Entity::find().filter(api_key::Column::UserId.eq(caller.user));
            if keys.count(&*tx).await? >= MAX_KEYS {
                return Err(Error::Conflict(
                    "an account may have 50 API keys: delete one that is no longer used",
                ));
            }
            let row = row.insert(&*tx).await?;
            let expires_at = row.expires_at.map(|end| Timestamp(end).to_string());
            let fields = [("scopes", Some(recorded_scopes)), ("expiresAt", expires_at)];
            let entry = NewEntry::new(AuditAction::KeyCreated, row.id, now);
            tx.record(entry.with_changes(Changes::created(fields)));
            Ok::<_, Error>(row)
        });
        let row = inserted.await?;
        Ok(IssuedApiKey { api_key: to_api_key(row, now)?, key: token.encode().expose().as_str().into() })
    }

    /// Replaces the secret of a key. The previous secret stays valid for 24 hours, so that programs can
    /// switch.
    pub async fn rotate(&self, caller: &Principal, id: Id<ApiKey>) -> Result<IssuedApiKey> {
        let (caller, now) = (caller.clone(), self.clock.now());
        let token = ApiKeyToken::generate(id.0);
        let hash = token.digest();
        let rotated = self.db.write(async move |tx| {
            let find = api_key::Entity::find_by_id(id.0).filter(visible_to(&caller)).lock_exclusive();
            let row = find.one(&*tx).await?.ok_or(Error::NotFound("API key"))?;
            if row.user_id != caller.user {
                return Err(Error::Forbidden("only the owner of an API key may rotate it"));
            }
            if row.expires_at.is_some_and(|end| end <= now) {
                return Err(Error::Conflict("this API key has expired: create another one"));
            }
            let (old, version) = (row.hash.clone(), row.version);
            let mut row = row.into_active_model();
            row.previous_hash = Set(Some(old));
            row.previous_secret_until = Set(Some(now + ROTATION_OVERLAP));
            row.hash = Set(hash);
            row.version = Set(version + 1);
            row.updated_at = Set(now);
            tx.touch(CREDENTIALS).await?;
            tx.record(NewEntry::new(AuditAction::KeyRotated, id, now));
            Ok(row.update(&*tx).await?)
        });
        Ok(IssuedApiKey {
            api_key: to_api_key(rotated.await?, now)?,
            key: token.encode().expose().as_str().into(),
        })
    }

    pub async fn remove(&self, caller: &Principal, id: Id<ApiKey>) -> Result<()> {
        let (caller, now) = (caller.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                tx.touch(CREDENTIALS).await?;
                tx.record(NewEntry::new(AuditAction::KeyDeleted, id, now));
                let find = api_key::Entity::delete_many().filter(api_key::Column::Id.eq(id.0));
                match find.filter(visible_to(&caller)).exec(&*tx).await?.rows_affected {
                    0 => Err(Error::NotFound("API key")),
                    _ => Ok(()),
                }
            })
            .await
    }
}

/// Returns the time at which a new key expires; `None` if it does not expire.
fn expiry(
    caller: &Principal,
    at: Option<Timestamp>,
    expires: Option<Expiry>,
    now: i64,
) -> Result<Option<i64>> {
    let is_admin = caller.role == Role::Admin || caller.via == Via::Cli;
    let invalid = |pointer, message| Error::invalid_field(pointer, ErrorCode::Invalid, message);
    match (at, expires) {
        (Some(_), Some(_)) => Err(invalid("#/expires", "must not be sent together with expiresAt")),
        (None, Some(Expiry::Never)) if is_admin => Ok(None),
        (None, Some(Expiry::Never)) => Err(Error::Forbidden("expires: only admins may set it to never")),
        (None, None) => Ok(Some(now + LIFETIME)),
        (Some(at), None) if at.0 <= now => Err(invalid("#/expiresAt", "must be in the future")),
        (Some(at), None) if at.0 > now + LIFETIME && !is_admin => {
            Err(Error::Forbidden("expiresAt: only admins may set a time later than in one year"))
        }
        (Some(at), None) => Ok(Some(at.0)),
    }
}

/// Returns the condition for the keys that a caller may see: all for admins, otherwise their own.
fn visible_to(caller: &Principal) -> Condition {
    match caller.role {
        Role::Admin => Condition::all(),
        _ => Condition::all().add(api_key::Column::UserId.eq(caller.user)),
    }
}

fn to_api_key(row: api_key::Model, now: i64) -> Result<ApiKey> {
    let scopes = row.scopes.split_whitespace().map(|scope| Scope(scope.to_owned())).collect();
    Ok(ApiKey {
        id: Id::from(row.id),
        name: row.name.into(),
        scopes,
        owner: Id::from(row.user_id),
        expires_at: row.expires_at.map(Timestamp),
        last_used_at: row.last_used_at.map(Timestamp),
        previous_secret_until: row.previous_secret_until.filter(|until| now < *until).map(Timestamp),
        created_at: Timestamp(row.created_at),
        updated_at: Timestamp(row.updated_at),
        version: row.version,
    })
}
