//! The custom headers that an endpoint adds to its deliveries. The values are stored sealed, because they can be
//! credentials, and are never returned.
use entity::{redacted::Redacted, webhook_endpoint as endpoint};
use uuid::Uuid;

use super::types::EndpointHeader;
use crate::{
    domain::secret::Secret,
    http::problem::{Error, Result},
    infra::{
        http_client::CustomHeader,
        sealing::{SealError, Sealer},
    },
    resources::shared::secrets,
    schema::{ErrorCode, Location, Violation},
};

/// Names that are rejected: the sender sets them itself, or they frame the message or concern one connection (RFC 9110,
/// section 7.6.1).
const RESERVED: &[&str] = &[
    "accept-encoding",
    "baggage",
    "connection",
    "date",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];
const RESERVED_PREFIXES: &[&str] = &["ce-", "content-", "proxy-", "webhook-"];

/// The columns of custom headers: the names, and the sealed values.
#[derive(Debug, PartialEq, Eq)]
pub struct StoredHeaders {
    pub names: String,
    pub values: Option<Redacted>,
}

pub fn context(id: Uuid) -> String {
    format!("webhook_endpoints/{id}/headers")
}

/// Rejects reserved and repeated names.
pub fn check(headers: &[EndpointHeader]) -> Result<()> {
    let mut violations = Vec::new();
    for (index, header) in headers.iter().enumerate() {
        let name = header.name.as_str();
        let is_reserved =
            RESERVED.contains(&name) || RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        let is_repeated = headers[..index].iter().any(|other| other.name == header.name);
        let (code, message) = match (is_reserved, is_repeated) {
            (true, _) => {
                (ErrorCode::Invalid, "must not be a name that the sender sets or that frames the request")
            }
            (_, true) => (ErrorCode::NotUnique, "must not be the name of another header of this list"),
            _ => continue,
        };
        let location = Location::Pointer(format!("#/headers/{index}/name"));
        violations.push(Violation { location, code, message: format!("{message}, got {name}") });
    }
    if violations.is_empty() { Ok(()) } else { Err(Error::Invalid(violations)) }
}

/// Seals the values for the row of an endpoint.
pub fn seal(sealer: &Sealer, id: Uuid, headers: &[EndpointHeader]) -> Result<StoredHeaders> {
    let json = |list: Vec<&str>| {
        serde_json::to_string(&list).map_err(|error| Error::Internal(format!("the custom headers: {error}")))
    };
    let names = json(headers.iter().map(|header| header.name.as_str()).collect())?;
    let values = match headers.is_empty() {
        true => None,
        false => {
            let values = json(headers.iter().map(|header| header.value.as_str()).collect())?;
            Some(secrets::seal(sealer, &context(id), values)?)
        }
    };
    Ok(StoredHeaders { names, values })
}

/// Returns the names of the custom headers of an endpoint.
pub fn names(row: &endpoint::Model) -> Vec<String> {
    serde_json::from_str(&row.header_names).unwrap_or_default()
}

/// Opens the custom headers of an endpoint. Returns `None` if the stored values are invalid.
///
/// # Errors
///
/// 500 if this instance lacks the key. The values themselves are valid, so they must not be reported as invalid.
pub fn open(sealer: &Sealer, row: &endpoint::Model) -> Result<Option<Vec<CustomHeader>>> {
    let names = names(row);
    let Some(sealed) = &row.header_values else { return Ok(names.is_empty().then(Vec::new)) };
    let context = context(row.id);
    let opened = match sealer.open(&context, sealed.expose()) {
        Ok(opened) => opened,
        Err(error @ SealError::UnknownKey { .. }) => return Err(secrets::seal_error(&context)(error)),
        Err(error) => {
            tracing::error!(endpoint = %row.id, %error, "cannot open the custom headers of a webhook endpoint");
            return Ok(None);
        }
    };
    let values: Option<Vec<String>> = serde_json::from_slice(opened.expose()).ok();
    let values = values.filter(|values| values.len() == names.len());
    Ok(values.map(|values| names.into_iter().zip(values.into_iter().map(Secret::new)).collect()))
}
