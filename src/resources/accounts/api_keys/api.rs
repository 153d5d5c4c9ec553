//! Operations on API keys.
use macros::operations;

use super::{
    service::ApiKeys,
    types::{ApiKey, ApiKeyInput, ApiKeyQuery, IssuedApiKey},
};
use crate::{
    domain::id::Id,
    http::{
        auth::{Caller, SessionOnly},
        cache_control::CacheControl,
        extract::{IfNoneMatch, JsonBody, Path, Query},
        idempotency::Outcome,
        problem::{ApiError, BadRequest, Conflict, Forbidden, NotFound, Unauthorized},
        response::{CreateResponse, GetResponse, ListResponse, NoContent, UncachedResponse},
    },
};

pub struct ApiKeysApi(pub ApiKeys);

#[operations(prefix_path = "/api/api-keys", tag = "super::TAG")]
impl ApiKeysApi {
    /// List API keys, newest first
    ///
    /// Lists the caller's keys, or all keys for admins. The response contains no secrets.
    #[oai(path = "/", method = "get", operation_id = "apiKeysList")]
    async fn list(
        &self,
        caller: Caller<SessionOnly>,
        query: Query<ApiKeyQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<ListResponse<ApiKey>, ApiError<BadRequest>> {
        let page = self.0.list(&caller, &query).await?;
        Ok(ListResponse::with_content_etag(page, &if_none_match.0, &query.target, CacheControl::Private))
    }

    /// Create an API key
    ///
    /// The field `key` is returned only in this response. It is a secret, so the response is not stored and
    /// the operation accepts no `Idempotency-Key`. An account may have 50 keys, expired ones included.
    #[oai(path = "/", method = "post", operation_id = "apiKeysCreate")]
    async fn create(
        &self,
        caller: Caller<SessionOnly>,
        new: JsonBody<ApiKeyInput>,
    ) -> Result<CreateResponse<IssuedApiKey>, ApiError<(BadRequest, Unauthorized, Forbidden, Conflict)>> {
        Ok(CreateResponse::new(Outcome::New(self.0.create(&caller, new.0).await?)))
    }

    /// Read an API key
    ///
    /// Returns one of the caller's keys, or any key for admins, without its secret.
    #[oai(path = "/:id", method = "get", operation_id = "apiKeysGet")]
    async fn get(
        &self,
        caller: Caller<SessionOnly>,
        /// The key's id.
        id: Path<Id<ApiKey>>,
        if_none_match: IfNoneMatch,
    ) -> Result<GetResponse<ApiKey>, ApiError<NotFound>> {
        Ok(GetResponse::new(self.0.read(&caller, id.0).await?, &if_none_match.0))
    }

    /// Delete an API key
    ///
    /// Requests with the key are rejected immediately.
    #[oai(path = "/:id", method = "delete", operation_id = "apiKeysDelete")]
    async fn delete(
        &self,
        caller: Caller<SessionOnly>,
        /// The key's id.
        id: Path<Id<ApiKey>>,
    ) -> Result<NoContent, ApiError<NotFound>> {
        self.0.remove(&caller, id.0).await?;
        Ok(NoContent::new())
    }

    /// Rotate the secret of an API key
    ///
    /// Only the owner may rotate a key. The previous secret stays valid for 24 hours, so that programs can
    /// switch to the new one.
    #[oai(path = "/:id/rotate", method = "post", operation_id = "apiKeysRotate")]
    async fn rotate(
        &self,
        caller: Caller<SessionOnly>,
        /// The key's id.
        id: Path<Id<ApiKey>>,
    ) -> Result<UncachedResponse<IssuedApiKey>, ApiError<(NotFound, Forbidden, Conflict)>> {
        Ok(UncachedResponse::new(self.0.rotate(&caller, id.0).await?))
    }
}
