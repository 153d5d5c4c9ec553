//! Lists: filters, sort parameters, pages and cursors of every listed resource.
use serde_json::{Value, json};
use tenon::http::auth::Role;

use crate::support::Api;

async fn create_posts(api: &Api, count: usize) -> Api {
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

/// Returns all entries of a list: follows `nextCursor` from response to response.
async fn read_by_cursor(api: &Api, path: &str) -> Vec<Value> {
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
async fn cursors_and_pages_return_every_post_once_in_sort_order() {
    let api = Api::start().await;
    create_posts(&api, 23).await;
    for sort in [
        "-publishedAt",
        "publishedAt",
        "title",
        "-title,createdAt",
        "-updatedAt,title",
        "-publishedAt&tag=all",
        "publishedAt&tag=all",
        "createdAt&tag=all",
        "-createdAt&status=any",
    ] {
        let full = api.get(&format!("/api/posts?limit=50&sort={sort}")).await.is(200).body;
        let full = full["data"].as_array().expect("entries").clone();
        let by_cursor = read_by_cursor(&api, &format!("/api/posts?limit=4&sort={sort}")).await;
        assert_eq!(ids(&by_cursor), ids(&full), "{sort}");
        let mut by_page = Vec::new();
        for page in 1..=6 {
            let page = api.get(&format!("/api/posts?limit=4&page={page}&sort={sort}")).await.is(200).body;
            by_page.extend(page["data"].as_array().expect("entries").clone());
        }
        assert_eq!(ids(&by_page), ids(&full), "{sort}");
    }
    let titles = api.get("/api/posts?limit=50&sort=title").await.is(200).body;
    let titles: Vec<&str> =
        titles["data"].as_array().expect("entries").iter().filter_map(|p| p["title"].as_str()).collect();
    let mut sorted = titles.clone();
    sorted.sort_unstable();
    assert_eq!(titles, sorted, "by code point, on every database");
}

#[api_test]
async fn cursors_return_every_comment_tag_and_document_once() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let post = json!({ "title": "Long talk", "content": "0123456789", "published": true });
    let post = editor.post("/api/posts", post).await.is(201).id();
    let thread = format!("/api/posts/{post}/comments");
    for i in 0..11 {
        editor.post(&thread, json!({ "content": format!("{i}") })).await.is(201);
        // Some rows share a timestamp, so that the sort falls back to the id.
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
    let other_paths = [format!("{thread}?"), "/api/documents?".to_owned()];
    for path in queue.iter().chain(&tags).chain(&other_paths) {
        let full = editor.get(&format!("{path}limit=50")).await.is(200).body;
        assert_eq!(full["pagination"]["total"], 11, "{path}");
        let by_cursor = read_by_cursor(&editor, &format!("{path}limit=3")).await;
        assert_eq!(json!(by_cursor), full["data"], "{path}");
    }
}

#[api_test]
async fn cursors_are_stable_under_inserts_and_deletes() {
    let api = Api::start().await;
    let author = create_posts(&api, 10).await;
    let first = api.get("/api/posts?limit=4").await.is(200).body;
    let first_ids: Vec<String> =
        ids(first["data"].as_array().expect("entries")).iter().map(|id| (*id).to_owned()).collect();
    author.delete(&format!("/api/posts/{}", first_ids[3])).await.is(204);
    author
        .post("/api/posts", json!({ "title": "New", "content": "0123456789", "published": true }))
        .await
        .is(201);
    let cursor = first["pagination"]["nextCursor"].as_str().expect("a cursor");
    let remaining = api.get(&format!("/api/posts?limit=50&after={cursor}")).await.is(200).body;
    let remaining = ids(remaining["data"].as_array().expect("entries")).len();
    assert_eq!(remaining, 6, "the six remaining posts, without the new one");
}

#[api_test]
async fn pagination_counts_the_filtered_posts() {
    let api = Api::start().await;
    create_posts(&api, 11).await;
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
async fn fields_and_expand_select_the_returned_fields() {
    let api = Api::start().await;
    let author = create_posts(&api, 1).await;
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
async fn returns_304_for_a_list_until_an_entry_changes() {
    let api = Api::start().await;
    let (author, editor) = (create_posts(&api, 2).await, api.sign_in(Role::Editor).await);
    let list = api.get("/api/posts").await.is(200);
    assert!(list.header("cache-control").starts_with("public, s-maxage=60"));
    let conditional = api.header("if-none-match", list.header("etag"));
    conditional.get("/api/posts").await.is(304);
    conditional.get("/api/posts?limit=3").await.is(200);
    author.header("if-none-match", list.header("etag")).get("/api/posts").await.is(200);
    author.patch("/api/me", json!({ "name": "A new name" })).await.is(200);
    let renamed = conditional.get("/api/posts").await.is(200);
    assert_eq!(renamed.body["data"][0]["author"]["name"], "A new name");
    let conditional = api.header("if-none-match", renamed.header("etag"));
    conditional.get("/api/posts").await.is(304);
    editor.patch("/api/tags/all", json!({ "name": "Everything" })).await.is(200);
    conditional.get("/api/posts").await.is(200);
}

#[api_test]
async fn rejects_a_cursor_of_another_list_or_query() {
    let api = Api::start().await;
    create_posts(&api, 3).await;
    let page = api.get("/api/posts?limit=1").await.is(200).body;
    let cursor = page["pagination"]["nextCursor"].as_str().expect("a cursor").to_owned();
    api.get(&format!("/api/posts?limit=2&after={cursor}")).await.is(200);
    api.get(&format!("/api/posts?limit=2&after={cursor}&count=exact&fields=content")).await.is(200);
    let path = |query: &str| format!("/api/posts?{query}&after={cursor}");
    for query in ["tag=even", "sort=title", "q=post", "status=any"] {
        assert_eq!(api.get(&path(query)).await.is(400).body["code"], "invalid-cursor");
    }
    let other_lists = ["/api/tags", "/api/documents", "/api/authors"];
    for list in other_lists {
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
async fn search_escapes_wildcards() {
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

/// Creates customers that share names, each with two invoices that share dates.
async fn create_customers_and_invoices(api: &Api) -> Api {
    let accountant = api.sign_in(Role::Accountant).await;
    for (i, name) in ["Lee", "Amy", "Lee", "Amy", "Zoë"].into_iter().enumerate() {
        let customer = json!({ "name": name, "email": format!("c{i}@acme.test"), "imageUrl": "/lee.png" });
        let customer = accountant.post("/api/v2/customers", customer).await.is(201).id();
        for (amount, day) in [(100, 1), (200, 2)] {
            let new_invoice = json!({
                "customerId": customer, "amount": amount, "status": "pending", "date": format!("2026-11-0{day}"),
            });
            accountant.post("/api/v2/invoices/en-us", new_invoice).await.is(201);
        }
        api.clock.advance(60_000);
    }
    accountant
}

fn field_names(entry: &Value) -> Vec<&str> {
    entry.as_object().expect("an entry").keys().map(String::as_str).collect()
}

#[api_test]
async fn customers_accept_filters_and_fields() {
    let api = Api::start().await;
    let accountant = create_customers_and_invoices(&api).await;
    for (query, total) in [
        ("email=C3@acme.test", 1),
        ("email=c@acme.test", 0),
        ("createdAt[gte]=2026-11-21T09:01:00Z", 4),
        ("createdAt[lt]=2026-11-21T09:01:00Z", 1),
        ("createdAt[gte]=2026-11-21T09:01:00Z&createdAt[lt]=2026-11-21T09:03:00Z&q=amy", 1),
    ] {
        let list = accountant.get(&format!("/api/v2/customers?{query}")).await.is(200).body;
        assert_eq!(list["pagination"]["total"], total, "{query}: {list}");
    }
    let list = accountant.get("/api/v2/customers").await.is(200);
    for (fields, expected) in [
        ("id", vec!["id"]),
        ("id,name", vec!["id", "name"]),
        ("email,invoicesCount", vec!["email", "id", "invoicesCount"]),
        ("createdAt,imageUrl,updatedAt", vec!["createdAt", "id", "imageUrl", "updatedAt"]),
    ] {
        let path = format!("/api/v2/customers?fields={fields}");
        let selected = accountant.header("if-none-match", list.header("etag")).get(&path).await.is(200);
        let mut names = field_names(&selected.body["data"][0]);
        names.sort_unstable();
        assert_eq!(names, expected);
        for field in expected {
            assert_eq!(selected.body["data"][0][field], list.body["data"][0][field], "{field}");
        }
        accountant.header("if-none-match", selected.header("etag")).get(&path).await.is(304);
        accountant.header("if-none-match", selected.header("etag")).get("/api/v2/customers").await.is(200);
    }
    for invalid in ["email=acme", "createdAt[gte]=yesterday", "fields=", "fields=id,search", "sort=name,id"] {
        accountant.get(&format!("/api/v2/customers?{invalid}")).await.is(400);
    }
}

#[api_test]
async fn customers_and_invoices_accept_several_sort_keys() {
    let api = Api::start().await;
    let accountant = create_customers_and_invoices(&api).await;
    let values = |entries: &[Value], field: &str| -> Vec<String> {
        entries.iter().map(|entry| entry[field].to_string().replace('"', "")).collect()
    };
    let customers = read_by_cursor(&accountant, "/api/v2/customers?limit=2&sort=name,-createdAt").await;
    assert_eq!(values(&customers, "email").join(" ").replace("@acme.test", ""), "c3 c1 c2 c0 c4");
    let invoices = read_by_cursor(&accountant, "/api/v2/invoices/fr?limit=3&sort=-date,number").await;
    assert_eq!(values(&invoices, "number"), ["2", "4", "6", "8", "10", "1", "3", "5", "7", "9"]);
    let lines =
        accountant.get("/api/v2/invoice-exports/fr/ndjson?sort=date,-number&fields=number").await.is(200);
    let lines: Vec<Value> = String::from_utf8_lossy(&lines.bytes)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(values(&lines, "number"), ["9", "7", "5", "3", "1", "10", "8", "6", "4", "2"]);
    accountant.get("/api/v2/invoices/fr?sort=date,amount").await.is(400);
}

#[api_test]
async fn invoices_include_the_customer_if_fields_or_expand_name_it() {
    let api = Api::start().await;
    let accountant = create_customers_and_invoices(&api).await;
    for (query, expected) in [
        ("fields=id", vec!["id"]),
        ("fields=customer", vec!["customer", "id"]),
        ("fields=customer&expand=customer", vec!["customer", "id"]),
        ("fields=id,number&expand=customer", vec!["customer", "id", "number"]),
        ("fields=date,id", vec!["date", "id"]),
    ] {
        let list = accountant.get(&format!("/api/v2/invoices/en-us?limit=1&{query}")).await.is(200).body;
        let lines = accountant.get(&format!("/api/v2/invoice-exports/en-us/ndjson?{query}")).await.is(200);
        let line: Value =
            serde_json::from_slice(lines.bytes.split(|byte| *byte == b'\n').next().unwrap()).unwrap();
        assert_eq!(line, list["data"][0], "{query}");
        let mut names = field_names(&line);
        names.sort_unstable();
        assert_eq!(names, expected, "{query}");
        assert!(line.get("customer").is_none_or(|customer| customer["name"] == "Zoë"), "{line}");
    }
    let table = accountant.get("/api/v2/invoice-exports/en-us/csv?fields=id").await.is(200);
    assert!(table.bytes.starts_with(b"id\r\n"), "{:?}", String::from_utf8_lossy(&table.bytes));
}
