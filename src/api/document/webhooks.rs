//! What the service sends to others: one webhook for each type of events, and the test, as OpenAPI 3.1 describes them.
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

/// What is sent: its type, what that means, and the data of an example.
struct Sent {
    kind: &'static str,
    meaning: &'static str,
    to: &'static str,
    data: Value,
}

impl Sent {
    /// All that happens, and what an admin asks for to see that it arrives.
    fn all() -> impl Iterator<Item = Sent> {
        let event = |kind: &EventType| Sent {
            kind: kind.as_str(),
            meaning: kind.meaning(),
            to: "each enabled webhook endpoint that wants it",
            data: data(*kind),
        };
        let test = Sent {
            kind: "webhook.test",
            meaning: "A test that an admin has asked for.",
            to: "the endpoint that it was asked for, whatever that wants",
            data: json!({ "id": ID, "href": format!("/api/webhook-endpoints/{ID}") }),
        };
        EventType::ALL.iter().map(event).chain([test])
    }

    fn name(&self) -> String {
        format!("{}Webhook", pascal(self.kind))
    }

    fn example(&self) -> Value {
        json!({ "type": self.kind, "timestamp": "2025-11-21T10:30:00.000Z", "data": self.data })
    }
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
    for sent in Sent::all() {
        add("schemas", sent.name(), payload(&sent));
    }
    Value::Object(Sent::all().map(|sent| (sent.kind.to_owned(), json!({ "post": webhook(&sent) }))).collect())
}

/// What an event says of its resource, and where that is read.
fn data(kind: EventType) -> Value {
    let counted = |href: String| json!({ "id": ID, "href": href, "version": 3 });
    match (kind, kind.topic()) {
        (EventType::RedirectsImported, _) => json!({ "id": "redirects", "href": "/api/redirects" }),
        (_, Topic::Customers) => counted(format!("/api/v2/customers/{ID}")),
        (_, Topic::Documents) => counted("/api/docs/guides/first-steps".to_owned()),
        (_, Topic::Invoices) => counted(format!("/api/v2/invoices/en-us/{ID}")),
        (_, Topic::Rates) => json!({ "id": "rates", "href": "/api/rates" }),
        (_, Topic::Redirects) => counted("/api/redirects/old-news".to_owned()),
        (_, Topic::Revenues) => json!({ "id": "2026-11", "href": "/api/v2/revenues/en-us/2026-11" }),
        (_, Topic::Tags) => json!({ "id": "release", "href": "/api/tags/release" }),
        (_, topic) => counted(format!("/api/{}/{ID}", topic.as_str())),
    }
}

fn payload(sent: &Sent) -> Value {
    let meaning = sent.meaning.trim_end_matches('.');
    json!({
        "type": "object",
        "description": format!("What is sent when this happened: {}.", lower_first(meaning)),
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": { "type": "string", "description": "What happened.", "enum": [sent.kind] },
            "timestamp": {
                "type": "string", "format": "date-time", "minLength": 20, "maxLength": 30,
                "description": "When it happened."
            },
            "data": { "$ref": "#/components/schemas/EventData" }
        },
        "additionalProperties": false,
        "example": sent.example()
    })
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

fn webhook(sent: &Sent) -> Value {
    let name = sent.name();
    let parameters: Vec<Value> = parameters()
        .map(|(_, (field, ..))| json!({ "$ref": format!("#/components/parameters/{}", pascal(field)) }))
        .collect();
    json!({
        "operationId": format!("webhooks{}", pascal(sent.kind)),
        "tags": [TAG],
        "summary": format!("Sent for `{}`", sent.kind),
        "description": format!(
            "{} Sent to {}, signed as Standard Webhooks has it.",
            sent.meaning, sent.to
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
                "example": sent.example()
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
