//! Roles, and the authenticated caller.
use std::{fmt, str::FromStr};

use poem_openapi::Enum;
use serde::Serialize;
use uuid::Uuid;

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
