//! The declaration of an operation: path, parameters, access, body, responses, deprecation and rate limit.
//!
//! `#[operations]` builds it from the signature of the method when the process starts. The OpenAPI document
//! and the dispatcher are two readers of it.
use std::collections::BTreeSet;

use poem::{Request, http::Method};
use poem_openapi::{
    Tags,
    registry::{MetaSchemaRef, MetaTag, Registry},
};

use crate::domain::{
    principal::{Ownership, Principal, Role},
    scope::Scope,
};

/// A group of operations in the OpenAPI document: those of one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag {
    /// The name, as in `PascalCase`.
    pub name: &'static str,
    pub description: &'static str,
}

impl Tags for Tag {
    fn register(&self, registry: &mut Registry) {
        registry.create_tag(MetaTag {
            name: self.name,
            description: Some(self.description),
            external_docs: None,
        });
    }
    fn name(&self) -> &'static str {
        self.name
    }
}

/// The operations of a resource, in the order of their methods.
pub trait Operations {
    fn operations() -> Vec<Operation>;
}

/// The type of an argument of an operation.
pub trait DeclareArgument {
    fn declare(operation: &mut Operation, argument: Argument);
}

/// The type of the result of an operation, or a part of it.
pub trait DeclareResponse {
    fn declare(operation: &mut Operation);
}

/// The name and the doc comment of an argument.
#[derive(Debug, Clone, Copy)]
pub struct Argument {
    pub name: &'static str,
    pub description: &'static str,
}

/// An operation.
#[derive(Debug, Clone)]
pub struct Operation {
    /// The `operationId`.
    pub id: &'static str,
    pub method: Method,
    /// The path template: `/api/posts/{id}`.
    pub path: &'static str,
    pub tag: Tag,
    pub summary: &'static str,
    pub description: &'static str,
    pub path_parameters: Vec<PathParameter>,
    /// The last path parameter matches several segments. OpenAPI cannot declare this.
    pub many_segments: bool,
    /// The other parameters, in the order of the arguments.
    pub parameters: Vec<Parameter>,
    access: Option<Access>,
    pub body: Option<RequestBody>,
    /// The responses below 400, by status.
    pub responses: Vec<ResponseSpec>,
    /// The statuses from 400.
    pub errors: BTreeSet<u16>,
    pub deprecation: Option<Deprecation>,
    /// `None` for operations that are not rate limited.
    pub rate_limit: Option<RateLimitClass>,
    /// The collections that a response depends on, apart from [`RESTRICTED`](crate::http::auth::RESTRICTED) for
    /// authenticated callers. The server caches public responses until one of them changes. `None` if no response is
    /// cached; empty if all responses are equal.
    pub cached_by: Option<&'static [&'static str]>,
    /// The query parameter that makes a request a search. A client may have few searches in progress.
    pub search: Option<&'static str>,
    /// Whether unknown query parameters are ignored. They are rejected otherwise.
    pub ignores_unknown_query: bool,
}

/// A path parameter.
#[derive(Debug, Clone)]
pub struct PathParameter {
    pub name: &'static str,
    pub description: &'static str,
    pub schema: MetaSchemaRef,
}

/// A parameter that is not part of the path.
#[derive(Debug, Clone, PartialEq)]
pub enum Parameter {
    /// One parameter per field of this schema.
    Query(MetaSchemaRef),
    /// A shared header parameter, by the name of the header.
    Header(&'static str),
}

/// The callers that may use an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// All callers. Credentials are ignored, and the response is the same for all callers.
    Public,
    /// All callers. Authenticated ones may see more.
    Optional,
    /// Senders of signed requests.
    Signed(SignatureScheme),
    /// Authenticated callers. Without `api_keys`, by session only.
    Authenticated { allowed: &'static [Allowed], api_keys: bool },
}

/// The security scheme of signed requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignatureScheme {
    /// The name in the OpenAPI document, in `snake_case`.
    pub name: &'static str,
    /// The header that contains the signature.
    pub header: &'static str,
    /// The format of the signature, and the other headers that it requires.
    pub description: &'static str,
}

/// A group of authenticated callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// All authenticated callers.
    All,
    /// The owner of the resource, in the roles that have the rights of an owner. The service checks the ownership
    /// when it loads the row.
    Owner(Ownership),
    Role(Role),
}

impl Allowed {
    /// Returns the name in `x-authz`.
    pub fn name(self) -> String {
        match self {
            Allowed::All => "authenticated".to_owned(),
            Allowed::Owner(Ownership::Personal) => "owner".to_owned(),
            Allowed::Owner(Ownership::Content) => "content-owner".to_owned(),
            Allowed::Role(role) => role.to_string(),
        }
    }

    /// Returns whether the caller may belong to the group. The service checks the owner when it loads the row.
    pub fn may_include(self, principal: &Principal) -> bool {
        match self {
            Allowed::All => true,
            Allowed::Owner(kind) => kind.is_held_by(principal.role),
            Allowed::Role(role) => role == principal.role,
        }
    }
}

impl Access {
    /// Returns the groups of callers, as in `x-authz`.
    pub fn groups(self) -> Vec<String> {
        match self {
            Access::Public | Access::Optional => vec!["anonymous".to_owned()],
            Access::Signed(_) => vec!["provider".to_owned()],
            Access::Authenticated { allowed, .. } => allowed.iter().map(|group| group.name()).collect(),
        }
    }

    /// Returns whether credentials in the request are ignored.
    pub fn ignores_credentials(self) -> bool {
        matches!(self, Access::Public | Access::Signed(_))
    }

    fn accepts_api_keys(self) -> bool {
        matches!(self, Access::Optional | Access::Authenticated { api_keys: true, .. })
    }
}

/// The accepted request bodies.
#[derive(Debug, Clone)]
pub struct RequestBody {
    pub description: Option<&'static str>,
    pub content: Vec<MediaType>,
    pub format: BodyFormat,
    /// Maximum bytes, if fewer than the limit of the service.
    pub max_bytes: Option<usize>,
    /// The fix that the 413 names.
    pub too_large_hint: Option<&'static str>,
}

/// A media type and the schema of its content.
#[derive(Debug, Clone)]
pub struct MediaType {
    pub name: &'static str,
    pub schema: MetaSchemaRef,
}

/// The format that a request body is decoded from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyFormat {
    Json,
    /// Text of any content.
    Text,
    /// Raw bytes, for operations that verify a signature before they parse the body.
    Bytes,
    /// Multipart, which the handler reads as a stream. `file` is the part with the file, and `media_types`
    /// its accepted media types, separated by commas.
    Multipart {
        file: &'static str,
        media_types: String,
    },
}

/// A response below 400.
#[derive(Debug, Clone)]
pub struct ResponseSpec {
    pub status: u16,
    pub description: &'static str,
    pub headers: Vec<ResponseHeader>,
    pub content: Vec<MediaType>,
}

impl ResponseSpec {
    /// Declares a response without a body. The OpenAPI document describes each header once, by its name.
    pub fn empty(status: u16, headers: &[&'static str], description: &'static str) -> Self {
        let headers = headers.iter().map(|name| ResponseHeader { name, always: true }).collect();
        ResponseSpec { status, description, headers, content: Vec::new() }
    }
}

/// A header of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseHeader {
    pub name: &'static str,
    /// False if only some responses have the header that the document describes as required.
    pub always: bool,
}

/// The values of the deprecation headers (RFC 9745, RFC 8594, RFC 8288).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deprecation {
    pub deprecation: String,
    pub sunset: String,
    pub link: String,
}

impl Deprecation {
    /// Returns the names and values of the headers.
    pub fn headers(&self) -> [(&'static str, &str); 3] {
        [("deprecation", &self.deprecation), ("sunset", &self.sunset), ("link", &self.link)]
    }
}

/// The class of a request, which selects its rate limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RateLimitClass {
    #[default]
    Read,
    Write,
    Webhook,
    Image,
}

impl Operation {
    pub fn new(method: &str, path: &'static str, id: &'static str, tag: &Tag) -> Self {
        let method = Method::from_bytes(method.as_bytes()).unwrap_or_default();
        let rate_limit = if method == Method::GET { RateLimitClass::Read } else { RateLimitClass::Write };
        Operation {
            id,
            method,
            path,
            tag: *tag,
            summary: "",
            description: "",
            path_parameters: Vec::new(),
            many_segments: false,
            parameters: Vec::new(),
            access: None,
            body: None,
            responses: Vec::new(),
            errors: BTreeSet::new(),
            deprecation: None,
            rate_limit: Some(rate_limit),
            cached_by: None,
            search: None,
            ignores_unknown_query: false,
        }
    }

    /// Sets the callers.
    ///
    /// # Panics
    ///
    /// If two arguments declare the callers.
    pub fn set_access(&mut self, access: Access) {
        let previous = self.access.replace(access);
        assert!(previous.is_none(), "{}: two arguments declare the callers", self.id);
    }

    /// Lets the server cache the responses until one of the collections changes.
    pub fn set_cached_by(&mut self, collections: &'static [&'static str]) {
        self.cached_by = Some(collections);
    }

    /// Limits the requests with this query parameter that a client has in progress.
    pub fn set_search(&mut self, parameter: &'static str) {
        self.search = Some(parameter);
    }

    /// Ignores unknown query parameters, for URLs that other programs add parameters to.
    pub fn ignore_unknown_query(&mut self) {
        self.ignores_unknown_query = true;
    }

    /// Sets the fix that the 413 names.
    pub fn set_too_large_hint(&mut self, hint: &'static str) {
        self.body.iter_mut().for_each(|body| body.too_large_hint = Some(hint));
    }

    /// Adds a header to all responses so far.
    pub fn add_response_header(&mut self, name: &'static str) {
        let header = ResponseHeader { name, always: true };
        self.responses.iter_mut().for_each(|response| response.headers.push(header));
    }

    /// Adds what follows from the other declarations.
    ///
    /// # Panics
    ///
    /// If no argument declares the callers, or if the responses differ by more than the key of the response cache.
    pub fn complete(mut self) -> Self {
        if self.is_update() {
            self.parameters.push(Parameter::Header("Prefer"));
        }
        let access = self.access();
        let known = |parameter: &Parameter| {
            matches!(parameter, Parameter::Query(_) | Parameter::Header("If-None-Match"))
        };
        let is_cacheable =
            self.method == Method::GET && self.parameters.iter().all(known) && self.produces().len() == 1;
        assert!(
            self.cached_by.is_none() || is_cacheable,
            "{}: the key of the response cache contains no method, no media type and no header parameter",
            self.id
        );
        // 414 and 431 are possible for every operation: limits are checked before routing.
        self.errors.extend([400, 414, 431, 500, 503]);
        if !self.method.is_safe() {
            self.errors.insert(507);
        }
        if self.rate_limit.is_some() {
            self.errors.insert(429);
        }
        if matches!(access, Access::Optional | Access::Authenticated { .. }) {
            self.errors.extend([401, 403]);
        }
        if !self.path_parameters.is_empty() {
            self.errors.insert(404);
        }
        if self.body.is_some() {
            self.errors.extend([408, 413, 415]);
        }
        if self.has_header("If-Match") {
            self.errors.extend([412, 428]);
        }
        if self.responses.iter().any(|response| !response.content.is_empty()) {
            self.errors.insert(406);
        }
        match self.has_header("Idempotency-Key") {
            true => self.errors.extend([409, 422]),
            false => self.responses.iter_mut().for_each(|response| {
                response.headers.retain(|header| header.name != "Idempotent-Replayed");
            }),
        }
        if self.cached_by.is_some() {
            self.add_response_header("Cache-Status");
        }
        self.responses.sort_by_key(|response| response.status);
        self
    }

    /// Returns the callers.
    pub fn access(&self) -> Access {
        self.access.unwrap_or_else(|| panic!("{}: an argument must declare the callers", self.id))
    }

    /// Returns the scope that an API key needs, such as `posts:read`; `None` if API keys are not accepted.
    pub fn scope(&self) -> Option<Scope> {
        let right = if self.method == Method::GET { "read" } else { "write" };
        self.access().accepts_api_keys().then(|| Scope(format!("{}:{right}", kebab_case(self.tag.name))))
    }

    /// Returns whether the operation accepts this header parameter.
    pub fn has_header(&self, name: &'static str) -> bool {
        self.parameters.contains(&Parameter::Header(name))
    }

    /// Returns whether the response to the operation is the updated resource.
    pub fn is_update(&self) -> bool {
        matches!(self.method, Method::PUT | Method::PATCH)
    }

    /// Returns the distinct media types of the successful responses.
    pub fn produces(&self) -> Vec<&'static str> {
        let mut produces = Vec::new();
        let successes = self.responses.iter().filter(|response| response.status < 300);
        for media in successes.flat_map(|response| &response.content) {
            if !produces.contains(&media.name) {
                produces.push(media.name);
            }
        }
        produces
    }
}

/// Returns the scopes of all operations, sorted.
pub fn scopes_of(operations: &[Operation]) -> BTreeSet<Scope> {
    operations.iter().filter_map(Operation::scope).collect()
}

/// Converts `ApiKeys` to `api-keys`.
fn kebab_case(name: &str) -> String {
    let mut converted = String::new();
    for (i, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && i > 0 {
            converted.push('-');
        }
        converted.extend(letter.to_lowercase());
    }
    converted
}

impl<T: DeclareResponse, E: DeclareResponse> DeclareResponse for Result<T, E> {
    fn declare(operation: &mut Operation) {
        T::declare(operation);
        E::declare(operation);
    }
}

/// The raw request declares nothing.
impl DeclareArgument for &Request {
    fn declare(_: &mut Operation, _: Argument) {}
}

#[cfg(test)]
mod tests;
