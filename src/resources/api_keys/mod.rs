//! Keys for programs that call without a person.
pub mod secret;
