//! Redirects to localized lists by country and language, with spoofed headers and damaged databases.
use std::{fs, path::PathBuf};

use poem::http::Method;
use serde_json::json;
use tenon::http::auth::Role;
use uuid::Uuid;

use crate::{
    back_office::rabbit,
    mmdb::{Shape, database},
    support::{Api, Response},
};

const V1: &str = "/api/v1/invoices";
const FRENCH: &str = "2.3.4.5";
const AMERICAN: &str = "8.8.8.8";
/// An address in `trusted_proxies`.
const PROXY: &str = "10.0.0.1";
/// A peer that is not a trusted proxy.
const UNTRUSTED: &str = "8.8.4.4";

const NETWORKS: &[(&str, &str)] = &[
    ("2.0.0.0/12", "FR"),
    ("8.8.0.0/16", "US"),
    ("2a01:e00::/26", "FR"),
    ("2001:4860::/32", "US"),
    ("10.0.0.0/8", "FR"),
];

/// A temporary file that is deleted with the value.
pub struct File(PathBuf);

impl File {
    pub fn new(bytes: &[u8]) -> File {
        let file = File(std::env::temp_dir().join(format!("tenon-geo-{}.mmdb", Uuid::now_v7())));
        file.write(bytes);
        file
    }

    /// Replaces the file atomically, as `tenon geo install` does.
    fn write(&self, bytes: &[u8]) {
        let new = self.0.with_extension("new");
        fs::write(&new, bytes).expect("the file is written");
        fs::rename(new, &self.0).expect("the file is renamed");
    }

    pub fn name(&self) -> &str {
        self.0.to_str().expect("plain text")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Starts a server with a GeoIP database and two invoices behind a proxy; returns the accountant.
async fn behind_a_proxy(shape: Shape, settings: &[(&'static str, &str)]) -> Api {
    let file = File::new(&database(shape, NETWORKS));
    let defaults =
        [("geo_database", file.name()), ("trusted_proxies", "10.0.0.0/8"), ("geo_header", "cf-ipcountry")];
    let api = Api::with(&[settings, &defaults].concat()).await;
    api.app.geoip.refresh().await;
    let accountant = api.sign_in(Role::Accountant).await;
    let customer = accountant.post("/api/v2/customers", rabbit()).await.is(201).id();
    for (locale, amount) in [("en-us", 15795), ("fr", 100)] {
        let invoice = json!({ "customerId": customer, "amount": amount, "status": "pending" });
        accountant.post(&format!("/api/v2/invoices/{locale}"), invoice).await.is(201);
    }
    accountant
}

#[track_caller]
fn assert_list(response: Response) -> Response {
    let response = response.is(200);
    assert_eq!(response.body["pagination"]["total"], 2);
    response
}

#[track_caller]
fn assert_redirect(response: Response, location: &str) {
    let response = response.is(302);
    assert_eq!(
        (response.header("location"), response.header("cache-control")),
        (location, "private, no-store")
    );
    assert!(response.header("vary").contains("Cookie, cf-ipcountry"), "{}", response.header("vary"));
}

#[api_test]
async fn redirects_clients_from_france_to_the_french_list() {
    for shape in [Shape::Long, Shape::Flat] {
        let accountant = behind_a_proxy(shape, &[]).await;
        for peer in [FRENCH, "2.15.255.255", "::ffff:2.3.4.5", "2a01:e0a:1::2"] {
            assert_redirect(accountant.from(peer).get(V1).await, "/api/v2/invoices/fr");
        }
        for peer in
            [AMERICAN, "2.16.0.0", "2001:4860:4860::8888", "9.9.9.9", PROXY, "127.0.0.1", "::1", "fe80::1"]
        {
            assert_list(accountant.from(peer).get(V1).await);
        }
        assert_list(accountant.get(V1).await);
    }
}

#[api_test]
async fn the_redirect_retains_the_query() {
    let accountant = behind_a_proxy(Shape::Flat, &[]).await.from(FRENCH);
    for (query, expected) in [
        ("?", ""),
        ("?geo=auto", ""),
        ("?limit=1&sort=-number&status=pending", "?limit=1&sort=-number&status=pending"),
        ("?geo=auto&page=2&limit=1", "?page=2&limit=1"),
        ("?status=p%65nding", "?status=p%65nding"),
    ] {
        let redirect = accountant.get(&format!("{V1}{query}")).await;
        let location = redirect.header("location").to_owned();
        assert_redirect(redirect, &format!("/api/v2/invoices/fr{expected}"));
        let localized = accountant.get(&location).await.is(200);
        assert_eq!((localized.header("content-language"), localized.header("deprecation")), ("fr", ""));
    }
    let first = assert_list(accountant.get(&format!("{V1}?geo=off&limit=1")).await);
    let cursor = first.body["pagination"]["nextCursor"].as_str().expect("a cursor").to_owned();
    let redirect = accountant.get(&format!("{V1}?after={cursor}")).await.is(302);
    let next = accountant.get(redirect.header("location")).await.is(200);
    assert_eq!(next.body["data"][0]["number"], 1);
    for invalid in
        ["geo=FR", "geo=off&geo=off", "colour=red", "after=aaaaaaaaaaaaaaaaaaaa&geo=off", "q=rabbit"]
    {
        accountant.get(&format!("{V1}?{invalid}")).await.is(400);
    }
}

#[api_test]
async fn version_1_returns_original_amounts_and_deprecation_headers() {
    let accountant = behind_a_proxy(Shape::Long, &[]).await;
    let list = assert_list(accountant.get(&format!("{V1}?sort=number")).await);
    let money: Vec<_> =
        [0, 1].map(|i| (&list.body["data"][i]["amount"], &list.body["data"][i]["currency"])).into();
    assert_eq!(money, [(&json!(15795), &json!("USD")), (&json!(100), &json!("EUR"))]);
    assert!(list.body["data"][1].get("original").is_none());
    let conditional = accountant.header("if-none-match", list.header("etag"));
    let invalid_token = accountant.bearer("tenon_x");
    let reader = accountant.sign_in(Role::Reader).await;
    for (response, status) in [
        (list, 200),
        (conditional.get(&format!("{V1}?sort=number")).await, 304),
        (accountant.from(FRENCH).get(V1).await, 302),
        (accountant.get(&format!("{V1}?page=0")).await, 400),
        (invalid_token.from(FRENCH).get(V1).await, 401),
        (reader.from(FRENCH).get(V1).await, 403),
        (accountant.header("accept", "image/png").get(V1).await, 406),
        (accountant.delete(V1).await, 405),
        (accountant.send(Method::OPTIONS, V1, None).await, 204),
    ] {
        let response = response.is(status);
        assert_eq!(response.header("deprecation"), "@1795219200", "{status}");
        assert_eq!(response.header("sunset"), "Sun, 21 Nov 2027 00:00:00 GMT", "{status}");
        let links: Vec<&str> =
            response.headers.get_all("link").iter().filter_map(|link| link.to_str().ok()).collect();
        for rel in ["rel=\"deprecation\"", "rel=\"sunset\"", "</api/v2/invoices>; rel=\"successor-version\""]
        {
            assert!(links.iter().any(|link| link.contains(rel)), "{status}: {links:?}");
        }
        assert_eq!(links.iter().any(|link| link.contains("rel=\"first\"")), status == 200, "{links:?}");
    }
    assert_eq!(accountant.get("/api/v2/invoices/fr").await.is(200).header("deprecation"), "");
}

/// The response redirects to the French list.
const FR: bool = true;
const US: bool = false;

/// The address of the peer, the headers that it sends, and whether the response redirects.
type Spoof = (&'static str, &'static [(&'static str, &'static str)], bool);

const SPOOFED: &[Spoof] = &[
    // The headers of a peer outside `trusted_proxies` are ignored.
    (UNTRUSTED, &[("x-forwarded-for", FRENCH)], US),
    (UNTRUSTED, &[("forwarded", "for=2.3.4.5")], US),
    (UNTRUSTED, &[("x-real-ip", FRENCH), ("true-client-ip", FRENCH), ("client-ip", FRENCH)], US),
    (UNTRUSTED, &[("cf-ipcountry", "FR")], US),
    (UNTRUSTED, &[("x-forwarded-for", "2.3.4.5, 10.0.0.2"), ("cf-ipcountry", "FR")], US),
    (FRENCH, &[("x-forwarded-for", AMERICAN), ("cf-ipcountry", "US")], FR),
    // The client is the last address in the list that is not a trusted proxy.
    (PROXY, &[("x-forwarded-for", FRENCH)], FR),
    (PROXY, &[("x-forwarded-for", AMERICAN)], US),
    (PROXY, &[("x-forwarded-for", "2.3.4.5, 8.8.8.8")], US),
    (PROXY, &[("x-forwarded-for", "2.3.4.5, 2.3.4.6, 10.0.0.9, 8.8.8.8, 10.0.0.2")], US),
    (PROXY, &[("x-forwarded-for", "2.3.4.5"), ("x-forwarded-for", "8.8.8.8")], US),
    (PROXY, &[("x-forwarded-for", "8.8.8.8, 2.3.4.5, 10.0.0.2")], FR),
    // Only the configured forwarding header is parsed.
    (PROXY, &[("x-forwarded-for", AMERICAN), ("forwarded", "for=2.3.4.5")], US),
    (PROXY, &[("forwarded", "for=2.3.4.5")], US),
    (PROXY, &[("x-real-ip", FRENCH)], US),
    // Each syntax of an address, and invalid values.
    (PROXY, &[("x-forwarded-for", "2.3.4.5:4711")], FR),
    (PROXY, &[("x-forwarded-for", "2a01:e0a:1::2")], FR),
    (PROXY, &[("x-forwarded-for", "[2a01:e0a:1::2]:4711")], FR),
    (PROXY, &[("x-forwarded-for", "::ffff:2.3.4.5")], FR),
    (PROXY, &[("x-forwarded-for", "2.3.4.5, [2001:4860:4860::8888]:1")], US),
    (PROXY, &[("x-forwarded-for", "2.3.4.5, nonsense")], US),
    (PROXY, &[("x-forwarded-for", "2.3.4.5, ")], US),
    (PROXY, &[("x-forwarded-for", "2.3.4.5;8.8.8.8")], US),
    (PROXY, &[("x-forwarded-for", "2.3.4")], US),
    (PROXY, &[("x-forwarded-for", "0x02030405")], US),
    (PROXY, &[("x-forwarded-for", "33752069")], US),
    // A valid country header of the proxy has precedence over the address.
    (PROXY, &[("x-forwarded-for", AMERICAN), ("cf-ipcountry", "FR")], FR),
    (PROXY, &[("x-forwarded-for", FRENCH), ("cf-ipcountry", "US")], US),
    (PROXY, &[("x-forwarded-for", AMERICAN), ("cf-ipcountry", "FR"), ("cf-ipcountry", "US")], US),
    (PROXY, &[("x-forwarded-for", AMERICAN), ("cf-ipcountry", "FR, US")], US),
    (PROXY, &[("x-forwarded-for", AMERICAN), ("cf-ipcountry", "XX")], US),
    (PROXY, &[("x-forwarded-for", AMERICAN), ("cf-ipcountry", "T1")], US),
    (PROXY, &[("x-forwarded-for", FRENCH), ("cf-ipcountry", "XX")], FR),
    (PROXY, &[("x-forwarded-for", AMERICAN), ("x-country", "FR")], US),
];

#[api_test]
async fn ignores_spoofed_headers() {
    let accountant = behind_a_proxy(Shape::Flat, &[]).await;
    for (peer, headers, redirected) in SPOOFED {
        let client = headers.iter().fold(accountant.from(peer), |api, (name, value)| api.header(name, value));
        let expected = if *redirected { 302 } else { 200 };
        assert_eq!(client.get(V1).await.status, expected, "{peer} {headers:?}");
    }
    let accountant = behind_a_proxy(Shape::Flat, &[("forwarded_header", "forwarded")]).await.from(PROXY);
    for (name, value, redirected) in [
        ("forwarded", "for=2.3.4.5", FR),
        ("forwarded", "for=\"[2a01:e0a:1::2]:4711\";proto=https", FR),
        ("forwarded", "for=2.3.4.5, for=8.8.8.8", US),
        ("forwarded", "for=2.3.4.5, for=unknown", US),
        ("forwarded", "for=\"2.3.4.5, for=8.8.8.8", US),
        ("x-forwarded-for", FRENCH, US),
    ] {
        let expected = if redirected { 302 } else { 200 };
        assert_eq!(accountant.header(name, value).get(V1).await.status, expected, "{name}: {value}");
    }
}

#[api_test]
async fn version_1_redirects_only_with_a_valid_database_and_route() {
    let (none, invalid) = ("", File::new(b"no database"));
    let valid = File::new(&database(Shape::Long, NETWORKS));
    let asns = File::new(&database(Shape::Other, NETWORKS));
    for (settings, redirected) in [
        (vec![("geo_database", none)], false),
        (vec![("geo_database", "/nonexistent/country.mmdb")], false),
        (vec![("geo_database", "/")], false),
        (vec![("geo_database", invalid.name())], false),
        (vec![("geo_database", asns.name())], false),
        (vec![("geo_database", valid.name()), ("geo_routes", "")], false),
        (vec![("geo_database", valid.name()), ("geo_routes", r#"{"US": "en-us"}"#)], false),
        (vec![("geo_database", valid.name()), ("geo_routes", r#"{"FR": "it"}"#)], false),
        (vec![("geo_database", valid.name()), ("locales", r#"{"en-us": "USD", "de": "EUR"}"#)], false),
        (vec![("geo_database", valid.name()), ("geo_routes", r#"{"us": "en-us", "fr": "de"}"#)], true),
    ] {
        let api = Api::with(&settings).await;
        api.app.geoip.refresh().await;
        let accountant = api.sign_in(Role::Accountant).await.from(FRENCH);
        let response = accountant.get(V1).await;
        assert_eq!(response.status, if redirected { 302 } else { 200 }, "{settings:?}");
        assert_eq!(response.header("location"), if redirected { "/api/v2/invoices/de" } else { "" });
    }
}

#[api_test]
async fn loads_a_replaced_database_and_ignores_a_damaged_one() {
    let file = File::new(&database(Shape::Long, NETWORKS));
    let api = Api::with(&[("geo_database", file.name())]).await;
    let accountant = api.sign_in(Role::Accountant).await.from(FRENCH);
    let status = || async {
        api.app.geoip.refresh().await;
        accountant.get(V1).await.status
    };
    assert_eq!(accountant.get(V1).await.status, 200, "no country is known before the file is loaded");
    assert_eq!(status().await, 302);
    let replacement = database(Shape::Flat, &[("2.0.0.0/8", "US")]);
    let mut flipped = replacement.clone();
    flipped.iter_mut().take(600).for_each(|byte| *byte ^= 0x55);
    for damaged in [&replacement[..replacement.len() / 2], &[][..], b"<html></html>", &flipped] {
        file.write(damaged);
        assert_eq!(status().await, 302, "the previous database stays loaded");
    }
    file.write(&replacement);
    assert_eq!(status().await, 200);
    fs::remove_file(&file.0).expect("the file is deleted");
    assert_eq!(status().await, 200);
    file.write(&database(Shape::Flat, NETWORKS));
    assert_eq!(status().await, 302);
}

#[api_test]
async fn a_list_without_a_locale_redirects_by_accept_language() {
    let api = Api::start().await;
    let accountant = api.sign_in(Role::Accountant).await;
    for list in ["/api/v2/invoices", "/api/v2/revenues"] {
        for (languages, query, locale, tag) in [
            (None, "", "en-us", "en-US"),
            (Some("fr-CA, en;q=0.5"), "?limit=5&page=1", "fr", "fr"),
            (Some("en-AU;q=0.4, en-GB;q=0.9"), "?count=none", "en-gb", "en-GB"),
            (Some("es, *;q=0.5"), "", "en-us", "en-US"),
            (Some(""), "", "en-us", "en-US"),
            (Some("ja;q=nonsense, \u{20}de"), "?", "de", "de"),
        ] {
            let client = languages.map_or_else(
                || accountant.clone(),
                |languages| accountant.header("accept-language", languages),
            );
            let redirect = client.get(&format!("{list}{query}")).await.is(307);
            let target = format!("{list}/{locale}{query}");
            assert_eq!(redirect.header("location"), target, "{languages:?}");
            assert_eq!(
                (redirect.header("content-language"), redirect.header("cache-control")),
                (tag, "private, no-store")
            );
            assert!(redirect.header("vary").contains("Accept-Language"), "{}", redirect.header("vary"));
            let localized = client.get(&target).await.is(200);
            assert_eq!(localized.header("content-language"), tag);
            let not_modified =
                client.header("if-none-match", localized.header("etag")).get(&target).await.is(304);
            assert_eq!(not_modified.header("content-language"), tag);
        }
        let two = accountant.header("accept-language", "es").header("accept-language", "de");
        assert_eq!(two.get(list).await.is(307).header("location"), format!("{list}/de"));
        accountant.header("accept-language", &"a".repeat(1001)).get(list).await.is(400);
        accountant.get(&format!("{list}?colour=red")).await.is(400);
        api.get(list).await.is(401);
    }
    let dated = accountant
        .header("accept-language", "fr")
        .get("/api/v2/invoices?date%5Bgte%5D=2026-01-01")
        .await
        .is(307);
    assert_eq!(dated.header("location"), "/api/v2/invoices/fr?date%5Bgte%5D=2026-01-01");
}

#[api_test]
async fn localized_responses_have_content_language() {
    let api = Api::start().await;
    let accountant = api.sign_in(Role::Accountant).await;
    let customer = accountant.post("/api/v2/customers", rabbit()).await.is(201).id();
    let invoice = json!({ "customerId": customer, "amount": 100, "status": "draft" });
    for (locale, tag) in [("en-gb", "en-GB"), ("fr", "fr")] {
        let list = format!("/api/v2/invoices/{locale}");
        let idempotent = accountant.header("idempotency-key", locale);
        let created = idempotent.post(&list, invoice.clone()).await.is(201);
        let path = created.header("location").to_owned();
        let minimal = accountant.header("prefer", "return=minimal");
        let month = format!("/api/v2/revenues/{locale}/2020-02");
        let exports = format!("/api/v2/invoice-exports/{locale}");
        let amount = json!({ "amount": 100 });
        for (response, status) in [
            (created, 201),
            (idempotent.post(&list, invoice.clone()).await, 201),
            (accountant.get(&path).await, 200),
            (accountant.put(&path, invoice.clone()).await, 200),
            (accountant.patch(&path, json!({ "amount": 7 })).await, 200),
            (minimal.patch(&path, json!({ "amount": 8 })).await, 204),
            (accountant.get(&list).await, 200),
            (accountant.get(&format!("{exports}/csv")).await, 200),
            (accountant.get(&format!("{exports}/ndjson")).await, 200),
            (accountant.get(&format!("{path}/pdf")).await, 200),
            (accountant.get(&format!("/api/v2/revenues/{locale}")).await, 200),
            (accountant.get(&month).await, 200),
            (accountant.put(&month, amount.clone()).await, if locale == "fr" { 200 } else { 201 }),
            (minimal.put(&month, amount.clone()).await, 204),
            (accountant.get(&format!("/api/v2/dashboard?locale={locale}")).await, 200),
        ] {
            assert_eq!(response.is(status).header("content-language"), tag);
        }
        let pdf = accountant.get(&format!("{path}/pdf")).await.is(200);
        let conditional = accountant.header("if-none-match", pdf.header("etag"));
        assert_eq!(conditional.get(&format!("{path}/pdf")).await.is(304).header("content-language"), tag);
        assert_eq!(accountant.get("/api/v2/invoices/it").await.is(404).header("content-language"), "");
    }
    assert_eq!(accountant.get("/api/v2/dashboard").await.is(200).header("content-language"), "en-US");
}
