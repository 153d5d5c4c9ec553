//! Parsing of an operation's query, header and path parameters, with the types of their schemas.
use poem::http::{HeaderMap, HeaderName};
use serde_json::{Map, Value};

use super::{
    coerce::ParamType,
    compile::Compiler,
    keywords::{Result, as_text, is_annotation},
    node::Schema,
    pointer::InstancePath,
    query,
    validate::Validator,
    violation::{ErrorCode, Location, Violation, excerpt, join_or},
};

/// The parameters of an operation.
#[derive(Debug, Default)]
pub struct Params {
    query: Vec<Param>,
    header: Vec<Param>,
    path: Vec<Param>,
    ignores_unknown_query: bool,
}

#[derive(Debug)]
struct Param {
    name: String,
    required: bool,
    default: Option<Value>,
    param_type: ParamType,
    schema: Schema,
}

/// Header parameters that OpenAPI ignores, because it describes these headers by other means.
const IGNORED_HEADERS: [&str; 3] = ["accept", "authorization", "content-type"];

/// Headers that RFC 9110 defines as a list, which may be sent in several lines.
const LIST_HEADERS: [&str; 3] = ["if-match", "if-none-match", "accept-language"];

impl Params {
    /// Compiles parameters. A later one replaces an earlier one with the same name and location, so the
    /// parameters of the path item must come first.
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
            let text = |key: &str| {
                parameter.get(key).ok_or(format!("a parameter must have `{key}`")).and_then(as_text)
            };
            let (name, location) = (text("name")?, text("in")?);
            let list = match location {
                "header" if IGNORED_HEADERS.iter().any(|other| name.eq_ignore_ascii_case(other)) => {
                    continue;
                }
                "query" => &mut params.query,
                "header" => &mut params.header,
                "path" => &mut params.path,
                other => return Err(format!("parameter {name}: `in: {other}` is not supported")),
            };
            let param = Param::compile(compiler, name, location, parameter);
            list.retain(|earlier| earlier.name != name);
            list.push(param.map_err(|reason| format!("parameter {name}: {reason}"))?);
        }
        Ok(params)
    }

    /// Ignores query parameters with an unknown name, instead of reporting them.
    pub fn ignoring_unknown_query(self) -> Params {
        Params { ignores_unknown_query: true, ..self }
    }

    fn knows(&self, name: &str) -> bool {
        self.query.iter().any(|param| param.name == name)
    }

    /// Returns the values of the query by name, with defaults for absent parameters.
    pub fn query(&self, raw_query: Option<&str>, out: &mut Vec<Violation>) -> Map<String, Value> {
        let before = out.len();
        let pairs = query::parse_pairs(raw_query.unwrap_or_default(), out);
        if self.ignores_unknown_query {
            let reported = out.split_off(before).into_iter();
            out.extend(reported.filter(|violation| match &violation.location {
                Location::Parameter(name) => name == "?" || self.knows(name),
                _ => true,
            }));
        }
        // These parameters have a violation already, so they are not also reported as missing.
        let undecodable: Vec<Location> =
            out[before..].iter().map(|violation| violation.location.clone()).collect();
        for (name, _) in &pairs {
            if !self.ignores_unknown_query && !self.knows(name) {
                let at = InstancePath::Parameter(&excerpt(name));
                Validator { out: &mut *out }.fail(&at, ErrorCode::Unknown, || self.unknown_message());
            }
        }
        let mut parsed = Map::new();
        for param in &self.query {
            let location = Location::Parameter(param.name.clone());
            if undecodable.contains(&location) || undecodable.contains(&Location::Parameter("?".into())) {
                continue;
            }
            let values =
                pairs.iter().filter(|(name, _)| *name == param.name).map(|(_, value)| value.as_ref());
            param.parse(values.collect(), &InstancePath::Parameter(&param.name), &mut parsed, out);
        }
        parsed
    }

    /// Returns the values of the declared headers by their declared names.
    pub fn headers(&self, headers: &HeaderMap, out: &mut Vec<Violation>) -> Map<String, Value> {
        let mut parsed = Map::new();
        for param in &self.header {
            let at = InstancePath::Header(&param.name);
            let lines = headers.get_all(param.name.as_str()).iter();
            let Ok(lines) = lines.map(|line| line.to_str()).collect::<std::result::Result<Vec<_>, _>>()
            else {
                let message = || "must be printable ASCII".to_owned();
                Validator { out: &mut *out }.fail(&at, ErrorCode::Encoding, message);
                continue;
            };
            let joined = lines.join(", ");
            let is_list_header = LIST_HEADERS.iter().any(|list| param.name.eq_ignore_ascii_case(list));
            let values = match &param.param_type {
                _ if lines.is_empty() => Vec::new(),
                ParamType::List(_) => {
                    joined.split(',').map(str::trim).filter(|value| !value.is_empty()).collect()
                }
                _ if is_list_header => vec![joined.as_str()],
                _ => lines,
            };
            param.parse(values, &at, &mut parsed, out);
        }
        parsed
    }

    /// Returns the values of the path parameters by name. The caller must pass a separate `out`, because a
    /// violation in the path is a 404, not a 400.
    pub fn path(&self, values: &[(&str, &str)], out: &mut Vec<Violation>) -> Map<String, Value> {
        let mut parsed = Map::new();
        for param in &self.path {
            let found = values.iter().filter(|(name, _)| *name == param.name).map(|(_, value)| *value);
            param.parse(found.collect(), &InstancePath::Parameter(&param.name), &mut parsed, out);
        }
        parsed
    }

    /// Returns whether the operation declares this header.
    pub fn declares_header(&self, name: &str) -> bool {
        self.header.iter().any(|param| param.name.eq_ignore_ascii_case(name))
    }

    fn unknown_message(&self) -> String {
        match self.query.as_slice() {
            [] => "is not a known parameter: remove it".into(),
            known => {
                let names = join_or(known.iter().map(|param| &param.name));
                format!("is not a known parameter: remove it, or use {names}")
            }
        }
    }
}

impl Param {
    fn compile(compiler: &mut Compiler<'_>, name: &str, location: &str, parameter: &Value) -> Result<Param> {
        let fields = parameter.as_object().ok_or("must be an object")?;
        let schema = fields.get("schema").ok_or("must have a schema")?;
        let param_type = ParamType::from_schema(compiler, schema)?;
        for (keyword, value) in fields {
            let known = match keyword.as_str() {
                "name" | "in" | "schema" => true,
                "required" => value.is_boolean(),
                "style" => value == if location == "query" { "form" } else { "simple" },
                "explode" => {
                    location != "query" || value == true || !matches!(param_type, ParamType::List(_))
                }
                other => is_annotation(other),
            };
            if !known {
                return Err(format!("`{keyword}: {value}` is not supported"));
            }
        }
        if location == "header" && HeaderName::from_bytes(name.as_bytes()).is_err() {
            return Err("is not a valid header name".into());
        }
        let required = fields.get("required").and_then(Value::as_bool).unwrap_or_default();
        if location == "path" && (!required || matches!(param_type, ParamType::List(_))) {
            return Err("a path parameter must be required and must not be an array".into());
        }
        let default = ParamType::default_value(compiler, schema)?;
        let schema = compiler.schema(schema)?;
        if let Some(default) = &default {
            let mut violations = Vec::new();
            schema.check_at(default, &InstancePath::Parameter(name), &mut violations);
            if let Some(violation) = violations.first() {
                return Err(format!("default: {}", violation.message));
            }
        }
        Ok(Param { name: name.to_owned(), required, default, param_type, schema })
    }

    fn parse(
        &self,
        values: Vec<&str>,
        at: &InstancePath<'_>,
        parsed: &mut Map<String, Value>,
        out: &mut Vec<Violation>,
    ) {
        let value = match (&self.param_type, values.as_slice()) {
            (_, []) => return self.parse_absent(at, parsed, out),
            (ParamType::List(item_type), values) => {
                let before = out.len();
                let items = values.iter().enumerate();
                let items = items
                    .filter_map(|(i, value)| item_type.parse(value, &InstancePath::Item(at, i), out))
                    .collect();
                (out.len() == before).then_some(Value::Array(items))
            }
            (param_type, [value]) => param_type.parse(value, at, out),
            (_, [_, ..]) => {
                Validator { out: &mut *out }
                    .fail(at, ErrorCode::Duplicate, || "must be sent only once".into());
                None
            }
        };
        let Some(value) = value else { return };
        let before = out.len();
        self.schema.check_at(&value, at, out);
        if out.len() == before {
            parsed.insert(self.name.clone(), value);
        }
    }

    fn parse_absent(&self, at: &InstancePath<'_>, parsed: &mut Map<String, Value>, out: &mut Vec<Violation>) {
        if self.required {
            Validator { out }.fail(at, ErrorCode::Required, || "is required".into());
        } else if let Some(default) = &self.default {
            parsed.insert(self.name.clone(), default.clone());
        }
    }
}
