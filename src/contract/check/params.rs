//! An operation's parameters: read strictly out of the query, the headers and the path, and typed by their
//! schemas.
use poem::http::{HeaderMap, HeaderName};
use serde_json::{Map, Value};

use super::{
    coerce::Kind,
    compile::Compiler,
    keyword::{Result, as_text, is_annotation},
    place::At,
    query,
    schema::Schema,
    violation::{ErrorCode, Place, Violation, excerpt, one_of},
    walk::Walk,
};

#[derive(Debug, Default)]
pub struct Params {
    query: Vec<Param>,
    header: Vec<Param>,
    path: Vec<Param>,
}

#[derive(Debug)]
struct Param {
    name: String,
    required: bool,
    default: Option<Value>,
    kind: Kind,
    schema: Schema,
}

/// OpenAPI says to pass these over: they are described elsewhere in the document.
const DESCRIBED_ELSEWHERE: [&str; 3] = ["accept", "authorization", "content-type"];

/// RFC 9110 lets these stand in several lines, read as one list.
const LIST_HEADERS: [&str; 3] = ["if-match", "if-none-match", "accept-language"];

impl Params {
    /// Of two parameters with one name and place the later counts, so a path item's go first.
    pub fn compile(document: &Value, parameters: &[Value]) -> Result<Params> {
        Params::compile_with(&mut Compiler::new(document), parameters)
    }

    pub fn compile_with(compiler: &mut Compiler<'_>, parameters: &[Value]) -> Result<Params> {
        let mut params = Params::default();
        for parameter in parameters {
            let parameter = match parameter.get("$ref") {
                Some(reference) => compiler.resolve(as_text(reference)?)?,
                None => parameter,
            };
            let text =
                |key: &str| parameter.get(key).ok_or(format!("a parameter has no `{key}`")).and_then(as_text);
            let (name, place) = (text("name")?, text("in")?);
            let list = match place {
                "header" if DESCRIBED_ELSEWHERE.iter().any(|other| name.eq_ignore_ascii_case(other)) => {
                    continue;
                }
                "query" => &mut params.query,
                "header" => &mut params.header,
                "path" => &mut params.path,
                other => return Err(format!("parameter {name}: `in: {other}` is not enforced")),
            };
            let param = Param::compile(compiler, name, place, parameter);
            list.retain(|earlier| earlier.name != name);
            list.push(param.map_err(|why| format!("parameter {name}: {why}"))?);
        }
        Ok(params)
    }

    /// The query's values by name, typed, with defaults where nothing was given.
    pub fn query(&self, raw_query: Option<&str>, out: &mut Vec<Violation>) -> Map<String, Value> {
        let before = out.len();
        let pairs = query::pairs(raw_query.unwrap_or_default(), out);
        let unreadable: Vec<Place> = out[before..].iter().map(|violation| violation.place.clone()).collect();
        for (name, _) in &pairs {
            if !self.query.iter().any(|param| param.name == *name) {
                let at = At::Parameter(&excerpt(name));
                Walk { out: &mut *out }.fail(&at, ErrorCode::Unknown, || self.unknown());
            }
        }
        let mut read = Map::new();
        for param in &self.query {
            let place = Place::Parameter(param.name.clone());
            if unreadable.contains(&place) || unreadable.contains(&Place::Parameter("?".into())) {
                continue;
            }
            let values =
                pairs.iter().filter(|(name, _)| *name == param.name).map(|(_, value)| value.as_ref());
            param.read(values.collect(), &At::Parameter(&param.name), &mut read, out);
        }
        read
    }

    /// The values of the declared headers by their declared names.
    pub fn headers(&self, headers: &HeaderMap, out: &mut Vec<Violation>) -> Map<String, Value> {
        let mut read = Map::new();
        for param in &self.header {
            let at = At::Header(&param.name);
            let lines = headers.get_all(param.name.as_str()).iter();
            let Ok(lines) = lines.map(|line| line.to_str()).collect::<std::result::Result<Vec<_>, _>>()
            else {
                let message = || "must consist of printable ASCII characters".to_owned();
                Walk { out: &mut *out }.fail(&at, ErrorCode::Encoding, message);
                continue;
            };
            let joined = lines.join(", ");
            let one_list = LIST_HEADERS.iter().any(|list| param.name.eq_ignore_ascii_case(list));
            let values = match &param.kind {
                _ if lines.is_empty() => Vec::new(),
                Kind::List(_) => joined.split(',').map(str::trim).filter(|value| !value.is_empty()).collect(),
                _ if one_list => vec![joined.as_str()],
                _ => lines,
            };
            param.read(values, &at, &mut read, out);
        }
        read
    }

    /// The decoded segments by name. A violation here means that there is no such resource, so `out` had
    /// better be a list of its own.
    pub fn path(&self, values: &[(&str, &str)], out: &mut Vec<Violation>) -> Map<String, Value> {
        let mut read = Map::new();
        for param in &self.path {
            let found = values.iter().filter(|(name, _)| *name == param.name).map(|(_, value)| *value);
            param.read(found.collect(), &At::Parameter(&param.name), &mut read, out);
        }
        read
    }

    /// Whether the header field is a parameter here.
    pub fn takes_header(&self, name: &str) -> bool {
        self.header.iter().any(|param| param.name.eq_ignore_ascii_case(name))
    }

    fn unknown(&self) -> String {
        match self.query.as_slice() {
            [] => "is not known here; leave it out".into(),
            known => {
                let names = one_of(known.iter().map(|param| &param.name));
                format!("is not known here; leave it out, or use {names}")
            }
        }
    }
}

impl Param {
    fn compile(compiler: &mut Compiler<'_>, name: &str, place: &str, parameter: &Value) -> Result<Param> {
        let members = parameter.as_object().ok_or("is not an object")?;
        let schema = members.get("schema").ok_or("has no schema")?;
        let kind = Kind::of(compiler, schema)?;
        for (keyword, value) in members {
            let known = match keyword.as_str() {
                "name" | "in" | "schema" => true,
                "required" => value.is_boolean(),
                "style" => value == if place == "query" { "form" } else { "simple" },
                "explode" => place != "query" || value == true || !matches!(kind, Kind::List(_)),
                other => is_annotation(other),
            };
            if !known {
                return Err(format!("`{keyword}: {value}` is not enforced"));
            }
        }
        if place == "header" && HeaderName::from_bytes(name.as_bytes()).is_err() {
            return Err("is not a header's name".into());
        }
        let required = members.get("required").and_then(Value::as_bool).unwrap_or_default();
        if place == "path" && (!required || matches!(kind, Kind::List(_))) {
            return Err("a path parameter has to be required, and one value".into());
        }
        let default = Kind::default_of(compiler, schema)?;
        let schema = compiler.schema(schema)?;
        if let Some(default) = &default {
            let mut wrong = Vec::new();
            schema.check_at(default, &At::Parameter(name), &mut wrong);
            if let Some(wrong) = wrong.first() {
                return Err(format!("its default {}", wrong.message));
            }
        }
        Ok(Param { name: name.to_owned(), required, default, kind, schema })
    }

    fn read(&self, values: Vec<&str>, at: &At<'_>, read: &mut Map<String, Value>, out: &mut Vec<Violation>) {
        let value = match (&self.kind, values.as_slice()) {
            (_, []) => return self.absent(at, read, out),
            (Kind::List(kind), values) => {
                let before = out.len();
                let items = values.iter().enumerate();
                let items = items.filter_map(|(i, value)| kind.read(value, &At::Item(at, i), out)).collect();
                (out.len() == before).then_some(Value::Array(items))
            }
            (kind, [value]) => kind.read(value, at, out),
            (_, [_, ..]) => {
                Walk { out: &mut *out }.fail(at, ErrorCode::Duplicate, || "must be given once".into());
                None
            }
        };
        let Some(value) = value else { return };
        let before = out.len();
        self.schema.check_at(&value, at, out);
        if out.len() == before {
            read.insert(self.name.clone(), value);
        }
    }

    fn absent(&self, at: &At<'_>, read: &mut Map<String, Value>, out: &mut Vec<Violation>) {
        if self.required {
            Walk { out }.fail(at, ErrorCode::Required, || "is required".into());
        } else if let Some(default) = &self.default {
            read.insert(self.name.clone(), default.clone());
        }
    }
}
