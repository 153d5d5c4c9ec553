//! What clients can do with API keys.
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
    /// One's own; admins see all. The secrets are not among what is told.
    #[oai(path = "/", method = "get", operation_id = "apiKeysList")]
    async fn list(
        &self,
        caller: Caller<InPerson>,
        query: Query<ApiKeyQuery>,
        known: IfNoneMatch,
    ) -> Result<Listed<ApiKey>, Fault<Invalid>> {
        let page = self.0.list(&caller, &query).await?;
        Ok(Listed::fresh(page, &known.0, &query.target, Cache::Private))
    }

    /// Make an API key
    ///
    /// The member `key` is shown this once. As it is a secret, the answer is not kept for a repeated request.
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
    /// One's own, or for admins any, without its secret.
    #[oai(path = "/:id", method = "get", operation_id = "apiKeysRead")]
    async fn read(
        &self,
        caller: Caller<InPerson>,
        /// The key's id.
        id: Path<Id<ApiKey>>,
        known: IfNoneMatch,
    ) -> Result<Found<ApiKey>, Fault<NotFound>> {
        Ok(Found::new(self.0.read(&caller, id.0).await?, &known.0))
    }

    /// Delete an API key
    ///
    /// It is refused from the next request on.
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

    /// Give an API key a new secret
    ///
    /// Only its owner can. The old secret works for another 24 hours, so that programs can follow.
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
