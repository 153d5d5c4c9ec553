//! Lists: filters, orders, pages and cursors, on posts and on everything else that is listed.
use serde_json::{Value, json};
use tenon::http::auth::Role;

use crate::support::Api;

async fn posts(api: &Api, count: usize) -> Api {
    let author = api.sign_in(Role::Author).await;
    for i in 0..count {
        let tags = if i % 2 == 0 { json!(["Even", "All"]) } else { json!(["Odd", "All"]) };
        let title = format!("Post {}", ["b", "A", "ä", "c", "B"][i % 5]);
        let body = json!({ "title": title, "content": "0123456789", "published": true, "tags": tags, "excerpt": format!("Number {i}") });
        author.post("/api/posts", body).await.is(201);
        api.clock.advance(if i % 3 == 0 { 0 } else { 1000 });
    }
    author
}

/// Every entry of a list, by its pages' cursors.
async fn walk(api: &Api, path: &str) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = api.get(&format!("{path}{after}")).await.is(200).body;
        all.extend(page["data"].as_array().expect("entries").clone());
        match page["pagination"]["nextCursor"].as_str() {
            Some(cursor) => after = format!("&after={cursor}"),
            None => return all,
        }
    }
}

fn ids(entries: &[Value]) -> Vec<&str> {
    entries.iter().filter_map(|entry| entry["id"].as_str()).collect()
}

#[api_test]
async fn cursors_and_pages_show_every_post_once_in_one_order() {
    let api = Api::start().await;
    posts(&api, 23).await;
    for sort in ["-publishedAt", "publishedAt", "title", "-title,createdAt", "-updatedAt,title"] {
        let whole = api.get(&format!("/api/posts?limit=50&sort={sort}")).await.is(200).body;
        let whole = whole["data"].as_array().expect("entries").clone();
        let walked = walk(&api, &format!("/api/posts?limit=4&sort={sort}")).await;
        assert_eq!(ids(&walked), ids(&whole), "{sort}");
        let mut paged = Vec::new();
        for page in 1..=6 {
            let page = api.get(&format!("/api/posts?limit=4&page={page}&sort={sort}")).await.is(200).body;
            paged.extend(page["data"].as_array().expect("entries").clone());
        }
        assert_eq!(ids(&paged), ids(&whole), "{sort}");
    }
    let titles = api.get("/api/posts?limit=50&sort=title").await.is(200).body;
    let titles: Vec<&str> =
        titles["data"].as_array().expect("entries").iter().filter_map(|p| p["title"].as_str()).collect();
    let mut sorted = titles.clone();
    sorted.sort_unstable();
    assert_eq!(titles, sorted, "by code point, on every database");
}

#[api_test]
async fn cursors_show_every_comment_tag_and_document_once() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let post = json!({ "title": "Long talk", "content": "0123456789", "published": true });
    let post = editor.post("/api/posts", post).await.is(201).id();
    let thread = format!("/api/posts/{post}/comments");
    for i in 0..11 {
        editor.post(&thread, json!({ "content": format!("{i}") })).await.is(201);
        // Several of one moment, so that the id has to decide.
        api.clock.advance(if i % 3 == 0 { 1000 } else { 0 });
        editor.put(&format!("/api/tags/tag-{i}"), json!({ "name": format!("Tag {i}") })).await.is(201);
        let page = json!({ "title": format!("{i}"), "content": "", "position": i % 3 });
        editor.put(&format!("/api/docs/page-{i}"), page).await.is(201);
        let tags = json!([format!("tag-{}", i / 2)]);
        let tagged =
            json!({ "title": format!("{i}"), "content": "0123456789", "published": true, "tags": tags });
        editor.post("/api/posts", tagged).await.is(201);
    }
    let queue = ["/api/comments?", "/api/comments?sort=-createdAt&expand=post&"].map(str::to_owned);
    let tags = ["slug", "-slug", "-postsCount"].map(|sort| format!("/api/tags?sort={sort}&"));
    let others = [format!("{thread}?"), "/api/documents?".to_owned()];
    for path in queue.iter().chain(&tags).chain(&others) {
        let whole = editor.get(&format!("{path}limit=50")).await.is(200).body;
        assert_eq!(whole["pagination"]["total"], 11, "{path}");
        let walked = walk(&editor, &format!("{path}limit=3")).await;
        assert_eq!(json!(walked), whole["data"], "{path}");
    }
}

#[api_test]
async fn a_walk_by_cursor_is_not_disturbed_by_what_comes_and_goes() {
    let api = Api::start().await;
    let author = posts(&api, 10).await;
    let first = api.get("/api/posts?limit=4").await.is(200).body;
    let seen: Vec<String> =
        ids(first["data"].as_array().expect("entries")).iter().map(|id| (*id).to_owned()).collect();
    author.delete(&format!("/api/posts/{}", seen[3])).await.is(204);
    author
        .post("/api/posts", json!({ "title": "New", "content": "0123456789", "published": true }))
        .await
        .is(201);
    let cursor = first["pagination"]["nextCursor"].as_str().expect("a cursor");
    let rest = api.get(&format!("/api/posts?limit=50&after={cursor}")).await.is(200).body;
    let rest = ids(rest["data"].as_array().expect("entries")).len();
    assert_eq!(rest, 6, "the six that were behind, not the new one in front");
}

#[api_test]
async fn the_envelope_counts_what_the_filters_leave() {
    let api = Api::start().await;
    posts(&api, 11).await;
    let page = api.get("/api/posts?tag=even&limit=4").await.is(200);
    assert_eq!(page.body["pagination"]["total"], 6);
    assert_eq!(page.body["pagination"]["pages"], 2);
    let link = page.header("link");
    assert!(link.contains("</api/posts?tag=even&limit=4&page=2>; rel=\"next\""), "{link}");
    let none = api.get("/api/posts?tag=nothing").await.is(200).body;
    assert_eq!(none["pagination"], json!({ "page": 1, "limit": 10, "total": 0, "pages": 0 }));
    let past = api.get("/api/posts?page=9").await.is(200).body;
    assert_eq!((past["data"].as_array().map(Vec::len), &past["pagination"]["total"]), (Some(0), &json!(11)));
    let uncounted = api.get("/api/posts?count=none").await.is(200).body;
    assert!(uncounted["pagination"].get("total").is_none());
    for (query, total) in [
        ("tag=even,odd", 11),
        ("tag=even&tag=odd", 0),
        ("tag=EVEN&tag=all", 6),
        ("q=number+10", 1),
        ("q=post+A", 4),
        ("publishedAt[gte]=2026-11-21T09:00:00Z", 11),
        ("publishedAt%5Blt%5D=2026-11-21T09:00:00.000%2B00:00", 0),
    ] {
        let list = api.get(&format!("/api/posts?{query}")).await.is(200).body;
        assert_eq!(list["pagination"]["total"], total, "{query}: {list}");
    }
}

#[api_test]
async fn fields_and_expand_say_what_comes_along() {
    let api = Api::start().await;
    let author = posts(&api, 1).await;
    author.patch("/api/me", json!({ "bio": "Writes about wood." })).await.is(200);
    let entry = |query: &'static str| {
        let api = api.clone();
        async move { api.get(&format!("/api/posts?{query}")).await.is(200).body["data"][0].clone() }
    };
    let plain = entry("limit=1").await;
    assert_eq!((plain.get("content"), plain["excerpt"].as_str()), (None, Some("Number 0")));
    assert!(plain["author"].get("bio").is_none() && plain["author"]["name"].is_string());
    let more = entry("fields=content").await;
    assert_eq!((more["content"].as_str(), more.get("excerpt")), (Some("0123456789"), None));
    assert_eq!(entry("expand=author").await["author"]["bio"], "Writes about wood.");
    let row = serde_json::to_string(&plain).unwrap_or_default();
    assert!(!row.contains("password") && !row.contains('@'), "{row}");
}

#[api_test]
async fn a_list_is_304_until_something_in_it_changes() {
    let api = Api::start().await;
    let author = posts(&api, 2).await;
    let list = api.get("/api/posts").await.is(200);
    assert!(list.header("cache-control").starts_with("public, s-maxage=60"));
    let known = api.header("if-none-match", list.header("etag"));
    known.get("/api/posts").await.is(304);
    known.get("/api/posts?limit=3").await.is(200);
    author.header("if-none-match", list.header("etag")).get("/api/posts").await.is(200);
    author.patch("/api/me", json!({ "name": "A new name" })).await.is(200);
    let renamed = known.get("/api/posts").await.is(200);
    assert_eq!(renamed.body["data"][0]["author"]["name"], "A new name");
    let editor = api.sign_in(Role::Editor).await;
    let known = api.header("if-none-match", renamed.header("etag"));
    known.get("/api/posts").await.is(304);
    editor.patch("/api/tags/all", json!({ "name": "Everything" })).await.is(200);
    known.get("/api/posts").await.is(200);
}

#[api_test]
async fn cursors_belong_to_their_list() {
    let api = Api::start().await;
    posts(&api, 3).await;
    let page = api.get("/api/posts?limit=1").await.is(200).body;
    let cursor = page["pagination"]["nextCursor"].as_str().expect("a cursor").to_owned();
    api.get(&format!("/api/posts?limit=2&after={cursor}")).await.is(200);
    api.get(&format!("/api/posts?limit=2&after={cursor}&count=exact&fields=content")).await.is(200);
    let path = |query: &str| format!("/api/posts?{query}&after={cursor}");
    for query in ["tag=even", "sort=title", "q=post", "status=any"] {
        assert_eq!(api.get(&path(query)).await.is(400).body["code"], "invalid-cursor");
    }
    let elsewhere = ["/api/tags", "/api/documents", "/api/authors"];
    for list in elsewhere {
        api.get(&format!("{list}?after={cursor}")).await.is(400);
    }
    let admin = api.sign_in(Role::Admin).await;
    for list in ["/api/users", "/api/api-keys", "/api/auth/sessions", "/api/comments"] {
        admin.get(&format!("{list}?after={cursor}")).await.is(400);
    }
    let id = page["data"][0]["id"].as_str().unwrap_or_default();
    api.get(&format!("/api/posts/{id}/comments?after={cursor}")).await.is(400);
}

#[api_test]
async fn words_are_found_letter_by_letter() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Editor).await;
    for title in ["100% oak", "oak_and_ash", "Back\\slash", "Plain"] {
        let post = json!({ "title": title, "content": "0123456789", "published": true });
        author.post("/api/posts", post).await.is(201);
        author
            .put(&format!("/api/docs/{}", title.len()), json!({ "title": title, "content": "" }))
            .await
            .is(201);
    }
    for (q, found) in
        [("%25", 1), ("_", 1), ("%5C", 1), ("o%25k", 0), ("o_k", 0), ("OAK", 2), ("%C3%B6ak", 2)]
    {
        for list in ["/api/posts", "/api/documents"] {
            let total = api.get(&format!("{list}?q={q}")).await.is(200).body["pagination"]["total"].clone();
            assert_eq!(total, found, "{list}?q={q}");
        }
    }
    let first = api.get("/api/posts").await.is(200);
    assert!(
        first.header("link").starts_with("</api/posts?page=1>; rel=\"first\""),
        "{}",
        first.header("link")
    );
}

/// An office with customers that share names, and what they owe on the same days.
async fn office(api: &Api) -> Api {
    let books = api.sign_in(Role::Accountant).await;
    for (i, name) in ["Lee", "Amy", "Lee", "Amy", "Zoë"].into_iter().enumerate() {
        let customer = json!({ "name": name, "email": format!("c{i}@acme.test"), "imageUrl": "/lee.png" });
        let customer = books.post("/api/v2/customers", customer).await.is(201).id();
        for (amount, day) in [(100, 1), (200, 2)] {
            let owes = json!({
                "customerId": customer, "amount": amount, "status": "pending", "date": format!("2026-11-0{day}"),
            });
            books.post("/api/v2/invoices/en-us", owes).await.is(201);
        }
        api.clock.advance(60_000);
    }
    books
}

fn members(entry: &Value) -> Vec<&str> {
    entry.as_object().expect("an entry").keys().map(String::as_str).collect()
}

#[api_test]
async fn customers_are_filtered_by_what_they_are_and_told_as_far_as_asked() {
    let api = Api::start().await;
    let books = office(&api).await;
    for (query, total) in [
        ("email=C3@acme.test", 1),
        ("email=c@acme.test", 0),
        ("createdAt[gte]=2026-11-21T09:01:00Z", 4),
        ("createdAt[lt]=2026-11-21T09:01:00Z", 1),
        ("createdAt[gte]=2026-11-21T09:01:00Z&createdAt[lt]=2026-11-21T09:03:00Z&q=amy", 1),
    ] {
        let list = books.get(&format!("/api/v2/customers?{query}")).await.is(200).body;
        assert_eq!(list["pagination"]["total"], total, "{query}: {list}");
    }
    let list = books.get("/api/v2/customers").await.is(200);
    for (fields, told) in [
        ("id", vec!["id"]),
        ("id,name", vec!["id", "name"]),
        ("email,invoicesCount", vec!["email", "id", "invoicesCount"]),
        ("createdAt,imageUrl,updatedAt", vec!["createdAt", "id", "imageUrl", "updatedAt"]),
    ] {
        let path = format!("/api/v2/customers?fields={fields}");
        let few = books.header("if-none-match", list.header("etag")).get(&path).await.is(200);
        let mut names = members(&few.body["data"][0]);
        names.sort_unstable();
        assert_eq!(names, told);
        for member in told {
            assert_eq!(few.body["data"][0][member], list.body["data"][0][member], "{member}");
        }
        books.header("if-none-match", few.header("etag")).get(&path).await.is(304);
        books.header("if-none-match", few.header("etag")).get("/api/v2/customers").await.is(200);
    }
    for wrong in ["email=acme", "createdAt[gte]=yesterday", "fields=", "fields=id,search", "sort=name,id"] {
        books.get(&format!("/api/v2/customers?{wrong}")).await.is(400);
    }
}

#[api_test]
async fn lists_of_the_office_are_sorted_by_several_names() {
    let api = Api::start().await;
    let books = office(&api).await;
    let told = |entries: &[Value], member: &str| -> Vec<String> {
        entries.iter().map(|entry| entry[member].to_string().replace('"', "")).collect()
    };
    let customers = walk(&books, "/api/v2/customers?limit=2&sort=name,-createdAt").await;
    assert_eq!(told(&customers, "email").join(" ").replace("@acme.test", ""), "c3 c1 c2 c0 c4");
    let invoices = walk(&books, "/api/v2/invoices/fr?limit=3&sort=-date,number").await;
    assert_eq!(told(&invoices, "number"), ["2", "4", "6", "8", "10", "1", "3", "5", "7", "9"]);
    let lines = books.get("/api/v2/invoice-exports/fr/ndjson?sort=date,-number&fields=number").await.is(200);
    let lines: Vec<Value> = String::from_utf8_lossy(&lines.bytes)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(told(&lines, "number"), ["9", "7", "5", "3", "1", "10", "8", "6", "4", "2"]);
    books.get("/api/v2/invoices/fr?sort=date,amount").await.is(400);
}

#[api_test]
async fn invoices_tell_the_customer_where_fields_or_expand_name_it() {
    let api = Api::start().await;
    let books = office(&api).await;
    for (query, told) in [
        ("fields=id", vec!["id"]),
        ("fields=customer", vec!["customer", "id"]),
        ("fields=customer&expand=customer", vec!["customer", "id"]),
        ("fields=id,number&expand=customer", vec!["customer", "id", "number"]),
        ("fields=date,id", vec!["date", "id"]),
    ] {
        let list = books.get(&format!("/api/v2/invoices/en-us?limit=1&{query}")).await.is(200).body;
        let lines = books.get(&format!("/api/v2/invoice-exports/en-us/ndjson?{query}")).await.is(200);
        let line: Value =
            serde_json::from_slice(lines.bytes.split(|byte| *byte == b'\n').next().unwrap()).unwrap();
        assert_eq!(line, list["data"][0], "{query}");
        let mut names = members(&line);
        names.sort_unstable();
        assert_eq!(names, told, "{query}");
        assert!(line.get("customer").is_none_or(|customer| customer["name"] == "Zoë"), "{line}");
    }
    let table = books.get("/api/v2/invoice-exports/en-us/csv?fields=id").await.is(200);
    assert!(table.bytes.starts_with(b"id\r\n"), "{:?}", String::from_utf8_lossy(&table.bytes));
}
