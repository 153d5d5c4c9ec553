//! Front matter at the top of a file: TOML between `+++` lines or YAML between `---` lines.
pub mod date;
mod fields;

use serde_json::{Map, Value};
use thiserror::Error;

use fields::{Fields, Result, boolean, scalar};

/// The maximum size of front matter, in bytes.
const MAX_SIZE: usize = 64 * 1024;

/// The reason why front matter is invalid.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("front matter: {0}")]
pub struct FrontMatterError(String);

/// The parsed front matter of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FrontMatter {
    pub title: Option<String>,
    pub slug: Option<String>,
    /// The path of the page, without leading and trailing `/` and white space.
    pub path: Option<String>,
    /// The date in Unix milliseconds, from a date field or otherwise from `path`.
    pub date: Option<i64>,
    pub draft: bool,
    pub authors: Vec<String>,
    pub tags: Vec<String>,
    pub description: Option<String>,
    pub aliases: Vec<String>,
    pub cover: Option<String>,
    pub template: Option<String>,
    pub release: bool,
    /// The names of unused fields. Fields of tables are prefixed with the name of the table.
    pub unused: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Toml,
    Yaml,
}

/// A file split into front matter and body.
#[derive(Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    pub front: Option<(Format, &'a str)>,
    pub body: &'a str,
}

/// Splits off the front matter of a text with LF line endings.
pub fn split(text: &str) -> Result<Parts<'_>> {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let format = match first.trim_end() {
        "+++" => Format::Toml,
        "---" => Format::Yaml,
        _ => return Ok(Parts { front: None, body: text }),
    };
    let mut at = 0;
    for line in rest.split_inclusive('\n') {
        let next = at + line.len();
        let closes = match line.trim_end() {
            "+++" => format == Format::Toml,
            "---" | "..." => format == Format::Yaml,
            _ => false,
        };
        if closes {
            return Ok(Parts { front: Some((format, &rest[..at])), body: &rest[next..] });
        }
        at = next;
    }
    Err(FrontMatterError(format!("missing closing line ({})", first.trim_end())))
}

/// Parses front matter.
pub fn parse(format: Format, text: &str) -> Result<FrontMatter> {
    if text.len() > MAX_SIZE {
        return Err(FrontMatterError(format!("larger than {} KiB", MAX_SIZE / 1024)));
    }
    let map = match format {
        Format::Toml => from_toml(text)?,
        Format::Yaml => from_yaml(text)?,
    };
    from_fields(Fields::new(map))
}

fn from_fields(mut fields: Fields) -> Result<FrontMatter> {
    let mut extra = fields.table("extra");
    let mut taxonomies = fields.table("taxonomies");
    let path = fields
        .text(&["path"])?
        .map(|path| path.trim_matches(|c: char| c == '/' || c.is_whitespace()).to_owned());
    let (date, published) = date_and_state(&mut fields)?;
    let draft = fields.flag("draft")?.unwrap_or(false) || published == Some(false);
    let mut authors = fields.list(&["authors", "author"], false)?;
    authors.extend(taxonomies.list(&["authors"], false)?);
    let mut tags = fields.list(&["tags"], true)?;
    tags.extend(taxonomies.list(&["tags"], true)?);
    tags.extend(fields.list(&["categories", "category"], true)?);
    tags.extend(taxonomies.list(&["categories"], true)?);
    Ok(FrontMatter {
        title: fields.text(&["title"])?,
        slug: fields.text(&["slug"])?,
        date: date.or_else(|| path.as_deref().and_then(date::in_path)),
        path: path.filter(|path| !path.is_empty()),
        draft,
        authors,
        tags,
        description: fields.text(&["description", "excerpt", "summary"])?,
        aliases: fields.list(&["aliases"], false)?,
        cover: cover(&mut fields, &mut extra),
        template: fields.text(&["template"])?,
        release: extra.flag("release")?.unwrap_or(false),
        unused: fields
            .unused("")
            .chain(extra.unused("extra."))
            .chain(taxonomies.unused("taxonomies."))
            .collect(),
    })
}

/// Returns the date, and the value of `published` if it is a boolean. `published` may also be a date.
fn date_and_state(fields: &mut Fields) -> Result<(Option<i64>, Option<bool>)> {
    let mut date = None;
    let mut state = None;
    let mut date_field = fields.take(&["date", "published_at", "publishedAt", "pubDate"]);
    if let Some((name, value)) = fields.take(&["published"]) {
        match boolean(&value) {
            Some(published) => state = Some(published),
            None => date_field = date_field.or(Some((name, value))),
        }
    }
    if let Some((name, value)) = date_field {
        let time = scalar(&value).and_then(|text| date::parse(&text));
        date = Some(time.ok_or_else(|| {
            FrontMatterError(format!("{name}: must be a date from 1970 to 9999 (RFC 3339 or YYYY-MM-DD)"))
        })?);
    }
    Ok((date, state))
}

/// Returns the URL of the cover image. The field may be a text, a table with the URL, or a list.
fn cover(fields: &mut Fields, extra: &mut Fields) -> Option<String> {
    const NAMES: [&str; 5] = ["cover", "cover_image", "coverImage", "image", "featured_image"];
    let (_, value) = fields.take(&NAMES).or_else(|| extra.take(&NAMES))?;
    let url = match &value {
        Value::Object(map) => ["image", "url", "src"].iter().find_map(|name| map.get(*name).and_then(scalar)),
        Value::Array(entries) => entries.first().and_then(scalar),
        other => scalar(other),
    };
    url.filter(|url| !url.trim().is_empty())
}

fn from_toml(text: &str) -> Result<Map<String, Value>> {
    let table: toml::Table = toml::from_str(text).map_err(|error| {
        let line =
            error.span().and_then(|span| text.get(..span.start)).map(|head| head.matches('\n').count() + 2);
        parse_error("TOML", line, error.message())
    })?;
    Ok(table.into_iter().map(|(name, value)| (name, json(value))).collect())
}

fn json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(value) => value.into(),
        toml::Value::Datetime(time) => Value::String(time.to_string()),
        toml::Value::Array(entries) => entries.into_iter().map(json).collect(),
        toml::Value::Table(table) => {
            Value::Object(table.into_iter().map(|(name, value)| (name, json(value))).collect())
        }
    }
}

fn from_yaml(text: &str) -> Result<Map<String, Value>> {
    // YAML aliases can expand a small file to gigabytes ("billion laughs"), so few are allowed.
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 20_000,
            max_nodes: 10_000,
            max_aliases: 50,
            max_anchors: 50,
            max_recorded_anchor_events: 10_000,
            max_recorded_anchor_bytes: 4 * MAX_SIZE,
            max_total_scalar_bytes: 4 * MAX_SIZE,
            max_depth: 16,
            flow_nesting_limit: 16,
            max_documents: 1,
            max_merge_keys: 10,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 10_000,
            max_replay_stack_depth: 8,
        },
        with_snippet: false,
    };
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Map::new());
    }
    // The empty line replaces the opening `---`, so that line numbers in errors are those of the file.
    match serde_saphyr::from_str_with_options(&format!("\n{text}"), options) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(FrontMatterError("must be a mapping of fields to values".to_owned())),
        Err(error) => {
            let message = error.render_with_formatter(&serde_saphyr::UserMessageFormatter);
            Err(parse_error("YAML", None, message.trim_end()))
        }
    }
}

fn parse_error(format: &str, line: Option<usize>, message: &str) -> FrontMatterError {
    let position = line.map_or(String::new(), |line| format!(" at line {line}"));
    FrontMatterError(format!("invalid {format}{position}: {}", message.replace('\n', "; ")))
}

#[cfg(test)]
mod tests;
