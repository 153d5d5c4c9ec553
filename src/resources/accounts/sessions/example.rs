//! Examples for the OpenAPI document.
use poem_openapi::types::Example;
use uuid::Uuid;

use super::types::{
    Credentials, JwkAlgorithm, JwkCurve, JwkKeyType, JwkSet, JwkUse, Login, PublicKey, Refresh, Session,
    SessionQuery, TokenType,
};
use crate::{
    domain::{id::Id, timestamp::Timestamp},
    http::pagination::PageParams,
    resources::accounts::users::User,
};

const REFRESH: &str =
    "RcZ0mG3s1xv0J2b8cY5q4nT7uWkL9pXeVtHfDgSaQ1o.9kq3mVx0Y2nZr8sT1uWcB4gL5pXeVtHfDgSaQ1oJ7bE";
const KID: &str = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";

impl Example for Credentials {
    fn example() -> Self {
        let password = "mortise and tenon".into();
        Credentials { email: "ada@acme.test".into(), password, cookie: true }
    }
}

impl Example for Refresh {
    fn example() -> Self {
        Refresh { refresh_token: REFRESH.into() }
    }
}

impl Example for Login {
    fn example() -> Self {
        let header = "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFZERTQSJ9";
        Login {
            access_token: format!("{header}.eyJzdWIiOiIwMTk5YzBkZSJ9.c2lnbmF0dXJl").into(),
            token_type: TokenType::Bearer,
            expires_in: 900,
            refresh_token: REFRESH.into(),
            user: User::example(),
        }
    }
}

impl Example for Session {
    fn example() -> Self {
        Session {
            id: "0199c0de-5e55-7c3d-8e1f-2a3b4c5d6e7f".parse().unwrap_or_else(|_| Id::from(Uuid::nil())),
            user_agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".into()),
            address: Some("192.0.2.7".into()),
            created_at: Timestamp(1_763_715_600_000),
            last_used_at: Timestamp(1_763_717_400_000),
            expires_at: Timestamp(1_766_307_600_000),
            current: true,
        }
    }
}

impl Example for SessionQuery {
    fn example() -> Self {
        SessionQuery { paging: PageParams::example() }
    }
}

impl Example for PublicKey {
    fn example() -> Self {
        PublicKey {
            kty: JwkKeyType::OctetKeyPair,
            crv: JwkCurve::Ed25519,
            x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".into(),
            kid: KID.into(),
            usage: JwkUse::Signature,
            alg: JwkAlgorithm::EdDsa,
        }
    }
}

impl Example for JwkSet {
    fn example() -> Self {
        JwkSet { keys: vec![PublicKey::example()] }
    }
}
