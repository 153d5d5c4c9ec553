//! Operations on API keys.
use poem_openapi::OpenApi;

use super::{
    service::ApiKeys,
    types::{ApiKey, ApiKeyQuery, IssuedApiKey, NewApiKey},
};
use crate::{
    api::Tag,
    contract::{
        answer::{Created, Found, Gone, Listed, Told},
        attempt::Outcome,
        cache::Cache,
        caller::{Caller, InPerson},
        id::Id,
        problem::{Conflict, Fault, Forbidden, Invalid, NotFound, Unauthorized},
        request::{Body, IfNoneMatch, Path, Query},
    },
};

pub struct ApiKeysApi(pub ApiKeys);

#[OpenApi(prefix_path = "/api/api-keys", tag = "Tag::ApiKeys")]
impl ApiKeysApi {
    /// List API keys, newest first
    ///
    /// Lists the caller's keys, or all keys for admins. The response contains no secrets.
    #[oai(path = "/", method = "get", operation_id = "apiKeysList")]
    async fn list(
        &self,
        caller: Caller<InPerson>,
        query: Query<ApiKeyQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<Listed<ApiKey>, Fault<Invalid>> {
        let page = self.0.list(&caller, &query).await?;
        Ok(Listed::fresh(page, &if_none_match.0, &query.target, Cache::Private))
    }

    /// Create an API key
    ///
    /// The field `key` is returned only in this response. It is a secret, so the response is not stored and
    /// the operation accepts no `Idempotency-Key`.
    #[oai(path = "/", method = "post", operation_id = "apiKeysCreate")]
    async fn create(
        &self,
        caller: Caller<InPerson>,
        new: Body<NewApiKey>,
    ) -> Result<Created<IssuedApiKey>, Fault<(Unauthorized, Conflict)>> {
        Ok(Created::new(Outcome::Fresh(self.0.create(&caller, new.0).await?)))
    }

    /// Read an API key
    ///
    /// Returns one of the caller's keys, or any key for admins, without its secret.
    #[oai(path = "/:id", method = "get", operation_id = "apiKeysRead")]
    async fn read(
        &self,
        caller: Caller<InPerson>,
        /// The key's id.
        id: Path<Id<ApiKey>>,
        if_none_match: IfNoneMatch,
    ) -> Result<Found<ApiKey>, Fault<NotFound>> {
        Ok(Found::new(self.0.read(&caller, id.0).await?, &if_none_match.0))
    }

    /// Delete an API key
    ///
    /// Requests with the key are rejected immediately.
    #[oai(path = "/:id", method = "delete", operation_id = "apiKeysRemove")]
    async fn remove(
        &self,
        caller: Caller<InPerson>,
        /// The key's id.
        id: Path<Id<ApiKey>>,
    ) -> Result<Gone, Fault<NotFound>> {
        self.0.remove(&caller, id.0).await?;
        Ok(Gone::new())
    }

    /// Rotate the secret of an API key
    ///
    /// Only the owner may rotate a key. The previous secret stays valid for 24 hours, so that programs can
    /// switch to the new one.
    #[oai(path = "/:id/rotate", method = "post", operation_id = "apiKeysRotate")]
    async fn rotate(
        &self,
        caller: Caller<InPerson>,
        /// The key's id.
        id: Path<Id<ApiKey>>,
    ) -> Result<Told<IssuedApiKey>, Fault<(NotFound, Forbidden, Conflict)>> {
        Ok(Told::new(self.0.rotate(&caller, id.0).await?))
    }
}
