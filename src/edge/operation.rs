//! One operation of the document, compiled: what the gate must know to refuse what the document forbids.
use poem::{
    Request, Response,
    endpoint::BoxEndpoint,
    http::{HeaderName, HeaderValue, Method, header},
};
use serde_json::Value;

use crate::contract::{
    caller::{Principal, Via},
    check::{Compiler, ErrorCode, Params, Place, Schema, Violation},
    code::Code,
    problem::{Error, Problem},
    upload::FORM,
};

pub struct Operation {
    pub id: String,
    pub endpoint: BoxEndpoint<'static, Response>,
    pub params: Params,
    pub body: Option<BodyRule>,
    /// Media types of the answer, without parameters.
    pub produces: Vec<String>,
    pub access: Access,
    /// Whether callers have a budget here.
    pub limited: bool,
    /// Whether its answers are pictures, of which one page shows many.
    pub pictures: bool,
    /// What every answer says of the operation's end.
    pub ending: Vec<(HeaderName, HeaderValue)>,
}

pub struct BodyRule {
    pub media: Vec<String>,
    pub form: Form,
    pub schema: Schema,
    /// The most bytes, where the document says less than the service takes elsewhere.
    pub most: Option<usize>,
}

/// As what a body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Json,
    /// A text, whatever stands in it.
    Text,
    /// Bytes, which the operation verifies before it reads anything in them.
    Bytes,
    /// Parts, one of them a file, which the operation reads while they come.
    Parts,
}

/// Who may call: `x-authz` and `security`, compiled.
pub struct Access {
    /// Credentials are not looked at.
    pub open: bool,
    /// Nor is there a caller: the request has a signature of its own.
    pub signed: bool,
    anonymous: bool,
    allow: Vec<String>,
    /// The scope that an API key needs; none where keys will not do.
    scope: Option<String>,
}

/// A client that sends one of these with a change counts on it: where it would not be looked at, it is
/// refused. RFC 9110 (13.2.2) has no operation ignore a precondition.
const CONDITIONS: [(&str, &str); 4] = [
    ("If-Match", "no version can be named here: leave it out"),
    ("If-None-Match", "no version can be named here: leave it out, or send If-Match where it is taken"),
    ("If-Unmodified-Since", "versions are told apart by their ETag: send If-Match instead"),
    ("Idempotency-Key", "the answer is not kept here, as it may hold a secret: leave the key out"),
];

impl Operation {
    /// Finds conditions of a change that this operation would not keep.
    pub fn conditions(&self, request: &Request, out: &mut Vec<Violation>) {
        let method = request.method();
        if *method == Method::GET || *method == Method::HEAD {
            return;
        }
        for (name, message) in CONDITIONS {
            let counts = name != "Idempotency-Key" || *method == Method::POST;
            if counts && request.headers().contains_key(name) && !self.params.takes_header(name) {
                out.push(Violation {
                    place: Place::Header(name.to_owned()),
                    code: ErrorCode::Unknown,
                    message: message.to_owned(),
                });
            }
        }
    }

    /// Compiles an operation; fails when its document says what cannot be enforced.
    pub fn compile(
        compiler: &mut Compiler<'_>,
        item: &Value,
        written: &Value,
        endpoint: BoxEndpoint<'static, Response>,
    ) -> Result<Self, String> {
        let id = written["operationId"].as_str().ok_or("an operation has no id")?.to_owned();
        let of = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let parameters = [of(&item["parameters"]), of(&written["parameters"])].concat();
        let params = Params::compile_with(compiler, &parameters).map_err(|error| format!("{id}: {error}"))?;
        let body = match written.pointer("/requestBody/content").and_then(Value::as_object) {
            None => None,
            Some(content) => {
                let schema =
                    content.values().next().map(|media| &media["schema"]).ok_or("a body has no type")?;
                let media: Vec<String> = content.keys().cloned().collect();
                let bytes = schema["format"] == "binary";
                let form = match media.iter().all(|media| media.starts_with("text/")) {
                    _ if media.iter().any(|media| media == FORM) => Form::Parts,
                    _ if bytes => Form::Bytes,
                    true => Form::Text,
                    false => Form::Json,
                };
                let most = schema["maxLength"].as_u64().filter(|_| bytes).map(|most| most as usize);
                let schema = compiler.schema(schema).map_err(|error| format!("{id}: {error}"))?;
                Some(BodyRule { media, form, schema, most })
            }
        };
        let produces = produces(written);
        let pictures = produces.iter().any(|media| media.starts_with("image/"));
        let limited = written["responses"].get("429").is_some();
        let access = Access::compile(written);
        Ok(Operation {
            id,
            endpoint,
            params,
            body,
            produces,
            access,
            limited,
            pictures,
            ending: ending(written)?,
        })
    }
}

/// The types of its answers, each once.
fn produces(written: &Value) -> Vec<String> {
    let successes = written["responses"].as_object().into_iter().flatten();
    let contents = successes
        .filter(|(status, _)| status.starts_with('2'))
        .filter_map(|(_, response)| response["content"].as_object());
    let mut produces: Vec<String> = Vec::new();
    for media in contents.flat_map(|content| content.keys()) {
        if !produces.contains(media) {
            produces.push(media.clone());
        }
    }
    produces
}

/// The fields of `x-deprecation`.
fn ending(written: &Value) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    let words = written["x-deprecation"].as_object().into_iter().flatten();
    let field = |(name, value): (&String, &Value)| {
        let value = HeaderValue::from_str(value.as_str()?).ok()?;
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value))
    };
    words.map(|word| field(word).ok_or_else(|| format!("{word:?} is no header field"))).collect()
}

impl Access {
    fn compile(written: &Value) -> Self {
        let ways: Vec<&Value> = written["security"].as_array().into_iter().flatten().collect();
        let allow: Vec<String> = written["x-authz"]["allow"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|word| word.as_str().map(str::to_owned))
            .collect();
        let scope = ways.iter().find_map(|way| way["api_key"][0].as_str().map(str::to_owned));
        let signed = allow.iter().any(|word| word == "provider");
        let open = signed || ways.iter().all(|way| way.as_object().is_some_and(serde_json::Map::is_empty));
        let anonymous = signed || allow.iter().any(|word| word == "anonymous");
        Access { open, signed, anonymous, allow, scope }
    }

    /// Whether this caller may come in, as far as the request alone can tell.
    pub fn admit(&self, principal: Option<&Principal>) -> Result<(), Error> {
        let Some(principal) = principal else {
            return if self.anonymous { Ok(()) } else { Err(Error::Unauthenticated) };
        };
        match &self.scope {
            None if matches!(principal.via, Via::Key { .. }) => {
                return Err(Error::Forbidden("an API key will not do here: sign in yourself"));
            }
            Some(scope) if !principal.within(scope) => return Err(Error::InsufficientScope(scope.clone())),
            _ => {}
        }
        let admits = |word: &String| match word.as_str() {
            "anonymous" | "authenticated" | "owner" => true,
            role => role == principal.role.as_str(),
        };
        match self.allow.iter().any(admits) {
            true => Ok(()),
            false => Err(Error::Forbidden("this needs another role: see the operation's x-authz")),
        }
    }
}

impl BodyRule {
    /// Whether the body's declared type is one that the operation takes (RFC 9110, 15.5.16).
    pub fn takes(&self, content_type: Option<&HeaderValue>) -> bool {
        let Some(text) = content_type.and_then(|value| value.to_str().ok()) else { return false };
        let mut parts = text.split(';');
        let essence = parts.next().unwrap_or_default().trim();
        let charset = |part: &str| match part.split_once('=') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
                value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        };
        self.media.iter().any(|media| media.eq_ignore_ascii_case(essence)) && parts.all(charset)
    }

    pub fn refusal(&self) -> Problem {
        let media = self.media.join(", ");
        Problem::new(Code::UnsupportedMediaType, format!("send the body as {media}, in UTF-8"))
            .header(header::ACCEPT, &media)
    }
}
