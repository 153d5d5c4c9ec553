//! Paths to resources: the templates of the document as a tree. Segments are split before they are decoded,
//! so that an encoded slash never makes a path deeper.
use std::collections::HashMap;

#[derive(Default)]
struct Node {
    literal: HashMap<String, Node>,
    parameter: Option<Box<Node>>,
    /// A last parameter that takes all segments that are left.
    rest: Option<usize>,
    leaf: Option<usize>,
}

/// Finds the place of a path among the templates that were added.
#[derive(Default)]
pub struct Router(Node);

/// Where a path leads, and the decoded values of its parameters.
#[derive(Debug, PartialEq, Eq)]
pub struct Match {
    pub place: usize,
    pub values: Vec<String>,
    /// The path ends with a slash that its canonical form has not.
    pub slash: bool,
}

impl Router {
    /// Adds a template such as `/api/posts/{id}`; `rest` says that its last parameter takes many segments.
    pub fn add(&mut self, template: &str, rest: bool, place: usize) {
        let mut node = &mut self.0;
        let segments: Vec<&str> = template.split('/').skip(1).collect();
        for (i, segment) in segments.iter().enumerate() {
            let parameter = segment.starts_with('{');
            if rest && parameter && i + 1 == segments.len() {
                node.rest = Some(place);
                return;
            }
            node = match parameter {
                true => node.parameter.get_or_insert_default(),
                false => node.literal.entry((*segment).to_owned()).or_default(),
            };
        }
        node.leaf = Some(place);
    }

    /// The match of a path as it stood in the request line, if it has one.
    pub fn find(&self, path: &str) -> Option<Match> {
        let segments: Vec<String> = path.strip_prefix('/')?.split('/').map(decode).collect::<Option<_>>()?;
        Self::walk(&self.0, &segments, &mut Vec::new())
            .filter(|found| !found.values.iter().any(|v| v.contains(HIDDEN)))
    }

    fn walk(node: &Node, segments: &[String], values: &mut Vec<String>) -> Option<Match> {
        let Some((first, others)) = segments.split_first() else {
            return node.leaf.map(|place| Match { place, values: values.clone(), slash: false });
        };
        if let Some(found) = node.literal.get(first).and_then(|next| Self::walk(next, others, values)) {
            return Some(found);
        }
        if let Some(next) = node.parameter.as_deref().filter(|_| !first.is_empty()) {
            values.push(first.clone());
            let found = Self::walk(next, others, values);
            values.pop();
            if found.is_some() {
                return found;
            }
        }
        let place = node.rest?;
        let slash = segments.len() > 1 && segments.last().is_some_and(String::is_empty);
        // A parameter that is a path of its own may bring the slash at its beginning along.
        let kept = &segments[..segments.len() - usize::from(slash)];
        let (mark, kept) = match kept.split_first() {
            Some((first, others)) if first.is_empty() && !others.is_empty() => ("/", others),
            _ => ("", kept),
        };
        if kept.iter().any(|segment| segment.is_empty() || segment == "." || segment == "..") {
            return None;
        }
        // Clients that fill in the template of the document encode the slashes of its one parameter.
        let joined = format!("{mark}{}", kept.join("/").replace(HIDDEN, "/"));
        if joined
            .strip_prefix('/')
            .unwrap_or(&joined)
            .split('/')
            .any(|segment| matches!(segment, "" | "." | ".."))
        {
            return None;
        }
        let mut values = values.clone();
        values.push(joined);
        Some(Match { place, values, slash })
    }
}

/// Stands for an encoded slash until it is clear whether its segment may have one.
const HIDDEN: char = '\u{1}';

/// One segment, percent-decoded once; none if it is not UTF-8 or hides what no segment may have.
fn decode(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let (high, low) = (hex(rest.next()?)?, hex(rest.next()?)?);
                high << 4 | low
            }
            other => other,
        });
    }
    let text = String::from_utf8(bytes).ok().filter(|text| !text.contains(['\\', '\0', HIDDEN]))?;
    Some(text.replace("/", &HIDDEN.to_string()))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router() -> Router {
        let mut router = Router::default();
        let templates =
            ["/api/posts", "/api/posts/{id}", "/api/posts/slug/{slug}", "/api/docs", "/api/docs/{path}"];
        for (place, template) in templates.iter().enumerate() {
            router.add(template, *template == "/api/docs/{path}", place);
        }
        router
    }

    #[test]
    fn paths_lead_where_they_should() {
        for (path, place, value, slash) in [
            ("/api/posts", 0, None, false),
            ("/api/posts/7", 1, Some("7"), false),
            ("/api/posts/slug", 1, Some("slug"), false),
            ("/api/posts/slug/a%20b", 2, Some("a b"), false),
            ("/api/docs/a/b/c", 4, Some("a/b/c"), false),
            ("/api/docs/a/b/", 4, Some("a/b"), true),
            ("/api/docs/a%2Fb/c", 4, Some("a/b/c"), false),
            ("/api/docs/%2Fa%2Fb", 4, Some("/a/b"), false),
            ("/api/docs//a/b", 4, Some("/a/b"), false),
        ] {
            let found = router().find(path).unwrap_or_else(|| panic!("{path}"));
            let value: Vec<String> = value.into_iter().map(str::to_owned).collect();
            assert_eq!(found, Match { place, values: value, slash }, "{path}");
        }
    }

    #[test]
    fn tricks_lead_nowhere() {
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
            "/api/docs/%2F",
            "/api/docs/%2e%2e/b",
            "/api/docs/a%2F..%2Fb",
            "/api/docs/a%2F%2Fb",
            "/api/docs/",
            "/API/posts",
        ] {
            assert_eq!(router().find(path), None, "{path}");
        }
    }
}
