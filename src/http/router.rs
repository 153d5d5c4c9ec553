//! Routes paths to the path items of the OpenAPI document, with a tree of segments. A path is split before it
//! is percent-decoded, so that an encoded slash does not create a segment.
use std::collections::HashMap;

#[derive(Default)]
struct Node {
    literal: HashMap<String, Node>,
    parameter: Option<Box<Node>>,
    /// A final parameter that matches all remaining segments.
    many_segments: Option<usize>,
    leaf: Option<usize>,
}

/// Finds the index of the path template that matches a path.
#[derive(Default)]
pub struct Router(Node);

/// A matching template and the decoded values of its parameters.
#[derive(Debug, PartialEq, Eq)]
pub struct Match {
    pub index: usize,
    pub values: Vec<String>,
    /// The path has a trailing slash that its canonical form does not have.
    pub trailing_slash: bool,
}

impl Router {
    /// Adds a template such as `/api/posts/{id}`. If `many_segments` is true, its last parameter matches many
    /// segments.
    pub fn add(&mut self, template: &str, many_segments: bool, index: usize) {
        let mut node = &mut self.0;
        let segments: Vec<&str> = template.split('/').skip(1).collect();
        for (i, segment) in segments.iter().enumerate() {
            let parameter = segment.starts_with('{');
            if many_segments && parameter && i + 1 == segments.len() {
                node.many_segments = Some(index);
                return;
            }
            node = match parameter {
                true => node.parameter.get_or_insert_default(),
                false => node.literal.entry((*segment).to_owned()).or_default(),
            };
        }
        node.leaf = Some(index);
    }

    /// Returns the match of a path as received in the request line.
    pub fn find(&self, path: &str) -> Option<Match> {
        let segments: Vec<String> = path.strip_prefix('/')?.split('/').map(decode).collect::<Option<_>>()?;
        // `find_in` has already decoded encoded slashes where they are valid.
        Self::find_in(&self.0, &segments, &mut Vec::new())
            .filter(|found| !found.values.iter().any(|v| v.contains(ENCODED_SLASH)))
    }

    fn find_in(node: &Node, segments: &[String], values: &mut Vec<String>) -> Option<Match> {
        let Some((first, remaining)) = segments.split_first() else {
            return node.leaf.map(|index| Match { index, values: values.clone(), trailing_slash: false });
        };
        if let Some(found) = node.literal.get(first).and_then(|next| Self::find_in(next, remaining, values)) {
            return Some(found);
        }
        if let Some(next) = node.parameter.as_deref().filter(|_| !first.is_empty()) {
            values.push(first.clone());
            let found = Self::find_in(next, remaining, values);
            values.pop();
            if found.is_some() {
                return found;
            }
        }
        let index = node.many_segments?;
        let trailing_slash = segments.len() > 1 && segments.last().is_some_and(String::is_empty);
        // The value of a parameter with many segments is a path and may begin with a slash.
        let rest = &segments[..segments.len() - usize::from(trailing_slash)];
        let (prefix, rest) = match rest.split_first() {
            Some((first, remaining)) if first.is_empty() && !remaining.is_empty() => ("/", remaining),
            _ => ("", rest),
        };
        if rest.iter().any(|segment| segment.is_empty() || segment == "." || segment == "..") {
            return None;
        }
        // Clients that fill in the template encode the slashes in the value of its parameter.
        let joined = format!("{prefix}{}", rest.join("/").replace(ENCODED_SLASH, "/"));
        // An encoded slash can create dot segments (path traversal). The empty segments that it creates belong to the
        // value: `%2F` is the key of the redirect for `/`, and a source can begin with `https://`.
        let is_ambiguous = !prefix.is_empty() && joined.starts_with("//");
        if is_ambiguous || joined.split('/').any(|segment| segment == "." || segment == "..") {
            return None;
        }
        let mut values = values.clone();
        values.push(joined);
        Some(Match { index, values, trailing_slash })
    }
}

/// The placeholder for an encoded slash, until it is known whether the segment may contain one.
const ENCODED_SLASH: char = '\u{1}';

/// Percent-decodes one segment. Returns `None` if it is not UTF-8 or contains `\`, NUL or the placeholder.
fn decode(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let (high, low) = (hex_digit(rest.next()?)?, hex_digit(rest.next()?)?);
                high << 4 | low
            }
            other => other,
        });
    }
    let text = String::from_utf8(bytes).ok().filter(|text| !text.contains(['\\', '\0', ENCODED_SLASH]))?;
    Some(text.replace("/", &ENCODED_SLASH.to_string()))
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router() -> Router {
        let mut router = Router::default();
        let templates = ["/api/posts", "/api/posts/{post}", "/api/docs", "/api/docs/{path}"];
        for (index, template) in templates.iter().enumerate() {
            router.add(template, *template == "/api/docs/{path}", index);
        }
        router
    }

    #[test]
    fn matches_paths() {
        for (path, index, value, trailing_slash) in [
            ("/api/posts", 0, None, false),
            ("/api/posts/7", 1, Some("7"), false),
            ("/api/posts/slug", 1, Some("slug"), false),
            ("/api/posts/a%20b", 1, Some("a b"), false),
            ("/api/docs/a/b/c", 3, Some("a/b/c"), false),
            ("/api/docs/a/b/", 3, Some("a/b"), true),
            ("/api/docs/a%2Fb/c", 3, Some("a/b/c"), false),
            ("/api/docs/%2Fa%2Fb", 3, Some("/a/b"), false),
            ("/api/docs//a/b", 3, Some("/a/b"), false),
            ("/api/docs/%2F", 3, Some("/"), false),
            ("/api/docs/%2F/", 3, Some("/"), true),
            ("/api/docs/%2f%2Fa%2Fb", 3, Some("//a/b"), false),
            ("/api/docs/https:%2F%2Fa%2F%2A", 3, Some("https://a/*"), false),
            ("/api/docs/a%2F%2Fb", 3, Some("a//b"), false),
        ] {
            let found = router().find(path).unwrap_or_else(|| panic!("{path}"));
            let value: Vec<String> = value.into_iter().map(str::to_owned).collect();
            assert_eq!(found, Match { index, values: value, trailing_slash }, "{path}");
        }
    }

    #[test]
    fn rejects_ambiguous_paths() {
        for path in [
            "",
            "api/posts",
            "/api//posts",
            "/api/posts/",
            "/api/posts/a%2Fb",
            "/api/posts/%ff",
            "/api/posts/%zz",
            "/api/posts/a%00",
            "/api/docs/a/../b",
            "/api/docs/a//b",
            "/api/docs///a",
            "/api/docs//%2Fa",
            "/api/docs/%2e%2e/b",
            "/api/docs/a%2F..%2Fb",
            "/api/docs/%2F..",
            "/api/docs/%2F%2F%2e%2E%2Fb",
            "/api/docs/a%2F./b",
            "/api/docs/",
            "/API/posts",
        ] {
            assert_eq!(router().find(path), None, "{path}");
        }
    }
}
