//! User accounts: operations, rules, password hashing and imported authors.
mod api;
mod example;
mod import;
mod list;
pub mod password;
mod row;
mod service;
mod types;

pub use api::UsersApi;
pub use example::ada;
pub use import::author_named;
pub use password::Passwords;
pub(in crate::resources) use row::{hashing_error, normalize_email, to_user};
pub use service::Users;
pub use types::{AuthorRef, NewUser, Status, User, UserPatch, UserQuery};
