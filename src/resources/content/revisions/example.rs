//! Example values for the OpenAPI document: one revision, the same in all schemas.
use poem_openapi::types::Example;
use uuid::Uuid;

use super::types::{Change, DiffQuery, FieldChange, Revision, RevisionDiff, RevisionQuery};
use crate::{
    domain::{id::Id, timestamp::Timestamp},
    http::pagination::PageParams,
    resources::accounts::users::AuthorRef,
};

fn parse(id: &str) -> Id<Revision> {
    id.parse().unwrap_or_else(|_| Id::from(Uuid::nil()))
}

fn third_id() -> Id<Revision> {
    parse("0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f")
}

fn second_id() -> Id<Revision> {
    parse("0199c0de-3332-7c3d-8e1f-2a3b4c5d6e7f")
}

impl Example for Revision {
    fn example() -> Self {
        Revision {
            id: third_id(),
            version: 3,
            change: Change::Changed,
            restored_from: None,
            by: Some(AuthorRef { bio: None, ..AuthorRef::example() }),
            created_at: Timestamp(1_763_717_400_000),
        }
    }
}

impl Example for RevisionQuery {
    fn example() -> Self {
        RevisionQuery { paging: PageParams::example() }
    }
}

impl Example for DiffQuery {
    fn example() -> Self {
        DiffQuery { against: Some(second_id()) }
    }
}

impl Example for FieldChange {
    fn example() -> Self {
        FieldChange {
            field: "title".into(),
            before: vec!["A joint".into()],
            after: vec!["A joint that fits".into()],
        }
    }
}

impl Example for RevisionDiff {
    fn example() -> Self {
        RevisionDiff {
            revision: third_id(),
            against: Some(second_id()),
            fields: vec![FieldChange::example()],
            content: Some("@@ -1 +1 @@\n-Cut it.\n+Cut it to fit.\n".into()),
            lines_added: 1,
            lines_removed: 1,
            location: String::new(),
        }
    }
}
