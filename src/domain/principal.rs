//! Roles, ownership, and the authenticated caller.
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

/// The kind of an owned resource. An account has the rights of an owner only in the roles that may create such a
/// resource: a lower role takes them away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// Posts and images: authors, editors and admins.
    Content,
    /// Comments, messages and the own account: all roles.
    Personal,
}

impl Ownership {
    /// Returns whether an account with this role has the rights of an owner.
    pub fn is_held_by(self, role: Role) -> bool {
        match self {
            Ownership::Content => role.is_writer(),
            Ownership::Personal => true,
        }
    }
}

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub user: Uuid,
    pub role: Role,
    pub via: Via,
}

impl Principal {
    /// Returns the account as an owner of such resources, if its role has the rights of an owner. All checks of
    /// ownership start here.
    pub fn as_owner(&self, kind: Ownership) -> Option<Uuid> {
        kind.is_held_by(self.role).then_some(self.user)
    }

    /// Returns whether the caller has the rights of the owner of a resource.
    pub fn owns(&self, kind: Ownership, owner: Uuid) -> bool {
        self.as_owner(kind) == Some(owner)
    }

    /// Returns whether the caller may edit a resource of this owner: as the owner or as an editor.
    pub fn edits(&self, kind: Ownership, owner: Uuid) -> bool {
        self.role.is_editor() || self.owns(kind, owner)
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_and_editors_change_a_resource() {
        let (own, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        for (role, kind, owner, owns, edits) in [
            (Role::Author, Ownership::Content, own, true, true),
            (Role::Author, Ownership::Content, other, false, false),
            (Role::Reader, Ownership::Content, own, false, false),
            (Role::Reader, Ownership::Personal, own, true, true),
            (Role::Editor, Ownership::Content, other, false, true),
        ] {
            let caller = Principal { user: own, role, via: Via::Cli };
            assert_eq!(
                (caller.owns(kind, owner), caller.edits(kind, owner)),
                (owns, edits),
                "{role:?} {kind:?}"
            );
            assert_eq!(caller.as_owner(kind) == Some(owner), owns);
        }
    }
}
