//! Whose webhooks are believed.
use std::{fs, path::Path};

use super::{Source, Values};
use crate::resources::webhooks::inbound::{PayPal, ProviderConfig, Secrets};

/// The text of a setting; none where nobody has set it. One that is set and empty is a mistake: a webhook without
/// a secret could be anybody's. No text is repeated in an error.
fn set<'a>(values: &'a Values, name: &str) -> Result<Option<&'a str>, String> {
    match values.get(name).map(|(text, source)| (text.trim(), *source)) {
        None | Some(("", Source::Default)) => Ok(None),
        Some(("", _)) => Err(format!("{name} is set and empty: leave it out, and none is taken")),
        Some((text, _)) => Ok(Some(text)),
    }
}

fn secrets(values: &Values, name: &str) -> Result<Option<Secrets>, String> {
    let parse = |text| Secrets::parse(text).map_err(|error| format!("{name}: {error}"));
    set(values, name)?.map(parse).transpose()
}

pub fn trust(values: &Values) -> Result<ProviderConfig, String> {
    if let Some(folder) = set(values, "webhooks_github_docs")?
        && !Path::new(folder).is_dir()
    {
        return Err(format!("webhooks_github_docs: there is no folder {folder}"));
    }
    Ok(ProviderConfig {
        stripe: secrets(values, "webhooks_stripe_secrets")?,
        github: secrets(values, "webhooks_github_secrets")?,
        paypal: paypal(set(values, "webhooks_paypal_id")?, set(values, "webhooks_paypal_certificates")?)?,
    })
}

fn paypal(id: Option<&str>, file: Option<&str>) -> Result<Option<PayPal>, String> {
    let (id, file) = match (id, file) {
        (None, None) => return Ok(None),
        (Some(id), Some(file)) => (id, file),
        _ => return Err("webhooks_paypal_id and webhooks_paypal_certificates need each other".to_owned()),
    };
    let pem = fs::read(file)
        .map_err(|error| format!("webhooks_paypal_certificates: cannot read {file}: {error}"))?;
    PayPal::new(id, &pem).map(Some).map_err(|error| format!("webhooks_paypal_certificates: {error}"))
}
