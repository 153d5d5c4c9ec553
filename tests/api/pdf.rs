//! Invoices on paper.
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

/// Only the letters: a reader guesses where spaces are.
fn letters(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// What a reader finds on the one page.
fn text(answer: &Response) -> String {
    let document = Document::load_mem(&answer.bytes).expect("a PDF");
    assert_eq!(document.get_pages().len(), 1);
    letters(&document.extract_text(&[1]).expect("text"))
}

#[track_caller]
fn says(answer: &Response, words: &[&str]) {
    let text = text(answer);
    for word in words {
        assert!(text.contains(&letters(word)), "{word} is not in {text}");
    }
}

async fn billed(books: &Api, customer: Value, amount: i64, status: &str) -> String {
    let customer = books.post("/api/v2/customers", customer).await.is(201).id();
    let owes = json!({ "customerId": customer, "amount": amount, "status": status, "date": "2022-12-06" });
    books.post("/api/v2/invoices/en-us", owes).await.is(201).header("location").to_owned()
}

async fn printed(books: &Api, path: &str, locale: &str) -> Response {
    books.get(&format!("{}/pdf", path.replace("en-us", locale))).await.is(200)
}

#[api_test]
async fn an_invoice_is_printed_as_each_place_writes() {
    let api = Api::with(&SELLER).await;
    let books = api.sign_in(Role::Accountant).await;
    let path = billed(&books, rabbit(), 123_456, "pending").await;
    for (locale, wanted) in [
        ("en-us", ["Invoice 1", "$1,234.56", "December 6, 2022", "January 5, 2023", "Pending"]),
        ("en-gb", ["Invoice 1", "£925.92", "6 December 2022", "for USD 1,234.56", "1 USD = 0.75 GBP"]),
        ("fr", ["Facture 1", "1 061,72 €", "5 janvier 2023", "pour 1 234,56 USD", "1 USD = 0,86 EUR"]),
        ("de", ["Rechnung 1", "1.061,72 €", "6. Dezember 2022", "über 1.234,56 USD", "Offen"]),
        ("ja", ["請求書 1", "¥185,184", "2022年12月6日", "USD 1,234.56", "未払い"]),
    ] {
        let page = printed(&books, &path, locale).await;
        says(&page, &wanted);
        says(&page, &["Evil Rabbit", "evil@rabbit.test", "Acme Werkzeuge GmbH", "Lindenstraße 12"]);
        says(&page, &["DE 123 456 789", "billing@acme.test", "IBAN DE02 1203 0000 0000 2020 51"]);
        assert_eq!(page.header("content-type"), "application/pdf");
        let kept = "attachment; filename=\"invoice-1.pdf\"; filename*=UTF-8''invoice-1.pdf";
        assert_eq!(page.header("content-disposition"), kept);
        assert_eq!(page.header("cache-control"), "private, no-cache");
    }
    let dollars = text(&printed(&books, &path, "en-us").await);
    assert!(!dollars.contains("Converted"), "{dollars}");
}

#[api_test]
async fn a_page_says_what_it_is() {
    let api = Api::with(&SELLER).await;
    let books = api.sign_in(Role::Accountant).await;
    let path = billed(&books, rabbit(), 100, "paid").await;
    for (locale, title, language, width) in
        [("en-us", "Invoice 1", "en-US", 612.0), ("ja", "請求書 1", "ja", 595.28)]
    {
        let page = printed(&books, &path, locale).await;
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
async fn the_same_page_is_the_same_bytes_until_something_on_it_changes() {
    let api = Api::with(&SELLER).await;
    let books = api.sign_in(Role::Accountant).await;
    let path = billed(&books, rabbit(), 15795, "pending").await;
    let pdf = format!("{path}/pdf");
    let first = printed(&books, &path, "fr").await;
    api.clock.advance(60_000);
    let again = printed(&books, &path, "fr").await;
    assert_eq!(first.bytes, again.bytes);
    assert_eq!(first.header("etag"), again.header("etag"));
    assert!(first.header("etag").starts_with('"'));
    assert_ne!(first.header("etag"), printed(&books, &path, "de").await.header("etag"));
    let first = books.get(&pdf).await.is(200);
    let known = books.header("if-none-match", first.header("etag"));
    let unchanged = known.get(&pdf).await.is(304);
    assert_eq!(unchanged.header("etag"), first.header("etag"));
    let read = books.get(&path).await.is(200).body;
    let customer = format!("/api/v2/customers/{}", read["customerId"].as_str().expect("an id"));
    books.patch(&customer, json!({ "name": "Good Rabbit" })).await.is(200);
    let renamed = known.get(&pdf).await.is(200);
    says(&renamed, &["Good Rabbit"]);
    let known = books.header("if-none-match", renamed.header("etag"));
    books.patch(&path, json!({ "status": "paid" })).await.is(200);
    says(&known.get(&pdf).await.is(200), &["Amount paid"]);
    books.header("accept", "application/pdf").get(&pdf).await.is(200);
    books.header("accept", "application/json").get(&pdf).await.is(406);
    books.get(&format!("/api/v2/invoices/en-us/{}/pdf", Uuid::now_v7())).await.is(404);
    books.get(&pdf.replace("en-us", "it")).await.is(404);
}

#[api_test]
async fn what_is_no_invoice_is_marked() {
    let api = Api::start().await;
    let books = api.sign_in(Role::Accountant).await;
    let path = billed(&books, rabbit(), 15795, "draft").await;
    for (status, locale, mark) in [
        ("draft", "en-us", "DRAFT"),
        ("draft", "fr", "BROUILLON"),
        ("void", "de", "STORNIERT"),
        ("void", "en-gb", "VOID"),
    ] {
        books.patch(&path, json!({ "status": status })).await.is(200);
        says(&printed(&books, &path, locale).await, &[mark]);
    }
}

#[api_test]
async fn every_name_can_be_printed() {
    let api = Api::with(&SELLER).await;
    let books = api.sign_in(Role::Accountant).await;
    let path = billed(&books, rabbit(), 15795, "pending").await;
    let read = books.get(&path).await.is(200).body;
    let id: Uuid = read["customerId"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    let (long, wide) = ("Donaudampfschifffahrt".repeat(10), "W".repeat(400));
    for (name, shown) in [
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
            says(&printed(&books, &path, locale).await, &[shown, "Acme Werkzeuge GmbH"]);
        }
    }
}
