//! Writes the access rules of the operations as a page for review: docs/access.md.
use crate::{
    domain::principal::Ownership,
    http::operation::{Access, Allowed, Operation},
};

const INTRODUCTION: &str = "\
# Access

The callers that may use each operation. `cargo openapi` generates this page from the signatures of the operations, and
a test fails if it differs from them. Another test (`tests/api/access.rs`) calls every operation with every role, with
API keys and without credentials.

| column | values |
| --- | --- |
| callers | roles; `authenticated`: all roles; `anonymous`: all callers, also without credentials; `provider`: senders of signed requests |
| owner | `yes`: also the owner of the resource; `writer`: also the owner, while their role is author, editor or admin. The service checks the ownership when it loads the resource |
| credentials | `session`: an access token or a session cookie; `API key`: with this scope; `optional`: authenticated callers may see more; `ignored`: the response is the same for all callers |

| operation | method and path | callers | owner | credentials |
| --- | --- | --- | --- | --- |
";

/// Returns the page in Markdown.
pub fn access_page(operations: &[Operation]) -> String {
    let mut page = INTRODUCTION.to_owned();
    for operation in operations {
        let access = operation.access();
        let owner = |name: &String| owner_cell(name).is_some();
        let (owners, callers): (Vec<_>, Vec<_>) = access.groups().into_iter().partition(owner);
        let cells = [
            format!("`{}`", operation.id),
            format!("`{} {}`", operation.method, operation.path),
            callers.join(", "),
            owners.iter().filter_map(|name| owner_cell(name)).collect(),
            credentials(operation),
        ];
        page.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    page
}

/// Returns the cell of a group of owners; `None` for another group.
fn owner_cell(group: &str) -> Option<&'static str> {
    [(Ownership::Personal, "yes"), (Ownership::Content, "writer")]
        .into_iter()
        .find_map(|(kind, cell)| (Allowed::Owner(kind).name() == group).then_some(cell))
}

fn credentials(operation: &Operation) -> String {
    let session = match operation.access() {
        Access::Public => return "ignored".to_owned(),
        Access::Signed(scheme) => return format!("signature `{}`", scheme.name),
        Access::Optional => "optional: session",
        Access::Authenticated { .. } => "session",
    };
    match operation.scope() {
        Some(scope) => format!("{session}, API key `{scope}`"),
        None => session.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::principal::Role,
        http::operation::{SignatureScheme, Tag},
    };

    const SIGNATURE: SignatureScheme =
        SignatureScheme { name: "thing_signature", header: "Thing-Signature", description: "" };

    fn row(access: Access) -> String {
        const TAG: Tag = Tag { name: "WoodenThings", description: "" };
        let mut operation = Operation::new("PATCH", "/api/things/{id}", "thingsUpdate", &TAG);
        operation.set_access(access);
        access_page(&[operation]).lines().last().unwrap_or_default().to_owned()
    }

    #[test]
    fn lists_callers_ownership_and_credentials() {
        let begin = "| `thingsUpdate` | `PATCH /api/things/{id}` |";
        let owners = &[Allowed::Owner(Ownership::Personal), Allowed::Role(Role::Admin)];
        let content_owners = &[Allowed::Owner(Ownership::Content), Allowed::Role(Role::Editor)];
        for (access, expected) in [
            (Access::Public, "anonymous |  | ignored |"),
            (Access::Optional, "anonymous |  | optional: session, API key `wooden-things:write` |"),
            (Access::Signed(SIGNATURE), "provider |  | signature `thing_signature` |"),
            (
                Access::Authenticated { allowed: &[Allowed::All], api_keys: false },
                "authenticated |  | session |",
            ),
            (
                Access::Authenticated { allowed: owners, api_keys: true },
                "admin | yes | session, API key `wooden-things:write` |",
            ),
            (
                Access::Authenticated { allowed: content_owners, api_keys: false },
                "editor | writer | session |",
            ),
        ] {
            assert_eq!(row(access), format!("{begin} {expected}"));
        }
    }
}
