//! A tree of path segments: finds the patterns with captures that a path matches.
use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::source::{MAX_CAPTURES, MAX_DEPTH, Rest, Segment};

type Map<T> = HashMap<Box<str>, T, RandomState>;

/// Maximum number of nodes that one lookup visits. A path can match both the literal and the capture at each
/// segment, so the number of nodes on its ways through the tree can double with each segment.
const MAX_VISITS: u32 = 10_000;

/// Values by pattern.
pub struct Tree<T> {
    root: Node<T>,
    /// Whether there is a pattern without a rest.
    has_fixed: bool,
}

struct Node<T> {
    children: Map<Box<Node<T>>>,
    /// The node below a segment that is one capture.
    any: Option<Box<Node<T>>>,
    /// The nodes below segments that contain captures, those with the most literal text first.
    globs: Vec<(Glob, Box<Node<T>>)>,
    /// The value of the pattern that ends here.
    fixed: Option<T>,
    /// The value of the pattern that ends with `/*` here.
    rest: Option<T>,
    /// The values of patterns whose last segment ends with `*`.
    tails: Vec<(Glob, Option<T>)>,
}

/// The literal text around the captures of a segment.
type Glob = Vec<Box<str>>;

/// The captures of a path.
#[derive(Clone, Copy)]
struct Found<'p> {
    captures: [&'p str; MAX_CAPTURES],
    count: usize,
}

impl<T> Default for Tree<T> {
    fn default() -> Self {
        Tree { root: Node::default(), has_fixed: false }
    }
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Node {
            children: Map::default(),
            any: None,
            globs: Vec::new(),
            fixed: None,
            rest: None,
            tails: Vec::new(),
        }
    }
}

impl<T> Tree<T> {
    /// Returns the slot of a pattern, and creates it if it is missing.
    pub fn slot(&mut self, (segments, rest): (Vec<Segment>, Rest)) -> &mut Option<T> {
        self.has_fixed |= rest == Rest::None;
        let node = segments.into_iter().fold(&mut self.root, |node, segment| match segment {
            Segment::Literal(text) => node.children.entry(text.into()).or_default(),
            Segment::Any => node.any.get_or_insert_default(),
            Segment::Glob(glob) => {
                let position = node.globs.iter().position(|(known, _)| *known == glob);
                let position = position.unwrap_or_else(|| {
                    let at = node.globs.partition_point(|(known, _)| precedes(known, &glob));
                    node.globs.insert(at, (glob, Box::default()));
                    at
                });
                &mut node.globs[position].1
            }
        });
        match rest {
            Rest::None => &mut node.fixed,
            Rest::Segments => &mut node.rest,
            Rest::Tail(glob) => node.tail(glob),
        }
    }

    /// Returns the largest number of patterns with literal text beside a capture in the folders on the way of
    /// this pattern. A lookup may have to try all of them.
    pub fn count_globs(&self, (segments, rest): &(Vec<Segment>, Rest)) -> usize {
        let (mut node, mut most) = (&self.root, 0);
        for segment in segments {
            let next = match segment {
                Segment::Literal(text) => node.children.get(text.as_str()),
                Segment::Any => node.any.as_ref(),
                Segment::Glob(glob) => {
                    most = most.max(node.globs.len());
                    node.globs.iter().find(|(known, _)| known == glob).map(|(_, next)| next)
                }
            };
            let Some(next) = next else { return most };
            node = next;
        }
        if matches!(rest, Rest::Tail(_)) { most.max(node.tails.len()) } else { most }
    }

    /// Calls `visit` with each value whose pattern matches the path, and with its captures. `below` is the path
    /// without its leading slash. Patterns without a rest precede patterns with a rest, literal segments precede
    /// captures, and patterns with a long literal text precede those with a short one. Returns the first result
    /// that is `Some`.
    pub fn find_first<'p, R>(
        &self,
        below: &'p str,
        visit: &mut impl FnMut(&T, &[&'p str]) -> Option<R>,
    ) -> Option<R> {
        let mut visits = MAX_VISITS;
        let found = Found { captures: [""; MAX_CAPTURES], count: 0 };
        let fixed =
            if self.has_fixed { self.root.find_fixed(Some(below), found, &mut visits, visit) } else { None };
        fixed.or_else(|| self.root.find_rest(Some(below), found, 0, &mut visits, visit))
    }
}

impl<T> Node<T> {
    fn tail(&mut self, glob: Glob) -> &mut Option<T> {
        let position = self.tails.iter().position(|(known, _)| *known == glob);
        let position = position.unwrap_or_else(|| {
            let at = self.tails.partition_point(|(known, _)| precedes(known, &glob));
            self.tails.insert(at, (glob, None));
            at
        });
        &mut self.tails[position].1
    }

    fn find_fixed<'p, R>(
        &self,
        left: Option<&'p str>,
        found: Found<'p>,
        visits: &mut u32,
        visit: &mut impl FnMut(&T, &[&'p str]) -> Option<R>,
    ) -> Option<R> {
        let Some(rest) = left else {
            return self.fixed.as_ref().and_then(|value| visit(value, found.captures()));
        };
        *visits = visits.checked_sub(1)?;
        let (segment, next) = split(rest);
        let child = self.children.get(segment);
        if let Some(result) = child.and_then(|child| child.find_fixed(next, found, visits, visit)) {
            return Some(result);
        }
        let any = self.any.as_ref().filter(|_| !segment.is_empty());
        if let Some(any) = any
            && let Some(result) = any.find_fixed(next, found.with(segment)?, visits, visit)
        {
            return Some(result);
        }
        self.globs.iter().find_map(|(glob, node)| {
            node.find_fixed(next, found.matching(glob, segment, false)?, visits, visit)
        })
    }

    fn find_rest<'p, R>(
        &self,
        left: Option<&'p str>,
        found: Found<'p>,
        depth: usize,
        visits: &mut u32,
        visit: &mut impl FnMut(&T, &[&'p str]) -> Option<R>,
    ) -> Option<R> {
        *visits = visits.checked_sub(1)?;
        if let Some(rest) = left.filter(|_| depth < MAX_DEPTH) {
            let (segment, next) = split(rest);
            let child = self.children.get(segment);
            if let Some(result) =
                child.and_then(|child| child.find_rest(next, found, depth + 1, visits, visit))
            {
                return Some(result);
            }
            let any = self.any.as_ref().filter(|_| !segment.is_empty());
            if let Some(any) = any
                && let Some(result) = any.find_rest(next, found.with(segment)?, depth + 1, visits, visit)
            {
                return Some(result);
            }
            let below = self.globs.iter().find_map(|(glob, node)| {
                node.find_rest(next, found.matching(glob, segment, false)?, depth + 1, visits, visit)
            });
            let tail = || {
                self.tails.iter().find_map(|(glob, value)| {
                    let found = found.matching(glob, rest, true)?;
                    visit(value.as_ref()?, found.captures())
                })
            };
            if let Some(result) = below.or_else(tail) {
                return Some(result);
            }
        }
        let value = self.rest.as_ref()?;
        visit(value, found.with(left.unwrap_or_default())?.captures())
    }
}

/// Splits the first segment from a path without a leading slash.
fn split(path: &str) -> (&str, Option<&str>) {
    let end = path.bytes().position(|byte| byte == b'/').unwrap_or(path.len());
    (&path[..end], path.get(end + 1..))
}

/// Returns whether a glob precedes another one: the one with more literal text, then in the order of the text.
fn precedes(glob: &Glob, other: &Glob) -> bool {
    let length = |glob: &Glob| glob.iter().map(|text| text.len()).sum::<usize>();
    (std::cmp::Reverse(length(glob)), glob) < (std::cmp::Reverse(length(other)), other)
}

impl<'p> Found<'p> {
    fn captures(&self) -> &[&'p str] {
        &self.captures[..self.count]
    }

    fn with(mut self, capture: &'p str) -> Option<Self> {
        *self.captures.get_mut(self.count)? = capture;
        self.count += 1;
        Some(self)
    }

    /// Adds the text that each capture of a glob matches in `text`. A tail has a further capture at its end,
    /// which matches any text, even none. All other captures match at least one character, and no slash.
    fn matching(mut self, glob: &[Box<str>], text: &'p str, is_tail: bool) -> Option<Self> {
        let (first, others) = glob.split_first()?;
        let mut left = text.strip_prefix(&**first)?;
        for (i, literal) in others.iter().enumerate() {
            let one = left.chars().next()?.len_utf8();
            let part = if i + 1 == others.len() && !is_tail {
                left.strip_suffix(&**literal)?
            } else {
                // Only the first occurrence is tried, because a later one leaves less text for the following
                // literals. Without backtracking, the cost is linear.
                &left[..one + left[one..].find(&**literal)?]
            };
            if part.is_empty() || part.contains('/') {
                return None;
            }
            self = self.with(part)?;
            left = &left[part.len() + literal.len()..];
        }
        if is_tail { self.with(left) } else { Some(self) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'p>(glob: &str, text: &'p str, is_tail: bool) -> Option<Vec<&'p str>> {
        let glob: Glob = glob.split('*').map(Box::from).collect();
        let start = Found { captures: [""; MAX_CAPTURES], count: 0 };
        start.matching(&glob, text, is_tail).map(|found| found.captures().to_vec())
    }

    #[test]
    fn a_capture_is_the_text_between_its_literals() {
        for (glob, text, captures) in [
            ("*.html", "a.html", Some(&["a"][..])),
            ("*.html", ".html", None),
            ("*x*", "axb", Some(&["a", "b"])),
            ("*x*", "xxb", Some(&["x", "b"])),
            ("*a*a*b", "aaaaaaaab", Some(&["a", "a", "aaaa"])),
            ("ü*", "üß", Some(&["ß"])),
            ("a*", "a", None),
        ] {
            assert_eq!(found(glob, text, false).as_deref(), captures, "{glob} {text}");
        }
        for (glob, text, captures) in [
            ("preset-", "preset-env", Some(&["env"][..])),
            ("preset-", "preset-", Some(&[""])),
            ("preset-", "preset-a/b", Some(&["a/b"])),
            ("preset-", "preset", None),
            ("*-", "a-b-c/d", Some(&["a", "b-c/d"])),
            ("*-", "a/b-c", None),
        ] {
            assert_eq!(found(glob, text, true).as_deref(), captures, "{glob} {text}");
        }
        let long = "a".repeat(100_000);
        assert_eq!(found("*a*a*a*a*b", &long, false), None, "in linear time");
    }

    #[test]
    fn a_lookup_visits_a_bounded_number_of_nodes() {
        let mut tree = Tree::default();
        // Each of the 15 segments is a literal or a capture, with at most 10 captures.
        for bits in 0..1u32 << 15 {
            if bits.count_ones() <= 10 {
                let segment = |i: u32| match bits >> i & 1 {
                    0 => Segment::Literal("x".to_owned()),
                    _ => Segment::Any,
                };
                let mut segments: Vec<Segment> = (0..15).map(segment).collect();
                segments.push(Segment::Literal("end".to_owned()));
                *tree.slot((segments, Rest::None)) = Some(());
            }
        }
        let mut values = 0;
        let path = format!("{}/end", ["x"; 15].join("/"));
        let found = tree.find_first(&path, &mut |(), _| {
            values += 1;
            None::<()>
        });
        assert_eq!(found, None);
        assert!((100..10_000).contains(&values), "{values}");
    }
}
