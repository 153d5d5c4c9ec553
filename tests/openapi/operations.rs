//! Rules for the operations of the OpenAPI document.
use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    document,
    traverse::{Operation, operations, resolve},
};

/// Asserts a rule for every operation; lists the operations that violate it.
fn check(rule: &str, holds: impl Fn(&Operation) -> bool) {
    let violations: Vec<String> =
        operations(document()).iter().filter(|op| !holds(op)).map(|op| op.id().to_owned()).collect();
    assert!(violations.is_empty(), "{rule}: {}", violations.join(", "));
}

fn has_parameter(op: &Operation, name: &str) -> bool {
    op.has_parameter(document(), name)
}

fn requires_auth(op: &Operation) -> bool {
    op.object["security"].as_array().is_some_and(|schemes| !schemes.contains(&json!({})))
}

fn is_public(op: &Operation) -> bool {
    op.object["security"] == json!([{}])
}

/// Whether a webhook provider signs the request.
fn is_signed(op: &Operation) -> bool {
    op.object["x-authz"]["allow"] == json!(["provider"])
}

/// Returns the names of the headers of a response.
fn headers(op: &Operation, status: &str) -> BTreeSet<String> {
    let response = resolve(document(), &op.object["responses"][status]);
    response["headers"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

fn has_headers(op: &Operation, status: &str, names: &[&str]) -> bool {
    !op.has_response(status) || names.iter().all(|name| headers(op, status).contains(*name))
}

#[test]
pub fn operation_ids_are_unique_and_start_with_the_tag() {
    let mut seen = BTreeSet::new();
    check("the operationId starts with the tag", |op| {
        let tags: Vec<&str> =
            op.object["tags"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let [tag] = tags[..] else { return false };
        let start = format!("{}{}", tag[..1].to_lowercase(), &tag[1..]);
        op.id().starts_with(&start) && op.id().len() > start.len()
    });
    for op in operations(document()) {
        assert!(seen.insert(op.id().to_owned()), "duplicate operationId: {}", op.id());
    }
}

#[test]
pub fn tags_are_described_used_and_sorted() {
    let tags: Vec<&Value> = document()["tags"].as_array().into_iter().flatten().collect();
    let names: Vec<&str> = tags.iter().filter_map(|tag| tag["name"].as_str()).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(names, sorted);
    for tag in &tags {
        assert!(tag["description"].as_str().is_some_and(|text| text.len() > 10), "{tag}");
        let webhooks = document()["webhooks"].as_object().into_iter().flatten();
        let used = operations(document()).iter().any(|op| op.object["tags"][0] == tag["name"])
            || webhooks.into_iter().any(|(_, item)| item["post"]["tags"][0] == tag["name"]);
        assert!(used, "unused tag: {tag}");
    }
    check("the tag is declared", |op| op.object["tags"][0].as_str().is_some_and(|tag| names.contains(&tag)));
}

#[test]
pub fn summaries_and_descriptions_have_their_form() {
    check("a summary has 5 to 80 characters, a capital first letter and no full stop", |op| {
        let summary = op.object["summary"].as_str().unwrap_or_default();
        (5..=80).contains(&summary.len())
            && !summary.ends_with('.')
            && summary.starts_with(char::is_uppercase)
    });
    check("a description has more than 10 characters and differs from the summary", |op| {
        let text = op.object["description"].as_str().unwrap_or_default();
        text.len() > 10 && op.object["summary"] != json!(text)
    });
}

#[test]
pub fn operations_declare_their_permissions() {
    check("x-authz lists known roles", |op| {
        let allow = op.object["x-authz"]["allow"].as_array().cloned().unwrap_or_default();
        let roles = [
            "anonymous",
            "authenticated",
            "owner",
            "content-owner",
            "reader",
            "author",
            "editor",
            "accountant",
            "admin",
        ];
        is_signed(op) || !allow.is_empty() && allow.iter().all(|role| roles.iter().any(|known| role == known))
    });
    check("security is optional exactly if anonymous callers are allowed", |op| {
        let public =
            op.object["x-authz"]["allow"].as_array().is_some_and(|a| a.contains(&json!("anonymous")));
        op.object["security"].as_array().is_some_and(|schemes| !schemes.is_empty())
            && public != requires_auth(op)
    });
    check("an API key requires a read or write scope", |op| {
        let schemes = op.object["security"].as_array().cloned().unwrap_or_default();
        schemes.iter().filter_map(|scheme| scheme.get("api_key")).all(|scopes| {
            scopes[0].as_str().is_some_and(|scope| scope.ends_with(":read") || scope.ends_with(":write"))
        })
    });
    check("an operation with permissions declares 401 and 403", |op| {
        is_public(op) || is_signed(op) || (op.has_response("401") && op.has_response("403"))
    });
    check("only webhooks of providers are secured by a signature", |op| {
        let schemes = op.object["security"].as_array().cloned().unwrap_or_default();
        let by_signature = |scheme: &Value| {
            scheme.as_object().is_some_and(|scheme| scheme.keys().any(|name| name.ends_with("_signature")))
        };
        if is_signed(op) {
            schemes.len() == 1 && by_signature(&schemes[0])
        } else {
            !schemes.iter().any(by_signature)
        }
    });
}

#[test]
pub fn operations_declare_their_errors() {
    check("every operation declares 400, 500 and 503", |op| {
        ["400", "500", "503"].iter().all(|s| op.has_response(s))
    });
    check("all operations except health have a rate limit", |op| {
        op.has_response("429") || op.object["tags"][0] == "Health"
    });
    check("an operation with a path parameter declares 404", |op| {
        !op.path.contains('{') || op.has_response("404")
    });
    check("an operation with a body declares 408, 413 and 415", |op| {
        op.object.get("requestBody").is_none() || ["408", "413", "415"].iter().all(|s| op.has_response(s))
    });
    check("an operation with If-Match declares 412 and 428", |op| {
        !has_parameter(op, "If-Match") || (op.has_response("412") && op.has_response("428"))
    });
    check("an operation with Idempotency-Key declares 409 and 422", |op| {
        !has_parameter(op, "Idempotency-Key") || (op.has_response("409") && op.has_response("422"))
    });
    check("only operations with Idempotency-Key declare 422", |op| {
        !op.has_response("422") || has_parameter(op, "Idempotency-Key")
    });
    check("a query parameter `q` is declared as a search, so that searches are limited", |op| {
        let is_search = has_parameter(op, "q") && op.has_response("200");
        op.object.get("x-search").is_some() == is_search
    });
    check("a read declares 304 if and only if it has If-None-Match", |op| {
        op.verb != "get" || has_parameter(op, "If-None-Match") == op.has_response("304")
    });
}

#[test]
pub fn responses_have_one_body_type_and_the_required_headers() {
    check("all successful responses have the same body", |op| {
        let bodies = op.object["responses"].as_object().into_iter().flatten();
        let bodies = bodies.filter(|(status, r)| status.starts_with('2') && r.get("content").is_some());
        let types: BTreeSet<String> = bodies.map(|(_, r)| r["content"].to_string()).collect();
        types.len() <= 1
    });
    check("there is a 2xx or a 307 response", |op| {
        op.object["responses"]
            .as_object()
            .into_iter()
            .flatten()
            .any(|(status, _)| status.starts_with('2') || status == "307")
    });
    check("a read with If-None-Match returns ETag, Cache-Control and Vary", |op| {
        !has_parameter(op, "If-None-Match")
            || op.verb != "get"
            || has_headers(op, "200", &["ETag", "Cache-Control", "Vary"])
    });
    check("304 has ETag, Cache-Control and Vary", |op| {
        has_headers(op, "304", &["ETag", "Cache-Control", "Vary"])
    });
    check("202 has Location and Retry-After", |op| has_headers(op, "202", &["Location", "Retry-After"]));
    check("201 has Location and ETag", |op| has_headers(op, "201", &["Location", "ETag"]));
    check("302, 307 and 308 have Location", |op| {
        ["302", "307", "308"].iter().all(|status| has_headers(op, status, &["Location"]))
    });
    check("the responses of a deprecated operation, and no others, have Deprecation", |op| {
        let is_deprecated = op.object["deprecated"] == json!(true);
        op.object["responses"].as_object().into_iter().flatten().all(|(status, _)| {
            let has_deprecation = has_headers(op, status, &["Deprecation", "Sunset", "Link"]);
            // The server rejects long paths and headers before it finds the operation.
            let before_routing = ["414", "431"].contains(&status.as_str());
            if is_deprecated && !before_routing {
                has_deprecation
            } else {
                !headers(op, status).contains("Deprecation")
            }
        })
    });
    check("401 has WWW-Authenticate", |op| has_headers(op, "401", &["WWW-Authenticate"]));
    check("429 and 503 have Retry-After", |op| {
        has_headers(op, "429", &["Retry-After"]) && has_headers(op, "503", &["Retry-After"])
    });
    check("415 has Accept", |op| has_headers(op, "415", &["Accept"]));
    check("every response has X-Request-Id and Cache-Control", |op| {
        let statuses = op.object["responses"].as_object().into_iter().flatten().map(|(status, _)| status);
        statuses.into_iter().all(|status| has_headers(op, status, &["X-Request-Id", "Cache-Control"]))
    });
}

#[test]
pub fn writes_accept_idempotency_keys_and_preconditions() {
    let returns_a_secret = [
        "sessionsLogin",
        "sessionsRefresh",
        "sessionsLogout",
        "apiKeysCreate",
        "apiKeysRotate",
        "postsCreatePreview",
        "webhookEndpointsCreate",
        "webhookEndpointsRotateSecret",
    ];
    let is_idempotent =
        ["documentsRestore", "documentsRevisionsRestore", "postsRestore", "postsRevisionsRestore"];
    let is_forwarded = ["upstreamsSend"];
    let is_exempt = |op: &Operation| {
        is_signed(op)
            || op.has_response("202")
            || is_idempotent.contains(&op.id())
            || is_forwarded.contains(&op.id())
    };
    check(
        "POST accepts an Idempotency-Key, unless it returns a secret, is idempotent or asynchronous, or is forwarded to an upstream",
        |op| {
            op.verb != "post"
                || is_exempt(op)
                || returns_a_secret.contains(&op.id())
                || has_parameter(op, "Idempotency-Key")
        },
    );
    check("PUT and PATCH accept If-Match and Prefer", |op| {
        !matches!(op.verb, "put" | "patch") || (has_parameter(op, "If-Match") && has_parameter(op, "Prefer"))
    });
    check("PATCH accepts a merge patch", |op| {
        op.verb != "patch"
            || op.object["requestBody"]["content"].get("application/merge-patch+json").is_some()
    });
}

#[test]
pub fn lists_have_page_parameters_and_links() {
    check("a list has the parameters page, limit, after and count, and the headers Link and ETag", |op| {
        let list = op.object["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
            .as_str()
            .is_some_and(|name| name.ends_with("Page"));
        !list
            || (["page", "limit", "after", "count"].iter().all(|name| has_parameter(op, name))
                && has_headers(op, "200", &["Link", "ETag"]))
    });
}

#[test]
pub fn errors_are_problems() {
    check("every error is application/problem+json with examples", |op| {
        op.object["responses"].as_object().into_iter().flatten().all(|(status, response)| {
            let content = resolve(document(), response)["content"].as_object();
            !status.starts_with(['4', '5'])
                || content.is_some_and(|content| {
                    content.len() == 1
                        && content["application/problem+json"]["schema"]["$ref"]
                            == "#/components/schemas/Problem"
                        && content["application/problem+json"]["examples"].is_object()
                })
        })
    });
}

#[test]
pub fn bodies_have_examples() {
    check("a request body has a description and an example", |op| {
        let body = &op.object["requestBody"];
        body.is_null() || (body["description"].is_string() && all_have_examples(&body["content"]))
    });
    check("a successful response with a body has an example", |op| {
        let responses = op.object["responses"].as_object().into_iter().flatten();
        responses
            .filter(|(status, _)| status.starts_with('2'))
            .all(|(_, response)| all_have_examples(&response["content"]))
    });
}

fn all_have_examples(content: &Value) -> bool {
    content.as_object().is_none_or(|content| content.values().all(|media| media.get("example").is_some()))
}

#[test]
pub fn creates_have_links() {
    check("201 of a collection has links to operations", |op| {
        let is_item = |path: &str| path == format!("{}/{{id}}", op.path) || path == "/api/posts/{post}";
        let paths = document()["paths"].as_object().into_iter().flatten();
        let has_item = paths
            .clone()
            .any(|(path, item)| path.starts_with(op.path) && is_item(path) && item.get("get").is_some());
        let links = op.object["responses"]["201"]["links"].as_object();
        op.verb != "post"
            || !op.has_response("201")
            || !has_item
            || links.is_some_and(|links| links.len() > 1)
    });
}

/// Templates whose last parameter matches several segments.
const MULTI_SEGMENT: [&str; 3] =
    ["/api/docs/{path}", "/api/redirects/{key}", "/api/upstreams/{upstream}/{path}"];

/// Returns whether one concrete path matches both templates.
fn is_ambiguous(a: &str, b: &str) -> bool {
    let (a_rest, b_rest) = (MULTI_SEGMENT.contains(&a), MULTI_SEGMENT.contains(&b));
    let (a, b): (Vec<&str>, Vec<&str>) = (a.split('/').collect(), b.split('/').collect());
    for i in 0..a.len().min(b.len()) {
        if (a_rest && i + 1 == a.len()) || (b_rest && i + 1 == b.len()) {
            return true;
        }
        if a[i] != b[i] && !a[i].starts_with('{') && !b[i].starts_with('{') {
            return false;
        }
    }
    a.len() == b.len()
}

#[test]
pub fn no_path_matches_two_templates() {
    let paths: Vec<&str> =
        document()["paths"].as_object().into_iter().flatten().map(|(path, _)| path.as_str()).collect();
    for template in MULTI_SEGMENT {
        assert!(document()["paths"].get(template).is_some(), "no such path: {template}");
    }
    for (i, a) in paths.iter().enumerate() {
        for b in &paths[i + 1..] {
            assert!(!is_ambiguous(a, b), "a path can match both {a} and {b}");
        }
    }
}

/// The verbs of operation ids.
const VERBS: &[&str] = &[
    "list", "create", "get", "replace", "update", "delete", "restore", "diff", "export", "import", "upload",
    "login", "logout", "refresh", "receive", "redirect", "replay", "retry", "rotate", "send", "stream",
    "test",
];

#[test]
pub fn operation_ids_contain_a_known_verb() {
    check("the operationId is the tag, optionally `Revisions`, and a known verb", |op| {
        let tag = op.object["tags"][0].as_str().unwrap_or_default();
        let rest = op.id().get(tag.len()..).unwrap_or_default();
        let rest = rest.strip_prefix("Revisions").unwrap_or(rest);
        let end =
            rest.char_indices().skip(1).find(|(_, c)| c.is_uppercase()).map_or(rest.len(), |(at, _)| at);
        VERBS.contains(&rest[..end].to_lowercase().as_str())
    });
}
