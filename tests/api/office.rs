//! The back office, as those who keep the books see it.
use entity::invoice;
use sea_orm::{ActiveModelTrait, EntityTrait, Set};
use serde_json::{Value, json};
use tenon::contract::caller::Role;
use uuid::Uuid;

use crate::support::{Api, START};

pub fn rabbit() -> Value {
    json!({ "name": "Evil Rabbit", "email": "Evil@Rabbit.test", "imageUrl": "/customers/evil-rabbit.png" })
}

fn invoice_of(customer: Uuid) -> invoice::ActiveModel {
    invoice::ActiveModel {
        id: Set(Uuid::now_v7()),
        number: Set(1),
        customer_id: Set(customer),
        amount: Set(15795),
        currency: Set("USD".to_owned()),
        status: Set("pending".to_owned()),
        date: Set("2026-11-21".to_owned()),
        version: Set(1),
        created_at: Set(START),
        updated_at: Set(START),
    }
}

#[tokio::test]
async fn a_customer_is_written_down_changed_and_deleted() {
    let api = Api::start().await;
    let books = api.sign_in(Role::Accountant).await;
    let keyed = books.header("idempotency-key", "rabbit");
    let made = keyed.post("/api/v2/customers", rabbit()).await.is(201);
    assert_eq!((&made.body["email"], &made.body["invoicesCount"]), (&json!("evil@rabbit.test"), &json!(0)));
    let path = made.header("location").to_owned();
    assert_eq!(path, format!("/api/v2/customers/{}", made.id()));
    let again = keyed.post("/api/v2/customers", rabbit()).await.is(201);
    assert_eq!((again.id(), again.header("idempotent-replayed")), (made.id(), "true"));
    keyed.post("/api/v2/customers", json!({ "name": "Other", "email": "o@acme.test" })).await.is(422);
    let taken = books.post("/api/v2/customers", rabbit()).await.is(409);
    assert_eq!(taken.places(), ["#/email"]);

    let read = books.get(&path).await.is(200);
    assert_eq!((&read.body, read.header("etag")), (&made.body, made.header("etag")));
    books.header("if-none-match", made.header("etag")).get(&path).await.is(304);
    let named = books.header("if-match", made.header("etag"));
    let patched = named.patch(&path, json!({ "name": " The Rabbit ", "imageUrl": null })).await.is(200);
    assert_eq!((&patched.body["name"], patched.body.get("imageUrl")), (&json!("The Rabbit"), None));
    named.patch(&path, json!({ "name": "Too late" })).await.is(412);
    let put = json!({ "name": "Rabbit Ltd", "email": "office@rabbit.test" });
    assert_eq!(books.put(&path, put.clone()).await.is(200).body["email"], "office@rabbit.test");
    let other = json!({ "name": "Lee", "email": "lee@acme.test" });
    let other = books.post("/api/v2/customers", other).await.is(201).header("location").to_owned();
    books.put(&other, put.clone()).await.is(409);
    books.patch(&other, json!({ "email": "OFFICE@rabbit.test" })).await.is(409);
    named.put(&path, put).await.is(412);
    named.delete(&path).await.is(412);
    let owes = invoice_of(made.id().parse().unwrap());
    api.app.db.write(async move |tx| owes.insert(&*tx).await).await.unwrap();
    assert_eq!(books.get(&path).await.is(200).body["invoicesCount"], 1);
    books.delete(&path).await.is(409);
    let gone = invoice::Entity::delete_many();
    api.app.db.write(async move |tx| gone.exec(&*tx).await.map(|_| ())).await.unwrap();
    books.delete(&path).await.is(204);
    books.get(&path).await.is(404);
    books.delete(&path).await.is(404);
}

#[tokio::test]
async fn customers_are_listed_found_and_walked() {
    let api = Api::start().await;
    let books = api.sign_in(Role::Accountant).await;
    for name in ["Amy Burns", "Balázs Orbán", "Delba de Oliveira", "Lee Robinson", "Michael Novotny"] {
        let email = format!("{}@acme.test", name.split(' ').next().unwrap().to_lowercase().replace('á', "a"));
        books.post("/api/v2/customers", json!({ "name": name, "email": email })).await.is(201);
    }
    let names = |page: &Value| -> Vec<String> {
        let data = page["data"].as_array().unwrap();
        data.iter().map(|customer| customer["name"].as_str().unwrap().to_owned()).collect()
    };
    let list = books.get("/api/v2/customers").await.is(200);
    assert_eq!(names(&list.body)[0], "Amy Burns");
    books.header("if-none-match", list.header("etag")).get("/api/v2/customers").await.is(304);
    for (q, found) in [("orban", 1), ("ORB%C3%81N", 1), ("acme.test", 5), ("lee%20rob", 1), ("%25", 0)] {
        let page = books.get(&format!("/api/v2/customers?q={q}")).await.is(200).body;
        assert_eq!(page["pagination"]["total"], found, "{q}");
    }
    for sort in ["name", "-name", "email", "-createdAt"] {
        let whole = names(&books.get(&format!("/api/v2/customers?sort={sort}")).await.is(200).body);
        let (mut walked, mut after) = (Vec::new(), String::new());
        loop {
            let page = books.get(&format!("/api/v2/customers?sort={sort}&limit=2{after}")).await.is(200).body;
            walked.extend(names(&page));
            match page["pagination"]["nextCursor"].as_str() {
                Some(cursor) => after = format!("&after={cursor}"),
                None => break,
            }
        }
        assert_eq!(walked, whole, "{sort}");
    }
    books.get("/api/v2/customers?sort=password").await.is(400);
}

#[tokio::test]
async fn changes_in_the_office_can_be_quiet_and_must_be_careful() {
    let api = Api::with(&[("require_if_match", "on")]).await;
    let books = api.sign_in(Role::Accountant).await;
    let customer = books.post("/api/v2/customers", rabbit()).await.is(201);
    let quiet = books.header("if-match", "*").header("prefer", "return=minimal");
    for (path, patch, put) in [(customer.header("location"), json!({ "name": "New" }), rabbit())] {
        books.patch(path, patch.clone()).await.is(428);
        books.put(path, put.clone()).await.is(428);
        books.delete(path).await.is(428);
        quiet.patch(path, patch).await.is(204);
        quiet.put(path, put).await.is(204);
    }
}
