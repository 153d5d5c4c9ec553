//! Operations on the account of the caller.
use poem_openapi::OpenApi;

use super::types::Me;
use crate::{
    api::Tag,
    contract::{
        answer::{Changed, Found, Resource},
        caller::{Caller, InPerson, Principal, SignedIn},
        id::Id,
        problem::{
            Conflict, Error, Fault, Forbidden, Invalid, Stale, Throttled, Unauthorized, Unconditional,
        },
        request::{IfMatch, IfNoneMatch, Patch},
    },
    resources::users::{User, UserPatch, Users},
};

pub struct MeApi(pub Users);

/// Builds the response.
fn me(caller: &Principal, user: User) -> Me {
    Me { user, session: caller.session().map(Id::from) }
}

#[OpenApi(prefix_path = "/api/me", tag = "Tag::Me")]
impl MeApi {
    /// Read your account
    ///
    /// Includes the id of the current session, which `/api/auth/sessions` lists as well.
    #[oai(path = "/", method = "get", operation_id = "meRead")]
    async fn read(
        &self,
        caller: Caller<SignedIn>,
        if_none_match: IfNoneMatch,
    ) -> Result<Found<Me>, Fault<Unauthorized>> {
        let user = self.0.read(&caller, Id::from(caller.user)).await.map_err(deleted_account)?;
        Ok(Found::new(me(&caller, user), &if_none_match.0))
    }

    /// Update your account
    ///
    /// A merge patch (RFC 7396). A new `password` requires the current one as `currentPassword`, and revokes
    /// all other sessions. Only admins may change role, status and e-mail address.
    #[oai(path = "/", method = "patch", operation_id = "mePatch")]
    async fn patch(
        &self,
        caller: Caller<InPerson>,
        if_match: IfMatch,
        patch: Patch<UserPatch>,
    ) -> Result<
        Changed<Me>,
        Fault<(Unauthorized, (Forbidden, Stale, Unconditional), Conflict, Invalid, Throttled)>,
    > {
        let principal = (*caller).clone();
        let tag = move |user: &User| me(&principal, user.clone()).etag();
        let user = self
            .0
            .patch(&caller, Id::from(caller.user), patch.0, if_match.0, tag)
            .await
            .map_err(deleted_account)?;
        Ok(Changed::new(me(&caller, user)))
    }
}

/// Maps a missing account to 401: an account that is deleted during the request invalidates its credentials.
fn deleted_account(error: Error) -> Error {
    match error {
        Error::NotFound(_) => Error::InvalidToken,
        other => other,
    }
}
