//! Request and response bodies of redirects.
use std::borrow::Cow;

pub use entity::redirect::RedirectKind;
use poem_openapi::{
    Object,
    registry::{MetaSchema, MetaSchemaRef, Registry},
    types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type},
};
use serde::Serialize;
use serde_json::{Map, Value};

use super::status::RedirectStatus;
use crate::{
    domain::{
        id::Id,
        names::names_type,
        pattern,
        text::{SearchTerms, Text, text_type},
        timestamp::Timestamp,
    },
    http::{cache_control::CacheControl, etag::ETag, pagination::PageParams, response::Resource},
};

text_type! {
    /// The key of a rule in a path: its source, or its key form (hyphens for slashes).
    pub struct RedirectKey {
        length: 1..=1000,
        pattern: pattern::REDIRECT_KEY,
        format: "no-controls",
        example: "-api-v1-revenues",
    }

    /// The source of a rule: the paths that are redirected.
    pub struct RedirectSource {
        length: 1..=1000,
        pattern: pattern::REDIRECT_SOURCE,
        format: "no-controls",
        example: "/old/*",
    }

    /// The destination of a rule: a path or a URL.
    pub struct RedirectDestination {
        length: 1..=1000,
        pattern: pattern::REDIRECT_TARGET,
        format: "no-controls",
        example: "/new/*",
    }
}

names_type! {
    /// The sort order of redirects.
    pub struct RedirectSort {
        names: ["source", "hits", "createdAt"],
        signed: true,
        max: 1,
        example: "-hits",
    }
}

/// A redirect.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Redirect {
    /// The id of the rule. It never changes.
    pub id: Id<Redirect>,
    /// The paths that are redirected, with their conditions. Each `*` and `:name` captures a part of the path.
    pub source: RedirectSource,
    /// The kind of the source.
    pub kind: RedirectKind,
    /// The destination: a path of this service or a URL. `*`, `:splat` and `:name` stand for the captured parts.
    pub destination: RedirectDestination,
    /// Whether the redirect is permanent (308).
    pub permanent: bool,
    /// The status of the redirect: 303 (the client follows with `GET`), 307 (temporary) or 308 (permanent).
    pub status: RedirectStatus,
    /// Whether an admin has allowed a destination on any host.
    pub external: bool,
    /// The time from which the rule applies. Omitted if the rule has no start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    /// The time from which the rule no longer applies. Omitted if the rule has no end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// When the rule was created.
    pub created_at: Timestamp,
    /// When the rule was last updated.
    pub updated_at: Timestamp,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) version: i64,
}

/// Returns the path of the rule with this source.
pub fn location(source: &str) -> String {
    // An escape in a source must survive the decoding of the path: `/a%2Ab` is no wildcard.
    let path = super::path::escaped(&source.replace('%', "%25")).replace('*', "%2A").replace('?', "%3F");
    match path.as_str() {
        // Without the leading slash, it would be parsed as a key form.
        path if path == "/" || path.starts_with("/-") => format!("/api/redirects/%2F{}", &path[1..]),
        // An escaped slash, because the path of the request must not contain empty segments.
        path if !path.starts_with('/') => format!("/api/redirects/{}", path.replace('/', "%2F")),
        path => format!("/api/redirects{path}"),
    }
}

impl Resource for Redirect {
    const HEADERS: &'static [&'static str] = &["Last-Modified"];

    fn etag(&self) -> ETag {
        ETag::for_version(self.id.0, self.version)
    }
    fn location(&self) -> String {
        location(&self.source)
    }
    fn last_modified(&self) -> Option<Timestamp> {
        Some(self.updated_at)
    }
    fn cache(&self) -> CacheControl {
        CacheControl::PUBLIC
    }
}

/// A redirect in a list, with its hit count.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct RedirectSummary {
    /// The id of the rule. It never changes.
    pub id: Id<Redirect>,
    /// The paths that are redirected.
    pub source: RedirectSource,
    /// The kind of the source.
    pub kind: RedirectKind,
    /// The destination: a path of this service or a URL.
    pub destination: RedirectDestination,
    /// Whether the redirect is permanent (308).
    pub permanent: bool,
    /// The status of the redirect: 303 (the client follows with `GET`), 307 (temporary) or 308 (permanent).
    pub status: RedirectStatus,
    /// Whether an admin has allowed a destination on any host.
    pub external: bool,
    /// The time from which the rule applies. Omitted if the rule has no start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    /// The time from which the rule no longer applies. Omitted if the rule has no end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// The number of redirected requests. Updated with a delay of some seconds.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub hits: i64,
    /// When the rule was last updated.
    pub updated_at: Timestamp,
}

/// A redirect to create.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct RedirectInput {
    /// The paths to redirect: a path, `/old/*` for a path and every path below it, or a path with `*` for any
    /// part of a segment and `:name` for a whole segment. A host may precede the path. Query parameters,
    /// countries and languages may follow it: `/old?id=:id Country=FR,BE Language=fr`.
    pub source: RedirectSource,
    /// The destination: a path of this service, or a URL of this service, of a host in the setting
    /// `redirect_hosts`, or of any host if `external` is true. The first `*` stands for the capture of the first
    /// `*` of the source, and so on; `:splat` for that of the last `*`; `:name` for that of `:name`.
    pub destination: RedirectDestination,
    /// Whether the redirect is permanent (308) or temporary (307).
    #[oai(default)]
    pub permanent: bool,
    /// The status of the redirect: 303, 307 or 308. If omitted, `permanent` determines it.
    pub status: Option<RedirectStatus>,
    /// Whether the destination may be on any host. Only admins may set it.
    #[oai(default)]
    pub external: bool,
    /// The time from which the rule applies. If omitted, it applies at once.
    pub starts_at: Option<Timestamp>,
    /// The time from which the rule no longer applies. If omitted, it has no end.
    pub ends_at: Option<Timestamp>,
}

/// The new destination, status and dates of a source.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct RedirectReplacement {
    /// The destination: a path of this service, or a URL of this service, of a host in the setting
    /// `redirect_hosts`, or of any host if `external` is true.
    pub destination: RedirectDestination,
    /// Whether the redirect is permanent (308) or temporary (307).
    #[oai(default)]
    pub permanent: bool,
    /// The status of the redirect: 303, 307 or 308. If omitted, `permanent` determines it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<RedirectStatus>,
    /// Whether the destination may be on any host. Only admins may set it.
    #[oai(default)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub external: bool,
    /// The time from which the rule applies. If omitted, it applies at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    /// The time from which the rule no longer applies. If omitted, it has no end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
}

impl RedirectInput {
    /// Returns the source, and the fields that depend on it.
    pub fn into_parts(self) -> (RedirectSource, RedirectReplacement) {
        let RedirectInput { source, destination, permanent, status, external, starts_at, ends_at } = self;
        (source, RedirectReplacement { destination, permanent, status, external, starts_at, ends_at })
    }
}

impl RedirectReplacement {
    /// Returns the rule with this source.
    pub fn with_source(self, source: RedirectSource) -> RedirectInput {
        let RedirectReplacement { destination, permanent, status, external, starts_at, ends_at } = self;
        RedirectInput { source, destination, permanent, status, external, starts_at, ends_at }
    }
}

/// Filters, order and page of a list of redirects.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct RedirectQuery {
    #[oai(flatten)]
    pub paging: PageParams,
    /// Search terms that the source or the destination contains. Case and accents are ignored.
    pub q: Option<SearchTerms>,
    /// The sort field, with `-` for descending order. Ties are sorted by id.
    pub sort: Option<RedirectSort>,
}

/// The result of an import.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", example)]
#[serde(rename_all = "camelCase")]
pub struct RedirectImport {
    /// The number of new rules.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub created: i64,
    /// The number of existing rules whose destination, status or dates changed.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub updated: i64,
    /// The number of existing rules that stayed unchanged.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub unchanged: i64,
    /// The number of lines and rules that were not imported.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub skipped: i64,
    /// The reasons for which lines and rules were not imported, and other remarks: the first 100.
    #[oai(validator(max_items = "100"))]
    pub warnings: Vec<Text<500>>,
    /// Whether the file was only checked, and nothing was written.
    pub dry_run: bool,
}

impl Resource for RedirectImport {
    fn etag(&self) -> ETag {
        ETag::from_parts(&[&format!("{self:?}")])
    }
    fn location(&self) -> String {
        "/api/redirects".to_owned()
    }
    fn is_new(&self) -> bool {
        !self.dry_run
    }
    fn cache(&self) -> CacheControl {
        CacheControl::NoStore
    }
}

/// The options of an import.
#[derive(Debug, Clone, Copy, Default, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct RedirectImportQuery {
    /// Whether to check the file without writing anything. If omitted, the rules are imported.
    pub dry_run: Option<bool>,
    /// Whether destinations may be on any host. Only admins may set it. It sets `external` of each rule whose
    /// destination needs it.
    pub external: Option<bool>,
}

/// Redirects by source: a JSON object with one field for each rule.
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
        self.1.clone().unwrap_or_else(|| ETag::from_parts(&[&format!("{:?}", self.0)]))
    }
    fn location(&self) -> String {
        "/api/redirect-files/json".to_owned()
    }
    fn cache(&self) -> CacheControl {
        CacheControl::Private
    }
}

/// The most fields of a map.
const MAX_FIELDS: usize = 1_000_000;

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
                    "Redirects by source. The name of a field is a source such as `/old/*` or `/old/:id`, or a key \
                     form such as `-api-v1-revenues` for the source `/api/v1/revenues`.",
                ),
                additional_properties: Some(Box::new(RedirectReplacement::schema_ref())),
                max_properties: Some(MAX_FIELDS),
                example: RedirectMap::sample().to_json(),
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
        let Some(Value::Object(fields)) = value else {
            return Err(ParseError::expected_type(value.unwrap_or_default()));
        };
        let mut rules = Vec::with_capacity(fields.len());
        for (source, value) in fields {
            let to = RedirectReplacement::parse_from_json(Some(value)).map_err(ParseError::propagate)?;
            rules.push((source, to));
        }
        Ok(RedirectMap::new(rules))
    }
}

impl ToJSON for RedirectMap {
    fn to_json(&self) -> Option<Value> {
        let fields = self.0.iter().filter_map(|(source, to)| Some((source.clone(), to.to_json()?)));
        Some(Value::Object(fields.collect::<Map<_, _>>()))
    }
}
