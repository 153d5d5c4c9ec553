//! How a redirect looks on the wire.
use std::{borrow::Cow, convert::Infallible, fmt, str::FromStr};

use poem_openapi::{
    Enum, Object,
    registry::{MetaSchema, MetaSchemaRef, Registry},
    types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type},
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::contract::{
    answer::Resource, cache::Cache, etag::ETag, id::Id, page::Paging, scalar::string_scalar, time::Timestamp,
};

/// What names a rule in an address: its source, or its key form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectKey(pub String);

impl FromStr for RedirectKey {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(RedirectKey(text.to_owned()))
    }
}

impl fmt::Display for RedirectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

string_scalar!([] RedirectKey, "redirect-key", MetaSchema {
    pattern: Some("^[^\\u0000-\\u001f?#\\\\]+$".to_owned()),
    min_length: Some(1),
    max_length: Some(1000),
    example: Some("-api-v1-revenues".into()),
    ..MetaSchema::new("string")
});

/// How the source of a rule matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum RedirectKind {
    /// This one path.
    Exact,
    /// The path and all below it: `/old/*`.
    Prefix,
    /// Paths with something in between: `/blog/*.html`.
    Wildcard,
}

/// A redirect as a whole.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Redirect {
    /// What the rule is known by for good.
    pub id: Id<Redirect>,
    /// The paths that lead elsewhere; `*` takes a part of them.
    #[oai(validator(pattern = "^/[^\\u0000-\\u001f?#\\\\]*$", min_length = "1", max_length = "1000"))]
    pub source: String,
    /// How the source matches.
    pub kind: RedirectKind,
    /// Where they lead. `*` and `:splat` stand for what the source took.
    #[oai(validator(pattern = "^[^\\u0000-\\u0020\\\\]+$", min_length = "1", max_length = "1000"))]
    pub destination: String,
    /// Whether that is for good (308) or for now (307).
    pub permanent: bool,
    /// From when on; left out: from the beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    /// Until when; left out: for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// When the rule was first written.
    pub created_at: Timestamp,
    /// When the rule was last changed.
    pub updated_at: Timestamp,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) version: i64,
}

/// The address of the rule with this source.
pub fn address(source: &str) -> String {
    // What is escaped in a source is not what the escape stands for: `/a%2Ab` is no wildcard.
    let path = super::path::escaped(&source.replace('%', "%25")).replace('*', "%2A");
    let own = ["/import", "/export"].iter().any(|own| path.starts_with(own));
    match path.as_str() {
        "/" => "/api/redirects/-".to_owned(),
        // These would be read as something else than a path without its slash.
        path if path.starts_with("/-") || own => format!("/api/redirects/%2F{}", &path[1..]),
        path => format!("/api/redirects{path}"),
    }
}

impl Resource for Redirect {
    const FIELDS: &'static [&'static str] = &["Last-Modified"];

    fn etag(&self) -> ETag {
        ETag::of(self.id.0, self.version)
    }
    fn location(&self) -> String {
        address(&self.source)
    }
    fn modified(&self) -> Option<Timestamp> {
        Some(self.updated_at)
    }
    fn cache(&self) -> Cache {
        Cache::PUBLIC
    }
}

/// A redirect in a list.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct RedirectSummary {
    /// What the rule is known by for good.
    pub id: Id<Redirect>,
    /// The paths that lead elsewhere.
    #[oai(validator(pattern = "^/[^\\u0000-\\u001f?#\\\\]*$", min_length = "1", max_length = "1000"))]
    pub source: String,
    /// How the source matches.
    pub kind: RedirectKind,
    /// Where they lead.
    #[oai(validator(pattern = "^[^\\u0000-\\u0020\\\\]+$", min_length = "1", max_length = "1000"))]
    pub destination: String,
    /// Whether that is for good (308) or for now (307).
    pub permanent: bool,
    /// From when on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// How often it was followed; some seconds behind.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub hits: i64,
    /// When the rule was last changed.
    pub updated_at: Timestamp,
}

/// A redirect to be written.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct NewRedirect {
    /// The paths that shall lead elsewhere: a path, `/old/*` for a path with all below it, or `*` for any part
    /// of a segment.
    #[oai(validator(pattern = "^/[^\\u0000-\\u001f?#\\\\]*$", min_length = "1", max_length = "1000"))]
    pub source: String,
    /// Where they shall lead: a path of this service, or an address on its own host or one of the setting `redirect_hosts`.
    /// Each `*` stands for what the `*` of the source at the same place took, `:splat` for the last of them.
    #[oai(validator(pattern = "^[^\\u0000-\\u0020\\\\]+$", min_length = "1", max_length = "1000"))]
    pub destination: String,
    /// Whether that is for good (308) or for now (307).
    #[oai(default)]
    pub permanent: bool,
    /// From when on; left out: from now on.
    pub starts_at: Option<Timestamp>,
    /// Until when; left out: for ever.
    pub ends_at: Option<Timestamp>,
}

/// What a source shall lead to from now on.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct RedirectReplacement {
    /// Where it shall lead: a path of this service, or an address on its own host or one of the setting `redirect_hosts`.
    #[oai(validator(pattern = "^[^\\u0000-\\u0020\\\\]+$", min_length = "1", max_length = "1000"))]
    pub destination: String,
    /// Whether that is for good (308) or for now (307).
    #[oai(default)]
    pub permanent: bool,
    /// From when on; left out: from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    /// Until when; left out: for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
}

/// Which redirects are listed, and in which order.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct RedirectQuery {
    #[oai(flatten)]
    pub paging: Paging,
    /// Words that the source or the destination contain, whatever their case or accents.
    #[oai(validator(min_length = "1", max_length = "100"))]
    pub q: Option<String>,
    /// The order, with `-` for falling. Equal rules follow by id.
    #[oai(validator(pattern = "^-?(source|hits|createdAt)$", min_length = "4", max_length = "10"))]
    pub sort: Option<String>,
}

/// What an import has done.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", example)]
#[serde(rename_all = "camelCase")]
pub struct RedirectImport {
    /// Rules that are new.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub created: i64,
    /// Rules that lead elsewhere now, or at other times.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub updated: i64,
    /// Rules that were there like this before.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub unchanged: i64,
}

impl Resource for RedirectImport {
    fn etag(&self) -> ETag {
        ETag::of_parts(&[&format!("{self:?}")])
    }
    fn location(&self) -> String {
        "/api/redirects".to_owned()
    }
    fn cache(&self) -> Cache {
        Cache::None
    }
}

/// Redirects by source: an object with a member for each.
#[derive(Debug, Clone)]
pub struct RedirectMap(pub Vec<(String, RedirectReplacement)>, pub(super) Option<ETag>);

impl RedirectMap {
    pub fn new(rules: Vec<(String, RedirectReplacement)>) -> Self {
        RedirectMap(rules, None)
    }
}

impl Serialize for RedirectMap {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(source, to)| (source, to)))
    }
}

impl Resource for RedirectMap {
    fn etag(&self) -> ETag {
        self.1.clone().unwrap_or_else(|| ETag::of_parts(&[&format!("{:?}", self.0)]))
    }
    fn location(&self) -> String {
        "/api/redirects/export".to_owned()
    }
    fn cache(&self) -> Cache {
        Cache::Private
    }
}

/// The most members of a map.
const MOST: usize = 1_000_000;

impl Type for RedirectMap {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "RedirectMap".into()
    }
    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference("RedirectMap".to_owned())
    }
    fn register(registry: &mut Registry) {
        registry.create_schema::<Self, _>("RedirectMap".to_owned(), |registry| {
            RedirectReplacement::register(registry);
            MetaSchema {
                description: Some(
                    "Redirects by source. The name of a member is a path such as `/old/*`, or the key form \
                     `-api-v1-revenues`, which stands for the path with slashes for hyphens.",
                ),
                additional_properties: Some(Box::new(RedirectReplacement::schema_ref())),
                max_properties: Some(MOST),
                example: RedirectMap::story().to_json(),
                ..MetaSchema::new("object")
            }
        });
    }
    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }
    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ParseFromJSON for RedirectMap {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let Some(Value::Object(members)) = value else {
            return Err(ParseError::expected_type(value.unwrap_or_default()));
        };
        let mut rules = Vec::with_capacity(members.len());
        for (source, value) in members {
            let to = RedirectReplacement::parse_from_json(Some(value)).map_err(ParseError::propagate)?;
            rules.push((source, to));
        }
        Ok(RedirectMap::new(rules))
    }
}

impl ToJSON for RedirectMap {
    fn to_json(&self) -> Option<Value> {
        let members = self.0.iter().filter_map(|(source, to)| Some((source.clone(), to.to_json()?)));
        Some(Value::Object(members.collect::<Map<_, _>>()))
    }
}
