//! PayPal events: requests are validated with the configured certificates.
use std::{fs, path::PathBuf};

use base64::{Engine, prelude::BASE64_STANDARD};
use poem::{Body, http::Method};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_RSA_SHA256};
use ring::{rand::SystemRandom, rsa, signature::RSA_PKCS1_SHA256};
use serde_json::{Value, json};
use tenon::http::auth::Role;
use uuid::Uuid;

use crate::{
    support::{Api, Response},
    webhook_actions::{create_invoice, handled_events, workers},
    webhooks::listed,
};

const WEBHOOK: &str = "8PT597110X687430LKGECATA";
const TIME: &str = "2026-11-21T08:59:58Z";

const KEYS: [&str; 2] = [
    include_str!("../../src/resources/webhooks/inbound/providers/paypal/only-for-tests.1.key.pem"),
    include_str!("../../src/resources/webhooks/inbound/providers/paypal/only-for-tests.2.key.pem"),
];

/// Signs requests like PayPal, and stores the certificate chain in a file.
pub struct Signer {
    key: rsa::KeyPair,
    file: PathBuf,
}

impl Signer {
    fn new(key_pem: &str) -> Self {
        let root_key = KeyPair::generate().expect("a key");
        let mut root = CertificateParams::default();
        root.distinguished_name.push(DnType::CommonName, "The root");
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root_pem = root.clone().self_signed(&root_key).expect("a root").pem();
        let key = KeyPair::from_pkcs8_pem_and_sign_algo(key_pem, &PKCS_RSA_SHA256).expect("a key");
        let leaf = CertificateParams::new(vec!["messageverificationcerts.paypal.com".to_owned()]);
        let leaf = leaf.expect("a name").signed_by(&key, &Issuer::new(root, root_key)).expect("a leaf").pem();
        let file = std::env::temp_dir().join(format!("tenon-paypal-{}.pem", Uuid::now_v7()));
        fs::write(&file, format!("{leaf}{root_pem}")).expect("written");
        Signer { key: rsa::KeyPair::from_pkcs8(&key.serialize_der()).expect("the same key"), file }
    }

    async fn send(&self, api: &Api, transmission: &str, event: &Value) -> Response {
        let body = event.to_string();
        let mut sum = flate2::Crc::new();
        sum.update(body.as_bytes());
        let message = format!("{transmission}|{TIME}|{WEBHOOK}|{}", sum.sum());
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
            .expect("a signature");
        api.header("content-type", "application/json")
            .header("paypal-transmission-id", transmission)
            .header("paypal-transmission-time", TIME)
            .header("paypal-cert-url", "https://api.paypal.com/v1/notifications/certs/CERT-360caa42")
            .header("paypal-auth-algo", "SHA256withRSA")
            .header("paypal-transmission-sig", &BASE64_STANDARD.encode(signature))
            .send(Method::POST, "/api/webhooks/paypal", Some(Body::from(body)))
            .await
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

#[api_test]
async fn stores_one_event_per_transmission_and_rejects_an_untrusted_certificate() {
    let (paypal, untrusted) = (Signer::new(KEYS[0]), Signer::new(KEYS[1]));
    let file = paypal.file.display().to_string();
    let api =
        Api::with(&[("webhooks_paypal_id", WEBHOOK), ("webhooks_paypal_certificates", file.as_str())]).await;
    let admin = api.sign_in(Role::Admin).await;
    let event = |id: &str| json!({ "id": id, "event_type": "PAYMENT.SALE.COMPLETED", "resource": {} });
    for transmission in ["69cd13f0-1", "69cd13f0-1", "69cd13f0-2"] {
        let response = paypal.send(&api, transmission, &event("WH-1")).await.is(200);
        assert_eq!(response.body, json!({ "received": true }));
    }
    paypal.send(&api, "69cd13f0-1", &event("WH-2")).await.is(200);
    let forged = untrusted.send(&api, "69cd13f0-3", &event("WH-3")).await.is(400);
    assert_eq!(forged.body["code"], "invalid-signature");
    let stored = listed(&admin, "?provider=paypal").await;
    assert_eq!(stored.len(), 1, "{stored:?}");
    assert_eq!(
        (&stored[0]["providerId"], &stored[0]["type"]),
        (&json!("WH-1"), &json!("PAYMENT.SALE.COMPLETED"))
    );
}

#[api_test]
async fn records_captures_and_their_refunds() {
    let paypal = Signer::new(KEYS[0]);
    let file = paypal.file.display().to_string();
    let api =
        Api::with(&[("webhooks_paypal_id", WEBHOOK), ("webhooks_paypal_certificates", file.as_str())]).await;
    let admin = api.sign_in(Role::Admin).await;
    let (stop, _) = workers(&api);
    let (first, second) = (create_invoice(&admin, "pending").await, create_invoice(&admin, "pending").await);
    let usd = |value: &str| json!({ "value": value, "currency_code": "USD" });
    let capture = |id: &str, capture: &str, invoice: &str, value: &str| {
        json!({ "id": id, "event_type": "PAYMENT.CAPTURE.COMPLETED", "resource_type": "capture", "resource": {
            "id": capture, "status": "COMPLETED", "invoice_id": invoice, "amount": usd(value), "final_capture": true
        } })
    };
    let refund = |id: &str, capture: &str, value: &str, total: &str| {
        json!({ "id": id, "event_type": "PAYMENT.CAPTURE.REFUNDED", "resource_type": "refund", "resource": {
            "id": format!("R{id}"), "status": "COMPLETED", "amount": usd(value),
            "seller_payable_breakdown": { "total_refunded_amount": usd(total) },
            "links": [{ "rel": "up", "href": format!("https://api.paypal.com/v2/payments/captures/{capture}") }]
        } })
    };
    let mut transmission = 0;
    let mut deliver = async |event: Value| {
        transmission += 1;
        paypal.send(&api, &format!("69cd13f0-{transmission}"), &event).await.is(200);
        handled_events(&admin).await[0]["outcome"].as_str().expect("an outcome").to_owned()
    };
    let (one, two) = (&first["number"], &second["number"]);
    assert_eq!(
        deliver(capture("WH-1", "3C1", &format!("invoice {one}"), "157.95")).await,
        format!("invoice {one} is paid")
    );
    let outcome = deliver(capture("WH-2", "3C2", &two.to_string(), "157.94")).await;
    assert!(outcome.starts_with("amount-mismatch: "), "{outcome}");
    let outcome = deliver(refund("WH-3", "3C1", "57.95", "57.95")).await;
    assert_eq!(outcome, format!("invoice {one}: 57.95 USD of 157.95 USD refunded"));
    assert_eq!(deliver(refund("WH-4", "3C1", "100.00", "157.95")).await, format!("invoice {one} is void"));
    let outcome = deliver(refund("WH-5", "3C2", "157.94", "157.94")).await;
    assert_eq!(outcome, format!("invoice {two}: 157.94 USD of 157.94 USD refunded"));
    let read = async |invoice: &Value| {
        let path = format!("/api/v2/invoices/en-us/{}", invoice["id"].as_str().expect("an id"));
        admin.get(&path).await.is(200).body
    };
    let (first, second) = (read(&first).await, read(&second).await);
    assert_eq!((&first["status"], &second["status"]), (&json!("void"), &json!("pending")));
    assert_eq!(second["payments"][0]["refunded"], 15794);
    let shown = first["payments"][0].clone();
    assert_eq!(
        (&shown["provider"], &shown["reference"], &shown["outcome"], &shown["refunded"]),
        (&json!("paypal"), &json!("3C1"), &json!("paid"), &json!(15795))
    );
    drop(stop);
}
