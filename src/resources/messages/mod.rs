//! Messages: what is said in channels, told as it is said.
mod api;
mod example;
mod service;
mod types;

pub use api::MessagesApi;
pub use service::Messages;
pub use types::{Message, NewMessage};
