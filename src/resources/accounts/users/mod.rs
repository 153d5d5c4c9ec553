//! User accounts: operations, rules, password hashing and imported authors.
mod api;
mod example;
mod import;
mod list;
pub mod password;
pub mod password_rules;
mod row;
mod service;
mod types;

pub use api::UsersApi;
pub use example::example_user_id;
pub use import::find_or_create_author;
pub use password::Passwords;
pub(in crate::resources) use row::{hashing_error, to_user};
pub use service::Users;
pub use types::{AuthorRef, Password, Status, User, UserInput, UserPatch, UserQuery};

use crate::http::operation::Tag;

pub const TAG: Tag = Tag { name: "Users", description: "Users: accounts and their roles." };
