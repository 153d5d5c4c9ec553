//! Query and path parameters.
use std::{fmt::Write, sync::LazyLock};

use serde_json::{Map, Value, json};
use tenon::schema::{Params, form_decode};

static PARAMS: LazyLock<Params> = LazyLock::new(|| {
    let parameter = |place: &str, name: &str, schema: Value| json!({ "name": name, "in": place, "required": place == "path", "schema": schema });
    let text = json!({ "type": "string", "minLength": 1, "maxLength": 20 });
    let number = json!({ "type": "integer", "minimum": -5, "maximum": 100 });
    let parameters = [
        parameter("query", "q", text.clone()),
        parameter("query", "page", number.clone()),
        parameter("query", "ratio", json!({ "type": "number" })),
        parameter("query", "draft", json!({ "type": "boolean" })),
        parameter("query", "tag", json!({ "type": "array", "items": text, "maxItems": 4 })),
        parameter("path", "id", number),
        parameter("path", "name", json!({ "type": "string", "maxLength": 20 })),
    ];
    Params::compile(&json!({}), &parameters).expect("valid parameters")
});

/// Accepted values fit their schemas, and are equal after they are printed and parsed again. Decoding restores every
/// text that was encoded.
pub fn parameters(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    assert_eq!(form_decode(&encoded(&text)).as_deref(), Some(&*text), "is not restored");
    let mut violations = Vec::new();
    let query = PARAMS.query(Some(&text), &mut violations);
    check_bounds(&query);
    if violations.is_empty() {
        let again = PARAMS.query(Some(&print(&query)), &mut violations);
        assert!(violations.is_empty() && again == query, "{query:?} differs from {again:?}: {violations:?}");
    }
    let (id, name) = text.split_once('/').unwrap_or((&text, ""));
    let path = PARAMS.path(&[("id", id), ("name", name)], &mut Vec::new());
    check_bounds(&path);
    if let Some(accepted) = path.get("id") {
        assert_eq!(id.parse().ok(), accepted.as_i64(), "{id} is accepted as {accepted}");
    }
    if let Some(accepted) = path.get("name") {
        assert_eq!(accepted, name);
    }
}

fn check_bounds(values: &Map<String, Value>) {
    for (name, value) in values {
        let short = |value: &Value| value.as_str().is_some_and(|text| text.chars().count() <= 20);
        let valid = match name.as_str() {
            "page" | "id" => value.as_i64().is_some_and(|number| (-5..=100).contains(&number)),
            "ratio" => value.is_number(),
            "draft" => value.is_boolean(),
            "tag" => value.as_array().is_some_and(|tags| tags.len() <= 4 && tags.iter().all(short)),
            _ => short(value),
        };
        assert!(valid, "{name}: {value} is accepted");
    }
}

fn print(query: &Map<String, Value>) -> String {
    let one = |name: &str, value: &Value| match value {
        Value::String(text) => format!("{name}={}", encoded(text)),
        other => format!("{name}={}", encoded(&other.to_string())),
    };
    let all = query.iter().flat_map(|(name, value)| match value {
        Value::Array(items) => items.iter().map(|item| one(name, item)).collect(),
        other => vec![one(name, other)],
    });
    all.collect::<Vec<_>>().join("&")
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b' ' => encoded.push('+'),
            byte if byte.is_ascii_alphanumeric() => encoded.push(char::from(byte)),
            byte => _ = write!(encoded, "%{byte:02x}"),
        }
        encoded
    })
}
