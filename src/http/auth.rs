//! Authentication and authorization: roles, the authenticated principal, and extractors that declare who may
//! call an operation.
use std::{fmt, marker::PhantomData, ops::Deref, str::FromStr};

use poem::{Request, RequestBody};
use poem_openapi::{ApiExtractor, ApiExtractorType, Enum, ExtractParamOptions};
use serde::Serialize;
use uuid::Uuid;

use super::{
    extract::ValidatedRequest,
    problem::{Error, Problem},
};

/// The role of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Writes comments.
    Reader,
    /// Writes own posts and media.
    Author,
    /// Edits all content and redirects.
    Editor,
    /// Manages customers, invoices and revenues.
    Accountant,
    /// Has all rights.
    Admin,
}

impl Role {
    pub const ALL: [Role; 5] = [Role::Reader, Role::Author, Role::Editor, Role::Accountant, Role::Admin];

    pub fn as_str(self) -> &'static str {
        match self {
            Role::Reader => "reader",
            Role::Author => "author",
            Role::Editor => "editor",
            Role::Accountant => "accountant",
            Role::Admin => "admin",
        }
    }

    /// Returns whether the role may edit the content of all users: editors and admins.
    pub fn is_editor(self) -> bool {
        matches!(self, Role::Editor | Role::Admin)
    }

    /// Returns whether the role is internal: editors, accountants and admins.
    pub fn is_staff(self) -> bool {
        matches!(self, Role::Editor | Role::Accountant | Role::Admin)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let role = Role::ALL.into_iter().find(|role| role.as_str() == text);
        role.ok_or_else(|| format!("must be reader, author, editor, accountant or admin, got {text}"))
    }
}

/// The credential of an authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    /// A session, by access token or cookie.
    Session(Uuid),
    /// The command line on the server.
    Cli,
    /// An API key with its scopes.
    Key { id: Uuid, scopes: Vec<String> },
}

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub user: Uuid,
    pub role: Role,
    pub via: Via,
}

impl Principal {
    /// Returns the id of the caller's session, if any.
    pub fn session(&self) -> Option<Uuid> {
        match self.via {
            Via::Session(id) => Some(id),
            Via::Cli | Via::Key { .. } => None,
        }
    }

    /// Returns whether the caller may use `scope`. Only API keys are limited to scopes.
    pub fn has_scope(&self, scope: &str) -> bool {
        match &self.via {
            Via::Key { scopes, .. } => scopes.iter().any(|granted| granted == scope),
            Via::Session(_) | Via::Cli => true,
        }
    }
}

/// The callers that may use an operation. `ALLOW` is `x-authz` in the OpenAPI document.
pub trait AccessRule: Send + Sync + 'static {
    const ALLOWED: &'static str;
    /// Whether API keys are accepted, or only sessions.
    const API_KEYS: &'static str = "keys:yes";
}

macro_rules! access_rules {
    ($($(#[doc = $doc:literal])* $name:ident = $allow:literal $(, $keys:literal)?;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone)]
        pub struct $name;
        impl AccessRule for $name {
            const ALLOWED: &'static str = concat!("allow:", $allow);
            $(const API_KEYS: &'static str = $keys;)?
        }
    )*};
}

access_rules! {
    /// All authenticated callers.
    Authenticated = "authenticated";
    /// All authenticated callers, by session only.
    SessionOnly = "authenticated", "keys:no";
    /// Authors, editors and admins.
    Writers = "author,editor,admin";
    /// Editors and admins.
    Editors = "editor,admin";
    /// Internal roles: [`Role::is_staff`].
    Staff = "editor,accountant,admin";
    /// Accountants and admins.
    Accountants = "accountant,admin";
    /// Admins.
    Admins = "admin";
    /// The owner of the resource.
    Owner = "owner";
    /// The owner of the resource, editors and admins.
    OwnerOrEditors = "owner,editor,admin";
    /// The owner of the resource and admins.
    OwnerOrAdmins = "owner,admin";
    /// The owner of the resource and admins, by session only.
    OwnerOrAdminsSessionOnly = "owner,admin", "keys:no";
}

/// A caller that passed the access rule `R`, except for ownership: the service checks it when it loads the
/// row.
pub struct Caller<R>(Principal, PhantomData<R>);

impl<R> Deref for Caller<R> {
    type Target = Principal;
    fn deref(&self) -> &Principal {
        &self.0
    }
}

impl<'a, R: AccessRule> ApiExtractor<'a> for Caller<R> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn security_schemes() -> Vec<&'static str> {
        vec![R::ALLOWED, R::API_KEYS]
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        match ValidatedRequest::from_request(request)?.principal.clone() {
            Some(principal) => Ok(Caller(principal, PhantomData)),
            None => Err(Problem::from(Error::Unauthenticated).into()),
        }
    }
}

/// Extracts an optional caller: the operation is public, and authenticated callers may see more.
pub struct OptionalAuth(pub Option<Principal>);

impl<'a> ApiExtractor<'a> for OptionalAuth {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn security_schemes() -> Vec<&'static str> {
        vec!["allow:anonymous", "keys:yes"]
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        Ok(OptionalAuth(ValidatedRequest::from_request(request)?.principal.clone()))
    }
}

/// Returns a key of the callers that get the same response. It is part of a list's entity tag.
pub fn cache_key(viewer: Option<&Principal>) -> String {
    viewer.map_or_else(|| "anonymous".to_owned(), |p| format!("{}:{}", p.role, p.user))
}

/// The collection version that changes with items that are visible to some callers only, such as drafts.
pub const DRAFTS: &str = "hidden";

/// Returns the collections whose versions are part of a list's entity tag for this caller.
///
/// Anonymous callers get the `public` ones only: otherwise the entity tag would reveal changes of drafts.
pub fn collections_for(viewer: Option<&Principal>, public: &[&'static str]) -> Vec<&'static str> {
    let hidden = viewer.map(|_| DRAFTS);
    public.iter().copied().chain(hidden).collect()
}

/// Declares a public operation whose response is the same for all callers.
pub struct NoAuth;

impl<'a> ApiExtractor<'a> for NoAuth {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn security_schemes() -> Vec<&'static str> {
        vec!["allow:anonymous", "keys:open"]
    }

    async fn from_request(
        _: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        Ok(NoAuth)
    }
}
