//! Where redirects have no say.
use serde_json::json;
use tenon::contract::caller::Role;

use crate::support::Api;

#[tokio::test]
async fn no_rule_acts_on_what_is_not_an_editors_business() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let to = |source: &str| json!({ "source": source, "destination": "/elsewhere", "permanent": false });
    for source in ["/api/users", "/.well-known/jwks.json", "/api/v2/invoices/*", "/api/v1/invoices"] {
        assert_eq!(
            editor.post("/api/redirects", to(source)).await.is(400).places(),
            ["#/source"],
            "{source}"
        );
    }
    for source in ["/*/jwks.json", "/api/v1/*"] {
        editor.post("/api/redirects", to(source)).await.is(201);
    }
    api.get("/.well-known/jwks.json").await.is(200);
    api.get("/api/v1/invoices").await.is(401);
    assert_eq!(api.get("/api/v1/revenues").await.is(307).header("location"), "/elsewhere");
}
