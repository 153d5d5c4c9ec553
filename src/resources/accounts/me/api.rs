//! Operations on the account of the caller.
use macros::operations;

use super::types::Me;
use crate::{
    domain::{audit::AuthFailure, id::Id},
    http::{
        auth::{Authenticated, Caller, Principal, SessionOnly},
        extract::{IfMatch, IfNoneMatch, MergePatch},
        problem::{
            ApiError, BadRequest, Conflict, Error, Forbidden, PreconditionFailed, PreconditionRequired,
            TooManyRequests, Unauthorized,
        },
        response::{GetResponse, Resource, UpdateResponse},
    },
    resources::accounts::users::{User, UserPatch, Users},
};

pub struct MeApi(pub Users);

/// Builds the response.
fn me(caller: &Principal, user: User) -> Me {
    Me { user, session: caller.session().map(Id::from) }
}

#[operations(prefix_path = "/api/me", tag = "super::TAG")]
impl MeApi {
    /// Read your account
    ///
    /// Includes the id of the current session, which `/api/auth/sessions` lists as well.
    #[oai(path = "/", method = "get", operation_id = "meGet")]
    async fn get(
        &self,
        caller: Caller<Authenticated>,
        if_none_match: IfNoneMatch,
    ) -> Result<GetResponse<Me>, ApiError<Unauthorized>> {
        let user = self.0.read(&caller, Id::from(caller.user)).await.map_err(deleted_account)?;
        Ok(GetResponse::new(me(&caller, user), &if_none_match.0))
    }

    /// Update your account
    ///
    /// A merge patch (RFC 7396). A new `password` requires the current one as `currentPassword`, and revokes
    /// all other sessions. Only admins may change role, status and e-mail address. After five wrong values of
    /// `currentPassword`, each further attempt is delayed, from one second up to 15 minutes. 503 with the code
    /// `hashing-busy` means that too many passwords are being hashed.
    #[oai(path = "/", method = "patch", operation_id = "meUpdate")]
    async fn update(
        &self,
        caller: Caller<SessionOnly>,
        if_match: IfMatch,
        patch: MergePatch<UserPatch>,
    ) -> Result<
        UpdateResponse<Me>,
        ApiError<(
            Unauthorized,
            (Forbidden, PreconditionFailed, PreconditionRequired),
            Conflict,
            BadRequest,
            TooManyRequests,
        )>,
    > {
        let principal = (*caller).clone();
        let tag = move |user: &User| me(&principal, user.clone()).etag();
        let user = self
            .0
            .patch(&caller, Id::from(caller.user), patch.0, if_match.0, tag)
            .await
            .map_err(deleted_account)?;
        Ok(UpdateResponse::new(me(&caller, user)))
    }
}

/// Maps a missing account to 401: an account that is deleted during the request invalidates its credentials.
fn deleted_account(error: Error) -> Error {
    match error {
        Error::NotFound(_) => {
            Error::invalid_token(AuthFailure::Unknown, "the account was deleted during the request")
        }
        other => other,
    }
}
