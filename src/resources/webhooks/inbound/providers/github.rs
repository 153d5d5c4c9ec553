//! GitHub signatures: `X-Hub-Signature-256: sha256=HEX`, HMAC-SHA256 over the body. The signature does not
//! cover the headers with the delivery id and the event type. A redelivery has the same delivery id. An equal body with another
//! id is ignored for an hour. A webhook sends JSON, or a form whose field `payload` is the JSON.
use std::borrow::Cow;

use macros::operations;
use serde::Deserialize;

use crate::{
    config::WebhooksConfig,
    http::{
        operation::SignatureScheme,
        problem::{Error, Result},
        signed_request::{FORM_URLENCODED, SignedForm, SignedHeaders, SignedRequest, WebhookSigner},
    },
    resources::webhooks::inbound::{
        TAG,
        action::Action,
        api::{ReceiveApi, ReceiveResult},
        provider::{VerifiedEvent, WebhookProvider},
        signature::{NO_MATCH, Secrets, parse_mac},
        types::Provider,
    },
    schema::{ErrorCode, form_decode},
};

/// GitHub, which sends repository events: a push can contain many commits.
pub struct Github(Secrets);

impl WebhookSigner for Github {
    const SCHEME: SignatureScheme = SignatureScheme {
        name: "github_signature",
        header: "X-Hub-Signature-256",
        description: "`sha256=HEX`: the HMAC-SHA256 of the body with the secret of the webhook. \
                      Requires `X-GitHub-Delivery` and `X-GitHub-Event`.",
    };
    const MAX_BODY: usize = 1_048_576;
    const FORM: Option<SignedForm> = Some(SignedForm {
        schema: "GitHubForm",
        description: "A webhook of GitHub with the content type of forms.",
        field: "payload",
    });
    const EXAMPLE: &'static str = r#"{"ref":"refs/heads/main","repository":{"full_name":"acme/handbook"}}"#;
}

impl WebhookProvider for Github {
    const PROVIDER: Provider = Provider::Github;
    const SAME_BODY_WINDOW: Option<i64> = Some(3_600_000);

    fn from_config(config: &WebhooksConfig) -> Option<Self> {
        config.webhooks_github_secrets.as_ref().map(|secrets| Github(Secrets::new(secrets)))
    }

    fn verify(&self, headers: &SignedHeaders, body: &[u8], _now: i64) -> Result<VerifiedEvent> {
        let header = headers.get_single("x-hub-signature-256");
        let header =
            header.ok_or(Error::InvalidSignature("X-Hub-Signature-256: must be sent exactly once"))?;
        let mac = header.strip_prefix("sha256=").and_then(parse_mac);
        let mac = mac.ok_or(Error::InvalidSignature(
            "X-Hub-Signature-256: must be sha256= and 64 lowercase hexadecimal digits",
        ))?;
        if !self.0.verify(&[body], &mac) {
            return Err(Error::InvalidSignature(NO_MATCH));
        }
        let is_identifier = |text: &&str, punctuation: &[u8]| {
            (1..=100).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || punctuation.contains(&byte))
        };
        let id = headers.get_single("x-github-delivery").filter(|id| is_identifier(id, b"-"));
        let event = headers.get_single("x-github-event").filter(|event| is_identifier(event, b"_-."));
        match (id, event) {
            (Some(id), Some(event)) => VerifiedEvent::from_headers(id, event, &payload(headers, body)?),
            _ => Err(Error::InvalidSignature(
                "X-GitHub-Delivery and X-GitHub-Event: must be identifiers of 1 to 100 characters, each sent once",
            )),
        }
    }

    fn action(kind: &str, body: &str) -> Action {
        match kind {
            "push" => push(body),
            "ping" => Action::Ignore("ping events need no action"),
            _ => Action::Unhandled,
        }
    }
}

#[operations(prefix_path = "/api", tag = "TAG")]
impl ReceiveApi<Github> {
    /// Receive an event from GitHub
    ///
    /// Verification and repeated events work as for Stripe. `X-GitHub-Delivery` identifies the event and
    /// `X-GitHub-Event` is its type. The signature does not cover these headers, so an equal body within an hour is a
    /// repeated event too. The body is the JSON, or a form whose only field `payload` is the JSON.
    #[oai(path = "/webhooks/github", method = "post", operation_id = "webhookEventsReceiveGithub")]
    async fn receive(&self, signed: SignedRequest<Github>) -> ReceiveResult {
        self.receive_signed(signed).await
    }
}

/// Returns the JSON of a body, which is the whole body or the only field of a form. The signature does not cover the media
/// type, so neither kind of body must be valid as the other one.
fn payload<'a>(headers: &SignedHeaders, body: &'a [u8]) -> Result<Cow<'a, [u8]>> {
    let media_type = headers.get_single("content-type").and_then(|text| text.split(';').next());
    if !media_type.is_some_and(|name| name.trim().eq_ignore_ascii_case(FORM_URLENCODED)) {
        return Ok(Cow::Borrowed(body));
    }
    let field = body.strip_prefix(b"payload=").filter(|value| !value.contains(&b'&'));
    let text = field.and_then(|value| form_decode(str::from_utf8(value).ok()?));
    let invalid = || {
        Error::invalid_field(
            "#/payload",
            ErrorCode::Invalid,
            "must be the only field of the form, percent-encoded",
        )
    };
    Ok(Cow::Owned(text.ok_or_else(invalid)?.into_owned().into_bytes()))
}

#[derive(Deserialize)]
struct Push {
    #[serde(rename = "ref")]
    reference: String,
    #[serde(default)]
    deleted: bool,
    repository: Option<Repository>,
}

#[derive(Deserialize)]
struct Repository {
    default_branch: Option<String>,
}

fn push(body: &str) -> Action {
    let Ok(Push { reference, deleted, repository }) = serde_json::from_str(body) else {
        return Action::Ignore("the push has no field `ref`");
    };
    let default_branch = repository.and_then(|repository| repository.default_branch);
    match default_branch {
        _ if deleted => Action::Ignore("a branch was deleted"),
        Some(default_branch) if reference != format!("refs/heads/{default_branch}") => {
            Action::Ignore("the push is not to the default branch")
        }
        _ => Action::ImportDocuments,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::webhooks::inbound::signature::testing::{
        BODY, NOW, headers, is_rejected, mac, secrets,
    };

    #[test]
    fn accepts_only_the_sha256_signature() {
        let code = mac("whsec_of_today_and_on", BODY);
        let signature = format!("sha256={code}");
        let unsigned =
            [("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"), ("x-github-event", "push")];
        let verify = |signature: &str| {
            let list = [unsigned[0], unsigned[1], ("x-hub-signature-256", signature)];
            Github(secrets()).verify(&headers(&list), BODY, NOW)
        };
        assert!(verify(&signature).is_ok_and(|event| event.kind == "push"));
        for header in [
            "",
            "sha256=",
            "sha256",
            &code,
            &format!("SHA256={code}"),
            &format!("sha1={}", &code[..40]),
            &format!("sha256= {code}"),
            &format!("sha256={}", code.to_uppercase()),
            &format!("sha256={}", &code[..62]),
            &format!("sha256={code}00"),
            &format!("sha256={code},sha256={code}"),
            &format!("sha256={}", "0".repeat(64)),
            &format!("sha256={}", mac("whsec_of_another_sender", BODY)),
        ] {
            assert!(is_rejected(&verify(header)), "{header}");
        }
        let signed = ("x-hub-signature-256", signature.as_str());
        for list in [
            vec![],
            vec![unsigned[0], unsigned[1]],
            vec![unsigned[0], unsigned[1], ("x-hub-signature", signed.1)],
            vec![unsigned[0], unsigned[1], signed, signed],
            vec![unsigned[0], signed],
            vec![unsigned[1], signed],
            vec![unsigned[0], ("x-github-event", "pu sh"), signed],
            vec![("x-github-delivery", "../x"), unsigned[1], signed],
            vec![unsigned[0], unsigned[0], unsigned[1], signed],
        ] {
            assert!(is_rejected(&Github(secrets()).verify(&headers(&list), BODY, NOW)), "{list:?}");
        }
    }

    #[test]
    fn a_form_contains_the_json_in_its_only_field() {
        let verify = |body: &[u8], media_type: &str| {
            let signature = format!("sha256={}", mac("whsec_of_today_and_on", body));
            let list = [
                ("x-github-delivery", "d-1"),
                ("x-github-event", "push"),
                ("x-hub-signature-256", signature.as_str()),
                ("content-type", media_type),
            ];
            Github(secrets()).verify(&headers(&list), body, NOW).map(|event| event.body)
        };
        let form = "payload=%7B%22ref%22%3A%22refs%2Fheads%2Fa%2Bb+%26c%22%7D";
        let json = r#"{"ref":"refs/heads/a+b &c"}"#;
        assert_eq!(verify(form.as_bytes(), FORM_URLENCODED).ok().as_deref(), Some(json));
        assert_eq!(
            verify(form.as_bytes(), "Application/X-WWW-Form-Urlencoded ; charset=utf-8").ok().as_deref(),
            Some(json)
        );
        for body in [
            json,
            "",
            "payload",
            "payload=",
            "payload=%7B",
            "payload=%7B%7D&payload=%7B%7D",
            "a=b&payload=%7B%7D",
            "payload=%7B%7D&a=b",
            "payload=%",
            "payload=%7B%ff%7D",
            r#"{"message":"&payload=%7B%7D"}"#,
        ] {
            assert!(matches!(verify(body.as_bytes(), FORM_URLENCODED), Err(Error::Invalid(_))), "{body}");
        }
        assert!(matches!(verify(form.as_bytes(), "application/json"), Err(Error::Invalid(_))));
    }

    #[test]
    fn only_pushes_to_the_default_branch_import_documents() {
        let push = |reference: &str, fields: &str| {
            let body = format!(r#"{{"ref":"{reference}","repository":{{"default_branch":"main"}}{fields}}}"#);
            Github::action("push", &body)
        };
        assert_eq!(push("refs/heads/main", ""), Action::ImportDocuments);
        assert_eq!(Github::action("push", r#"{"ref":"refs/heads/x"}"#), Action::ImportDocuments);
        for (reference, fields) in
            [("refs/heads/other", ""), ("refs/tags/main", ""), ("refs/heads/main", ",\"deleted\":true")]
        {
            assert!(matches!(push(reference, fields), Action::Ignore(_)), "{reference}{fields}");
        }
        assert_eq!(Github::action("star", "{}"), Action::Unhandled);
    }
}
