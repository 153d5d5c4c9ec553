//! Rules as the `_redirects` file of Netlify. Each line has a source, query parameters, a destination, a status
//! and conditions: `/old id=:id /new/:id 301! Country=fr`.
use std::fmt::Write as _;

use super::{Entry, ParsedFile, Place, Remark};
use crate::{
    http::text_file::TextFormat,
    resources::redirects::{
        destination::SPLAT,
        path::{escaped, name_length},
        source::Pattern,
        status::RedirectStatus,
        types::RedirectInput,
    },
};

/// The `_redirects` file of Netlify.
pub struct Netlify;

impl TextFormat for Netlify {
    const MEDIA_TYPE: &'static str = "text/plain";
    const FILE_NAME: &'static str = "_redirects";
    const EXAMPLE: &'static str = "/sale /winter 307\n/old/* /new/:splat 308\n";
}

/// Reads rules from a `_redirects` file. Lines without a meaning in this service are skipped with a remark:
/// rewrites, roles, and lines that match no request.
pub fn from_netlify(text: &str) -> ParsedFile {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut file = ParsedFile::default();
    for (line, number) in text.lines().zip(1..) {
        let tokens = line.split_whitespace().take_while(|token| !token.starts_with('#'));
        let tokens: Vec<&str> = tokens.collect();
        if tokens.is_empty() {
            continue;
        }
        match rule(&tokens) {
            Ok(new) => {
                let entry = Entry { may_be_without_effect: true, ..Entry::new(Place::Line(number), new) };
                file.entries.push(entry);
            }
            Err(message) => file.skipped.push(Remark::new(Place::Line(number), message)),
        }
    }
    file
}

fn is_url(token: &str) -> bool {
    let lower = token.get(..8).unwrap_or(token).to_ascii_lowercase();
    lower.starts_with("http://") || lower.starts_with("https://")
}

/// Returns the status code at the begin of a token such as `301!`.
fn status_code(token: &str) -> Option<i64> {
    let digits = token.strip_suffix('!').unwrap_or(token);
    digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

fn rule(tokens: &[&str]) -> Result<RedirectInput, String> {
    let (source, rest) = tokens.split_first().ok_or("must contain a source")?;
    if !source.starts_with('/') && !is_url(source) {
        return Err(format!("the source must begin with a slash, http:// or https://, got {source:.100}"));
    }
    if source.contains('#') {
        return Err("the source contains a fragment, which requests do not contain".to_owned());
    }
    if rest.is_empty() {
        return Err(format!("a destination is missing after the source {source:.100}"));
    }
    if let Some(code) = rest.first().and_then(|token| status_code(token)) {
        return Err(match code {
            200..=299 => format!("the status {code} is a rewrite, which is not supported"),
            _ => format!("a destination is missing before the status {code}"),
        });
    }
    let position = rest.iter().position(|token| token.starts_with('/') || is_url(token));
    let position = position.ok_or_else(|| {
        let got = rest.first().copied().unwrap_or_default();
        format!("the destination must begin with a slash, http:// or https://, got {got:.100}")
    })?;
    let (query, destination, options) = (&rest[..position], rest[position], &rest[position + 1..]);
    let (status, conditions) = match options.split_first() {
        None => (RedirectStatus::Permanent, options),
        Some((token, conditions)) => match status_code(token) {
            Some(code) => (status(code)?, conditions),
            None if token.contains('=') => (RedirectStatus::Permanent, options),
            None => return Err(format!("the status must be a number such as 301, got {token:.40}")),
        },
    };
    let source = format!("{}{}", with_query(source, query)?, client_conditions(conditions)?);
    // With one capture, `:splat` and `*` are equivalent. The export writes `*` as `:splat`, so the import
    // restores it.
    let destination = match source.matches('*').count() == 1 && destination.matches(SPLAT).count() == 1 {
        true => restore_star(destination),
        false => destination.to_owned(),
    };
    if source.contains("/.netlify") {
        return Err("paths below /.netlify belong to the service of that name".to_owned());
    }
    Ok(RedirectInput {
        source: source.into(),
        destination: destination.into(),
        permanent: status.is_permanent(),
        status: Some(status).filter(|status| *status == RedirectStatus::SeeOther),
        external: false,
        starts_at: None,
        ends_at: None,
    })
}

/// Replaces `:splat` in the path of a destination by `*`.
fn restore_star(destination: &str) -> String {
    let end = destination.find(['?', '#']).unwrap_or(destination.len());
    let (path, rest) = destination.split_at(end);
    format!("{}{rest}", path.replace(SPLAT, "*"))
}

fn status(code: i64) -> Result<RedirectStatus, String> {
    match code {
        301 | 308 => Ok(RedirectStatus::Permanent),
        302 | 307 => Ok(RedirectStatus::Temporary),
        303 => Ok(RedirectStatus::SeeOther),
        200..=299 => Err(format!("the status {code} is a rewrite, which is not supported")),
        404 | 410 => {
            Err(format!("the status {code} is a page for missing resources, which is not supported"))
        }
        _ => Err(format!("the status must be 301, 302, 303, 307 or 308, got {code}")),
    }
}

/// Adds query parameters such as `id=:id` to a source.
fn with_query(source: &str, parameters: &[&str]) -> Result<String, String> {
    let mut text = source.to_owned();
    for parameter in parameters {
        let Some((name, value)) = parameter.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(format!("a query parameter must have a name and a value, got {parameter:.100}"));
        };
        let separator = if text.contains('?') { '&' } else { '?' };
        let _ = write!(text, "{separator}{}=", name.replace('&', "%26").replace('#', "%23"));
        // Only a whole name is a placeholder.
        let is_literal = value.strip_prefix(':').is_some_and(|name| name_length(name) != name.len());
        let value = if is_literal { value.replacen(':', "%3A", 1) } else { value.to_owned() };
        text.push_str(&value.replace('&', "%26").replace('#', "%23"));
    }
    Ok(text)
}

/// Converts the conditions of a line to the text that follows a source: ` Country=FR`.
fn client_conditions(conditions: &[&str]) -> Result<String, String> {
    let mut text = String::new();
    for condition in conditions {
        let (name, value) = condition.split_once('=').unwrap_or((condition, ""));
        let name = match name.to_ascii_lowercase().as_str() {
            "country" => "Country",
            "language" => "Language",
            "role" => return Err("the condition Role is not supported".to_owned()),
            "sign" | "signed" => return Err("signed rewrites are not supported".to_owned()),
            _ => return Err(format!("the condition {name:.40} is unknown")),
        };
        let _ = write!(text, " {name}={value}");
    }
    Ok(text)
}

/// Writes rules as a `_redirects` file in order of precedence: Netlify uses the first match. Rules that the
/// format cannot express are written as comments.
pub fn to_netlify(rules: &[RedirectInput]) -> String {
    let mut lines: Vec<_> = rules.iter().map(line).collect();
    lines.sort();
    lines.into_iter().fold(String::new(), |text, line| text + &line.text + "\n")
}

/// A line of the file, in order of precedence.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    /// Rules of single hosts precede rules for all hosts.
    is_general: bool,
    /// 0 for an exact path, 1 for a path with placeholders, 2 for a path with `*` at the end, 3 for others.
    rank: u8,
    length: std::cmp::Reverse<usize>,
    conditions: std::cmp::Reverse<usize>,
    text: String,
}

fn line(rule: &RedirectInput) -> Line {
    let pattern = Pattern::parse(&rule.source).ok();
    let conditions = pattern.as_ref().and_then(|pattern| pattern.conditions.as_deref());
    let path = pattern.as_ref().map(Pattern::path_text).unwrap_or_else(|| rule.source.as_str().to_owned());
    let rank = match path.matches('*').count() {
        0 if path.contains("/:") => 1,
        0 => 0,
        1 if path.ends_with('*') && !is_named_rest(&path) => 2,
        _ => 3,
    };
    let undated = rule.starts_at.is_none() && rule.ends_at.is_none();
    let host = conditions.and_then(|conditions| conditions.host.as_ref());
    let host = host.map(|host| host.text()).unwrap_or_default();
    let query = conditions.map(|conditions| conditions.query_text((' ', ' '))).unwrap_or_default();
    let client = conditions.map(|conditions| conditions.client_text()).unwrap_or_default();
    let status = match rule.status {
        Some(status) => status.code(),
        None if rule.permanent => 308,
        None => 307,
    };
    let destination = rule.destination.replace('*', SPLAT);
    let prefix = if rank < 3 && undated { "" } else { "# dates and wildcards are not supported: " };
    let source = escaped(&path);
    let text = format!("{prefix}{host}{source}{query} {destination} {status}{client}");
    let conditions = conditions.map_or(0, |conditions| conditions.rank());
    Line {
        is_general: host.is_empty(),
        rank,
        length: std::cmp::Reverse(source.len()),
        conditions: std::cmp::Reverse(conditions),
        text,
    }
}

/// Returns whether a path ends with `:name*`.
fn is_named_rest(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|segment| segment.starts_with(':') && segment.ends_with('*'))
}
