//! PayPal: RSA with SHA-256 over the transmission's id and time, the webhook's id and the CRC-32 of the body, by a
//! certificate that the operator has put here. The address that a webhook names is looked at and never asked.
use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use flate2::Crc;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime, pem::PemObject};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert, ring};

use super::Refusal;
use crate::contract::{signed::Fields, time::Timestamp};

/// Deliveries are repeated for three days, with the time of the first of them.
const PAST: i64 = 4 * 24 * 60 * 60 * 1000;
const AHEAD: i64 = 60 * 1000;

/// The id of the webhook as PayPal gives it, and the certificates that may sign.
#[derive(Debug, Clone)]
pub struct Trust {
    webhook: String,
    certificates: Vec<CertificateDer<'static>>,
}

impl Trust {
    /// `pem` holds PayPal's certificates with those above them, as far as they are not among Mozilla's roots.
    pub fn new(webhook: &str, pem: &[u8]) -> Result<Self, String> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if !(8..=50).contains(&webhook.len()) || !webhook.bytes().all(plain) {
            return Err("the id of a webhook has 8 to 50 letters, digits and hyphens".to_owned());
        }
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let certificates = certificates.map_err(|error| format!("they are no PEM: {error}"))?;
        if let Some(error) = certificates.iter().find_map(|one| EndEntityCert::try_from(one).err()) {
            return Err(format!("one of them is no certificate: {error}"));
        }
        match certificates.is_empty() {
            true => Err("there is no certificate among them".to_owned()),
            false => Ok(Trust { webhook: webhook.to_owned(), certificates }),
        }
    }

    /// Checks the fields against the body and gives the id of the transmission; `now` is in milliseconds.
    pub fn verify(&self, fields: &Fields, body: &[u8], now: i64) -> Result<String, Refusal> {
        let field = |name: &str| fields.one(name).filter(|text| (1..=1000).contains(&text.len()));
        let missing = Refusal("one of the PayPal- fields is missing, or stands there twice");
        let id = field("paypal-transmission-id").ok_or(missing)?;
        let time = field("paypal-transmission-time").ok_or(missing)?;
        let signature = field("paypal-transmission-sig").ok_or(missing)?;
        if field("paypal-auth-algo").ok_or(missing)? != "SHA256withRSA" {
            return Err(Refusal("PayPal-Auth-Algo is not SHA256withRSA"));
        }
        if !is_paypals(field("paypal-cert-url").ok_or(missing)?) {
            return Err(Refusal("PayPal-Cert-Url is no https address of paypal.com"));
        }
        // What is signed has borders that nobody may move.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if id.len() > 100 || !id.bytes().all(plain) {
            return Err(Refusal("PayPal-Transmission-Id is no plain word"));
        }
        let sent: Timestamp =
            time.parse().map_err(|_| Refusal("PayPal-Transmission-Time is no time of RFC 3339"))?;
        let signature = BASE64_STANDARD.decode(signature);
        let signature = signature.map_err(|_| Refusal("PayPal-Transmission-Sig is not in base64"))?;
        let mut sum = Crc::new();
        sum.update(body);
        let message = format!("{id}|{time}|{}|{}", self.webhook, sum.sum());
        if !self.signs(message.as_bytes(), &signature, now) {
            return Err(Refusal(
                "it is not signed over this body and webhook by a certificate that is valid and known here",
            ));
        }
        match (-AHEAD..=PAST).contains(&(now - sent.0)) {
            true => Ok(id.to_owned()),
            false => Err(Refusal("it was signed more than 4 days ago, or ahead of the clock here")),
        }
    }

    /// Whether a certificate of PayPal's, valid now and signed by whom the operator or Mozilla trusts, has signed.
    fn signs(&self, message: &[u8], signature: &[u8], now: i64) -> bool {
        let time = UnixTime::since_unix_epoch(Duration::from_millis(now.unsigned_abs()));
        let own = |one: &&CertificateDer<'_>| {
            EndEntityCert::try_from(*one).is_ok_and(|one| one.issuer() == one.subject())
        };
        let roots = self.certificates.iter().filter(own);
        let roots = roots.filter_map(|root| anchor_from_trusted_cert(root).ok());
        let anchors: Vec<TrustAnchor<'_>> =
            roots.chain(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()).collect();
        self.certificates.iter().filter_map(|one| EndEntityCert::try_from(one).ok()).any(|one| {
            let usage = KeyUsage::server_auth();
            one.verify_signature(ring::RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
                && one.valid_dns_names().any(is_paypal)
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

fn is_paypal(host: &str) -> bool {
    host == "paypal.com" || host.ends_with(".paypal.com")
}

/// An https address at PayPal, in the plainest form that an address can have.
fn is_paypals(url: &str) -> bool {
    let Some((host, path)) = url.strip_prefix("https://").and_then(|rest| rest.split_once('/')) else {
        return false;
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte);
    let label = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    host.ends_with(".paypal.com")
        && host.split('.').all(|part| !part.is_empty() && part.bytes().all(label))
        && path.bytes().all(plain)
        && !path.contains("..")
}
