//! What stands above the text of a file: TOML between `+++` lines, YAML between `---` lines.
pub mod date;
mod members;

use serde_json::{Map, Value};
use thiserror::Error;

use members::{Members, Result, scalar, truth};

/// The most bytes that front matter may have.
const MAX: usize = 64 * 1024;

/// Why front matter cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("front matter: {0}")]
pub struct FrontMatterError(String);

/// What a file says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FrontMatter {
    pub title: Option<String>,
    pub slug: Option<String>,
    /// The address of the page, without `/` around it.
    pub path: Option<String>,
    /// Milliseconds since 1970, from a member for the date, else from `path`.
    pub date: Option<i64>,
    pub draft: bool,
    pub authors: Vec<String>,
    pub tags: Vec<String>,
    pub description: Option<String>,
    pub aliases: Vec<String>,
    pub cover: Option<String>,
    pub template: Option<String>,
    pub release: bool,
    /// Members that mean nothing here; those of tables with the name of the table.
    pub unused: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Toml,
    Yaml,
}

/// A text in two parts.
#[derive(Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    pub front: Option<(Format, &'a str)>,
    pub body: &'a str,
}

/// Cuts front matter off a text with `\n` between its lines.
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
    Err(FrontMatterError(format!("the line that closes it is missing ({})", first.trim_end())))
}

/// Reads front matter that has been cut off.
pub fn parse(format: Format, text: &str) -> Result<FrontMatter> {
    if text.len() > MAX {
        return Err(FrontMatterError(format!("it is larger than {} KiB", MAX / 1024)));
    }
    let map = match format {
        Format::Toml => from_toml(text)?,
        Format::Yaml => from_yaml(text)?,
    };
    typed(Members::new(map))
}

fn typed(mut members: Members) -> Result<FrontMatter> {
    let mut extra = members.table("extra");
    let mut taxonomies = members.table("taxonomies");
    let path = members.text(&["path"])?.map(|path| path.trim_matches('/').to_owned());
    let (dated, published) = date_and_state(&mut members)?;
    let draft = members.flag("draft")?.unwrap_or(false) || published == Some(false);
    let mut authors = members.list(&["authors", "author"], false)?;
    authors.extend(taxonomies.list(&["authors"], false)?);
    let mut tags = members.list(&["tags"], true)?;
    tags.extend(taxonomies.list(&["tags"], true)?);
    tags.extend(members.list(&["categories", "category"], true)?);
    tags.extend(taxonomies.list(&["categories"], true)?);
    Ok(FrontMatter {
        title: members.text(&["title"])?,
        slug: members.text(&["slug"])?,
        date: dated.or_else(|| path.as_deref().and_then(date::in_path)),
        path: path.filter(|path| !path.is_empty()),
        draft,
        authors,
        tags,
        description: members.text(&["description", "excerpt", "summary"])?,
        aliases: members.list(&["aliases"], false)?,
        cover: cover(&mut members, &mut extra),
        template: members.text(&["template"])?,
        release: extra.flag("release")?.unwrap_or(false),
        unused: members.rest("").chain(extra.rest("extra.")).chain(taxonomies.rest("taxonomies.")).collect(),
    })
}

/// The date, and whether the file says that it is published; `published` may be either.
fn date_and_state(members: &mut Members) -> Result<(Option<i64>, Option<bool>)> {
    let mut date = None;
    let mut state = None;
    let mut named = members.take(&["date", "published_at", "publishedAt", "pubDate"]);
    if let Some((name, value)) = members.take(&["published"]) {
        match truth(&value) {
            Some(truth) => state = Some(truth),
            None => named = named.or(Some((name, value))),
        }
    }
    if let Some((name, value)) = named {
        let time = scalar(&value).and_then(|text| date::parse(&text));
        date = Some(time.ok_or_else(|| {
            FrontMatterError(format!("{name} is not a date from 1970 to 9999 (RFC 3339, or YYYY-MM-DD)"))
        })?);
    }
    Ok((date, state))
}

/// A picture for the head of the page: a text, or a table that names it.
fn cover(members: &mut Members, extra: &mut Members) -> Option<String> {
    const NAMES: [&str; 5] = ["cover", "cover_image", "coverImage", "image", "featured_image"];
    let (_, value) = members.take(&NAMES).or_else(|| extra.take(&NAMES))?;
    match &value {
        Value::Object(map) => ["image", "url", "src"].iter().find_map(|name| map.get(*name).and_then(scalar)),
        Value::Array(entries) => entries.first().and_then(scalar),
        other => scalar(other),
    }
}

fn from_toml(text: &str) -> Result<Map<String, Value>> {
    let table: toml::Table = toml::from_str(text).map_err(|error| {
        let line =
            error.span().and_then(|span| text.get(..span.start)).map(|head| head.matches('\n').count() + 2);
        wrong("TOML", line, error.message())
    })?;
    Ok(table.into_iter().map(|(name, value)| (name, json(value))).collect())
}

fn json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(truth) => truth.into(),
        toml::Value::Datetime(time) => Value::String(time.to_string()),
        toml::Value::Array(entries) => entries.into_iter().map(json).collect(),
        toml::Value::Table(table) => {
            Value::Object(table.into_iter().map(|(name, value)| (name, json(value))).collect())
        }
    }
}

fn from_yaml(text: &str) -> Result<Map<String, Value>> {
    // Aliases multiply what is read, so few are allowed; front matter hardly has any.
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 20_000,
            max_nodes: 10_000,
            max_aliases: 50,
            max_anchors: 50,
            max_recorded_anchor_events: 10_000,
            max_recorded_anchor_bytes: 4 * MAX,
            max_total_scalar_bytes: 4 * MAX,
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
    // The line above the front matter counts, so that errors name the lines of the file.
    match serde_saphyr::from_str_with_options(&format!("\n{text}"), options) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(FrontMatterError("it is not a list of members and values".to_owned())),
        Err(error) => {
            let message = error.render_with_formatter(&serde_saphyr::UserMessageFormatter);
            Err(wrong("YAML", None, message.trim_end()))
        }
    }
}

fn wrong(format: &str, line: Option<usize>, message: &str) -> FrontMatterError {
    let place = line.map_or(String::new(), |line| format!(", line {line}"));
    FrontMatterError(format!("not {format}{place}: {}", message.replace('\n', "; ")))
}

#[cfg(test)]
mod tests;
