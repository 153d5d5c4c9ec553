//! Stripe signatures: `Stripe-Signature: t=SECONDS,v1=HEX,…`, HMAC-SHA256 over the time, a full stop and the
//! body.
mod payments;

use macros::operations;

pub use payments::object_action;

use crate::{
    config::WebhooksConfig,
    http::{
        operation::SignatureScheme,
        problem::{Error, Result},
        signed_request::{SignedHeaders, SignedRequest, WebhookSigner},
    },
    resources::webhooks::inbound::{
        TAG,
        action::Action,
        api::{ReceiveApi, ReceiveResult},
        provider::{VerifiedEvent, WebhookProvider},
        signature::{NO_MATCH, Secrets, parse_mac},
        types::Provider,
    },
};

/// Accepted age and clock skew of a signature, in seconds.
const MAX_AGE: i64 = 300;
const MAX_CLOCK_SKEW: i64 = 60;

/// Maximum number of signatures: each costs one HMAC per secret.
const MAX_SIGNATURES: usize = 8;

/// Stripe, which sends payment events of some kilobytes.
pub struct Stripe(Secrets);

impl WebhookSigner for Stripe {
    const SCHEME: SignatureScheme = SignatureScheme {
        name: "stripe_signature",
        header: "Stripe-Signature",
        description: "`t=SECONDS,v1=HEX`: the HMAC-SHA256 of `{time}.{body}` with the secret of the \
                      endpoint. At most 300 seconds old.",
    };
    const MAX_BODY: usize = 262_144;
    const EXAMPLE: &'static str = r#"{"id":"evt_1SVr2xGQ","object":"event","type":"invoice.paid","data":{"object":{"id":"in_1SVr2wGQ","object":"invoice","status":"paid","amount_paid":15795,"currency":"usd","metadata":{"invoice":"1"}}}}"#;
}

impl WebhookProvider for Stripe {
    const PROVIDER: Provider = Provider::Stripe;

    fn from_config(config: &WebhooksConfig) -> Option<Self> {
        config.webhooks_stripe_secrets.as_ref().map(|secrets| Stripe(Secrets::new(secrets)))
    }

    fn verify(&self, headers: &SignedHeaders, body: &[u8], now: i64) -> Result<VerifiedEvent> {
        let header = headers
            .get_single("stripe-signature")
            .ok_or(Error::InvalidSignature("Stripe-Signature: must be sent exactly once"))?;
        let (time, macs) = parse_header(header)?;
        let age = now.div_euclid(1000) - parse_seconds(time)?;
        if macs.is_empty() {
            return Err(Error::InvalidSignature(
                "Stripe-Signature: must have a v1 signature of 64 lowercase hexadecimal digits",
            ));
        }
        // The time is checked last, so that only a sender with a valid secret can probe the clock.
        if !macs.iter().any(|mac| self.0.verify(&[time.as_bytes(), b".", body], mac)) {
            return Err(Error::InvalidSignature(NO_MATCH));
        }
        match age {
            age if age < -MAX_CLOCK_SKEW => Err(Error::InvalidSignature(
                "Stripe-Signature: the time is more than 60 seconds in the future",
            )),
            age if age > MAX_AGE => Err(Error::InvalidSignature(
                "Stripe-Signature: the time is more than 300 seconds in the past",
            )),
            _ => VerifiedEvent::from_body(body, None),
        }
    }

    fn action(kind: &str, body: &str) -> Action {
        payments::action(kind, body)
    }
}

#[operations(prefix_path = "/api", tag = "TAG")]
impl ReceiveApi<Stripe> {
    /// Receive an event from Stripe
    ///
    /// The signature is verified over the raw bytes before the body is parsed; an invalid signature is
    /// rejected (400). A repeated event returns 200 and has no further effect, unless it failed: then it is
    /// enqueued again. Returns 404 if no Stripe secret is configured.
    #[oai(path = "/webhooks/stripe", method = "post", operation_id = "webhookEventsReceiveStripe")]
    async fn receive(&self, signed: SignedRequest<Stripe>) -> ReceiveResult {
        self.receive_signed(signed).await
    }
}

/// Parses the time and the `v1` signatures. Other schemes are ignored.
fn parse_header(header: &str) -> Result<(&str, Vec<[u8; 32]>)> {
    let (mut time, mut macs) = (None, Vec::new());
    for part in header.split(',') {
        let (scheme, value) = part
            .split_once('=')
            .ok_or(Error::InvalidSignature("Stripe-Signature: must be t=SECONDS,v1=HEX"))?;
        match scheme {
            "t" if time.replace(value).is_some() => {
                return Err(Error::InvalidSignature("Stripe-Signature: must have exactly one time"));
            }
            "v1" => macs.extend(parse_mac(value)),
            _ => {}
        }
    }
    if macs.len() > MAX_SIGNATURES {
        return Err(Error::InvalidSignature("Stripe-Signature: must have at most 8 signatures"));
    }
    Ok((time.ok_or(Error::InvalidSignature("Stripe-Signature: must have exactly one time"))?, macs))
}

fn parse_seconds(text: &str) -> Result<i64> {
    let is_numeric = (1..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|_| is_numeric)
        .ok_or(Error::InvalidSignature("Stripe-Signature: the time must be in seconds"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::webhooks::inbound::signature::testing::{
        BODY, NOW, headers, is_rejected, mac, secrets,
    };

    fn v1(secret: &str, time: i64) -> String {
        mac(secret, &[time.to_string().as_bytes(), b".", BODY].concat())
    }

    fn verify(signatures: &[&str], body: &[u8]) -> Result<VerifiedEvent> {
        let list: Vec<_> = signatures.iter().map(|signature| ("stripe-signature", *signature)).collect();
        Stripe(secrets()).verify(&headers(&list), body, NOW)
    }

    #[test]
    fn accepts_any_configured_secret_within_the_time_window() {
        let now = NOW / 1000;
        for (name, field) in [
            ("now", format!("t={now},v1={}", v1("whsec_of_today_and_on", now))),
            ("the previous secret", format!("t={now},v1={}", v1("whsec_of_before_today", now))),
            ("300 s ago", format!("t={},v1={}", now - 300, v1("whsec_of_today_and_on", now - 300))),
            ("60 s ahead", format!("t={},v1={}", now + 60, v1("whsec_of_today_and_on", now + 60))),
            (
                "with other signatures",
                format!("t={now},v1={},v1={},v0=abc", "0".repeat(64), v1("whsec_of_today_and_on", now)),
            ),
            (
                "the last of eight signatures",
                format!(
                    "t={now},{}v1={}",
                    format!("v1={},", "0".repeat(64)).repeat(7),
                    v1("whsec_of_today_and_on", now)
                ),
            ),
            ("the time last", format!("v1={},t={now}", v1("whsec_of_today_and_on", now))),
        ] {
            assert!(verify(&[&field], BODY).is_ok_and(|event| event.id == "evt_1"), "{name}");
        }
    }

    #[test]
    fn rejects_malformed_headers() {
        let now = NOW / 1000;
        let good = v1("whsec_of_today_and_on", now);
        let old = v1("whsec_of_today_and_on", now - 301);
        let early = v1("whsec_of_today_and_on", now + 61);
        let malformed = [
            String::new(),
            ",".into(),
            "t".into(),
            good.clone(),
            format!("t={now}"),
            format!("v1={good}"),
            format!("t=,v1={good}"),
            format!("t={now},v1="),
            format!("t={now},v1=,v1="),
            format!("t={now},v0={good}"),
            format!("t={now},V1={good}"),
            format!("t={now},v1={}", good.to_uppercase()),
            format!("t={now},v1={}", &good[..63]),
            format!("t={now},v1={}", &good[..2]),
            format!("t={now},v1={good}0"),
            format!("t={now},v1=0x{good}"),
            format!("t={now}, v1={good}"),
            format!("t={now};v1={good}"),
            format!("t={now}.0,v1={good}"),
            format!("t=+{now},v1={good}"),
            format!("t=-{now},v1={good}"),
            format!("t=0{now},v1={good}"),
            format!("t={now},t={now},v1={good}"),
            format!("t={},v1={good}", now + 1),
            format!("t={},v1={old}", now - 301),
            format!("t={},v1={early}", now + 61),
            format!("t=99999999999999999999,v1={good}"),
            format!("t={now},v1={}", v1("whsec_of_another_sender", now)),
            format!("t={now},v1={}", mac("whsec_of_today_and_on", BODY)),
            format!("t={now},{}v1={good}", format!("v1={},", "0".repeat(64)).repeat(8)),
            format!("sha256={good}"),
            format!(
                "t=+{now},v1={}",
                mac("whsec_of_today_and_on", &[format!("+{now}.").as_bytes(), BODY].concat())
            ),
        ];
        for header in &malformed {
            assert!(is_rejected(&verify(&[header], BODY)), "{header}");
        }
        assert!(malformed.len() >= 26);
        let field = format!("t={now},v1={good}");
        assert!(is_rejected(&verify(&[], BODY)));
        assert!(is_rejected(&verify(&[&field, &field], BODY)));
        for body in [&b""[..], &BODY[1..], br#"{"id":"evt_1","type":"invoice.paid"} "#] {
            assert!(matches!(verify(&[&field], body), Err(Error::InvalidSignature(NO_MATCH))));
        }
    }
}
