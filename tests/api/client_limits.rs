//! Limits on the work that one client has in progress.
use tenon::domain::client_key::ClientKey;

use crate::support::Api;

#[api_test]
async fn rejects_a_search_of_a_client_with_too_many_searches_in_progress() {
    let api = Api::start().await;
    let (client, other) = (api.from("192.0.2.1"), api.from("192.0.2.2"));
    let key = ClientKey::Address("192.0.2.1".parse().ok());
    let accept = || api.server.dispatcher.searches.accept(Some(key)).ok();
    let in_progress: Vec<_> = std::iter::from_fn(accept).collect();
    assert_eq!(in_progress.len(), 8);
    for path in ["/api/posts?q=joint", "/api/documents?q=joint", "/api/authors?q=joint"] {
        let rejected = client.get(path).await.is(503);
        assert_eq!(rejected.body["code"], "concurrency-limit", "{path}");
        assert_eq!(rejected.header("retry-after"), "1", "{path}");
        other.get(path).await.is(200);
    }
    client.get("/api/posts?sort=title").await.is(200);
    drop(in_progress);
    client.get("/api/posts?q=joint&limit=5").await.is(200);
}
