//! Event filters of an endpoint: an event type, or a topic with all its types.
use std::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

use poem_openapi::registry::MetaSchema;

use crate::domain::{
    event::{EventType, Topic},
    scalar::string_scalar,
};

/// An event type or a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventFilter {
    Topic(Topic),
    Type(EventType),
}

impl EventFilter {
    pub fn as_str(self) -> &'static str {
        match self {
            EventFilter::Topic(topic) => topic.as_str(),
            EventFilter::Type(kind) => kind.as_str(),
        }
    }

    fn all() -> impl Iterator<Item = EventFilter> {
        let topics = Topic::ALL.iter().copied().map(EventFilter::Topic);
        topics.chain(EventType::ALL.iter().copied().map(EventFilter::Type))
    }
}

impl Hash for EventFilter {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

/// Serializes filters for the `events` column.
pub fn serialize(filters: &[EventFilter]) -> String {
    let names: Vec<&str> = filters.iter().map(|filter| filter.as_str()).collect();
    serde_json::to_string(&names).unwrap_or_else(|_| "[]".to_owned())
}

/// Parses the `events` column to the names of the filters, without validating them.
pub fn parse(stored: &str) -> Vec<String> {
    serde_json::from_str(stored).unwrap_or_default()
}

/// Returns whether a list of filters matches an event. An empty list matches all events.
pub fn matches(filters: &[String], kind: &str, topic: &str) -> bool {
    filters.is_empty() || filters.iter().any(|filter| filter == kind || filter == topic)
}

impl FromStr for EventFilter {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let known = EventFilter::all().find(|filter| filter.as_str() == text);
        known.ok_or_else(|| format!("must be an event type or a topic, got {text}"))
    }
}

impl fmt::Display for EventFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

string_scalar!([] EventFilter, "event-filter", MetaSchema {
    enum_items: EventFilter::all().map(|filter| filter.as_str().into()).collect(),
    ..MetaSchema::new("string")
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_types_and_topics() {
        let filters = ["invoice.paid".to_owned(), "posts".to_owned()];
        assert!(matches(&filters, "invoice.paid", "invoices"));
        assert!(!matches(&filters, "invoice.created", "invoices"));
        assert!(matches(&filters, "post.deleted", "posts"));
        assert!(matches(&[], "tag.created", "tags"));
        assert!("posts".parse::<EventFilter>().is_ok() && "post.gone".parse::<EventFilter>().is_err());
    }
}
