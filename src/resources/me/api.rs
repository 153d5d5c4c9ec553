//! What callers can do with their own account.
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

fn me(caller: &Principal, user: User) -> Me {
    Me { user, session: caller.session().map(Id::from) }
}

#[OpenApi(prefix_path = "/api/me", tag = "Tag::Me")]
impl MeApi {
    /// Read one's own account
    ///
    /// With the session that asks, to find it among `/api/auth/sessions`.
    #[oai(path = "/", method = "get", operation_id = "meRead")]
    async fn read(
        &self,
        caller: Caller<SignedIn>,
        known: IfNoneMatch,
    ) -> Result<Found<Me>, Fault<Unauthorized>> {
        let user = self.0.read(&caller, Id::from(caller.user)).await.map_err(gone)?;
        Ok(Found::new(me(&caller, user), &known.0))
    }

    /// Change one's own account
    ///
    /// A merge patch (RFC 7396). A new `password` takes the present one as `currentPassword`, and ends all
    /// other sessions. Role, status and e-mail address are an admin's to change.
    #[oai(path = "/", method = "patch", operation_id = "mePatch")]
    async fn patch(
        &self,
        caller: Caller<InPerson>,
        when: IfMatch,
        patch: Patch<UserPatch>,
    ) -> Result<
        Changed<Me>,
        Fault<(Unauthorized, (Forbidden, Stale, Unconditional), Conflict, Invalid, Throttled)>,
    > {
        let asking = (*caller).clone();
        let tag = move |user: &User| me(&asking, user.clone()).etag();
        let user = self.0.patch(&caller, Id::from(caller.user), patch.0, when.0, tag).await.map_err(gone)?;
        Ok(Changed::new(me(&caller, user)))
    }
}

/// An account that went while the request ran takes its credentials along.
fn gone(error: Error) -> Error {
    match error {
        Error::NotFound(_) => Error::InvalidToken,
        other => other,
    }
}
