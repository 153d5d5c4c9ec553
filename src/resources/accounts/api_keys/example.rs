//! Examples for the OpenAPI document.
use poem_openapi::types::Example;
use uuid::Uuid;

use super::types::{ApiKey, ApiKeyInput, ApiKeyQuery, IssuedApiKey};
use crate::{
    domain::{id::Id, scope::Scope, timestamp::Timestamp},
    http::pagination::PageParams,
    resources::accounts::users::example_user_id,
};

const NAME: &str = "Site build";
const CREATED_AT: Timestamp = Timestamp(1_763_715_600_000);
const LAST_USED_AT: Timestamp = Timestamp(1_763_802_000_000);
const EXPIRES_AT: Timestamp = Timestamp(1_795_251_600_000);

impl Example for ApiKey {
    fn example() -> Self {
        ApiKey {
            id: "0199c0de-ab1e-7c3d-8e1f-2a3b4c5d6e7f".parse().unwrap_or_else(|_| Id::from(Uuid::nil())),
            name: NAME.into(),
            scopes: ["posts:read", "tags:read"].map(|scope| Scope(scope.to_owned())).to_vec(),
            owner: example_user_id(),
            expires_at: Some(EXPIRES_AT),
            last_used_at: Some(LAST_USED_AT),
            previous_secret_until: Some(LAST_USED_AT),
            created_at: CREATED_AT,
            updated_at: CREATED_AT,
            version: 1,
        }
    }
}

impl Example for IssuedApiKey {
    fn example() -> Self {
        let key = "tenon_0199c0deab1e7c3d8e1f2a3b4c5d6e7f_EXAMPLE-of-a-secret-EXAMPLE-of-a-secret-EXA";
        IssuedApiKey { api_key: ApiKey::example(), key: key.into() }
    }
}

impl Example for ApiKeyInput {
    fn example() -> Self {
        let scopes = ["posts:read", "tags:read"].map(|scope| Scope(scope.to_owned())).to_vec();
        ApiKeyInput { name: NAME.into(), scopes, expires_at: Some(EXPIRES_AT), expires: None }
    }
}

impl Example for ApiKeyQuery {
    fn example() -> Self {
        let paging = PageParams::example();
        ApiKeyQuery { paging, owner: Some(example_user_id()) }
    }
}
