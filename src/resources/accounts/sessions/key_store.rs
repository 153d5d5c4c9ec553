//! Storage of the signing keys: creation, rotation and loading. The only writer of the `signing_keys` table.
use base64::{Engine, prelude::BASE64_STANDARD};
use entity::signing_key;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, Set, sea_query::Expr,
};

use super::{
    keys::{InvalidKey, KeyRotation, SigningKey},
    service::Sessions,
    types::{JwkAlgorithm, JwkCurve, JwkKeyType, JwkSet, JwkUse, PublicKey},
};
use crate::{
    domain::{audit::AuditAction, secret::Secret},
    http::problem::{Error, Result},
    infra::{
        audit_log::NewEntry,
        db::{Db, Tx},
        sealing::Sealer,
    },
    resources::shared::secrets::{self, SealState},
};

impl Sessions {
    /// Creates, replaces and deletes keys according to their age. Called at start-up and then every hour.
    pub async fn rotate_keys(&self) -> Result<()> {
        let (now, sealer) = (self.clock.now(), self.sealer.clone());
        self.db.write(async move |tx| rotate(&tx, &sealer, now).await).await?;
        self.load_keys().await
    }

    /// Deletes all signing keys and creates another one, so that no earlier access token is accepted.
    pub async fn replace_keys(&self) -> Result<()> {
        let (now, sealer) = (self.clock.now(), self.sealer.clone());
        self.db
            .write(async move |tx| {
                if signing_key::Entity::delete_many().exec(&*tx).await?.rows_affected > 0 {
                    tx.record(NewEntry::new(AuditAction::SigningKeysReplaced, "", now));
                }
                rotate(&tx, &sealer, now).await
            })
            .await?;
        self.load_keys().await
    }

    pub(super) async fn load_keys(&self) -> Result<()> {
        let rows = load(self.db.read(), &self.sealer).await?;
        self.keys.replace(rows).map_err(internal_error)
    }

    /// Returns the public keys that verify tokens, including a key that is published before it signs.
    pub fn jwks(&self) -> JwkSet {
        let public = |key: super::keys::Jwk| PublicKey {
            kty: JwkKeyType::OctetKeyPair,
            crv: JwkCurve::Ed25519,
            x: key.x.into(),
            kid: key.kid.into(),
            usage: JwkUse::Signature,
            alg: JwkAlgorithm::EdDsa,
        };
        JwkSet { keys: self.keys.jwks(self.clock.now()).into_iter().map(public).collect() }
    }
}

async fn rotate(tx: &Tx, sealer: &Sealer, now: i64) -> Result<()> {
    let keys = load(&**tx, sealer).await?;
    let plan = KeyRotation::plan(&keys, now);
    if plan.publish.is_some() && !keys.is_empty() {
        tx.record(NewEntry::new(AuditAction::SigningKeysReplaced, "", now));
    }
    if let Some(active_at) = plan.publish {
        secrets::require_current_key(tx, sealer).await?;
        let key = SigningKey::generate(now, active_at).map_err(internal_error)?;
        let private_key = BASE64_STANDARD.encode(key.pkcs8.expose());
        let row = signing_key::ActiveModel {
            private_key: Set(secrets::seal(sealer, &context(&key.kid), private_key)?),
            kid: Set(key.kid),
            public_key: Set(BASE64_STANDARD.encode(&key.public)),
            created_at: Set(key.created_at),
            active_at: Set(key.active_at),
            expires_at: Set(key.expires_at),
        };
        row.insert(&**tx).await?;
    }
    for (kid, expires_at) in plan.expire {
        signing_key::Entity::update_many()
            .col_expr(signing_key::Column::ExpiresAt, Expr::val(expires_at))
            .filter(signing_key::Column::Kid.eq(kid))
            .exec(&**tx)
            .await?;
    }
    if !plan.remove.is_empty() {
        let expired = signing_key::Column::Kid.is_in(plan.remove);
        signing_key::Entity::delete_many().filter(expired).exec(&**tx).await?;
    }
    Ok(())
}

async fn load<C: ConnectionTrait>(db: &C, sealer: &Sealer) -> Result<Vec<SigningKey>> {
    let decode = |text: &[u8]| BASE64_STANDARD.decode(text).map_err(|_| internal_error(InvalidKey));
    let key = |row: signing_key::Model| {
        let private_key = secrets::open(sealer, &context(&row.kid), &row.private_key)?;
        Ok(SigningKey {
            kid: row.kid,
            pkcs8: Secret::new(decode(private_key.expose())?),
            public: decode(row.public_key.as_bytes())?,
            created_at: row.created_at,
            active_at: row.active_at,
            expires_at: row.expires_at,
        })
    };
    signing_key::Entity::find().all(db).await?.into_iter().map(key).collect()
}

/// Adds the state of the signing keys.
pub async fn inspect_signing_keys(db: &Db, sealer: &Sealer, state: &mut SealState) -> Result<()> {
    let rows = signing_key::Entity::find().all(db.read()).await?;
    rows.iter().for_each(|row| state.add(sealer, &row.private_key));
    Ok(())
}

/// Seals all signing keys with the current secret key. Returns the number of rows changed.
pub async fn reseal_signing_keys(tx: &Tx, sealer: &Sealer) -> Result<usize> {
    let mut changed = 0;
    let rows = signing_key::Entity::find().order_by_asc(signing_key::Column::Kid).lock_exclusive();
    for row in rows.all(&**tx).await? {
        if let Some(private_key) = secrets::reseal(sealer, &context(&row.kid), &row.private_key)? {
            let mut row = row.into_active_model();
            row.private_key = Set(private_key);
            row.update(&**tx).await?;
            changed += 1;
        }
    }
    Ok(changed)
}

fn context(kid: &str) -> String {
    format!("signing_keys/{kid}")
}

fn internal_error(error: InvalidKey) -> Error {
    Error::Internal(format!("invalid signing key in the database: {error}"))
}
