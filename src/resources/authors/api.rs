//! Operations on authors.
use poem_openapi::OpenApi;

use super::{
    service::Authors,
    types::{Author, AuthorQuery},
};
use crate::{
    api::Tag,
    contract::{
        answer::{Found, Listed},
        cache::Cache,
        caller::Viewer,
        id::Id,
        problem::{Fault, Invalid, NotFound},
        request::{IfNoneMatch, Path, Query},
    },
    resources::users::User,
};

pub struct AuthorsApi(pub Authors);

#[OpenApi(prefix_path = "/api/authors", tag = "Tag::Authors")]
impl AuthorsApi {
    /// List authors by name
    ///
    /// Lists users with at least one published post, as author or co-author.
    #[oai(path = "/", method = "get", operation_id = "authorsList")]
    async fn list(
        &self,
        _viewer: Viewer,
        query: Query<AuthorQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<Listed<Author>, Fault<Invalid>> {
        let etag = self.0.list_etag(&query.target).await?;
        if let Some(unchanged) = Listed::unchanged(&etag, &if_none_match.0, Cache::PUBLIC) {
            return Ok(unchanged);
        }
        let page = self.0.list(&query).await?;
        Ok(Listed::new(page, &etag, &query.target, Cache::PUBLIC))
    }

    /// Read an author
    ///
    /// Returns the public profile of a user, without e-mail address and role.
    #[oai(path = "/:id", method = "get", operation_id = "authorsRead")]
    async fn read(
        &self,
        _viewer: Viewer,
        /// The user's id.
        id: Path<Id<User>>,
        if_none_match: IfNoneMatch,
    ) -> Result<Found<Author>, Fault<NotFound>> {
        Ok(Found::new(self.0.read(id.0).await?, &if_none_match.0))
    }
}
