//! Operations on user accounts.
use macros::operations;

use super::{
    service::Users,
    types::{User, UserInput, UserPatch, UserQuery},
};
use crate::{
    domain::id::Id,
    http::{
        auth::{Admins, Caller, OptionalAuth, OwnerOrAdmins, OwnerOrAdminsSessionOnly},
        cache_control::CacheControl,
        extract::{Client, IdempotencyKey, IfMatch, IfNoneMatch, JsonBody, MergePatch, Path, Query},
        problem::{
            ApiError, BadRequest, Conflict, CreateErrors, Forbidden, NotFound, TooManyRequests, UpdateErrors,
        },
        response::{CreateResponse, GetResponse, ListResponse, NoContent, Resource, UpdateResponse},
    },
};

pub struct UsersApi(pub Users);

#[operations(prefix_path = "/api/users", tag = "super::TAG")]
impl UsersApi {
    /// List accounts, newest first
    ///
    /// The list includes imported authors, which have no e-mail address and cannot sign in.
    #[oai(path = "/", method = "get", operation_id = "usersList")]
    #[operation(search = "q")]
    async fn list(
        &self,
        _admin: Caller<Admins>,
        query: Query<UserQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<ListResponse<User>, ApiError<BadRequest>> {
        let etag = self.0.list_etag(&query.target).await?;
        if let Some(unchanged) = ListResponse::not_modified(&etag, &if_none_match.0, CacheControl::Private) {
            return Ok(unchanged);
        }
        let page = self.0.list(&query).await?;
        Ok(ListResponse::new(page, &etag, &query.target, CacheControl::Private))
    }

    /// Create an account
    ///
    /// Anonymous callers may register as a reader if registration is enabled. Admins may always create
    /// accounts. An admin with a session may also set another role; an API key may not. Rate limit of anonymous
    /// callers: ten registrations per hour of a client address, because 409 reveals that the e-mail address has an
    /// account. 503 with the code `hashing-busy` means that too many passwords are being hashed.
    #[oai(path = "/", method = "post", operation_id = "usersCreate")]
    async fn create(
        &self,
        viewer: OptionalAuth,
        client: Client,
        key: IdempotencyKey,
        new: JsonBody<UserInput>,
    ) -> Result<CreateResponse<User>, ApiError<(CreateErrors, BadRequest, Forbidden, TooManyRequests)>> {
        Ok(CreateResponse::new(self.0.create(viewer.0.as_ref(), new.0, &client, key.0).await?))
    }

    /// Read an account
    ///
    /// Users may read their own account, admins may read all accounts. `/api/authors/{id}` returns the
    /// public profile of an author.
    #[oai(path = "/:id", method = "get", operation_id = "usersGet")]
    async fn get(
        &self,
        caller: Caller<OwnerOrAdmins>,
        /// The user's id.
        id: Path<Id<User>>,
        if_none_match: IfNoneMatch,
    ) -> Result<GetResponse<User>, ApiError<NotFound>> {
        Ok(GetResponse::new(self.0.read(&caller, id.0).await?, &if_none_match.0))
    }

    /// Update an account
    ///
    /// A merge patch (RFC 7396). Only admins may change role, status and e-mail address. The last active
    /// admin can be neither demoted nor disabled. A new password, another role or another status revokes
    /// all other sessions of the account. After five wrong values of `currentPassword`, each further attempt is
    /// delayed, from one second up to 15 minutes. 503 with the code `hashing-busy` means that too many passwords
    /// are being hashed.
    #[oai(path = "/:id", method = "patch", operation_id = "usersUpdate")]
    async fn update(
        &self,
        caller: Caller<OwnerOrAdminsSessionOnly>,
        /// The user's id.
        id: Path<Id<User>>,
        if_match: IfMatch,
        patch: MergePatch<UserPatch>,
    ) -> Result<UpdateResponse<User>, ApiError<(UpdateErrors, Conflict, BadRequest, TooManyRequests)>> {
        Ok(UpdateResponse::new(self.0.patch(&caller, id.0, patch.0, if_match.0, User::etag).await?))
    }

    /// Delete an account
    ///
    /// Also deletes the sessions and API keys of the account. Fails with 409 for a user with posts, comments
    /// or messages, and for the last active admin.
    #[oai(path = "/:id", method = "delete", operation_id = "usersDelete")]
    async fn delete(
        &self,
        caller: Caller<OwnerOrAdminsSessionOnly>,
        /// The user's id.
        id: Path<Id<User>>,
        if_match: IfMatch,
    ) -> Result<NoContent, ApiError<(UpdateErrors, Conflict)>> {
        self.0.remove(&caller, id.0, if_match.0).await?;
        Ok(NoContent::new())
    }
}
