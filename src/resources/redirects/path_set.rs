//! Sets of paths, and the test whether two sets intersect. The chain check uses it to find two rules that
//! match the same path.
use super::path::{Kind, Pattern};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    /// This character.
    Literal(char),
    /// One character other than a slash.
    AnyChar,
    /// Zero or more characters other than a slash.
    AnySegment,
    /// Zero or more characters.
    AnyTail,
}

/// The set of paths that match a text with gaps.
#[derive(Debug, Clone)]
pub struct PathSet(Vec<Token>);

impl PathSet {
    pub fn new() -> Self {
        PathSet(Vec::new())
    }

    pub fn push_text(&mut self, text: &str) {
        self.0.extend(text.chars().map(Token::Literal));
    }

    /// Appends the gap of one `*`. With `matches_rest` it includes slashes and may be empty; otherwise it is
    /// at least one character of a segment.
    pub fn push_gap(&mut self, matches_rest: bool) {
        match matches_rest {
            true => self.0.push(Token::AnyTail),
            false => self.0.extend([Token::AnyChar, Token::AnySegment]),
        }
    }

    /// Removes a trailing slash: canonical paths have none.
    pub fn trimmed(mut self) -> Self {
        if self.0.len() > 1 && self.0.last() == Some(&Token::Literal('/')) {
            self.0.pop();
        }
        self
    }

    /// Returns the set without its trailing `/*`, for the case that this gap is empty; `None` if there is no
    /// such gap.
    pub fn without_tail(&self) -> Option<PathSet> {
        match self.0.as_slice() {
            [above @ .., Token::Literal('/'), Token::AnyTail] => Some(PathSet(above.to_vec())),
            _ => None,
        }
    }

    /// Returns the number of tokens, which bounds the cost of a comparison.
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// Returns whether at least one path is in both sets.
    ///
    /// Visits each pair of positions at most once: the cost is the product of the two sizes.
    pub fn intersects(&self, other: &PathSet) -> bool {
        let width = other.0.len() + 1;
        let mut seen = vec![false; (self.0.len() + 1) * width];
        let mut open = vec![(0, 0)];
        while let Some((i, j)) = open.pop() {
            if std::mem::replace(&mut seen[i * width + j], true) {
                continue;
            }
            let (a, b) = (self.0.get(i).copied(), other.0.get(j).copied());
            if a.is_none() && b.is_none() {
                return true;
            }
            if matches!(a, Some(Token::AnySegment | Token::AnyTail)) {
                open.push((i + 1, j));
                if b.is_some_and(|b| covers(a, b)) {
                    open.push((i, j + 1));
                }
            }
            if matches!(b, Some(Token::AnySegment | Token::AnyTail)) {
                open.push((i, j + 1));
                if a.is_some_and(|a| covers(b, a)) {
                    open.push((i + 1, j));
                }
            }
            if let (Some(a), Some(b)) = (a, b)
                && overlap(a, b)
            {
                open.push((i + 1, j + 1));
            }
        }
        false
    }
}

/// Returns whether a repeating token matches every character that another token matches.
fn covers(repeating: Option<Token>, token: Token) -> bool {
    match repeating {
        Some(Token::AnyTail) => true,
        _ => !matches!(token, Token::Literal('/') | Token::AnyTail),
    }
}

/// Returns whether two tokens of one character each can match the same character.
fn overlap(a: Token, b: Token) -> bool {
    match (a, b) {
        (Token::Literal(a), Token::Literal(b)) => a == b,
        (Token::Literal(c), Token::AnyChar) | (Token::AnyChar, Token::Literal(c)) => c != '/',
        (Token::AnyChar, Token::AnyChar) => true,
        _ => false,
    }
}

/// Returns the sets of paths that a pattern matches. A prefix has two: its own path, and the paths below.
pub fn path_sets(pattern: &Pattern) -> Vec<PathSet> {
    let mut set = PathSet::new();
    match pattern.kind {
        Kind::Exact => set.push_text(&pattern.path),
        Kind::Prefix => {
            let mut exact = PathSet::new();
            exact.push_text(&pattern.path);
            set.push_text(&pattern.path);
            set.push_text("/");
            set.push_gap(true);
            return vec![exact, set];
        }
        Kind::Wildcard => {
            for (star, part) in pattern.path.split('*').enumerate() {
                if star > 0 {
                    set.push_gap(pattern.matches_rest(star - 1));
                }
                set.push_text(part);
            }
        }
    }
    vec![set]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wildcard(path: &str) -> Pattern {
        Pattern { kind: if path.contains('*') { Kind::Wildcard } else { Kind::Exact }, path: path.to_owned() }
    }

    #[test]
    fn sets_intersect_when_a_path_is_in_both() {
        for (one, other, expected) in [
            ("/a", "/a", true),
            ("/a", "/b", false),
            ("/a/*", "/a/b/c", true),
            ("/a/*/c", "/a/b/c", true),
            ("/a/*/c", "/a/b/d/c", false),
            ("/*.html", "/a*", true),
            ("/*.html", "/a/*", false),
            ("/a*", "/*b", true),
            ("/a*", "/b*", false),
            ("/*x", "/x", false),
            ("/a*c*e", "/abcde", true),
            ("/a*c*e", "/abcd", false),
        ] {
            let (one, other) = (wildcard(one), wildcard(other));
            let found = path_sets(&one)[0].intersects(&path_sets(&other)[0]);
            assert_eq!(found, expected, "{one:?} {other:?}");
            assert_eq!(path_sets(&other)[0].intersects(&path_sets(&one)[0]), expected, "in the other order");
        }
    }
}
