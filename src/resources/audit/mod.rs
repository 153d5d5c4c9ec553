//! The audit log: list, settings of the last start, retention and JSON lines.
mod api;
mod example;
mod output;
mod service;
mod settings;
mod types;

pub use api::AuditApi;
pub use output::AuditLines;
pub use service::Audit;
pub use settings::SettingsKey;
pub use types::{AuditActor, AuditChange, AuditEntry, AuditQuery};

use crate::http::operation::Tag;

pub const TAG: Tag =
    Tag { name: "Audit", description: "Audit: the record of writes, exports and authentication decisions." };
