use base64::{Engine, prelude::BASE64_STANDARD};
use poem::http::{HeaderMap, HeaderName, HeaderValue};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_RSA_SHA256};
use ring::{rand::SystemRandom, rsa, signature::RSA_PKCS1_SHA256};

use super::*;
use crate::{
    config::{Certificates, WebhookId, WebhookSecrets},
    domain::secret::Secret,
    http::signed_request::SignedHeaders,
};

/// 2026-11-21T09:00:00Z.
const NOW: i64 = 1_795_251_600_000;
const BODY: &[u8] = br#"{"id":"evt_1","type":"invoice.paid"}"#;

fn secrets() -> Secrets {
    let secret = |text: &str| Secret::new(text.to_owned());
    Secrets::new(&WebhookSecrets(vec![secret("whsec_of_before_today"), secret("whsec_of_today_and_on")]))
}

fn mac(secret: &str, message: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::sign(&key, message).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn v1(secret: &str, time: i64) -> String {
    mac(secret, &[time.to_string().as_bytes(), b".", BODY].concat())
}

fn fields(list: &[(&str, &str)]) -> SignedHeaders {
    let line = |(name, value): &(&str, &str)| {
        (
            HeaderName::from_bytes(name.as_bytes()).expect("a name"),
            HeaderValue::from_str(value).expect("a value"),
        )
    };
    list.iter()
        .map(line)
        .fold(HeaderMap::new(), |mut all, (name, value)| {
            all.append(name, value);
            all
        })
        .into()
}

#[test]
fn secrets_are_not_printed() {
    assert!(!format!("{:?}", secrets()).contains("whsec"));
}

/// Test vector of the GitHub documentation, verified with Python's hmac.
#[test]
fn hmac_matches_the_test_vector() {
    assert_eq!(
        mac("It's a Secret to Everybody", b"Hello, World!"),
        "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    );
}

#[test]
fn stripe_accepts_any_configured_secret_within_the_time_window() {
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
        ("the time last", format!("v1={},t={now}", v1("whsec_of_today_and_on", now))),
    ] {
        assert_eq!(stripe::verify(&secrets(), Some(&field), BODY, NOW), Ok(()), "{name}");
    }
}

#[test]
fn stripe_rejects_malformed_headers() {
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
    ];
    for header in &malformed {
        assert!(stripe::verify(&secrets(), Some(header), BODY, NOW).is_err(), "{header}");
    }
    assert!(malformed.len() >= 26);
    assert!(stripe::verify(&secrets(), None, BODY, NOW).is_err());
    let field = format!("t={now},v1={good}");
    for body in [&b""[..], &BODY[1..], br#"{"id":"evt_1","type":"invoice.paid"} "#] {
        assert_eq!(stripe::verify(&secrets(), Some(&field), body, NOW), Err(NO_MATCH));
    }
}

#[test]
fn github_accepts_only_the_sha256_signature() {
    let code = mac("whsec_of_today_and_on", BODY);
    let signature = format!("sha256={code}");
    let unsigned =
        [("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"), ("x-github-event", "push")];
    let verify = |signature: &str| {
        github::verify(
            &secrets(),
            &fields(&[unsigned[0], unsigned[1], ("x-hub-signature-256", signature)]),
            BODY,
        )
    };
    assert!(verify(&signature).is_ok_and(|delivery| delivery.event == "push"));
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
        assert!(verify(header).is_err(), "{header}");
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
        assert!(github::verify(&secrets(), &fields(&list), BODY).is_err(), "{list:?}");
    }
}

/// A certificate chain and the key of its leaf.
struct Chain {
    pem: String,
    key: rsa::KeyPair,
}

/// Two RSA keys, because ring and rcgen cannot generate them.
const KEYS: [&str; 2] =
    [include_str!("tests/only-for-tests.1.key.pem"), include_str!("tests/only-for-tests.2.key.pem")];

fn chain(names: &[&str], without_root: bool) -> Chain {
    chain_with_key(KEYS[0], names, without_root)
}

fn chain_with_key(key_pem: &str, names: &[&str], without_root: bool) -> Chain {
    let root_key = KeyPair::generate().expect("a key");
    let mut root = CertificateParams::default();
    root.distinguished_name.push(rcgen::DnType::CommonName, "The root");
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_pem = root.clone().self_signed(&root_key).expect("a root").pem();
    let key = KeyPair::from_pkcs8_pem_and_sign_algo(key_pem, &PKCS_RSA_SHA256).expect("a key");
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut leaf = CertificateParams::new(names).expect("names");
    leaf.not_before = rcgen::date_time_ymd(2026, 11, 1);
    leaf.not_after = rcgen::date_time_ymd(2026, 12, 1);
    let leaf = leaf.signed_by(&key, &Issuer::new(root, root_key)).expect("a leaf").pem();
    let pem = if without_root { leaf } else { format!("{leaf}{root_pem}") };
    Chain { pem, key: rsa::KeyPair::from_pkcs8(&key.serialize_der()).expect("the same key") }
}

impl Chain {
    fn verifier(&self) -> paypal::Verifier {
        let id = WebhookId("8PT597110X687430LKGECATA".to_owned());
        paypal::Verifier::new(&id, &Certificates::parse(self.pem.as_bytes()).expect("valid certificates"))
    }

    fn sign(&self, message: &str) -> String {
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
            .expect("a signature");
        BASE64_STANDARD.encode(signature)
    }
}

const PAYPAL: &[&str] = &["messageverificationcerts.paypal.com"];
const CERT: &str = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270";
const ID: &str = "69cd13f0-d67a-11e5-baa3-778b53f4ae55";
const TIME: &str = "2026-11-21T08:59:58Z";

fn headers<'a>(signature: &'a str, url: &'a str) -> [(&'static str, &'a str); 5] {
    [
        ("paypal-transmission-id", ID),
        ("paypal-transmission-time", TIME),
        ("paypal-cert-url", url),
        ("paypal-auth-algo", "SHA256withRSA"),
        ("paypal-transmission-sig", signature),
    ]
}

#[test]
fn paypal_accepts_only_configured_certificates() {
    let chain = chain(PAYPAL, false);
    // The CRC-32 of the body, as computed by Python's zlib.
    let message = format!("{ID}|{TIME}|8PT597110X687430LKGECATA|{}", 0xd842_9b63_u32);
    let mut checksum = flate2::Crc::new();
    checksum.update(BODY);
    assert_eq!(checksum.sum(), 0xd842_9b63);
    let signature = chain.sign(&message);
    let verifier = chain.verifier();
    let good = fields(&headers(&signature, CERT));
    assert_eq!(verifier.verify(&good, BODY, NOW).as_deref(), Ok(ID));
    assert!(verifier.verify(&good, &BODY[1..], NOW).is_err(), "another body");
    let day = 86_400_000;
    assert!(verifier.verify(&good, BODY, NOW + 3 * day).is_ok(), "retried after days");
    assert!(verifier.verify(&good, BODY, NOW + 5 * day).is_err(), "after the last retry");
    assert!(verifier.verify(&good, BODY, NOW - 3_600_000).is_err(), "in the future");
    for missing in 0..5 {
        let mut list = headers(&signature, CERT).to_vec();
        let line = list.remove(missing);
        assert!(verifier.verify(&fields(&list), BODY, NOW).is_err(), "without {}", line.0);
        list.extend([line, line]);
        assert!(verifier.verify(&fields(&list), BODY, NOW).is_err(), "twice {}", line.0);
    }
    for (index, value) in [
        (0, "69cd13f0-d67a-11e5-baa3-778b53f4ae56"),
        (0, "69cd13f0|d67a"),
        (1, "2026-11-21T08:59:59Z"),
        (1, "yesterday"),
        (3, "SHA1withRSA"),
        (3, "none"),
        (4, "AAAA"),
        (4, "*"),
    ] {
        let mut list = headers(&signature, CERT);
        list[index].1 = value;
        assert!(verifier.verify(&fields(&list), BODY, NOW).is_err(), "{value}");
    }
}

#[test]
fn paypal_accepts_only_certificate_urls_of_paypal() {
    let chain = chain(PAYPAL, false);
    let message = format!("{ID}|{TIME}|8PT597110X687430LKGECATA|{}", 0xd842_9b63_u32);
    let (signature, verifier) = (chain.sign(&message), chain.verifier());
    for url in [
        "http://api.paypal.com/v1/certs/x",
        "https://paypal.com.evil.test/x",
        "https://evil.test/x",
        "https://evilpaypal.com/x",
        "https://evil.test/.paypal.com/x",
        "https://evil.test#.paypal.com/x",
        "https://evil.test?.paypal.com/x",
        "https://evil.test\\.paypal.com/x",
        "https://api.paypal.com@evil.test/x",
        "https://ada@api.paypal.com/x",
        "https://api.paypal.com:8443/x",
        "https://api.paypal.com:443/x",
        "https://.paypal.com/x",
        "https://api..paypal.com/x",
        "https://API.PAYPAL.COM/x",
        "https://api.paypal.com",
        "https://api.paypal.com./x",
        "https://api.paypal.com/../x",
        "https://api.paypal.com/x?to=https://evil.test",
        "https://api.paypal.com/x#y",
        "//api.paypal.com/x",
        "file:///etc/passwd",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://169.254.169.254/latest",
        "ftp://api.paypal.com/x",
    ] {
        assert!(verifier.verify(&fields(&headers(&signature, url)), BODY, NOW).is_err(), "{url}");
    }
    for url in [CERT, "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1"] {
        assert!(verifier.verify(&fields(&headers(&signature, url)), BODY, NOW).is_ok(), "{url}");
    }
}

#[test]
fn paypal_rejects_other_certificates() {
    let message = format!("{ID}|{TIME}|8PT597110X687430LKGECATA|{}", 0xd842_9b63_u32);
    for (name, chain) in [
        ("another name", chain(&["paypal.com.evil.test"], false)),
        ("no name", chain(&[], false)),
        ("issued by an unknown root", chain(PAYPAL, true)),
    ] {
        let signature = chain.sign(&message);
        assert!(chain.verifier().verify(&fields(&headers(&signature, CERT)), BODY, NOW).is_err(), "{name}");
    }
    let (ours, others) = (chain(PAYPAL, false), chain_with_key(KEYS[1], PAYPAL, false));
    let signature = others.sign(&message);
    assert!(ours.verifier().verify(&fields(&headers(&signature, CERT)), BODY, NOW).is_err());
    let signature = ours.sign(&message);
    let fields = fields(&headers(&signature, CERT));
    assert!(ours.verifier().verify(&fields, BODY, NOW).is_ok());
    assert!(ours.verifier().verify(&fields, BODY, NOW + 11 * 86_400_000).is_err(), "an expired certificate");
}

#[test]
fn certificates_are_at_least_one_valid_certificate() {
    for pem in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        assert!(Certificates::parse(pem.as_bytes()).is_err(), "{pem}");
    }
}
