//! What may happen to API keys. The only writer of the `api_keys` table.
use entity::{api_key, user};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, JoinType, QueryFilter, QuerySelect,
    RelationTrait, Set,
    sea_query::{Condition, Expr},
};
use uuid::Uuid;

use super::{
    secret,
    types::{ApiKey, ApiKeyQuery, IssuedApiKey, NewApiKey},
};
use crate::{
    contract::{
        caller::{Principal, Role, Via},
        cursor::{CursorKey, Key, Slice, SortKey},
        id::Id,
        or_log::OrLog,
        page::Page,
        problem::{Error, Result},
        text::trimmed,
        time::Timestamp,
    },
    ports::{
        clock::Clock,
        db::{Db, Tx},
    },
    resources::standing::{NOTED, still_there},
};

/// How long the secret before a rotation still works, in milliseconds.
pub const OVERLAP: i64 = 24 * 3_600_000;

#[derive(Clone)]
pub struct ApiKeys {
    pub(in crate::resources) db: Db,
    pub(in crate::resources) clock: Clock,
    cursors: CursorKey,
}

impl ApiKeys {
    pub fn new(db: Db, clock: Clock, cursors: CursorKey) -> Self {
        ApiKeys { db, clock, cursors }
    }

    /// Who is behind a key: its owner, as they are now, within the key's scopes. One select.
    pub async fn authenticate(&self, text: &str) -> Result<Principal> {
        let presented = secret::ApiKey::parse(text).ok_or(Error::InvalidToken)?;
        let now = self.clock.now();
        let find = api_key::Entity::find_by_id(presented.id)
            .join(JoinType::InnerJoin, api_key::Relation::User.def())
            .select_also(user::Entity);
        let Some((key, Some(owner))) = find.one(self.db.read()).await? else {
            return Err(Error::InvalidToken);
        };
        let previous = key.previous_hash.as_deref().filter(|_| key.previous_until.is_some_and(|t| now < t));
        let proven = presented.matches(&key.hash) | previous.is_some_and(|hash| presented.matches(hash));
        let alive = key.expires_at.is_none_or(|end| now < end) && owner.status == "active";
        if !proven || !alive {
            return Err(Error::InvalidToken);
        }
        if key.last_used_at.is_none_or(|last| now - last >= NOTED) {
            self.note(key.id, now).await.or_log("noting a key's use");
        }
        let scopes = key.scopes.split_whitespace().map(str::to_owned).collect();
        let role = owner.role.parse().map_err(Error::Internal)?;
        Ok(Principal { user: owner.id, role, via: Via::Key { id: key.id, scopes } })
    }

    async fn note(&self, id: Uuid, now: i64) -> Result<()> {
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
        let mut find = api_key::Entity::find().filter(seen_by(caller));
        if let Some(owner) = query.owner {
            find = find.filter(api_key::Column::UserId.eq(owner.0));
        }
        let slice = Slice {
            key: &self.cursors,
            list: format!("api-keys {} {:?} {:?}", caller.role, caller.user, query.owner),
            order: vec![SortKey::falling(api_key::Column::CreatedAt), SortKey::falling(api_key::Column::Id)],
            paging: &query.paging,
        };
        let place = |row: &api_key::Model| vec![Key::Number(row.created_at), Key::Id(row.id)];
        let (rows, pagination) = slice.page(self.db.read(), find, |find| find, place).await?;
        let now = self.clock.now();
        let data = rows.into_iter().map(|row| wire(row, now)).collect::<Result<_>>()?;
        Ok(Page { data, pagination })
    }

    pub async fn read(&self, caller: &Principal, id: Id<ApiKey>) -> Result<ApiKey> {
        let find = api_key::Entity::find_by_id(id.0).filter(seen_by(caller));
        let row = find.one(self.db.read()).await?.ok_or(Error::NotFound("API key"))?;
        wire(row, self.clock.now())
    }

    /// Ends all keys of a user.
    pub async fn end_all(&self, tx: &Tx, user: Uuid) -> Result<()> {
        api_key::Entity::delete_many().filter(api_key::Column::UserId.eq(user)).exec(&**tx).await?;
        Ok(())
    }

    pub async fn create(&self, caller: &Principal, new: NewApiKey) -> Result<IssuedApiKey> {
        let now = self.clock.now();
        if new.expires_at.is_some_and(|end| end.0 <= now) {
            return Err(Error::Unfit("expiresAt", "lies in the past"));
        }
        let written = secret::ApiKey::generate(Uuid::now_v7());
        let mut scopes = new.scopes;
        scopes.sort();
        scopes.dedup();
        let scopes: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
        let row = api_key::ActiveModel {
            id: Set(written.id),
            user_id: Set(caller.user),
            name: Set(trimmed(&new.name)),
            hash: Set(written.digest()),
            previous_hash: Set(None),
            previous_until: Set(None),
            scopes: Set(scopes.join(" ")),
            expires_at: Set(new.expires_at.map(|end| end.0)),
            last_used_at: Set(None),
            version: Set(1),
            created_at: Set(now),
            updated_at: Set(now),
        };
        let caller = caller.clone();
        let made = self.db.write(async move |tx| {
            // Who ends all keys of an account must not miss this one.
            still_there(&tx, &caller).await?;
            Ok::<_, Error>(row.insert(&*tx).await?)
        });
        let row = made.await?;
        Ok(IssuedApiKey { api_key: wire(row, now)?, key: written.write().expose().clone() })
    }

    /// A new secret for a key; the old one works for another day, so that programs can follow.
    pub async fn rotate(&self, caller: &Principal, id: Id<ApiKey>) -> Result<IssuedApiKey> {
        let (caller, now) = (caller.clone(), self.clock.now());
        let written = secret::ApiKey::generate(id.0);
        let hash = written.digest();
        let rotated = self.db.write(async move |tx| {
            let find = api_key::Entity::find_by_id(id.0).filter(seen_by(&caller)).lock_exclusive();
            let row = find.one(&*tx).await?.ok_or(Error::NotFound("API key"))?;
            if row.user_id != caller.user {
                return Err(Error::Forbidden("only its owner may have a key's secret"));
            }
            if row.expires_at.is_some_and(|end| end <= now) {
                return Err(Error::Conflict("this key has expired: make another one"));
            }
            let (old, version) = (row.hash.clone(), row.version);
            let mut row = row.into_active_model();
            row.previous_hash = Set(Some(old));
            row.previous_until = Set(Some(now + OVERLAP));
            row.hash = Set(hash);
            row.version = Set(version + 1);
            row.updated_at = Set(now);
            Ok(row.update(&*tx).await?)
        });
        Ok(IssuedApiKey { api_key: wire(rotated.await?, now)?, key: written.write().expose().clone() })
    }

    pub async fn remove(&self, caller: &Principal, id: Id<ApiKey>) -> Result<()> {
        let caller = caller.clone();
        self.db
            .write(async move |tx| {
                let find = api_key::Entity::delete_many().filter(api_key::Column::Id.eq(id.0));
                match find.filter(seen_by(&caller)).exec(&*tx).await?.rows_affected {
                    0 => Err(Error::NotFound("API key")),
                    _ => Ok(()),
                }
            })
            .await
    }
}

/// The keys that a caller may know of.
fn seen_by(caller: &Principal) -> Condition {
    match caller.role {
        Role::Admin => Condition::all(),
        _ => Condition::all().add(api_key::Column::UserId.eq(caller.user)),
    }
}

fn wire(row: api_key::Model, now: i64) -> Result<ApiKey> {
    let scopes = row.scopes.split_whitespace().map(str::parse).collect::<Result<_, _>>();
    Ok(ApiKey {
        id: Id::from(row.id),
        name: row.name,
        scopes: scopes.map_err(Error::Internal)?,
        owner: Id::from(row.user_id),
        expires_at: row.expires_at.map(Timestamp),
        last_used_at: row.last_used_at.map(Timestamp),
        previous_until: row.previous_until.filter(|until| now < *until).map(Timestamp),
        created_at: Timestamp(row.created_at),
        updated_at: Timestamp(row.updated_at),
        version: row.version,
    })
}
