//! Whether two patterns can match the same path: how loops are found before somebody runs in them.
use super::path::{Kind, Pattern};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    This(char),
    /// One character that is no slash.
    One,
    /// Any number of characters that are no slashes.
    Some,
    /// Any number of characters.
    All,
}

/// A set of paths: text with gaps.
#[derive(Debug, Clone)]
pub struct Glob(Vec<Token>);

impl Glob {
    pub fn new() -> Self {
        Glob(Vec::new())
    }

    pub fn text(&mut self, text: &str) {
        self.0.extend(text.chars().map(Token::This));
    }

    /// A gap: what one `*` takes, in a segment or with everything below.
    pub fn gap(&mut self, rest: bool) {
        match rest {
            true => self.0.push(Token::All),
            false => self.0.extend([Token::One, Token::Some]),
        }
    }

    /// The same without a slash at the end, which is no part of a path.
    pub fn trimmed(mut self) -> Self {
        if self.0.len() > 1 && self.0.last() == Some(&Token::This('/')) {
            self.0.pop();
        }
        self
    }

    /// What is left where a gap at the end, behind a slash, takes nothing; none if there is no such gap.
    pub fn bare(&self) -> Option<Glob> {
        match self.0.as_slice() {
            [above @ .., Token::This('/'), Token::All] => Some(Glob(above.to_vec())),
            _ => None,
        }
    }

    /// How much there is to compare.
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// Whether there is a path in both.
    pub fn meets(&self, other: &Glob) -> bool {
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
            if matches!(a, Some(Token::Some | Token::All)) {
                open.push((i + 1, j));
                if b.is_some_and(|b| within(b, a)) {
                    open.push((i, j + 1));
                }
            }
            if matches!(b, Some(Token::Some | Token::All)) {
                open.push((i, j + 1));
                if a.is_some_and(|a| within(a, b)) {
                    open.push((i + 1, j));
                }
            }
            if let (Some(a), Some(b)) = (a, b)
                && one(a, b)
            {
                open.push((i + 1, j + 1));
            }
        }
        false
    }
}

/// Whether a repeating token takes the characters of another.
fn within(token: Token, taker: Option<Token>) -> bool {
    match taker {
        Some(Token::All) => true,
        _ => !matches!(token, Token::This('/') | Token::All),
    }
}

/// Whether two tokens of one character each can stand for the same one.
fn one(a: Token, b: Token) -> bool {
    match (a, b) {
        (Token::This(a), Token::This(b)) => a == b,
        (Token::This(c), Token::One) | (Token::One, Token::This(c)) => c != '/',
        (Token::One, Token::One) => true,
        _ => false,
    }
}

/// The paths that a pattern matches; a prefix is two of them.
pub fn of_pattern(pattern: &Pattern) -> Vec<Glob> {
    let mut whole = Glob::new();
    match pattern.kind {
        Kind::Exact => whole.text(&pattern.path),
        Kind::Prefix => {
            let mut itself = Glob::new();
            itself.text(&pattern.path);
            whole.text(&pattern.path);
            whole.text("/");
            whole.gap(true);
            return vec![itself, whole];
        }
        Kind::Wildcard => {
            for (star, piece) in pattern.path.split('*').enumerate() {
                if star > 0 {
                    whole.gap(pattern.takes_rest(star - 1));
                }
                whole.text(piece);
            }
        }
    }
    vec![whole]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wildcard(path: &str) -> Pattern {
        Pattern { kind: if path.contains('*') { Kind::Wildcard } else { Kind::Exact }, path: path.to_owned() }
    }

    #[test]
    fn patterns_meet_where_a_path_is_in_both() {
        for (one, other, meet) in [
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
            let found = of_pattern(&one)[0].meets(&of_pattern(&other)[0]);
            assert_eq!(found, meet, "{one:?} {other:?}");
            assert_eq!(of_pattern(&other)[0].meets(&of_pattern(&one)[0]), meet, "the other way round");
        }
    }
}
