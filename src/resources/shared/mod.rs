//! Services that several resources share.
pub mod import_log;
pub mod secrets;
