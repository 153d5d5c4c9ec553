//! Operations on authors.
use macros::operations;

use super::{
    service::Authors,
    types::{Author, AuthorQuery},
};
use crate::{
    domain::id::Id,
    http::{
        auth::OptionalAuth,
        cache_control::CacheControl,
        extract::{IfNoneMatch, Path, Query},
        problem::{ApiError, BadRequest, NotFound},
        response::{GetResponse, ListResponse},
    },
    resources::accounts::users::User,
};

pub struct AuthorsApi(pub Authors);

#[operations(prefix_path = "/api/authors", tag = "super::TAG")]
impl AuthorsApi {
    /// List authors by name
    ///
    /// Lists users with at least one published post, as author or co-author.
    #[oai(path = "/", method = "get", operation_id = "authorsList")]
    #[operation(cached_by = "super::COLLECTIONS", search = "q")]
    async fn list(
        &self,
        _viewer: OptionalAuth,
        query: Query<AuthorQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<ListResponse<Author>, ApiError<BadRequest>> {
        let etag = self.0.list_etag(&query.target).await?;
        if let Some(unchanged) = ListResponse::not_modified(&etag, &if_none_match.0, CacheControl::PUBLIC) {
            return Ok(unchanged);
        }
        let page = self.0.list(&query).await?;
        Ok(ListResponse::new(page, &etag, &query.target, CacheControl::PUBLIC))
    }

    /// Read an author
    ///
    /// Returns the public profile of a user with at least one published post, without e-mail address and role.
    #[oai(path = "/:id", method = "get", operation_id = "authorsGet")]
    #[operation(cached_by = "super::COLLECTIONS")]
    async fn get(
        &self,
        _viewer: OptionalAuth,
        /// The user's id.
        id: Path<Id<User>>,
        if_none_match: IfNoneMatch,
    ) -> Result<GetResponse<Author>, ApiError<NotFound>> {
        Ok(GetResponse::new(self.0.read(id.0).await?, &if_none_match.0))
    }
}
