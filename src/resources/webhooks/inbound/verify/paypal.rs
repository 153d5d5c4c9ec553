//! PayPal signatures: RSA with SHA-256 over the transmission id and time, the webhook id and the CRC-32 of
//! the body. The certificate is configured by the operator; the URL in the webhook is validated and never
//! requested.
use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use flate2::Crc;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert, ring};

use super::VerifyError;
use crate::{
    config::{Certificates, WebhookId},
    domain::timestamp::Timestamp,
    http::signed_request::SignedHeaders,
};

/// Accepted age of a transmission in milliseconds, 4 days: PayPal retries for three days with the time of the
/// first attempt.
const MAX_AGE: i64 = 4 * 24 * 60 * 60 * 1000;
const MAX_CLOCK_SKEW: i64 = 60 * 1000;

/// Verifies PayPal webhooks with a webhook id and the certificates that can sign.
#[derive(Debug, Clone)]
pub struct Verifier {
    webhook_id: String,
    certificates: Vec<CertificateDer<'static>>,
}

impl Verifier {
    /// Creates a verifier with PayPal's certificates and their issuers, unless Mozilla's root store has those.
    pub fn new(webhook_id: &WebhookId, certificates: &Certificates) -> Self {
        Verifier { webhook_id: webhook_id.0.clone(), certificates: certificates.0.clone() }
    }

    /// Verifies the headers and the body, and returns the transmission id. `now` is in milliseconds.
    pub fn verify(&self, headers: &SignedHeaders, body: &[u8], now: i64) -> Result<String, VerifyError> {
        let header = |name: &str| headers.get_single(name).filter(|text| (1..=1000).contains(&text.len()));
        let missing = VerifyError("the PayPal headers: each must be sent exactly once");
        let id = header("paypal-transmission-id").ok_or(missing)?;
        let time = header("paypal-transmission-time").ok_or(missing)?;
        let signature = header("paypal-transmission-sig").ok_or(missing)?;
        if header("paypal-auth-algo").ok_or(missing)? != "SHA256withRSA" {
            return Err(VerifyError("PayPal-Auth-Algo: must be SHA256withRSA"));
        }
        if !is_paypal_url(header("paypal-cert-url").ok_or(missing)?) {
            return Err(VerifyError("PayPal-Cert-Url: must be an https URL of a paypal.com host"));
        }
        // The signed message is separated by `|`. An id with other characters could shift the boundaries.
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if id.len() > 100 || !id.bytes().all(is_allowed) {
            return Err(VerifyError(
                "PayPal-Transmission-Id: must be at most 100 letters, digits and hyphens",
            ));
        }
        let sent: Timestamp =
            time.parse().map_err(|_| VerifyError("PayPal-Transmission-Time: must be an RFC 3339 time"))?;
        let signature = BASE64_STANDARD.decode(signature);
        let signature = signature.map_err(|_| VerifyError("PayPal-Transmission-Sig: must be base64"))?;
        let mut checksum = Crc::new();
        checksum.update(body);
        let message = format!("{id}|{time}|{}|{}", self.webhook_id, checksum.sum());
        if !self.is_signed(message.as_bytes(), &signature, now) {
            return Err(VerifyError(
                "no configured and valid certificate has signed this body and webhook id",
            ));
        }
        match (-MAX_CLOCK_SKEW..=MAX_AGE).contains(&(now - sent.0)) {
            true => Ok(id.to_owned()),
            false => Err(VerifyError(
                "PayPal-Transmission-Time: must be at most 4 days in the past and 60 seconds in the future",
            )),
        }
    }

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
