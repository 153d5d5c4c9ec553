//! Signatures of webhooks.
use std::sync::LazyLock;

use base64::{Engine, prelude::BASE64_STANDARD};
use poem::http::{HeaderMap, HeaderValue};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_RSA_SHA256};
use ring::{hmac, rand::SystemRandom, rsa, signature::RSA_PKCS1_SHA256};
use tenon::{
    config::{Certificates, PublicUrl, WebhookId, WebhookSecrets, WebhooksConfig},
    domain::secret::Secret,
    http::problem::Error,
    resources::webhooks::{
        inbound::{Github, Paypal, Stripe, WebhookProvider},
        outbound::signatures as standard_signatures,
    },
};

use super::input::Input;

/// 2026-11-21T09:00:00Z in seconds.
const NOW: i64 = 1_795_251_600;
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const WEBHOOK_ID: &str = "8PT597110X687430LKGECATA";
const KEY: &str =
    include_str!("../../src/resources/webhooks/inbound/providers/paypal/only-for-tests.1.key.pem");

type Headers = Vec<(&'static str, String)>;

/// A valid signature is accepted. After a change of the body or of a signed header, it is rejected.
pub fn signatures(data: &[u8]) {
    let mut input = Input::new(data);
    match input.byte() % 4 {
        0 => stripe(&mut input),
        1 => github(&mut input),
        2 => paypal(&mut input),
        _ => standard_webhooks(&mut input),
    }
}

fn stripe(input: &mut Input) {
    let stripe = Stripe::from_config(&CONFIG).expect("secrets");
    let body = input.line();
    let mac = hex(&hmac(SECRET.as_bytes(), &format!("{NOW}.{body}")));
    let headers = vec![("stripe-signature", format!("t={NOW},v1={mac}"))];
    assert!(is_authentic(&stripe, &headers, &body), "{headers:?} is rejected");
    for forged in [format!("t={NOW},v1={}", forged(&mac, &body)), format!("t=0{NOW},v1={mac}")] {
        let forged = vec![("stripe-signature", forged)];
        assert!(!is_authentic(&stripe, &forged, &body), "{forged:?} is accepted");
    }
    let (headers, body) = changed(input, headers, body);
    if is_authentic(&stripe, &headers, &body) {
        let header = &headers[0].1;
        let time = header.split(',').find_map(|part| part.strip_prefix("t=")).expect("a time");
        let mac = hex(&hmac(SECRET.as_bytes(), &format!("{time}.{body}")));
        assert!(
            header.split(',').any(|part| part == format!("v1={mac}")),
            "{header} is accepted for {body:?}"
        );
    }
}

fn github(input: &mut Input) {
    let github = Github::from_config(&CONFIG).expect("secrets");
    let body = input.line();
    let mac = |body: &str| hex(&hmac(SECRET.as_bytes(), body));
    let signature = |body: &str| format!("sha256={}", mac(body));
    let mut headers = vec![
        ("x-hub-signature-256", format!("sha256={}", forged(&mac(&body), &body))),
        ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958".to_owned()),
        ("x-github-event", "push".to_owned()),
    ];
    assert!(!is_authentic(&github, &headers, &body), "{headers:?} is accepted");
    headers[0].1 = signature(&body);
    assert!(is_authentic(&github, &headers, &body), "{headers:?} is rejected");
    let (headers, body) = changed(input, headers, body);
    if is_authentic(&github, &headers, &body) {
        assert_eq!(headers[0].1, signature(&body), "is accepted for {body:?}");
    }
}

fn paypal(input: &mut Input) {
    let paypal = Paypal::from_config(&CONFIG).expect("certificates");
    let (body, original) = (PAYPAL_BODY.to_owned(), &*TRANSMISSION);
    assert!(is_authentic(&paypal, original, &body), "{original:?} is rejected");
    let (headers, body) = changed(input, original.clone(), body);
    if is_authentic(&paypal, &headers, &body) {
        assert_eq!(body, PAYPAL_BODY, "is accepted");
        assert_eq!(headers[..3], original[..3], "is accepted");
    }
}

fn standard_webhooks(input: &mut Input) {
    let (id, time, body) = (input.line(), i64::from(input.byte()), input.line());
    let secrets = [Secret::new(SECRET.to_owned()), Secret::new("whsec_AAECAwQFBgc=".to_owned())];
    let header = standard_signatures(&secrets, &id, time, &body).expect("valid secrets");
    let verify = |key: &[u8], signature: &str, body: &str| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        let mac = signature.strip_prefix("v1,").and_then(|mac| BASE64_STANDARD.decode(mac).ok());
        mac.is_some_and(|mac| hmac::verify(&key, format!("{id}.{time}.{body}").as_bytes(), &mac).is_ok())
    };
    let all: Vec<&str> = header.split(' ').collect();
    assert_eq!(all.len(), secrets.len(), "{header}");
    let other = input.mutated("a body").unwrap_or_default();
    for (secret, signature) in secrets.iter().zip(all) {
        let key = secret.expose().strip_prefix("whsec_").and_then(|key| BASE64_STANDARD.decode(key).ok());
        let key = key.expect("base64");
        assert!(verify(&key, signature, &body), "{signature} is invalid");
        assert!(other == body || !verify(&key, signature, &other), "{signature} is valid for {other:?}");
    }
}

/// Changes one of the hexadecimal digits. The body selects it.
fn forged(mac: &str, body: &str) -> String {
    let at = body.bytes().map(usize::from).sum::<usize>() % mac.len();
    let digit = if mac[at..].starts_with('0') { "1" } else { "0" };
    [&mac[..at], digit, &mac[at + 1..]].concat()
}

/// Changes the body or one of the headers, if the input has a change that has an effect.
fn changed(input: &mut Input, mut headers: Headers, body: String) -> (Headers, String) {
    let at = input.below(headers.len() + 2);
    match headers.get_mut(at) {
        Some((_, value)) => *value = input.mutated(value).unwrap_or_else(|| value.clone()),
        None if body.is_ascii() => return (headers, input.mutated(&body).unwrap_or(body)),
        None => {}
    }
    (headers, body)
}

/// Returns whether the signature is accepted. The event in the body may be invalid.
fn is_authentic<P: WebhookProvider>(provider: &P, headers: &Headers, body: &str) -> bool {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let Ok(value) = HeaderValue::from_str(value) else { return false };
        map.append(*name, value);
    }
    match provider.verify(&map.into(), body.as_bytes(), NOW * 1000) {
        Ok(_) | Err(Error::Invalid(_)) => true,
        Err(Error::InvalidSignature(_)) => false,
        Err(error) => panic!("{error:?}"),
    }
}

fn hmac(key: &[u8], message: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message.as_bytes())
}

fn hex(tag: &hmac::Tag) -> String {
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

const PAYPAL_BODY: &str = r#"{"id":"WH-1","event_type":"PAYMENT.SALE.COMPLETED"}"#;

static SIGNING_KEY: LazyLock<KeyPair> =
    LazyLock::new(|| KeyPair::from_pkcs8_pem_and_sign_algo(KEY, &PKCS_RSA_SHA256).expect("a key"));

/// The signed headers are the first three.
static TRANSMISSION: LazyLock<Headers> = LazyLock::new(|| {
    let (id, time) = ("69cd13f0-d67a-11e5-baa3-778b53f4ae55", "2026-11-21T08:59:58Z");
    let mut checksum = flate2::Crc::new();
    checksum.update(PAYPAL_BODY.as_bytes());
    let message = format!("{id}|{time}|{WEBHOOK_ID}|{}", checksum.sum());
    let key = rsa::KeyPair::from_pkcs8(&SIGNING_KEY.serialize_der()).expect("the same key");
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
        .expect("a signature");
    vec![
        ("paypal-transmission-id", id.to_owned()),
        ("paypal-transmission-time", time.to_owned()),
        ("paypal-transmission-sig", BASE64_STANDARD.encode(signature)),
        ("paypal-auth-algo", "SHA256withRSA".to_owned()),
        ("paypal-cert-url", "https://api.paypal.com/v1/notifications/certs/CERT-360caa42".to_owned()),
    ]
});

static CONFIG: LazyLock<WebhooksConfig> = LazyLock::new(|| {
    let secrets = || Some(WebhookSecrets(vec![Secret::new(SECRET.to_owned())]));
    WebhooksConfig {
        webhooks_stripe_secrets: secrets(),
        webhooks_stripe_api_key: None,
        webhooks_stripe_api_url: PublicUrl("https://api.stripe.com".to_owned()),
        webhooks_github_secrets: secrets(),
        webhooks_github_docs: None,
        webhooks_paypal_id: Some(WebhookId(WEBHOOK_ID.to_owned())),
        webhooks_paypal_certificates: Certificates::parse(certificates().as_bytes()).ok(),
    }
});

/// Returns the certificate of PayPal and its issuer, in PEM.
fn certificates() -> String {
    let root_key = KeyPair::generate().expect("a key");
    let mut root = CertificateParams::default();
    root.distinguished_name.push(DnType::CommonName, "The root");
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_pem = root.clone().self_signed(&root_key).expect("a root").pem();
    let mut leaf =
        CertificateParams::new(vec!["messageverificationcerts.paypal.com".to_owned()]).expect("names");
    leaf.not_before = rcgen::date_time_ymd(2026, 11, 1);
    leaf.not_after = rcgen::date_time_ymd(2026, 12, 1);
    let leaf = leaf.signed_by(&*SIGNING_KEY, &Issuer::new(root, root_key)).expect("a leaf").pem();
    format!("{leaf}{root_pem}")
}
