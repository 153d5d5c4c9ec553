//! What every operation says of itself.
use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    document,
    traverse::{Operation, follow, operations},
};

/// Fails with every operation that breaks the law.
fn law(says: &str, holds: impl Fn(&Operation) -> bool) {
    let broken: Vec<String> =
        operations(document()).iter().filter(|op| !holds(op)).map(|op| op.id().to_owned()).collect();
    assert!(broken.is_empty(), "{says}: {}", broken.join(", "));
}

fn takes(op: &Operation, name: &str) -> bool {
    op.takes(document(), name)
}

fn guarded(op: &Operation) -> bool {
    op.written["security"].as_array().is_some_and(|ways| !ways.contains(&json!({})))
}

fn open(op: &Operation) -> bool {
    op.written["security"] == json!([{}])
}

/// Whether a signature vouches for the request itself, and nobody signs in.
fn signed(op: &Operation) -> bool {
    op.written["x-authz"]["allow"] == json!(["provider"])
}

/// The headers of an answer, by name.
fn headers(op: &Operation, status: &str) -> BTreeSet<String> {
    let response = follow(document(), &op.written["responses"][status]);
    response["headers"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

fn carries(op: &Operation, status: &str, names: &[&str]) -> bool {
    !op.answers(status) || names.iter().all(|name| headers(op, status).contains(*name))
}

#[test]
pub fn every_operation_has_one_id_that_starts_with_its_tag() {
    let mut seen = BTreeSet::new();
    law("an id is unique and starts with the tag", |op| {
        let tags: Vec<&str> =
            op.written["tags"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let [tag] = tags[..] else { return false };
        let start = format!("{}{}", tag[..1].to_lowercase(), &tag[1..]);
        op.id().starts_with(&start) && op.id().len() > start.len()
    });
    for op in operations(document()) {
        assert!(seen.insert(op.id().to_owned()), "{} stands twice", op.id());
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
        let used = operations(document()).iter().any(|op| op.written["tags"][0] == tag["name"])
            || webhooks.into_iter().any(|(_, item)| item["post"]["tags"][0] == tag["name"]);
        assert!(used, "{tag} is not used");
    }
    law("its tag is described", |op| op.written["tags"][0].as_str().is_some_and(|tag| names.contains(&tag)));
}

#[test]
pub fn summaries_are_short_commands() {
    law("a summary is there, short, starts with a capital and has no full stop", |op| {
        let summary = op.written["summary"].as_str().unwrap_or_default();
        (5..=80).contains(&summary.len())
            && !summary.ends_with('.')
            && summary.starts_with(char::is_uppercase)
    });
    law("a description is there and says more than the summary", |op| {
        let text = op.written["description"].as_str().unwrap_or_default();
        text.len() > 10 && op.written["summary"] != json!(text)
    });
}

#[test]
pub fn who_may_call_is_stated() {
    law("x-authz names who may call", |op| {
        let allow = op.written["x-authz"]["allow"].as_array().cloned().unwrap_or_default();
        let words =
            ["anonymous", "authenticated", "owner", "reader", "author", "editor", "accountant", "admin"];
        signed(op) || !allow.is_empty() && allow.iter().all(|word| words.iter().any(|known| word == known))
    });
    law("security is stated, and public exactly where anonymous is allowed", |op| {
        let public =
            op.written["x-authz"]["allow"].as_array().is_some_and(|a| a.contains(&json!("anonymous")));
        op.written["security"].as_array().is_some_and(|ways| !ways.is_empty()) && public != guarded(op)
    });
    law("an API key has a scope named after the tag", |op| {
        let ways = op.written["security"].as_array().cloned().unwrap_or_default();
        ways.iter().filter_map(|way| way.get("api_key")).all(|scopes| {
            scopes[0].as_str().is_some_and(|scope| scope.ends_with(":read") || scope.ends_with(":write"))
        })
    });
    law("whoever may be refused is told so", |op| {
        open(op) || signed(op) || (op.answers("401") && op.answers("403"))
    });
    law("what a provider sends is secured by its signature, and by nothing else", |op| {
        let ways = op.written["security"].as_array().cloned().unwrap_or_default();
        let by_signature = |way: &Value| {
            way.as_object().is_some_and(|way| way.keys().any(|name| name.ends_with("_signature")))
        };
        if signed(op) { ways.len() == 1 && by_signature(&ways[0]) } else { !ways.iter().any(by_signature) }
    });
}

#[test]
pub fn what_is_taken_can_be_refused() {
    law("every operation can say 400, 500 and 503", |op| ["400", "500", "503"].iter().all(|s| op.answers(s)));
    law("all but health have budgets", |op| op.answers("429") || op.written["tags"][0] == "Health");
    law("a path parameter can name nothing", |op| !op.path.contains('{') || op.answers("404"));
    law("a body can be too slow, too large or of another type", |op| {
        op.written.get("requestBody").is_none() || ["408", "413", "415"].iter().all(|s| op.answers(s))
    });
    law("If-Match can fail or be missing", |op| {
        !takes(op, "If-Match") || (op.answers("412") && op.answers("428"))
    });
    law("an Idempotency-Key can be in use or used", |op| {
        !takes(op, "Idempotency-Key") || (op.answers("409") && op.answers("422"))
    });
    law("422 is for Idempotency-Keys alone", |op| !op.answers("422") || takes(op, "Idempotency-Key"));
    law("If-None-Match on a read can answer 304", |op| {
        op.verb != "get" || takes(op, "If-None-Match") == op.answers("304")
    });
}

#[test]
pub fn answers_have_one_shape_and_their_headers() {
    law("one success has a body at the most", |op| {
        let bodies = op.written["responses"].as_object().into_iter().flatten();
        let bodies = bodies.filter(|(status, r)| status.starts_with('2') && r.get("content").is_some());
        let shapes: BTreeSet<String> = bodies.map(|(_, r)| r["content"].to_string()).collect();
        shapes.len() <= 1
    });
    law("there is a success, or the way to one", |op| {
        op.written["responses"]
            .as_object()
            .into_iter()
            .flatten()
            .any(|(status, _)| status.starts_with('2') || status == "307")
    });
    law("a resource that is read with a validator carries ETag, Cache-Control and Vary", |op| {
        !takes(op, "If-None-Match")
            || op.verb != "get"
            || carries(op, "200", &["ETag", "Cache-Control", "Vary"])
    });
    law("304 carries ETag, Cache-Control and Vary", |op| {
        carries(op, "304", &["ETag", "Cache-Control", "Vary"])
    });
    law("202 carries Location", |op| carries(op, "202", &["Location", "Retry-After"]));
    law("201 carries Location", |op| carries(op, "201", &["Location", "ETag"]));
    law("302, 307 and 308 carry Location", |op| {
        ["302", "307", "308"].iter().all(|status| carries(op, status, &["Location"]))
    });
    law("every answer of an operation that ends says so", |op| {
        let ends = op.written["deprecated"] == json!(true);
        op.written["responses"].as_object().into_iter().flatten().all(|(status, _)| {
            let says = carries(op, status, &["Deprecation", "Sunset", "Link"]);
            // What is too long is refused before anybody knows which operation is meant.
            let early = ["414", "431"].contains(&status.as_str());
            if ends && !early { says } else { !headers(op, status).contains("Deprecation") }
        })
    });
    law("401 carries WWW-Authenticate", |op| carries(op, "401", &["WWW-Authenticate"]));
    law("429 and 503 carry Retry-After", |op| {
        carries(op, "429", &["Retry-After"]) && carries(op, "503", &["Retry-After"])
    });
    law("415 carries Accept", |op| carries(op, "415", &["Accept"]));
    law("every answer carries X-Request-Id and Cache-Control", |op| {
        let statuses = op.written["responses"].as_object().into_iter().flatten().map(|(status, _)| status);
        statuses.into_iter().all(|status| carries(op, status, &["X-Request-Id", "Cache-Control"]))
    });
}

#[test]
pub fn writes_can_be_made_safe() {
    let answers_a_secret = [
        "sessionsLogin",
        "sessionsRefresh",
        "sessionsLogout",
        "apiKeysCreate",
        "apiKeysRotate",
        "postsCreatePreview",
        "webhookEndpointsCreate",
        "webhookEndpointsRotateSecret",
    ];
    let does_it_once =
        ["documentsRestore", "documentsRevisionsRestore", "postsRestore", "postsRevisionsRestore"];
    let is_for_others = ["upstreamsSend"];
    let named = |op: &Operation| {
        signed(op) || op.answers("202") || does_it_once.contains(&op.id()) || is_for_others.contains(&op.id())
    };
    law(
        "POST takes an Idempotency-Key, unless its answer holds a secret, a second one changes nothing, or what it changes is elsewhere",
        |op| {
            op.verb != "post"
                || named(op)
                || answers_a_secret.contains(&op.id())
                || takes(op, "Idempotency-Key")
        },
    );
    law("PUT and PATCH take If-Match and Prefer", |op| {
        !matches!(op.verb, "put" | "patch") || (takes(op, "If-Match") && takes(op, "Prefer"))
    });
    law("PATCH takes a merge patch", |op| {
        op.verb != "patch"
            || op.written["requestBody"]["content"].get("application/merge-patch+json").is_some()
    });
}

#[test]
pub fn lists_are_pages() {
    law("a list has page, limit, after and count, and answers with a page and Link", |op| {
        let list = op.written["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
            .as_str()
            .is_some_and(|name| name.ends_with("Page"));
        !list
            || (["page", "limit", "after", "count"].iter().all(|name| takes(op, name))
                && carries(op, "200", &["Link", "ETag"]))
    });
}

#[test]
pub fn failures_are_problems() {
    law("every failure is application/problem+json with examples", |op| {
        op.written["responses"].as_object().into_iter().flatten().all(|(status, response)| {
            let content = follow(document(), response)["content"].as_object();
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
    law("a request body has a description and an example", |op| {
        let body = &op.written["requestBody"];
        body.is_null() || (body["description"].is_string() && all_exemplified(&body["content"]))
    });
    law("a success with a body has an example", |op| {
        let responses = op.written["responses"].as_object().into_iter().flatten();
        responses
            .filter(|(status, _)| status.starts_with('2'))
            .all(|(_, response)| all_exemplified(&response["content"]))
    });
}

fn all_exemplified(content: &Value) -> bool {
    content.as_object().is_none_or(|content| content.values().all(|media| media.get("example").is_some()))
}

#[test]
pub fn creates_link_to_what_can_be_done_with_what_they_made() {
    law("201 of a collection has links to operations that exist", |op| {
        let is_item = |path: &str| path == format!("{}/{{id}}", op.path) || path == "/api/posts/{post}";
        let paths = document()["paths"].as_object().into_iter().flatten();
        let has_item = paths
            .clone()
            .any(|(path, item)| path.starts_with(op.path) && is_item(path) && item.get("get").is_some());
        let links = op.written["responses"]["201"]["links"].as_object();
        op.verb != "post" || !op.answers("201") || !has_item || links.is_some_and(|links| links.len() > 1)
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
        assert!(document()["paths"].get(template).is_some(), "{template} does not exist");
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
pub fn an_operation_id_is_a_tag_and_a_verb() {
    law("after the tag, and `Revisions` if it is about them, an id has a known verb", |op| {
        let tag = op.written["tags"][0].as_str().unwrap_or_default();
        let rest = op.id().get(tag.len()..).unwrap_or_default();
        let rest = rest.strip_prefix("Revisions").unwrap_or(rest);
        let end =
            rest.char_indices().skip(1).find(|(_, c)| c.is_uppercase()).map_or(rest.len(), |(at, _)| at);
        VERBS.contains(&rest[..end].to_lowercase().as_str())
    });
}
