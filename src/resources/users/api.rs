//! Operations on user accounts.
use poem_openapi::OpenApi;

use super::{
    service::Users,
    types::{NewUser, User, UserPatch, UserQuery},
};
use crate::{
    api::Tag,
    contract::{
        answer::{Changed, Created, Found, Gone, Listed, Resource},
        cache::Cache,
        caller::{Admins, Caller, OwnerOrAdmins, OwnerOrAdminsInPerson, Viewer},
        id::Id,
        problem::{Conflict, Fault, Forbidden, Invalid, NotFound, Once, Owned, Throttled},
        request::{Body, IdempotencyKey, IfMatch, IfNoneMatch, Patch, Path, Query},
    },
};

pub struct UsersApi(pub Users);

#[OpenApi(prefix_path = "/api/users", tag = "Tag::Users")]
impl UsersApi {
    /// List accounts, newest first
    ///
    /// The list includes imported authors, which have no e-mail address and cannot sign in.
    #[oai(path = "/", method = "get", operation_id = "usersList")]
    async fn list(
        &self,
        _admin: Caller<Admins>,
        query: Query<UserQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<Listed<User>, Fault<Invalid>> {
        let etag = self.0.list_etag(&query.target).await?;
        if let Some(unchanged) = Listed::unchanged(&etag, &if_none_match.0, Cache::Private) {
            return Ok(unchanged);
        }
        let page = self.0.list(&query).await?;
        Ok(Listed::new(page, &etag, &query.target, Cache::Private))
    }

    /// Create an account
    ///
    /// Anonymous callers may register as a reader if registration is enabled. Admins may always create
    /// accounts. An admin with a session may also set another role; an API key may not.
    #[oai(path = "/", method = "post", operation_id = "usersCreate")]
    async fn create(
        &self,
        viewer: Viewer,
        key: IdempotencyKey,
        new: Body<NewUser>,
    ) -> Result<Created<User>, Fault<(Once, Invalid, Forbidden)>> {
        Ok(Created::new(self.0.create(viewer.0.as_ref(), new.0, key.0).await?))
    }

    /// Read an account
    ///
    /// Users may read their own account, admins may read all accounts. `/api/authors/{id}` returns the
    /// public profile of an author.
    #[oai(path = "/:id", method = "get", operation_id = "usersRead")]
    async fn read(
        &self,
        caller: Caller<OwnerOrAdmins>,
        /// The user's id.
        id: Path<Id<User>>,
        if_none_match: IfNoneMatch,
    ) -> Result<Found<User>, Fault<NotFound>> {
        Ok(Found::new(self.0.read(&caller, id.0).await?, &if_none_match.0))
    }

    /// Update an account
    ///
    /// A merge patch (RFC 7396). Only admins may change role, status and e-mail address. The last active
    /// admin can be neither demoted nor disabled. A new password, another role or another status revokes
    /// all other sessions of the account.
    #[oai(path = "/:id", method = "patch", operation_id = "usersPatch")]
    async fn patch(
        &self,
        caller: Caller<OwnerOrAdminsInPerson>,
        /// The user's id.
        id: Path<Id<User>>,
        if_match: IfMatch,
        patch: Patch<UserPatch>,
    ) -> Result<Changed<User>, Fault<(Owned, Conflict, Invalid, Throttled)>> {
        Ok(Changed::new(self.0.patch(&caller, id.0, patch.0, if_match.0, User::etag).await?))
    }

    /// Delete an account
    ///
    /// Also deletes the sessions and API keys of the account. Fails with 409 for a user with posts, comments
    /// or messages, and for the last active admin.
    #[oai(path = "/:id", method = "delete", operation_id = "usersRemove")]
    async fn remove(
        &self,
        caller: Caller<OwnerOrAdminsInPerson>,
        /// The user's id.
        id: Path<Id<User>>,
        if_match: IfMatch,
    ) -> Result<Gone, Fault<(Owned, Conflict)>> {
        self.0.remove(&caller, id.0, if_match.0).await?;
        Ok(Gone::new())
    }
}
