//! What an endpoint wants to know of: a type of events, or all that are about something.
use std::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

use poem_openapi::registry::MetaSchema;

use crate::contract::{
    event::{EventType, Topic},
    scalar::string_scalar,
};

/// A type of events, or a topic.
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

/// Filters as they are kept.
pub fn kept(filters: &[EventFilter]) -> String {
    let words: Vec<&str> = filters.iter().map(|filter| filter.as_str()).collect();
    serde_json::to_string(&words).unwrap_or_else(|_| "[]".to_owned())
}

/// The words of filters that were kept.
pub fn wanted(kept: &str) -> Vec<String> {
    serde_json::from_str(kept).unwrap_or_default()
}

/// Whether a list of filters, as it is kept, wants this event; an empty one wants all.
pub fn wants(filters: &[String], kind: &str, topic: &str) -> bool {
    filters.is_empty() || filters.iter().any(|filter| filter == kind || filter == topic)
}

impl FromStr for EventFilter {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let known = EventFilter::all().find(|filter| filter.as_str() == text);
        known.ok_or_else(|| format!("{text} is neither a type of events nor a topic"))
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
    fn a_filter_is_a_type_or_a_topic() {
        let filters = ["invoice.paid".to_owned(), "posts".to_owned()];
        assert!(wants(&filters, "invoice.paid", "invoices"));
        assert!(!wants(&filters, "invoice.created", "invoices"));
        assert!(wants(&filters, "post.deleted", "posts"));
        assert!(wants(&[], "tag.created", "tags"));
        assert!("posts".parse::<EventFilter>().is_ok() && "post.gone".parse::<EventFilter>().is_err());
    }
}
