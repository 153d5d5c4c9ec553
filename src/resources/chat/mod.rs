//! Chat: channels and messages.
pub mod channels;
pub mod messages;
