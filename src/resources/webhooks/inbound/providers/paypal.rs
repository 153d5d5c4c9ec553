//! PayPal signatures: RSA with SHA-256 over the transmission id and time, the webhook id and the CRC-32 of
//! the body. The certificate is configured by the operator; the URL in the webhook is validated and never
//! requested.
mod payments;

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use flate2::Crc;
use macros::operations;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert, ring};

use crate::{
    config::WebhooksConfig,
    domain::timestamp::Timestamp,
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
        types::Provider,
    },
};

/// Accepted age of a transmission in milliseconds, 4 days: PayPal retries for three days with the time of the
/// first attempt.
const MAX_AGE: i64 = 4 * 24 * 60 * 60 * 1000;
const MAX_CLOCK_SKEW: i64 = 60 * 1000;

/// PayPal, which sends payment events of some kilobytes.
pub struct Paypal {
    webhook_id: String,
    /// The certificates of PayPal and their issuers, unless Mozilla's root store has those.
    certificates: Vec<CertificateDer<'static>>,
}

impl WebhookSigner for Paypal {
    const SCHEME: SignatureScheme = SignatureScheme {
        name: "paypal_signature",
        header: "PayPal-Transmission-Sig",
        description: "The RSA-SHA256 signature, in base64, of `PayPal-Transmission-Id`, \
                      `PayPal-Transmission-Time`, the id of the webhook and the CRC-32 of the body, \
                      with a certificate of PayPal. Requires `PayPal-Cert-Url` and \
                      `PayPal-Auth-Algo`.",
    };
    const MAX_BODY: usize = 262_144;
    const EXAMPLE: &'static str = r#"{"id":"WH-58D329510W468432D-8HN650336L201105X","event_type":"PAYMENT.CAPTURE.COMPLETED","resource":{"id":"42311647XV020574X","status":"COMPLETED","invoice_id":"1","amount":{"value":"157.95","currency_code":"USD"}}}"#;
}

impl WebhookProvider for Paypal {
    const PROVIDER: Provider = Provider::Paypal;

    fn from_config(config: &WebhooksConfig) -> Option<Self> {
        let webhook_id = config.webhooks_paypal_id.as_ref()?.0.clone();
        let certificates = config.webhooks_paypal_certificates.as_ref()?.0.clone();
        Some(Paypal { webhook_id, certificates })
    }

    fn verify(&self, headers: &SignedHeaders, body: &[u8], now: i64) -> Result<VerifiedEvent> {
        let header = |name: &str| {
            let value = headers.get_single(name).filter(|text| (1..=1000).contains(&text.len()));
            value.ok_or(Error::InvalidSignature("the PayPal headers: each must be sent exactly once"))
        };
        let id = header("paypal-transmission-id")?;
        let time = header("paypal-transmission-time")?;
        let signature = header("paypal-transmission-sig")?;
        if header("paypal-auth-algo")? != "SHA256withRSA" {
            return Err(Error::InvalidSignature("PayPal-Auth-Algo: must be SHA256withRSA"));
        }
        if !is_paypal_url(header("paypal-cert-url")?) {
            return Err(Error::InvalidSignature(
                "PayPal-Cert-Url: must be an https URL of a paypal.com host",
            ));
        }
        // The signed message is separated by `|`. An id with other characters could shift the boundaries.
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if id.len() > 100 || !id.bytes().all(is_allowed) {
            return Err(Error::InvalidSignature(
                "PayPal-Transmission-Id: must be at most 100 letters, digits and hyphens",
            ));
        }
        let sent: Timestamp = time
            .parse()
            .map_err(|_| Error::InvalidSignature("PayPal-Transmission-Time: must be an RFC 3339 time"))?;
        let signature = BASE64_STANDARD.decode(signature);
        let signature =
            signature.map_err(|_| Error::InvalidSignature("PayPal-Transmission-Sig: must be base64"))?;
        let mut checksum = Crc::new();
        checksum.update(body);
        let message = format!("{id}|{time}|{}|{}", self.webhook_id, checksum.sum());
        if !self.is_signed(message.as_bytes(), &signature, now) {
            return Err(Error::InvalidSignature(
                "no configured and valid certificate has signed this body and webhook id",
            ));
        }
        match (-MAX_CLOCK_SKEW..=MAX_AGE).contains(&(now - sent.0)) {
            true => VerifiedEvent::from_body(body, Some(id.to_owned())),
            false => Err(Error::InvalidSignature(
                "PayPal-Transmission-Time: must be at most 4 days in the past and 60 seconds in the future",
            )),
        }
    }

    fn action(kind: &str, body: &str) -> Action {
        payments::action(kind, body)
    }
}

#[operations(prefix_path = "/api", tag = "TAG")]
impl ReceiveApi<Paypal> {
    /// Receive an event from PayPal
    ///
    /// Verification and repeated events work as for Stripe. Certificates are configured in advance: the URL
    /// in `PayPal-Cert-Url` is never requested.
    #[oai(path = "/webhooks/paypal", method = "post", operation_id = "webhookEventsReceivePaypal")]
    async fn receive(&self, signed: SignedRequest<Paypal>) -> ReceiveResult {
        self.receive_signed(signed).await
    }
}

impl Paypal {
    /// Returns whether a configured certificate signed the message. The certificate must be for paypal.com,
    /// valid now, and issued by a configured or a Mozilla root.
    fn is_signed(&self, message: &[u8], signature: &[u8], now: i64) -> bool {
        let time = UnixTime::since_unix_epoch(Duration::from_millis(now.unsigned_abs()));
        let self_issued = |one: &&CertificateDer<'_>| {
            EndEntityCert::try_from(*one).is_ok_and(|one| one.issuer() == one.subject())
        };
        let roots = self.certificates.iter().filter(self_issued);
        let roots = roots.filter_map(|root| anchor_from_trusted_cert(root).ok());
        let anchors: Vec<TrustAnchor<'_>> =
            roots.chain(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()).collect();
        self.certificates.iter().filter_map(|one| EndEntityCert::try_from(one).ok()).any(|one| {
            let usage = KeyUsage::server_auth();
            one.verify_signature(ring::RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
                && one.valid_dns_names().any(is_paypal_host)
                && one
                    .verify_for_usage(
                        ALL_VERIFICATION_ALGS,
                        &anchors,
                        &self.certificates,
                        time,
                        usage,
                        None,
                        None,
                    )
                    .is_ok()
        })
    }
}

fn is_paypal_host(host: &str) -> bool {
    host == "paypal.com" || host.ends_with(".paypal.com")
}

/// Returns whether a URL is an https URL of a paypal.com host in its simplest form.
fn is_paypal_url(url: &str) -> bool {
    let Some((host, path)) = url.strip_prefix("https://").and_then(|rest| rest.split_once('/')) else {
        return false;
    };
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte);
    let label = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    host.ends_with(".paypal.com")
        && host.split('.').all(|part| !part.is_empty() && part.bytes().all(label))
        && path.bytes().all(is_allowed)
        && !path.contains("..")
}

#[cfg(test)]
mod tests {
    use ::ring::{rand::SystemRandom, rsa, signature::RSA_PKCS1_SHA256};
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_RSA_SHA256};

    use super::*;
    use crate::{
        config::Certificates,
        resources::webhooks::inbound::signature::testing::{BODY, NOW, headers, is_rejected},
    };

    /// A certificate chain and the key of its leaf.
    struct Chain {
        pem: String,
        key: rsa::KeyPair,
    }

    /// Two RSA keys, because ring and rcgen cannot generate them.
    const KEYS: [&str; 2] =
        [include_str!("paypal/only-for-tests.1.key.pem"), include_str!("paypal/only-for-tests.2.key.pem")];

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
        fn provider(&self) -> Paypal {
            let certificates = Certificates::parse(self.pem.as_bytes()).expect("valid certificates");
            Paypal { webhook_id: "8PT597110X687430LKGECATA".to_owned(), certificates: certificates.0 }
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

    fn transmission<'a>(signature: &'a str, url: &'a str) -> [(&'static str, &'a str); 5] {
        [
            ("paypal-transmission-id", ID),
            ("paypal-transmission-time", TIME),
            ("paypal-cert-url", url),
            ("paypal-auth-algo", "SHA256withRSA"),
            ("paypal-transmission-sig", signature),
        ]
    }

    #[test]
    fn accepts_only_configured_certificates() {
        let chain = chain(PAYPAL, false);
        // The CRC-32 of the body, as computed by Python's zlib.
        let message = format!("{ID}|{TIME}|8PT597110X687430LKGECATA|{}", 0xd842_9b63_u32);
        let mut checksum = flate2::Crc::new();
        checksum.update(BODY);
        assert_eq!(checksum.sum(), 0xd842_9b63);
        let signature = chain.sign(&message);
        let provider = chain.provider();
        let good = headers(&transmission(&signature, CERT));
        assert!(provider.verify(&good, BODY, NOW).is_ok_and(|event| event.delivery.as_deref() == Some(ID)));
        assert!(is_rejected(&provider.verify(&good, &BODY[1..], NOW)), "another body");
        let day = 86_400_000;
        assert!(provider.verify(&good, BODY, NOW + 3 * day).is_ok(), "retried after days");
        assert!(is_rejected(&provider.verify(&good, BODY, NOW + 5 * day)), "after the last retry");
        assert!(is_rejected(&provider.verify(&good, BODY, NOW - 3_600_000)), "in the future");
        for missing in 0..5 {
            let mut list = transmission(&signature, CERT).to_vec();
            let line = list.remove(missing);
            assert!(is_rejected(&provider.verify(&headers(&list), BODY, NOW)), "without {}", line.0);
            list.extend([line, line]);
            assert!(is_rejected(&provider.verify(&headers(&list), BODY, NOW)), "twice {}", line.0);
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
            let mut list = transmission(&signature, CERT);
            list[index].1 = value;
            assert!(is_rejected(&provider.verify(&headers(&list), BODY, NOW)), "{value}");
        }
    }

    #[test]
    fn accepts_only_certificate_urls_of_paypal() {
        let chain = chain(PAYPAL, false);
        let message = format!("{ID}|{TIME}|8PT597110X687430LKGECATA|{}", 0xd842_9b63_u32);
        let (signature, provider) = (chain.sign(&message), chain.provider());
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
            assert!(
                is_rejected(&provider.verify(&headers(&transmission(&signature, url)), BODY, NOW)),
                "{url}"
            );
        }
        for url in [
            CERT,
            "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1",
            "https://api-m2.paypal.com/v1/notifications/certs/CERT-1",
        ] {
            assert!(provider.verify(&headers(&transmission(&signature, url)), BODY, NOW).is_ok(), "{url}");
        }
    }

    #[test]
    fn accepts_transmission_ids_of_at_most_100_characters() {
        let chain = chain(PAYPAL, false);
        for (length, is_accepted) in [(100, true), (101, false)] {
            let id = "a".repeat(length);
            let signature = chain.sign(&format!("{id}|{TIME}|8PT597110X687430LKGECATA|{}", 0xd842_9b63_u32));
            let mut list = transmission(&signature, CERT);
            list[0].1 = &id;
            let verified = chain.provider().verify(&headers(&list), BODY, NOW);
            assert_eq!((verified.is_ok(), is_rejected(&verified)), (is_accepted, !is_accepted), "{length}");
        }
    }

    #[test]
    fn rejects_other_certificates() {
        let message = format!("{ID}|{TIME}|8PT597110X687430LKGECATA|{}", 0xd842_9b63_u32);
        for (name, chain) in [
            ("another name", chain(&["paypal.com.evil.test"], false)),
            ("no name", chain(&[], false)),
            ("issued by an unknown root", chain(PAYPAL, true)),
        ] {
            let signature = chain.sign(&message);
            assert!(
                is_rejected(&chain.provider().verify(&headers(&transmission(&signature, CERT)), BODY, NOW)),
                "{name}"
            );
        }
        let (ours, others) = (chain(PAYPAL, false), chain_with_key(KEYS[1], PAYPAL, false));
        let signature = others.sign(&message);
        assert!(is_rejected(&ours.provider().verify(&headers(&transmission(&signature, CERT)), BODY, NOW)));
        let signature = ours.sign(&message);
        let signed = headers(&transmission(&signature, CERT));
        assert!(ours.provider().verify(&signed, BODY, NOW).is_ok());
        assert!(
            is_rejected(&ours.provider().verify(&signed, BODY, NOW + 11 * 86_400_000)),
            "an expired certificate"
        );
    }

    #[test]
    fn certificates_are_at_least_one_valid_certificate() {
        for pem in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert!(Certificates::parse(pem.as_bytes()).is_err(), "{pem}");
        }
    }
}
