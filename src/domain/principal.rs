//! Roles, and the authenticated caller.
pub use entity::user::Role;
use uuid::Uuid;

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
