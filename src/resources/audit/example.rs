//! Examples of the audit log in the OpenAPI document.
use poem_openapi::types::Example;

use super::types::{ActorKind, AuditActor, AuditChange, AuditEntry, AuditQuery};
use crate::{
    domain::{event::EventType, id::Id, timestamp::Timestamp},
    http::pagination::PageParams,
    resources::accounts::users::User,
};

const ACCOUNT: &str = "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f";

fn account() -> Id<User> {
    ACCOUNT.parse().unwrap_or_else(|_| Id::generate())
}

impl Example for AuditEntry {
    fn example() -> Self {
        AuditEntry {
            position: 4711,
            at: Timestamp(1_763_721_000_000),
            action: "user.updated".into(),
            resource: "users".into(),
            resource_id: Some("0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f".into()),
            actor: AuditActor::example(),
            address: Some("203.0.113.0/24".into()),
            request_id: Some("01a2239e-7ea5-70ea-bf3a-a800b908985c".into()),
            reason: None,
            count: 1,
            changes: vec![AuditChange::example()],
            hash: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
        }
    }
}

impl Example for AuditActor {
    fn example() -> Self {
        let credential = "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f".parse().ok();
        AuditActor { kind: ActorKind::User, account: Some(account()), credential, name: None }
    }
}

impl Example for AuditChange {
    fn example() -> Self {
        AuditChange { field: "role".into(), from: Some("author".into()), to: Some("editor".into()) }
    }
}

impl Example for AuditQuery {
    fn example() -> Self {
        AuditQuery {
            paging: PageParams::example(),
            account: Some(account()),
            action: Some(EventType::UserUpdated.into()),
            resource_id: Some("0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f".into()),
            from: Some(Timestamp(1_763_634_600_000)),
            before: Some(Timestamp(1_763_721_000_001)),
        }
    }
}
