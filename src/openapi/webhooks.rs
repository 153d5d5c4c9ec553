//! Webhooks that the service sends: one per event type, and the test event.
use serde_json::{Map, Value, json};

use super::components::ID;
use crate::domain::event::{EventType, Topic};

const TAG: &str = "WebhookEndpoints";

/// Name, description, schema and example of a header.
type Header = (&'static str, &'static str, Value, Value);

/// Returns the headers of Standard Webhooks.
fn standard_headers() -> [Header; 3] {
    [
        (
            "webhook-id",
            "The id of the event, equal in all attempts. Use it to ignore duplicates.",
            json!({ "type": "string", "format": "uuid", "minLength": 36, "maxLength": 36 }),
            json!(ID),
        ),
        (
            "webhook-timestamp",
            "The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.",
            json!({ "type": "integer", "format": "int64", "minimum": 0, "maximum": 9_007_199_254_740_991_i64 }),
            json!(1_763_721_000),
        ),
        (
            "webhook-signature",
            "`v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.",
            json!({ "type": "string", "pattern": "^[\\u0020-\\u007e]+$", "minLength": 47, "maxLength": 200 }),
            json!("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ),
    ]
}

/// Returns the headers of CloudEvents, for endpoints with the format `cloudevents`.
fn cloudevents_headers() -> [Header; 5] {
    let text = |pattern: &str, max: u32| json!({ "type": "string", "pattern": pattern, "minLength": 1, "maxLength": max });
    [
        (
            "ce-specversion",
            "The version of CloudEvents. All `ce-` headers are sent with the format `cloudevents` only.",
            json!({ "type": "string", "enum": ["1.0"] }),
            json!("1.0"),
        ),
        (
            "ce-id",
            "The id of the event, equal to `webhook-id`.",
            json!({ "type": "string", "format": "uuid", "minLength": 36, "maxLength": 36 }),
            json!(ID),
        ),
        (
            "ce-source",
            "The service that sends the event: its `public_url`, or `/` if it is not set.",
            text("^[\\u0021-\\u007e]+$", 2000),
            json!("https://api.acme.test"),
        ),
        (
            "ce-type",
            "The event type, as in the field `type`.",
            text("^[a-z]+(\\.[a-z]+)+$", 60),
            json!("post.published"),
        ),
        (
            "ce-time",
            "The time of the event.",
            json!({ "type": "string", "format": "date-time", "minLength": 20, "maxLength": 30 }),
            json!("2025-11-21T10:30:00.000Z"),
        ),
    ]
}

/// Returns all headers, each with whether it is required.
fn headers() -> impl Iterator<Item = (bool, Header)> {
    let required = standard_headers().into_iter().map(|header| (true, header));
    required.chain(cloudevents_headers().into_iter().map(|header| (false, header)))
}

/// Converts `webhook-id` to `WebhookId`.
fn pascal(text: &str) -> String {
    let parts = text.split(['-', '.']);
    let parts = parts.map(|part| {
        let (first, rest) = part.split_at_checked(1).unwrap_or((part, ""));
        first.to_uppercase() + rest
    });
    parts.collect()
}

/// A webhook: its event type, description, recipients, and the data of its example.
struct Webhook {
    event_type: &'static str,
    description: &'static str,
    recipients: &'static str,
    data: Value,
}

impl Webhook {
    /// Returns the webhooks of all event types, and the test event.
    fn all() -> impl Iterator<Item = Webhook> {
        let event = |event_type: &EventType| Webhook {
            event_type: event_type.as_str(),
            description: event_type.description(),
            recipients: "each enabled webhook endpoint that subscribes to this event",
            data: data(*event_type),
        };
        let test = Webhook {
            event_type: "webhook.test",
            description: "An admin requested a test event.",
            recipients: "the tested endpoint, regardless of its subscriptions",
            data: json!({ "id": ID, "href": format!("/api/webhook-endpoints/{ID}") }),
        };
        EventType::ALL.iter().map(event).chain([test])
    }

    fn name(&self) -> String {
        format!("{}Webhook", pascal(self.event_type))
    }

    fn example(&self) -> Value {
        json!({ "type": self.event_type, "timestamp": "2025-11-21T10:30:00.000Z", "data": self.data })
    }
}

/// Adds the parameters and schemas of webhooks to the components, and returns the `webhooks` object.
pub fn add(components: &mut Map<String, Value>) -> Value {
    let mut insert = |kind: &str, name: String, component: Value| {
        if let Some(entries) = components.get_mut(kind).and_then(Value::as_object_mut) {
            entries.insert(name, component);
        }
    };
    for (required, (name, description, schema, example)) in headers() {
        let parameter = json!({
            "name": name, "in": "header", "required": required,
            "description": description, "schema": schema, "example": example
        });
        insert("parameters", pascal(name), parameter);
    }
    for webhook in Webhook::all() {
        insert("schemas", webhook.name(), payload(&webhook));
    }
    let paths =
        Webhook::all().map(|webhook| (webhook.event_type.to_owned(), json!({ "post": operation(&webhook) })));
    Value::Object(paths.collect())
}

/// Returns the example `data` of an event: the id, URL and version of its resource.
fn data(event_type: EventType) -> Value {
    let versioned = |href: String| json!({ "id": ID, "href": href, "version": 3 });
    match (event_type, event_type.topic()) {
        (EventType::RedirectsImported, _) => json!({ "id": "redirects", "href": "/api/redirects" }),
        (_, Topic::Customers) => versioned(format!("/api/v2/customers/{ID}")),
        (_, Topic::Invoices) => versioned(format!("/api/v2/invoices/en-us/{ID}")),
        (_, Topic::Rates) => json!({ "id": "rates", "href": "/api/rates" }),
        (_, Topic::Redirects) => versioned("/api/redirects/old-news".to_owned()),
        (_, Topic::Revenues) => json!({ "id": "2026-11", "href": "/api/v2/revenues/en-us/2026-11" }),
        (_, Topic::Tags) => json!({ "id": "release", "href": "/api/tags/release" }),
        (_, topic) => versioned(format!("/api/{}/{ID}", topic.as_str())),
    }
}

fn payload(webhook: &Webhook) -> Value {
    json!({
        "type": "object",
        "description": format!("The body of the event `{}`. {}", webhook.event_type, webhook.description),
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": { "type": "string", "description": "The event type.", "enum": [webhook.event_type] },
            "timestamp": {
                "type": "string", "format": "date-time", "minLength": 20, "maxLength": 30,
                "description": "The time of the event."
            },
            "data": { "$ref": "#/components/schemas/EventData" }
        },
        "additionalProperties": false,
        "example": webhook.example()
    })
}

fn operation(webhook: &Webhook) -> Value {
    let name = webhook.name();
    let parameters: Vec<Value> = headers()
        .map(|(_, (header, ..))| json!({ "$ref": format!("#/components/parameters/{}", pascal(header)) }))
        .collect();
    json!({
        "operationId": format!("webhooks{}", pascal(webhook.event_type)),
        "tags": [TAG],
        "summary": format!("Receive `{}`", webhook.event_type),
        "description": format!(
            "{} Sent to {}, signed according to Standard Webhooks.",
            webhook.description, webhook.recipients
        ),
        "security": [],
        "parameters": parameters,
        "requestBody": {
            "description": "The event, at most 20 kB. With the format `cloudevents`, the body is `data` only, and the headers have the other fields.",
            "required": true,
            "content": { "application/json": {
                "schema": { "anyOf": [
                    { "$ref": format!("#/components/schemas/{name}") },
                    { "$ref": "#/components/schemas/EventData" }
                ] },
                "example": webhook.example()
            } }
        },
        "responses": {
            "2XX": { "description": "Accepted. The event is not sent again" },
            "410": { "description": "Gone. The endpoint is disabled" },
            "4XX": { "description": "Failed. The event is sent again later" },
            "5XX": { "description": "Failed. The event is sent again later, not before `Retry-After`" }
        }
    })
}
