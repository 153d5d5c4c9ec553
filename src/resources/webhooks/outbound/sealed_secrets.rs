//! The secrets of endpoints in the database: sealed, because they are needed to sign.
use entity::{redacted::Redacted, webhook_endpoint as endpoint};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, QueryOrder, QuerySelect, Set};
use uuid::Uuid;

use super::{own_headers, secret};
use crate::{
    domain::secret::Secret,
    http::problem::Result,
    infra::{
        db::{Db, Tx},
        sealing::{SealError, Sealer},
    },
    resources::shared::secrets::{self, SealState},
};

/// A rotation moves the secret to the column of the previous secret, so both have one context.
fn context(id: Uuid) -> String {
    format!("webhook_endpoints/{id}")
}

/// Seals the secret of an endpoint.
pub fn seal(sealer: &Sealer, id: Uuid, secret: &Secret<String>) -> Result<Redacted> {
    secrets::seal(sealer, &context(id), secret.expose())
}

/// Opens a secret of an endpoint. Returns `None` if it cannot sign.
///
/// # Errors
///
/// 500 if this instance lacks the key. The secret itself is valid, so it must be neither replaced nor reported as invalid.
pub fn open(sealer: &Sealer, id: Uuid, sealed: &Redacted) -> Result<Option<Secret<String>>> {
    let opened = match sealer.open(&context(id), sealed.expose()) {
        Ok(opened) => String::from_utf8(opened.expose().clone()).ok(),
        Err(error) => {
            tracing::error!(endpoint = %id, %error, "cannot open the secret of a webhook endpoint");
            if let SealError::UnknownKey { .. } = error {
                return Err(secrets::seal_error(&context(id))(error));
            }
            None
        }
    };
    Ok(opened.filter(|text| secret::is_valid(text)).map(Secret::new))
}

/// Adds the state of the secrets and of the header fields of all endpoints.
pub async fn inspect_webhook_secrets(db: &Db, sealer: &Sealer, state: &mut SealState) -> Result<()> {
    let rows = endpoint::Entity::find().all(db.read()).await?;
    let secrets = rows.iter().flat_map(|row| [Some(&row.secret), row.previous_secret.as_ref()]);
    let headers = rows.iter().filter_map(|row| row.header_values.as_ref());
    secrets.flatten().chain(headers).for_each(|stored| state.add(sealer, stored));
    Ok(())
}

/// Seals the secrets and the header fields of all endpoints with the current key. Returns the number of rows changed.
pub async fn reseal_webhook_secrets(tx: &Tx, sealer: &Sealer) -> Result<usize> {
    let mut changed = 0;
    let rows = endpoint::Entity::find().order_by_asc(endpoint::Column::Id).lock_exclusive();
    for row in rows.all(&**tx).await? {
        let context = context(row.id);
        let current = secrets::reseal(sealer, &context, &row.secret)?;
        let previous = row.previous_secret.as_ref().map(|sealed| secrets::reseal(sealer, &context, sealed));
        let previous = previous.transpose()?.flatten();
        let headers_context = own_headers::context(row.id);
        let headers =
            row.header_values.as_ref().map(|sealed| secrets::reseal(sealer, &headers_context, sealed));
        let headers = headers.transpose()?.flatten();
        if current.is_none() && previous.is_none() && headers.is_none() {
            continue;
        }
        let mut row = row.into_active_model();
        if let Some(current) = current {
            row.secret = Set(current);
        }
        if let Some(previous) = previous {
            row.previous_secret = Set(Some(previous));
        }
        if let Some(headers) = headers {
            row.header_values = Set(Some(headers));
        }
        row.update(&**tx).await?;
        changed += 1;
    }
    Ok(changed)
}
