//! `users`: accounts. Imported authors have no e-mail address and cannot sign in.
use std::fmt;

use poem_openapi::Enum;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::redacted::Redacted;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub email: Option<String>,
    pub name: String,
    pub bio: Option<String>,
    pub url: Option<String>,
    pub avatar_url: Option<String>,
    pub role: Role,
    pub status: Status,
    pub password_hash: Option<Redacted>,
    pub source: Option<String>,
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The role of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Enum, Serialize, EnumIter, DeriveActiveEnum)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "lowercase")]
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
    /// Returns whether this role has all rights of the other one.
    pub fn includes(self, other: Role) -> bool {
        match other {
            Role::Reader => true,
            Role::Author => self.is_writer(),
            Role::Editor => self.is_editor(),
            Role::Accountant | Role::Admin => self == other || self == Role::Admin,
        }
    }

    /// Returns whether the role may create posts and upload images: authors, editors and admins.
    pub fn is_writer(self) -> bool {
        matches!(self, Role::Author | Role::Editor | Role::Admin)
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
        f.write_str(&self.to_value())
    }
}

/// Whether an account is active or disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, EnumIter, DeriveActiveEnum)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "lowercase")]
pub enum Status {
    /// The account can sign in.
    Active,
    /// The account cannot sign in, and its sessions and API keys are rejected.
    Disabled,
}
