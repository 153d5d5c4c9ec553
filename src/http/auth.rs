//! Extractors that declare the access rule of an operation.
use std::{marker::PhantomData, ops::Deref};

use poem::{Request, RequestBody};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::{
    extract::ValidatedRequest,
    operation::{Access, Allowed, Argument, DeclareArgument, Operation},
    problem::{Error, Problem},
};

pub use crate::domain::principal::{Ownership, Principal, Role, Via};

/// The authenticated callers that may use an operation.
pub trait AccessRule: Send + Sync + 'static {
    const ALLOWED: &'static [Allowed];
    /// Whether API keys are accepted, or only sessions.
    const API_KEYS: bool = true;
}

macro_rules! access_rules {
    ($($(#[doc = $doc:literal])* $name:ident = [$($allowed:expr),+] $(, $keys:literal)?;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone)]
        pub struct $name;
        impl AccessRule for $name {
            const ALLOWED: &'static [Allowed] = &[$($allowed),+];
            $(const API_KEYS: bool = $keys;)?
        }
    )*};
}

const AUTHOR: Allowed = Allowed::Role(Role::Author);
const EDITOR: Allowed = Allowed::Role(Role::Editor);
const ACCOUNTANT: Allowed = Allowed::Role(Role::Accountant);
const ADMIN: Allowed = Allowed::Role(Role::Admin);
const OWNER: Allowed = Allowed::Owner(Ownership::Personal);
const CONTENT_OWNER: Allowed = Allowed::Owner(Ownership::Content);

access_rules! {
    /// All authenticated callers.
    Authenticated = [Allowed::All];
    /// All authenticated callers, by session only.
    SessionOnly = [Allowed::All], false;
    /// Authors, editors and admins.
    Writers = [AUTHOR, EDITOR, ADMIN];
    /// Editors and admins.
    Editors = [EDITOR, ADMIN];
    /// Internal roles: [`Role::is_staff`].
    Staff = [EDITOR, ACCOUNTANT, ADMIN];
    /// Accountants and admins.
    Accountants = [ACCOUNTANT, ADMIN];
    /// Admins.
    Admins = [ADMIN];
    /// The owner of the resource.
    Owner = [OWNER];
    /// The owner of the resource, editors and admins.
    OwnerOrEditors = [OWNER, EDITOR, ADMIN];
    /// The owner of the post or the image while their role may write content, editors and admins.
    ContentOwnerOrEditors = [CONTENT_OWNER, EDITOR, ADMIN];
    /// The owner of the resource and admins.
    OwnerOrAdmins = [OWNER, ADMIN];
    /// The owner of the resource and admins, by session only.
    OwnerOrAdminsSessionOnly = [OWNER, ADMIN], false;
}

/// A caller that satisfies the access rule `R`. Ownership is checked later, by the service that loads the row.
pub struct Caller<R>(Principal, PhantomData<R>);

impl<R> Deref for Caller<R> {
    type Target = Principal;
    fn deref(&self) -> &Principal {
        &self.0
    }
}

impl<R: AccessRule> DeclareArgument for Caller<R> {
    fn declare(operation: &mut Operation, _: Argument) {
        operation.set_access(Access::Authenticated { allowed: R::ALLOWED, api_keys: R::API_KEYS });
    }
}

impl<'a, R: AccessRule> ApiExtractor<'a> for Caller<R> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::PoemExtractor];
    type ParamType = ();
    type ParamRawType = ();

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        // The dispatcher has enforced the declared access rule.
        match ValidatedRequest::from_request(request)?.principal.clone() {
            Some(principal) => Ok(Caller(principal, PhantomData)),
            None => Err(Problem::from(Error::Unauthenticated).into()),
        }
    }
}

/// Extracts an optional caller: the operation is public, and authenticated callers may see more.
pub struct OptionalAuth(pub Option<Principal>);

impl DeclareArgument for OptionalAuth {
    fn declare(operation: &mut Operation, _: Argument) {
        operation.set_access(Access::Optional);
    }
}

impl<'a> ApiExtractor<'a> for OptionalAuth {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::PoemExtractor];
    type ParamType = ();
    type ParamRawType = ();

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        Ok(OptionalAuth(ValidatedRequest::from_request(request)?.principal.clone()))
    }
}

/// Returns a key that differs between callers whose responses can differ. It is part of a list's entity tag.
pub fn cache_key(viewer: Option<&Principal>) -> String {
    viewer.map_or_else(|| "anonymous".to_owned(), |p| format!("{}:{}", p.role, p.user))
}

/// The collection whose version changes with the items that only some callers can see, such as drafts.
pub const RESTRICTED: &str = "restricted";

/// Returns the collections whose versions are part of a list's entity tag for this caller.
///
/// Anonymous callers receive the `public` ones only. Otherwise the entity tag would reveal changes of drafts.
pub fn collections_for(viewer: Option<&Principal>, public: &[&'static str]) -> Vec<&'static str> {
    let restricted = viewer.map(|_| RESTRICTED);
    public.iter().copied().chain(restricted).collect()
}

/// Declares a public operation whose response is the same for all callers.
pub struct NoAuth;

/// Declares a health check: public, and not rate limited.
pub struct HealthProbe;

macro_rules! public {
    ($($name:ident => $declare:expr;)*) => {$(
        impl DeclareArgument for $name {
            fn declare(operation: &mut Operation, _: Argument) {
                operation.set_access(Access::Public);
                $declare(operation);
            }
        }

        impl<'a> ApiExtractor<'a> for $name {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::PoemExtractor];
            type ParamType = ();
            type ParamRawType = ();

            async fn from_request(
                _: &'a Request,
                _: &mut RequestBody,
                _: ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                Ok($name)
            }
        }
    )*};
}
public! {
    NoAuth => |_: &mut Operation| ();
    HealthProbe => |operation: &mut Operation| operation.rate_limit = None;
}
