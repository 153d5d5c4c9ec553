//! Who is calling, proven before the operation runs, and what an operation asks of its caller.
use std::{fmt, marker::PhantomData, ops::Deref, str::FromStr};

use poem::{Request, RequestBody};
use poem_openapi::{ApiExtractor, ApiExtractorType, Enum, ExtractParamOptions};
use serde::Serialize;
use uuid::Uuid;

use super::{problem::Problem, request::Checked};
use crate::contract::problem::Error;

/// What an account may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Comments.
    Reader,
    /// Own posts and media.
    Author,
    /// All content and redirects.
    Editor,
    /// Customers, invoices and revenues.
    Accountant,
    /// Everything.
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

    /// Editors and admins act on everybody's content.
    pub fn edits(self) -> bool {
        matches!(self, Role::Editor | Role::Admin)
    }

    /// Editors, accountants and admins: those who work for the house.
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
        let known = Role::ALL.into_iter().find(|role| role.as_str() == text);
        known.ok_or_else(|| {
            format!("no role is called {text}: use reader, author, editor, accountant or admin")
        })
    }
}

/// How a caller was proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    /// A signed-in session, by access token or cookie.
    Session(Uuid),
    /// The command line: whoever holds the machine.
    Machine,
    /// An API key with its scopes.
    Key { id: Uuid, scopes: Vec<String> },
}

/// A proven caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub user: Uuid,
    pub role: Role,
    pub via: Via,
}

impl Principal {
    /// The session behind the call, when there is one.
    pub fn session(&self) -> Option<Uuid> {
        match self.via {
            Via::Session(id) => Some(id),
            Via::Machine | Via::Key { .. } => None,
        }
    }

    /// Whether a scope is no hindrance: a key has those that it was given, and nobody else needs any.
    pub fn within(&self, scope: &str) -> bool {
        match &self.via {
            Via::Key { scopes, .. } => scopes.iter().any(|given| given == scope),
            Via::Session(_) | Via::Machine => true,
        }
    }
}

/// What an operation asks of its caller; `ALLOW` stands in the document as `x-authz`.
pub trait Right: Send + Sync + 'static {
    const ALLOW: &'static str;
    /// Whether an API key will do, or only a person's own session.
    const KEYS: &'static str = "keys:yes";
}

macro_rules! rights {
    ($($(#[doc = $doc:literal])* $name:ident = $allow:literal $(, $keys:literal)?;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone)]
        pub struct $name;
        impl Right for $name {
            const ALLOW: &'static str = concat!("allow:", $allow);
            $(const KEYS: &'static str = $keys;)?
        }
    )*};
}

rights! {
    /// Anybody with an account.
    SignedIn = "authenticated";
    /// Anybody with an account, by a session of their own.
    InPerson = "authenticated", "keys:no";
    /// Those who write posts.
    Writers = "author,editor,admin";
    /// Those who look after all content.
    Editors = "editor,admin";
    /// Those who work for the house: [`Role::is_staff`].
    Staff = "editor,accountant,admin";
    /// Those who look after the back office.
    Accountants = "accountant,admin";
    /// Those who run the service.
    Admins = "admin";
    /// The owner of the resource, and nobody else.
    Owner = "owner";
    /// The owner of the resource, or those who look after all content.
    OwnerOrEditors = "owner,editor,admin";
    /// The owner of the resource, or those who run the service.
    OwnerOrAdmins = "owner,admin";
    /// The same, by a session of their own.
    OwnerOrAdminsInPerson = "owner,admin", "keys:no";
}

/// A proven caller who has the right `R`, as far as the request can tell; ownership is the row's matter.
pub struct Caller<R>(Principal, PhantomData<R>);

impl<R> Deref for Caller<R> {
    type Target = Principal;
    fn deref(&self) -> &Principal {
        &self.0
    }
}

impl<'a, R: Right> ApiExtractor<'a> for Caller<R> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn security_schemes() -> Vec<&'static str> {
        vec![R::ALLOW, R::KEYS]
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        match Checked::of(request)?.principal.clone() {
            Some(principal) => Ok(Caller(principal, PhantomData)),
            None => Err(Problem::from(Error::Unauthenticated).into()),
        }
    }
}

/// Anybody; whoever is signed in may see more.
pub struct Viewer(pub Option<Principal>);

impl<'a> ApiExtractor<'a> for Viewer {
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
        Ok(Viewer(Checked::of(request)?.principal.clone()))
    }
}

/// The class of callers that get the same answer; part of a list's entity tag.
pub fn class(viewer: Option<&Principal>) -> String {
    viewer.map_or_else(|| "anonymous".to_owned(), |p| format!("{}:{}", p.role, p.user))
}

/// What changes with what only some callers see, such as drafts.
pub const HIDDEN: &str = "hidden";

/// The collections that a list depends on for this caller: what is hidden from everybody else must not show
/// in the version that everybody gets.
pub fn shown(viewer: Option<&Principal>, open: &[&'static str]) -> Vec<&'static str> {
    let hidden = viewer.map(|_| HIDDEN);
    open.iter().copied().chain(hidden).collect()
}

/// Anybody, and nothing is shown to a known caller that others do not get.
pub struct Anyone;

impl<'a> ApiExtractor<'a> for Anyone {
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
        Ok(Anyone)
    }
}
