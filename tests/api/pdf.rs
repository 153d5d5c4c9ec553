//! Invoices on paper.
use lopdf::{Document, Object};
use serde_json::{Value, json};
use tenon::contract::caller::Role;

use crate::{
    office::rabbit,
    support::{Answer, Api},
};

const SELLER: [(&str, &str); 6] = [
    ("seller_name", "Acme Werkzeuge GmbH"),
    ("seller_address", "Lindenstraße 12; 10969 Berlin; Germany"),
    ("seller_tax_id", "DE 123 456 789"),
    ("seller_email", "billing@acme.test"),
    ("seller_note", "Please pay to IBAN DE02 1203 0000 0000 2020 51.;Thank you for your business."),
    ("payment_days", "30"),
];

/// What a reader finds on the pages, with plain spaces.
fn text(answer: &Answer) -> String {
    let document = Document::load_mem(&answer.bytes).expect("a PDF");
    let text = document.extract_text(&[1]).expect("text");
    text.replace(['\u{a0}', '\u{202f}', '\n'], " ")
}

async fn owing(books: &Api, customer: Value, amount: i64, status: &str) -> String {
    let customer = books.post("/api/v2/customers", customer).await.is(201).id();
    let owes = json!({ "customerId": customer, "amount": amount, "status": status, "date": "2022-12-06" });
    books.post("/api/v2/invoices/en-us", owes).await.is(201).header("location").to_owned()
}

async fn printed(books: &Api, path: &str, locale: &str) -> Answer {
    let path = format!("{}/pdf", path.replace("en-us", locale));
    let answer = books.get(&path).await.is(200);
    if let Ok(dir) = std::env::var("LOOK") {
        let n = format!("{dir}/{locale}-{}.pdf", &answer.header("etag")[1..7]);
        std::fs::write(n, &answer.bytes).unwrap();
    }
    answer
}

#[tokio::test]
async fn an_invoice_is_printed_as_each_place_writes() {
    let api = Api::with(&SELLER).await;
    let books = api.sign_in(Role::Accountant).await;
    let path = owing(&books, rabbit(), 123_456, "pending").await;
    for (locale, wanted) in [
        ("en-us", vec!["Invoice 1", "$1,234.56", "December 6, 2022", "January 5, 2023", "Pending", "Amount due"]),
        ("en-gb", vec!["Invoice 1", "£925.92", "6 December 2022", "USD 1,234.56", "1 USD = 0.75 GBP"]),
        ("fr", vec!["Facture 1", "1 061,72 €", "6 décembre 2022", "1 234,56 USD", "1 USD = 0,86 EUR"]),
        ("de", vec!["Rechnung 1", "1.061,72 €", "6. Dezember 2022", "1.234,56 USD", "Offen"]),
        ("ja", vec!["請求書 1", "¥185,184", "2022年12月6日", "USD 1,234.56", "未払い"]),
    ] {
        let page = printed(&books, &path, locale).await;
        let text = text(&page);
        for word in wanted.iter().chain(&["Evil Rabbit", "evil@rabbit.test", "Acme Werkzeuge GmbH", "Lindenstraße 12"]) {
            assert!(text.contains(word), "{locale}: {word} is not in {text}");
        }
        assert_eq!(page.header("content-type"), "application/pdf");
        assert_eq!(
            page.header("content-disposition"),
            "attachment; filename=\"invoice-1.pdf\"; filename*=UTF-8''invoice-1.pdf"
        );
        assert_eq!(page.header("cache-control"), "private, no-cache");
    }
}

#[tokio::test]
async fn names_of_every_kind() {
    let api = Api::with(&SELLER).await;
    let books = api.sign_in(Role::Accountant).await;
    let long = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft mit beschränkter H";
    for (n, (name, status)) in [
        (long, "draft"), ("Иван Ильич Пономарёв", "void"), ("株式会社 髙島屋サンプル商事", "paid"),
        ("Ελένη Παπαδοπούλου 🐇 family 👩‍👩‍👧", "draft"), ("שלום עולם", "pending"), ("Nguyễn Thị Ánh", "paid")].into_iter().enumerate() {
        let customer = json!({ "name": name, "email": format!("n{n}@acme.test") });
        let path = owing(&books, customer, 15795, status).await;
        for locale in ["en-us", "fr", "ja"] {
            let a = printed(&books, &path, locale).await;
            println!("{}", text(&a));
        }
    }
}
