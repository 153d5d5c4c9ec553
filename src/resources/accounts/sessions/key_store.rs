//! Storage of the signing keys: creation, rotation and loading. The only writer of the `signing_keys` table.
use base64::{Engine, prelude::BASE64_STANDARD};
use entity::signing_key;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Set, sea_query::Expr,
};

use super::{
    keys::{InvalidKey, KeyRotation, SigningKey},
    service::Sessions,
    types::{JwkAlgorithm, JwkCurve, JwkKeyType, JwkSet, JwkUse, PublicKey},
};
use crate::{
    domain::secret::Secret,
    http::problem::{Error, Result},
    infra::db::Tx,
};

impl Sessions {
    /// Creates, replaces and deletes keys according to their age. Called at start-up and then every hour.
    pub async fn rotate_keys(&self) -> Result<()> {
        let now = self.clock.now();
        self.db.write(async move |tx| rotate(&tx, now).await).await?;
        self.load_keys().await
    }

    pub(super) async fn load_keys(&self) -> Result<()> {
        let rows = load(self.db.read()).await?;
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

async fn rotate(tx: &Tx, now: i64) -> Result<()> {
    let plan = KeyRotation::plan(&load(&**tx).await?, now);
    if let Some(active_at) = plan.publish {
        let key = SigningKey::generate(now, active_at).map_err(internal_error)?;
        let row = signing_key::ActiveModel {
            kid: Set(key.kid),
            private_key: Set(BASE64_STANDARD.encode(key.pkcs8.expose()).into()),
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

async fn load<C: ConnectionTrait>(db: &C) -> Result<Vec<SigningKey>> {
    let key = |row: signing_key::Model| {
        Ok(SigningKey {
            kid: row.kid,
            pkcs8: Secret::new(BASE64_STANDARD.decode(row.private_key.expose()).map_err(|_| InvalidKey)?),
            public: BASE64_STANDARD.decode(row.public_key).map_err(|_| InvalidKey)?,
            created_at: row.created_at,
            active_at: row.active_at,
            expires_at: row.expires_at,
        })
    };
    signing_key::Entity::find()
        .all(db)
        .await?
        .into_iter()
        .map(key)
        .collect::<Result<_, _>>()
        .map_err(internal_error)
}

fn internal_error(error: InvalidKey) -> Error {
    Error::Internal(format!("invalid signing key in the database: {error}"))
}
