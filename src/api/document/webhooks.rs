//! What the service sends to others: one webhook for each type of events, as OpenAPI 3.1 describes them.
use serde_json::{Map, Value, json};

use super::components::ID;
use crate::contract::event::{EventType, Topic};

const TAG: &str = "WebhookEndpoints";

/// The header fields of Standard Webhooks: name, meaning, schema and example.
fn fields() -> [(&'static str, &'static str, Value, Value); 3] {
    [
        (
            "webhook-id",
            "The event. The same in each attempt: what was seen already can be passed over.",
            json!({ "type": "string", "format": "uuid", "minLength": 36, "maxLength": 36 }),
            json!(ID),
        ),
        (
            "webhook-timestamp",
            "When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.",
            json!({ "type": "integer", "format": "int64", "minimum": 0, "maximum": 9_007_199_254_740_991_i64 }),
            json!(1_763_721_000),
        ),
        (
            "webhook-signature",
            "`v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.",
            json!({ "type": "string", "pattern": "^[\\u0020-\\u007e]+$", "minLength": 47, "maxLength": 200 }),
            json!("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ),
    ]
}

/// The header fields of CloudEvents, for endpoints whose `format` is `cloudevents`.
fn attributes() -> [(&'static str, &'static str, Value, Value); 5] {
    let text = |pattern: &str, most: u32| json!({ "type": "string", "pattern": pattern, "minLength": 1, "maxLength": most });
    [
        (
            "ce-specversion",
            "The version of CloudEvents; only with the format `cloudevents`, as all that begins with `ce-`.",
            json!({ "type": "string", "enum": ["1.0"] }),
            json!("1.0"),
        ),
        (
            "ce-id",
            "The event: the same as `webhook-id`.",
            json!({ "type": "string", "format": "uuid", "minLength": 36, "maxLength": 36 }),
            json!(ID),
        ),
        (
            "ce-source",
            "The service that tells of it: its `public_url`, or `/` where none is set.",
            text("^[\\u0021-\\u007e]+$", 2000),
            json!("https://api.acme.test"),
        ),
        (
            "ce-type",
            "What happened, in the words of the member `type`.",
            text("^[a-z]+(\\.[a-z]+)+$", 60),
            json!("post.published"),
        ),
        (
            "ce-time",
            "When it happened.",
            json!({ "type": "string", "format": "date-time", "minLength": 20, "maxLength": 30 }),
            json!("2025-11-21T10:30:00.000Z"),
        ),
    ]
}

/// All fields, each with whether every webhook has it.
fn parameters() -> impl Iterator<Item = (bool, (&'static str, &'static str, Value, Value))> {
    let always = fields().into_iter().map(|field| (true, field));
    always.chain(attributes().into_iter().map(|field| (false, field)))
}

/// `webhook-id` is `WebhookId`.
fn pascal(text: &str) -> String {
    let words = text.split(['-', '.']);
    let words = words.map(|word| {
        let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        first.to_uppercase() + rest
    });
    words.collect()
}

fn payload_name(kind: EventType) -> String {
    format!("{}Webhook", pascal(kind.as_str()))
}

/// Adds what the webhooks share to the components, and gives the webhooks.
pub fn section(components: &mut Map<String, Value>) -> Value {
    let mut add = |kind: &str, name: String, part: Value| {
        if let Some(parts) = components.get_mut(kind).and_then(Value::as_object_mut) {
            parts.insert(name, part);
        }
    };
    for (required, (name, meaning, schema, example)) in parameters() {
        let parameter = json!({
            "name": name, "in": "header", "required": required,
            "description": meaning, "schema": schema, "example": example
        });
        add("parameters", pascal(name), parameter);
    }
    for kind in EventType::ALL {
        add("schemas", payload_name(*kind), payload(*kind));
    }
    let each =
        EventType::ALL.iter().map(|kind| (kind.as_str().to_owned(), json!({ "post": webhook(*kind) })));
    Value::Object(each.collect())
}

fn example(kind: EventType) -> Value {
    let href = match kind.topic() {
        Topic::Customers => format!("/api/v2/customers/{ID}"),
        Topic::Documents => "/api/docs/guides/first-steps".to_owned(),
        Topic::Invoices => format!("/api/v2/invoices/{ID}"),
        topic => format!("/api/{}/{ID}", topic.as_str()),
    };
    json!({
        "type": kind.as_str(),
        "timestamp": "2025-11-21T10:30:00.000Z",
        "data": { "id": ID, "href": href, "version": 3 }
    })
}

fn payload(kind: EventType) -> Value {
    let meaning = kind.meaning().trim_end_matches('.');
    json!({
        "type": "object",
        "description": format!("What is sent when this happened: {}.", lower_first(meaning)),
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": { "type": "string", "description": "What happened.", "enum": [kind.as_str()] },
            "timestamp": {
                "type": "string", "format": "date-time", "minLength": 20, "maxLength": 30,
                "description": "When it happened."
            },
            "data": { "$ref": "#/components/schemas/EventData" }
        },
        "additionalProperties": false,
        "example": example(kind)
    })
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

fn webhook(kind: EventType) -> Value {
    let name = payload_name(kind);
    let parameters: Vec<Value> = parameters()
        .map(|(_, (field, ..))| json!({ "$ref": format!("#/components/parameters/{}", pascal(field)) }))
        .collect();
    json!({
        "operationId": format!("webhooks{}", pascal(kind.as_str())),
        "tags": [TAG],
        "summary": format!("Sent for `{}`", kind.as_str()),
        "description": format!(
            "{} Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.",
            kind.meaning()
        ),
        "security": [],
        "parameters": parameters,
        "requestBody": {
            "description": "What happened, and to what; with the format `cloudevents` only to what, as all else stands in the header. No more than 20 kB.",
            "required": true,
            "content": { "application/json": {
                "schema": { "anyOf": [
                    { "$ref": format!("#/components/schemas/{name}") },
                    { "$ref": "#/components/schemas/EventData" }
                ] },
                "example": example(kind)
            } }
        },
        "responses": {
            "2XX": { "description": "Taken: it is not sent again" },
            "410": { "description": "Gone: the endpoint is disabled at once" },
            "4XX": { "description": "Not taken: it is sent again later" },
            "5XX": { "description": "Not taken: it is sent again later, and not before `Retry-After`" }
        }
    })
}
