//! The changed fields of an entry.
//!
//! Only listed values are recorded: those of types that cannot contain a secret or a content (numbers, switches, times,
//! ids), and the texts of the columns in [`RECORDED_TEXTS`]. Of all other fields, only the name is recorded.
use sea_orm::{EntityName, EntityTrait, IdenStatic, Iterable, ModelTrait, Value};
use serde::Serialize;

use crate::domain::timestamp::Timestamp;

/// Tables and columns whose text is recorded: names of states and roles, keys in paths, and the e-mail address that signs in.
/// Not listed are texts about persons without an account, such as the e-mail address of a customer.
const RECORDED_TEXTS: &[(&str, &str)] = &[
    ("channels", "audience"),
    ("comments", "status"),
    ("documents", "path"),
    ("invoices", "currency"),
    ("invoices", "date"),
    ("invoices", "status"),
    ("posts", "slug"),
    ("redirects", "kind"),
    ("revenues", "currency"),
    ("revenues", "month"),
    ("tags", "slug"),
    ("users", "email"),
    ("users", "role"),
    ("users", "status"),
    ("webhook_endpoints", "disabled_reason"),
    ("webhook_endpoints", "events"),
    ("webhook_endpoints", "format"),
    ("webhook_endpoints", "header_names"),
    ("webhook_endpoints", "state"),
];

/// Columns that follow from others or change with every write.
const IGNORED: &[&str] =
    &["comments_count", "created_at", "listed_without_posts", "search", "updated_at", "version"];

/// Characters of a recorded value at most. A longer value is omitted.
const MAX_VALUE: usize = 100;

/// Bytes of the changed fields as JSON at most. Values, then fields, beyond it are omitted.
const MAX_BYTES: usize = 1000;

/// The changed fields of a resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Changes(Vec<Change>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Change {
    field: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
}

impl Changes {
    /// Returns the columns that differ between two versions of a row, in `camelCase`.
    pub fn between<M: ModelTrait>(before: &M, after: &M) -> Self {
        let entity = M::Entity::default();
        let (table, mut changes) = (entity.table_name(), Changes::default());
        for column in <M::Entity as EntityTrait>::Column::iter() {
            let (old, new, name) = (before.get(column), after.get(column), column.as_str());
            let is_text_recorded = RECORDED_TEXTS.contains(&(table, name));
            if old != new && !IGNORED.contains(&name) {
                let value = |value| recorded(name, is_text_recorded, value);
                changes.add(field_name(name), value(old), value(new));
            }
        }
        changes
    }

    /// Returns the fields of a new resource that grant rights.
    pub fn created<const N: usize>(fields: [(&str, Option<String>); N]) -> Self {
        let mut changes = Changes::default();
        fields.into_iter().for_each(|(field, value)| changes.add(field, None, value));
        changes
    }

    /// Returns the names of changed fields, without values.
    pub fn names<const N: usize>(fields: [&str; N]) -> Self {
        Changes::created(fields.map(|field| (field, None)))
    }

    /// Adds a field with its values. The caller must not pass secrets.
    pub fn add(&mut self, field: impl Into<String>, from: Option<String>, to: Option<String>) {
        let short = |value: Option<String>| value.filter(|text| text.chars().count() <= MAX_VALUE);
        self.0.push(Change { field: field.into(), from: short(from), to: short(to) });
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the JSON that is stored, of at most [`MAX_BYTES`] bytes.
    pub(super) fn to_json(&self) -> String {
        let json = |changes: &[Change]| serde_json::to_string(changes).unwrap_or_else(|_| "[]".to_owned());
        let complete = json(&self.0);
        if complete.len() <= MAX_BYTES {
            return complete;
        }
        let mut names: Vec<Change> = self
            .0
            .iter()
            .map(|change| Change { field: change.field.clone(), from: None, to: None })
            .collect();
        while json(&names).len() > MAX_BYTES {
            names.pop();
        }
        json(&names)
    }
}

/// Converts the name of a column to that of its field. The hash of a password must not look like a recorded value.
fn field_name(column: &str) -> String {
    if column == "password_hash" {
        return "password".to_owned();
    }
    let mut name = String::with_capacity(column.len());
    for (number, part) in column.split('_').enumerate() {
        let mut letters = part.chars();
        match letters.next().filter(|_| number > 0) {
            Some(first) => name.extend(first.to_uppercase().chain(letters)),
            None => name.push_str(part),
        }
    }
    name
}

/// Returns the text of a value that may be recorded; `None` for NULL and for all other values.
fn recorded(column: &str, is_text_recorded: bool, value: Value) -> Option<String> {
    let is_time = ["_at", "_since", "_until"].iter().any(|end| column.ends_with(end));
    match value {
        Value::Bool(value) => value.map(|value| value.to_string()),
        Value::Int(value) => value.map(|value| value.to_string()),
        // 0 is the time of a post that is not published.
        Value::BigInt(value) if is_time => value.filter(|at| *at != 0).map(|at| Timestamp(at).to_string()),
        Value::BigInt(value) => value.map(|value| value.to_string()),
        Value::Double(value) => value.map(|value| value.to_string()),
        Value::Uuid(value) => value.map(|value| value.to_string()),
        Value::String(value) if is_text_recorded => value,
        _ => None,
    }
}
