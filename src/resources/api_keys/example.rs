//! The key that the site of acme.test is built with.
use poem_openapi::types::Example;
use uuid::Uuid;

use super::{
    super::users::ada,
    types::{ApiKey, ApiKeyQuery, IssuedApiKey, NewApiKey, Scope},
};
use crate::contract::{id::Id, page::Paging, time::Timestamp};

const NAME: &str = "Site build";
const MADE: Timestamp = Timestamp(1_763_715_600_000);
const USED: Timestamp = Timestamp(1_763_802_000_000);
const ENDS: Timestamp = Timestamp(1_795_251_600_000);

impl Example for ApiKey {
    fn example() -> Self {
        ApiKey {
            id: "0199c0de-ab1e-7c3d-8e1f-2a3b4c5d6e7f".parse().unwrap_or_else(|_| Id::from(Uuid::nil())),
            name: NAME.into(),
            scopes: vec![Scope::PostsRead, Scope::TagsRead],
            owner: ada(),
            expires_at: Some(ENDS),
            last_used_at: Some(USED),
            previous_until: Some(USED),
            created_at: MADE,
            updated_at: MADE,
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

impl Example for NewApiKey {
    fn example() -> Self {
        let scopes = vec![Scope::PostsRead, Scope::TagsRead];
        NewApiKey { name: NAME.into(), scopes, expires_at: Some(ENDS) }
    }
}

impl Example for ApiKeyQuery {
    fn example() -> Self {
        let paging = Paging::example();
        ApiKeyQuery { paging, owner: Some(ada()) }
    }
}
