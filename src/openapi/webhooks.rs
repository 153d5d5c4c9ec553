//! Webhooks that the service sends: one per event type, and the test event.
use serde_json::{Map, Value, json};

use super::components::ID;
use crate::domain::{
    event::{EventType, Topic},
    pattern::{self, Pattern},
};

/// The tag of all webhooks: its name and description.
pub const TAG: (&str, &str) = (
    "Webhooks",
    "Webhooks: events that the service sends to webhook endpoints, signed by Standard Webhooks.",
);

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
            json!({ "type": "string", "pattern": pattern::PRINTABLE.regex, "minLength": 47, "maxLength": 200 }),
            json!("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ),
    ]
}

/// Returns the headers of CloudEvents, for endpoints with the format `cloudevents`.
fn cloudevents_headers() -> [Header; 5] {
    let text = |pattern: Pattern, max: u32| json!({ "type": "string", "pattern": pattern.regex, "minLength": 1, "maxLength": max });
    [
        (
            "ce-specversion",
            "The version of CloudEvents.",
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
            text(pattern::NO_SPACES, 2000),
            json!("https://api.acme.test"),
        ),
        (
            "ce-type",
            "The event type, as in the field `type`.",
            text(pattern::DOTTED_NAME, 60),
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

/// Returns references to the parameters of these headers.
fn references(headers: impl IntoIterator<Item = Header>) -> Vec<Value> {
    let reference =
        |(name, ..): Header| json!({ "$ref": format!("#/components/parameters/{}", pascal(name)) });
    headers.into_iter().map(reference).collect()
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

/// Adds the parameters, responses and schemas of webhooks to the components, and returns the `webhooks` object.
pub fn add(components: &mut Map<String, Value>) -> Value {
    let mut insert = |kind: &str, name: String, component: Value| {
        if let Some(entries) = components.get_mut(kind).and_then(Value::as_object_mut) {
            entries.insert(name, component);
        }
    };
    for (name, description, schema, example) in standard_headers().into_iter().chain(cloudevents_headers()) {
        let parameter = json!({
            "name": name, "in": "header", "required": true,
            "description": description, "schema": schema, "example": example
        });
        insert("parameters", pascal(name), parameter);
    }
    for (name, description) in [
        ("WebhookAccepted", "Accepted. The event is not sent again"),
        ("WebhookGone", "Gone. The endpoint is disabled"),
        ("WebhookFailed", "Failed. The event is sent again later, not before `Retry-After`"),
    ] {
        insert("responses", name.to_owned(), json!({ "description": description }));
    }
    for webhook in Webhook::all() {
        insert("schemas", webhook.name(), payload(&webhook));
    }
    let paths = Webhook::all()
        .map(|webhook| (webhook.event_type.to_owned(), json!({ "post": operation(&webhook) })))
        .chain([("cloudevent".to_owned(), json!({ "post": cloudevent() }))]);
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
    request(
        &pascal(webhook.event_type),
        &format!("Receive `{}`", webhook.event_type),
        &format!("{} Sent to {}.", webhook.description, webhook.recipients),
        &webhook.name(),
        references(standard_headers()),
    )
}

/// The same events for endpoints with the format `cloudevents`.
fn cloudevent() -> Value {
    request(
        "CloudEvent",
        "Receive an event as a CloudEvent",
        "Any of the events, for endpoints with the format `cloudevents`: the binary mode of CloudEvents 1.0. The type \
         and the time are in headers; the body is `data` only.",
        "EventData",
        references(standard_headers().into_iter().chain(cloudevents_headers())),
    )
}

fn request(id: &str, summary: &str, description: &str, schema: &str, parameters: Vec<Value>) -> Value {
    let response = |name: &str| json!({ "$ref": format!("#/components/responses/{name}") });
    json!({
        "operationId": format!("webhooks{id}"),
        "tags": [TAG.0],
        "summary": summary,
        "description": description,
        "security": [],
        "parameters": parameters,
        "requestBody": {
            "description": "The event, at most 20 kB.",
            "required": true,
            "content": { "application/json": { "schema": { "$ref": format!("#/components/schemas/{schema}") } } }
        },
        "responses": {
            "2XX": response("WebhookAccepted"),
            "410": response("WebhookGone"),
            "4XX": response("WebhookFailed"),
            "5XX": response("WebhookFailed")
        }
    })
}
