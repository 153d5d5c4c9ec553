//! What clients can do with accounts.
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
    /// Imported authors are among them: they have no e-mail address and cannot sign in.
    #[oai(path = "/", method = "get", operation_id = "usersList")]
    async fn list(
        &self,
        _admin: Caller<Admins>,
        query: Query<UserQuery>,
        known: IfNoneMatch,
    ) -> Result<Listed<User>, Fault<Invalid>> {
        let etag = self.0.list_etag(&query.target).await?;
        if let Some(unchanged) = Listed::unchanged(&etag, &known.0, Cache::Private) {
            return Ok(unchanged);
        }
        let page = self.0.list(&query).await?;
        Ok(Listed::new(page, &etag, &query.target, Cache::Private))
    }

    /// Make an account
    ///
    /// Anybody may register as a reader where registration is switched on. An admin may always make
    /// accounts, and in person also those of other roles.
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
    /// One's own; admins read all. What everybody may know of an author is at `/api/authors/{id}`.
    #[oai(path = "/:id", method = "get", operation_id = "usersRead")]
    async fn read(
        &self,
        caller: Caller<OwnerOrAdmins>,
        /// The user's id.
        id: Path<Id<User>>,
        known: IfNoneMatch,
    ) -> Result<Found<User>, Fault<NotFound>> {
        Ok(Found::new(self.0.read(&caller, id.0).await?, &known.0))
    }

    /// Change an account
    ///
    /// A merge patch (RFC 7396). Role, status and e-mail address are an admin's to change, and the last
    /// admin stays one. Another password, another role and disabling end all other sessions.
    #[oai(path = "/:id", method = "patch", operation_id = "usersPatch")]
    async fn patch(
        &self,
        caller: Caller<OwnerOrAdminsInPerson>,
        /// The user's id.
        id: Path<Id<User>>,
        when: IfMatch,
        patch: Patch<UserPatch>,
    ) -> Result<Changed<User>, Fault<(Owned, Conflict, Invalid, Throttled)>> {
        Ok(Changed::new(self.0.patch(&caller, id.0, patch.0, when.0, User::etag).await?))
    }

    /// Delete an account
    ///
    /// Its sessions and keys go with it. A user with posts, comments or messages stays, and so does the last admin.
    #[oai(path = "/:id", method = "delete", operation_id = "usersRemove")]
    async fn remove(
        &self,
        caller: Caller<OwnerOrAdminsInPerson>,
        /// The user's id.
        id: Path<Id<User>>,
        when: IfMatch,
    ) -> Result<Gone, Fault<(Owned, Conflict)>> {
        self.0.remove(&caller, id.0, when.0).await?;
        Ok(Gone::new())
    }
}
