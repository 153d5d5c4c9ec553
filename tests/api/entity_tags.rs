//! Parsing of entity tag lists in `If-Match` and `If-None-Match` (RFC 9110, sections 5.6.1.2, 13.1.1 and 13.1.2).
use serde_json::json;
use tenon::http::auth::Role;

use crate::support::Api;

#[api_test]
async fn accepts_empty_list_elements_and_tabs() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let path = "/api/docs/tags";
    let tag = editor.put(path, json!({ "title": "Tags", "content": "" })).await.is(201);
    let tag = tag.header("etag").to_owned();
    for list in [
        format!("{tag},"),
        format!(",{tag}"),
        format!(",,\t, {tag}\t,\t\"x\""),
        format!("\"x\"\t,\t{tag}"),
        format!("\"x\" , , {tag} ,,"),
    ] {
        api.header("if-none-match", &list).get(path).await.is(304);
        let conditional = editor.header("if-match", &list);
        conditional.put(path, json!({ "title": "Tags", "content": "" })).await.is(200);
        let weak = list.replace(&tag, &format!("W/{tag}"));
        api.header("if-none-match", &weak).get(path).await.is(304);
        editor.header("if-match", &weak).delete(path).await.is(412);
    }
    for empty in ["", ",", ",\t,", "\"x\",,\t\"y\""] {
        api.header("if-none-match", empty).get(path).await.is(200);
        editor.header("if-match", empty).delete(path).await.is(412);
    }
}
