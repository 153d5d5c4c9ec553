//! Invoices as PDF responses.
use entity::customer;
use lopdf::Document;
use sea_orm::{ActiveModelTrait, Set};
use serde_json::{Value, json};
use tenon::http::auth::Role;
use uuid::Uuid;

use crate::{
    back_office::rabbit,
    support::{Api, Response},
};

const SELLER: [(&str, &str); 6] = [
    ("seller_name", "Acme Werkzeuge GmbH"),
    ("seller_address", "Lindenstraße 12, 10969 Berlin, Germany"),
    ("seller_tax_id", "DE 123 456 789"),
    ("seller_email", "billing@acme.test"),
    ("seller_note", "Please pay to IBAN DE02 1203 0000 0000 2020 51.,Thank you."),
    ("invoice_due_days", "30"),
];

/// Removes white space, because PDF parsers guess where spaces are.
fn letters(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// Returns the text of the only page, without white space.
fn text(response: &Response) -> String {
    let document = Document::load_mem(&response.bytes).expect("a PDF");
    assert_eq!(document.get_pages().len(), 1);
    letters(&document.extract_text(&[1]).expect("text"))
}

#[track_caller]
fn assert_contains(response: &Response, expected: &[&str]) {
    let text = text(response);
    for part in expected {
        assert!(text.contains(&letters(part)), "{part} is not in {text}");
    }
}

async fn create_invoice(accountant: &Api, customer: Value, amount: i64, status: &str) -> String {
    let customer = accountant.post("/api/v2/customers", customer).await.is(201).id();
    let new_invoice =
        json!({ "customerId": customer, "amount": amount, "status": status, "date": "2022-12-06" });
    accountant.post("/api/v2/invoices/en-us", new_invoice).await.is(201).header("location").to_owned()
}

async fn get_pdf(accountant: &Api, path: &str, locale: &str) -> Response {
    accountant.get(&format!("{}/pdf", path.replace("en-us", locale))).await.is(200)
}

#[api_test]
async fn formats_amounts_and_dates_by_locale() {
    let api = Api::with(&SELLER).await;
    let accountant = api.sign_in(Role::Accountant).await;
    let path = create_invoice(&accountant, rabbit(), 123_456, "pending").await;
    for (locale, expected) in [
        ("en-us", ["Invoice 1", "$1,234.56", "December 6, 2022", "January 5, 2023", "Pending"]),
        ("en-gb", ["Invoice 1", "£925.92", "6 December 2022", "for USD 1,234.56", "1 USD = 0.75 GBP"]),
        ("fr", ["Facture 1", "1 061,72 €", "5 janvier 2023", "pour 1 234,56 USD", "1 USD = 0,86 EUR"]),
        ("de", ["Rechnung 1", "1.061,72 €", "6. Dezember 2022", "über 1.234,56 USD", "Offen"]),
        ("ja", ["請求書 1", "¥185,184", "2022年12月6日", "USD 1,234.56", "未払い"]),
    ] {
        let page = get_pdf(&accountant, &path, locale).await;
        assert_contains(&page, &expected);
        assert_contains(
            &page,
            &["Evil Rabbit", "evil@rabbit.test", "Acme Werkzeuge GmbH", "Lindenstraße 12"],
        );
        assert_contains(&page, &["DE 123 456 789", "billing@acme.test", "IBAN DE02 1203 0000 0000 2020 51"]);
        assert_eq!(page.header("content-type"), "application/pdf");
        let disposition = "attachment; filename=\"invoice-1.pdf\"; filename*=UTF-8''invoice-1.pdf";
        assert_eq!(page.header("content-disposition"), disposition);
        assert_eq!(page.header("cache-control"), "private, no-cache");
    }
    let dollars = text(&get_pdf(&accountant, &path, "en-us").await);
    assert!(!dollars.contains("Converted"), "{dollars}");
}

#[api_test]
async fn sets_the_title_the_language_and_the_page_size() {
    let api = Api::with(&SELLER).await;
    let accountant = api.sign_in(Role::Accountant).await;
    let path = create_invoice(&accountant, rabbit(), 100, "paid").await;
    for (locale, title, language, width) in
        [("en-us", "Invoice 1", "en-US", 612.0), ("ja", "請求書 1", "ja", 595.28)]
    {
        let page = get_pdf(&accountant, &path, locale).await;
        let document = Document::load_mem(&page.bytes).expect("a PDF");
        let catalog = document.catalog().expect("a catalogue");
        assert_eq!(catalog.get(b"Lang").and_then(|lang| lang.as_str()).ok(), Some(language.as_bytes()));
        assert!(catalog.has(b"StructTreeRoot") && catalog.has(b"MarkInfo"));
        let (_, info) =
            document.dereference(document.trailer.get(b"Info").expect("a title")).expect("a title");
        let found = info.as_dict().and_then(|info| info.get(b"Title")).expect("a title");
        assert_eq!(lopdf::decode_text_string(found).ok().as_deref(), Some(title));
        let leaf = document.get_pages()[&1];
        let fonts = document.get_page_fonts(leaf).expect("fonts");
        assert!(!fonts.is_empty(), "a page without text");
        assert!(fonts.values().all(|font| font.has(b"ToUnicode")), "text that cannot be copied");
        let leaf = document.get_dictionary(leaf).expect("a page");
        let format = leaf.get(b"MediaBox").and_then(|format| format.as_array()).expect("a format");
        assert_eq!(format[2].as_float().ok(), Some(width));
    }
}

#[api_test]
async fn bytes_and_etag_change_only_with_the_content() {
    let api = Api::with(&SELLER).await;
    let accountant = api.sign_in(Role::Accountant).await;
    let path = create_invoice(&accountant, rabbit(), 15795, "pending").await;
    let pdf = format!("{path}/pdf");
    let first = get_pdf(&accountant, &path, "fr").await;
    api.clock.advance(60_000);
    let second = get_pdf(&accountant, &path, "fr").await;
    assert_eq!(first.bytes, second.bytes);
    assert_eq!(first.header("etag"), second.header("etag"));
    assert!(first.header("etag").starts_with('"'));
    assert_ne!(first.header("etag"), get_pdf(&accountant, &path, "de").await.header("etag"));
    let first = accountant.get(&pdf).await.is(200);
    let conditional = accountant.header("if-none-match", first.header("etag"));
    let unchanged = conditional.get(&pdf).await.is(304);
    assert_eq!(unchanged.header("etag"), first.header("etag"));
    let read = accountant.get(&path).await.is(200).body;
    let customer = format!("/api/v2/customers/{}", read["customerId"].as_str().expect("an id"));
    accountant.patch(&customer, json!({ "name": "Good Rabbit" })).await.is(200);
    let renamed = conditional.get(&pdf).await.is(200);
    assert_contains(&renamed, &["Good Rabbit"]);
    let conditional = accountant.header("if-none-match", renamed.header("etag"));
    accountant.patch(&path, json!({ "status": "paid" })).await.is(200);
    assert_contains(&conditional.get(&pdf).await.is(200), &["Amount paid"]);
    accountant.header("accept", "application/pdf").get(&pdf).await.is(200);
    accountant.header("accept", "application/json").get(&pdf).await.is(406);
    accountant.get(&format!("/api/v2/invoices/en-us/{}/pdf", Uuid::now_v7())).await.is(404);
    accountant.get(&pdf.replace("en-us", "it")).await.is(404);
}

#[api_test]
async fn marks_drafts_and_void_invoices() {
    let api = Api::start().await;
    let accountant = api.sign_in(Role::Accountant).await;
    let path = create_invoice(&accountant, rabbit(), 15795, "draft").await;
    for (status, locale, expected) in [
        ("draft", "en-us", "DRAFT"),
        ("draft", "fr", "BROUILLON"),
        ("void", "de", "STORNIERT"),
        ("void", "en-gb", "VOID"),
    ] {
        accountant.patch(&path, json!({ "status": status })).await.is(200);
        assert_contains(&get_pdf(&accountant, &path, locale).await, &[expected]);
    }
}

#[api_test]
async fn renders_names_of_every_script() {
    let api = Api::with(&SELLER).await;
    let accountant = api.sign_in(Role::Accountant).await;
    let path = create_invoice(&accountant, rabbit(), 15795, "pending").await;
    let read = accountant.get(&path).await.is(200).body;
    let id: Uuid = read["customerId"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    let (long, wide) = ("Donaudampfschifffahrt".repeat(10), "W".repeat(400));
    for (name, expected) in [
        ("Иван Ильич Пономарёв", "Иван Ильич Пономарёв"),
        ("株式会社 髙島屋サンプル商事", "株式会社 髙島屋サンプル商事"),
        ("Ελένη Nguyễn Thị Ánh", "Ελένη Nguyễn Thị Ánh"),
        ("Rabbit 🐇 👩‍👩‍👧 & Sons", "& Sons"),
        ("\u{202e}שלום עולם مرحبا & Sons", "& Sons"),
        ("e\u{301}\u{301}\u{301} \u{301} \t\r\n tab", "tab"),
        ("김민수 王小明", "王小明"),
        (&long, "Donaudampfschifffahrt"),
        (&wide, "WWWW…"),
    ] {
        let renamed = customer::ActiveModel { id: Set(id), name: Set(name.to_owned()), ..Default::default() };
        api.app.db.write(async move |tx| renamed.update(&*tx).await).await.expect("renamed");
        for locale in ["en-us", "ja"] {
            assert_contains(&get_pdf(&accountant, &path, locale).await, &[expected, "Acme Werkzeuge GmbH"]);
        }
    }
}
