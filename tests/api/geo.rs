//! Clients of some countries are led to the view of theirs, and nobody can be taken for another.
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
/// A machine between the client and the service, and one that is none of the service's own.
const PROXY: &str = "10.0.0.1";
const STRANGER: &str = "8.8.4.4";

const NETWORKS: &[(&str, &str)] = &[
    ("2.0.0.0/12", "FR"),
    ("8.8.0.0/16", "US"),
    ("2a01:e00::/26", "FR"),
    ("2001:4860::/32", "US"),
    ("10.0.0.0/8", "FR"),
];

/// A file for one test, gone with it.
struct File(PathBuf);

impl File {
    fn new(bytes: &[u8]) -> File {
        let file = File(std::env::temp_dir().join(format!("tenon-geo-{}.mmdb", Uuid::now_v7())));
        file.write(bytes);
        file
    }

    /// Puts other content in its place, as `tenon geo install` does.
    fn write(&self, bytes: &[u8]) {
        let new = self.0.with_extension("new");
        fs::write(&new, bytes).expect("the file is written");
        fs::rename(new, &self.0).expect("the file is put in place");
    }

    fn name(&self) -> &str {
        self.0.to_str().expect("plain text")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// An accountant of a service that knows some networks, behind a proxy.
async fn behind_a_proxy(shape: Shape, settings: &[(&'static str, &str)]) -> Api {
    let file = File::new(&database(shape, NETWORKS));
    let own =
        [("geo_database", file.name()), ("trusted_proxies", "10.0.0.0/8"), ("geo_header", "cf-ipcountry")];
    let api = Api::with(&[settings, &own].concat()).await;
    api.app.geoip.refresh().await;
    let books = api.sign_in(Role::Accountant).await;
    let customer = books.post("/api/v2/customers", rabbit()).await.is(201).id();
    for (locale, amount) in [("en-us", 15795), ("fr", 100)] {
        let owes = json!({ "customerId": customer, "amount": amount, "status": "pending" });
        books.post(&format!("/api/v2/invoices/{locale}"), owes).await.is(201);
    }
    books
}

#[track_caller]
fn stays(answer: Response) -> Response {
    let answer = answer.is(200);
    assert_eq!(answer.body["pagination"]["total"], 2);
    answer
}

#[track_caller]
fn leads_to(answer: Response, location: &str) {
    let answer = answer.is(302);
    assert_eq!((answer.header("location"), answer.header("cache-control")), (location, "private, no-store"));
    assert!(answer.header("vary").contains("Cookie, cf-ipcountry"), "{}", answer.header("vary"));
}

#[api_test]
async fn clients_from_france_are_led_to_the_french_view() {
    for shape in [Shape::Long, Shape::Flat] {
        let books = behind_a_proxy(shape, &[]).await;
        for peer in [FRENCH, "2.15.255.255", "::ffff:2.3.4.5", "2a01:e0a:1::2"] {
            leads_to(books.from(peer).get(V1).await, "/api/v2/invoices/fr");
        }
        for peer in
            [AMERICAN, "2.16.0.0", "2001:4860:4860::8888", "9.9.9.9", PROXY, "127.0.0.1", "::1", "fe80::1"]
        {
            stays(books.from(peer).get(V1).await);
        }
        stays(books.get(V1).await);
    }
}

#[api_test]
async fn the_way_keeps_the_query_and_ends_where_it_leads() {
    let books = behind_a_proxy(Shape::Flat, &[]).await.from(FRENCH);
    for (query, kept) in [
        ("?", ""),
        ("?geo=auto", ""),
        ("?limit=1&sort=-number&status=pending", "?limit=1&sort=-number&status=pending"),
        ("?geo=auto&page=2&limit=1", "?page=2&limit=1"),
        ("?status=p%65nding", "?status=p%65nding"),
    ] {
        let way = books.get(&format!("{V1}{query}")).await;
        let location = way.header("location").to_owned();
        leads_to(way, &format!("/api/v2/invoices/fr{kept}"));
        let there = books.get(&location).await.is(200);
        assert_eq!((there.header("content-language"), there.header("deprecation")), ("fr", ""));
    }
    let first = stays(books.get(&format!("{V1}?geo=off&limit=1")).await);
    let cursor = first.body["pagination"]["nextCursor"].as_str().expect("a cursor").to_owned();
    let way = books.get(&format!("{V1}?after={cursor}")).await.is(302);
    let next = books.get(way.header("location")).await.is(200);
    assert_eq!(next.body["data"][0]["number"], 1);
    for wrong in ["geo=FR", "geo=off&geo=off", "colour=red", "after=aaaaaaaaaaaaaaaaaaaa&geo=off", "q=rabbit"]
    {
        books.get(&format!("{V1}?{wrong}")).await.is(400);
    }
}

#[api_test]
async fn the_first_generation_shows_invoices_as_they_were_made_out_and_says_that_it_ends() {
    let books = behind_a_proxy(Shape::Long, &[]).await;
    let list = stays(books.get(&format!("{V1}?sort=number")).await);
    let money: Vec<_> =
        [0, 1].map(|i| (&list.body["data"][i]["amount"], &list.body["data"][i]["currency"])).into();
    assert_eq!(money, [(&json!(15795), &json!("USD")), (&json!(100), &json!("EUR"))]);
    assert!(list.body["data"][1].get("original").is_none());
    let known = books.header("if-none-match", list.header("etag"));
    let stranger = books.bearer("tenon_x");
    let reader = books.sign_in(Role::Reader).await;
    for (answer, status) in [
        (list, 200),
        (known.get(&format!("{V1}?sort=number")).await, 304),
        (books.from(FRENCH).get(V1).await, 302),
        (books.get(&format!("{V1}?page=0")).await, 400),
        (stranger.from(FRENCH).get(V1).await, 401),
        (reader.from(FRENCH).get(V1).await, 403),
        (books.header("accept", "image/png").get(V1).await, 406),
        (books.delete(V1).await, 405),
        (books.send(Method::OPTIONS, V1, None).await, 204),
    ] {
        let answer = answer.is(status);
        assert_eq!(answer.header("deprecation"), "@1795219200", "{status}");
        assert_eq!(answer.header("sunset"), "Sun, 21 Nov 2027 00:00:00 GMT", "{status}");
        let links: Vec<&str> =
            answer.headers.get_all("link").iter().filter_map(|link| link.to_str().ok()).collect();
        for rel in ["rel=\"deprecation\"", "rel=\"sunset\"", "</api/v2/invoices>; rel=\"successor-version\""]
        {
            assert!(links.iter().any(|link| link.contains(rel)), "{status}: {links:?}");
        }
        assert_eq!(links.iter().any(|link| link.contains("rel=\"first\"")), status == 200, "{links:?}");
    }
    assert_eq!(books.get("/api/v2/invoices/fr").await.is(200).header("deprecation"), "");
}

/// Whether the client is led to the French view.
const FR: bool = true;
const US: bool = false;

/// The peer, the fields that it sends, and where the client is.
type Spoof = (&'static str, &'static [(&'static str, &'static str)], bool);

const SPOOFED: &[Spoof] = &[
    // Whoever is no proxy says nothing of others.
    (STRANGER, &[("x-forwarded-for", FRENCH)], US),
    (STRANGER, &[("forwarded", "for=2.3.4.5")], US),
    (STRANGER, &[("x-real-ip", FRENCH), ("true-client-ip", FRENCH), ("client-ip", FRENCH)], US),
    (STRANGER, &[("cf-ipcountry", "FR")], US),
    (STRANGER, &[("x-forwarded-for", "2.3.4.5, 10.0.0.2"), ("cf-ipcountry", "FR")], US),
    (FRENCH, &[("x-forwarded-for", AMERICAN), ("cf-ipcountry", "US")], FR),
    // The nearest hop that is no proxy is the client, whatever stands before it.
    (PROXY, &[("x-forwarded-for", FRENCH)], FR),
    (PROXY, &[("x-forwarded-for", AMERICAN)], US),
    (PROXY, &[("x-forwarded-for", "2.3.4.5, 8.8.8.8")], US),
    (PROXY, &[("x-forwarded-for", "2.3.4.5, 2.3.4.6, 10.0.0.9, 8.8.8.8, 10.0.0.2")], US),
    (PROXY, &[("x-forwarded-for", "2.3.4.5"), ("x-forwarded-for", "8.8.8.8")], US),
    (PROXY, &[("x-forwarded-for", "8.8.8.8, 2.3.4.5, 10.0.0.2")], FR),
    // Of two fields the one that the proxies write.
    (PROXY, &[("x-forwarded-for", AMERICAN), ("forwarded", "for=2.3.4.5")], US),
    (PROXY, &[("forwarded", "for=2.3.4.5")], US),
    (PROXY, &[("x-real-ip", FRENCH)], US),
    // Every form of an address, and what is none.
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
    // What the proxy tells of the country counts more than the address, if it is clear.
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
async fn spoofed_fields_change_nothing() {
    let books = behind_a_proxy(Shape::Flat, &[]).await;
    for (peer, fields, led) in SPOOFED {
        let asked = fields.iter().fold(books.from(peer), |api, (name, value)| api.header(name, value));
        let expected = if *led { 302 } else { 200 };
        assert_eq!(asked.get(V1).await.status, expected, "{peer} {fields:?}");
    }
    let books = behind_a_proxy(Shape::Flat, &[("forwarded_header", "forwarded")]).await.from(PROXY);
    for (name, value, led) in [
        ("forwarded", "for=2.3.4.5", FR),
        ("forwarded", "for=\"[2a01:e0a:1::2]:4711\";proto=https", FR),
        ("forwarded", "for=2.3.4.5, for=8.8.8.8", US),
        ("forwarded", "for=2.3.4.5, for=unknown", US),
        ("forwarded", "for=\"2.3.4.5, for=8.8.8.8", US),
        ("x-forwarded-for", FRENCH, US),
    ] {
        let expected = if led { 302 } else { 200 };
        assert_eq!(books.header(name, value).get(V1).await.status, expected, "{name}: {value}");
    }
}

#[api_test]
async fn without_a_country_the_first_generation_answers() {
    let (none, file) = ("", File::new(b"no database"));
    let ours = File::new(&database(Shape::Long, NETWORKS));
    let asns = File::new(&database(Shape::Other, NETWORKS));
    for (settings, led) in [
        (vec![("geo_database", none)], false),
        (vec![("geo_database", "/nonexistent/country.mmdb")], false),
        (vec![("geo_database", "/")], false),
        (vec![("geo_database", file.name())], false),
        (vec![("geo_database", asns.name())], false),
        (vec![("geo_database", ours.name()), ("geo_routes", "")], false),
        (vec![("geo_database", ours.name()), ("geo_routes", r#"{"US": "en-us"}"#)], false),
        (vec![("geo_database", ours.name()), ("geo_routes", r#"{"FR": "it"}"#)], false),
        (vec![("geo_database", ours.name()), ("locales", r#"{"en-us": "USD", "de": "EUR"}"#)], false),
        (vec![("geo_database", ours.name()), ("geo_routes", r#"{"us": "en-us", "fr": "de"}"#)], true),
    ] {
        let api = Api::with(&settings).await;
        api.app.geoip.refresh().await;
        let books = api.sign_in(Role::Accountant).await.from(FRENCH);
        let answer = books.get(V1).await;
        assert_eq!(answer.status, if led { 302 } else { 200 }, "{settings:?}");
        assert_eq!(answer.header("location"), if led { "/api/v2/invoices/de" } else { "" });
    }
}

#[api_test]
async fn another_file_is_taken_and_a_damaged_one_is_not() {
    let file = File::new(&database(Shape::Long, NETWORKS));
    let api = Api::with(&[("geo_database", file.name())]).await;
    let books = api.sign_in(Role::Accountant).await.from(FRENCH);
    let status = || async {
        api.app.geoip.refresh().await;
        books.get(V1).await.status
    };
    assert_eq!(books.get(V1).await.status, 200, "nothing is known before the file is read");
    assert_eq!(status().await, 302);
    let whole = database(Shape::Flat, &[("2.0.0.0/8", "US")]);
    let mut flipped = whole.clone();
    flipped.iter_mut().take(600).for_each(|byte| *byte ^= 0x55);
    for damaged in [&whole[..whole.len() / 2], &[][..], b"<html></html>", &flipped] {
        file.write(damaged);
        assert_eq!(status().await, 302, "what was known stays");
    }
    file.write(&whole);
    assert_eq!(status().await, 200);
    fs::remove_file(&file.0).expect("the file is there");
    assert_eq!(status().await, 200);
    file.write(&database(Shape::Flat, NETWORKS));
    assert_eq!(status().await, 302);
}

#[api_test]
async fn the_list_without_a_locale_leads_to_the_one_that_suits() {
    let api = Api::start().await;
    let books = api.sign_in(Role::Accountant).await;
    for list in ["/api/v2/invoices", "/api/v2/revenues"] {
        for (languages, query, locale, tag) in [
            (None, "", "en-us", "en-US"),
            (Some("fr-CA, en;q=0.5"), "?limit=5&page=1", "fr", "fr"),
            (Some("en-AU;q=0.4, en-GB;q=0.9"), "?count=none", "en-gb", "en-GB"),
            (Some("es, *;q=0.5"), "", "en-us", "en-US"),
            (Some(""), "", "en-us", "en-US"),
            (Some("ja;q=nonsense, \u{20}de"), "?", "de", "de"),
        ] {
            let asked = languages
                .map_or_else(|| books.clone(), |languages| books.header("accept-language", languages));
            let way = asked.get(&format!("{list}{query}")).await.is(307);
            let there = format!("{list}/{locale}{query}");
            assert_eq!(way.header("location"), there, "{languages:?}");
            assert_eq!(
                (way.header("content-language"), way.header("cache-control")),
                (tag, "private, no-store")
            );
            assert!(way.header("vary").contains("Accept-Language"), "{}", way.header("vary"));
            let known = asked.get(&there).await.is(200);
            assert_eq!(known.header("content-language"), tag);
            let again = asked.header("if-none-match", known.header("etag")).get(&there).await.is(304);
            assert_eq!(again.header("content-language"), tag);
        }
        let two = books.header("accept-language", "es").header("accept-language", "de");
        assert_eq!(two.get(list).await.is(307).header("location"), format!("{list}/de"));
        books.header("accept-language", &"a".repeat(1001)).get(list).await.is(400);
        books.get(&format!("{list}?colour=red")).await.is(400);
        api.get(list).await.is(401);
    }
    let dated =
        books.header("accept-language", "fr").get("/api/v2/invoices?date%5Bgte%5D=2026-01-01").await.is(307);
    assert_eq!(dated.header("location"), "/api/v2/invoices/fr?date%5Bgte%5D=2026-01-01");
}

#[api_test]
async fn what_is_said_in_a_locale_says_so() {
    let api = Api::start().await;
    let books = api.sign_in(Role::Accountant).await;
    let customer = books.post("/api/v2/customers", rabbit()).await.is(201).id();
    let owes = json!({ "customerId": customer, "amount": 100, "status": "draft" });
    for (locale, tag) in [("en-gb", "en-GB"), ("fr", "fr")] {
        let list = format!("/api/v2/invoices/{locale}");
        let keyed = books.header("idempotency-key", locale);
        let made = keyed.post(&list, owes.clone()).await.is(201);
        let path = made.header("location").to_owned();
        let quiet = books.header("prefer", "return=minimal");
        let month = format!("/api/v2/revenues/{locale}/2020-02");
        let exports = format!("/api/v2/invoice-exports/{locale}");
        let amount = json!({ "amount": 100 });
        for (answer, status) in [
            (made, 201),
            (keyed.post(&list, owes.clone()).await, 201),
            (books.get(&path).await, 200),
            (books.put(&path, owes.clone()).await, 200),
            (books.patch(&path, json!({ "amount": 7 })).await, 200),
            (quiet.patch(&path, json!({ "amount": 8 })).await, 204),
            (books.get(&list).await, 200),
            (books.get(&format!("{exports}/csv")).await, 200),
            (books.get(&format!("{exports}/ndjson")).await, 200),
            (books.get(&format!("{path}/pdf")).await, 200),
            (books.get(&format!("/api/v2/revenues/{locale}")).await, 200),
            (books.get(&month).await, 200),
            (books.put(&month, amount.clone()).await, if locale == "fr" { 200 } else { 201 }),
            (quiet.put(&month, amount.clone()).await, 204),
            (books.get(&format!("/api/v2/dashboard?locale={locale}")).await, 200),
        ] {
            assert_eq!(answer.is(status).header("content-language"), tag);
        }
        let kept = books.get(&format!("{path}/pdf")).await.is(200);
        let known = books.header("if-none-match", kept.header("etag"));
        assert_eq!(known.get(&format!("{path}/pdf")).await.is(304).header("content-language"), tag);
        assert_eq!(books.get("/api/v2/invoices/it").await.is(404).header("content-language"), "");
    }
    assert_eq!(books.get("/api/v2/dashboard").await.is(200).header("content-language"), "en-US");
}
