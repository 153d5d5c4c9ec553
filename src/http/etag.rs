//! Entity tags and preconditions (RFC 9110, sections 8.8.3 and 13.1).
use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest;
use uuid::Uuid;

use super::problem::{Error, Result};

/// An entity tag, including its quotes. Weak tags begin with `W/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ETag(String);

impl ETag {
    /// Returns the strong tag of a version of one resource.
    pub fn for_version(id: Uuid, version: i64) -> Self {
        ETag(format!("\"{}-{version}\"", URL_SAFE_NO_PAD.encode(id.as_bytes())))
    }

    /// Returns a strong tag that is a hash of `parts`, for a representation of more than one row.
    pub fn from_parts(parts: &[&str]) -> Self {
        ETag(format!("\"{}\"", hash(parts)))
    }

    /// Returns a weak tag that is a hash of `parts`, for example the versions of the collections in a list.
    pub fn weak_from_parts(parts: &[&str]) -> Self {
        ETag(format!("W/\"{}\"", hash(parts)))
    }

    /// Parses a tag from a header or the database.
    pub fn parse(text: &str) -> Option<Self> {
        let opaque = text.strip_prefix("W/").unwrap_or(text);
        let inner = opaque.strip_prefix('"')?.strip_suffix('"')?;
        inner
            .bytes()
            .all(|b| b == 0x21 || (0x23..=0x7e).contains(&b) || b >= 0x80)
            .then(|| ETag(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn opaque(&self) -> &str {
        self.0.strip_prefix("W/").unwrap_or(&self.0)
    }

    fn is_weak(&self) -> bool {
        self.0.starts_with("W/")
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Hashes the parts with their lengths, so that `["ab", "c"]` and `["a", "bc"]` differ.
fn hash(parts: &[&str]) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    URL_SAFE_NO_PAD.encode(&context.finish().as_ref()[..15])
}

/// Optional white space in headers (RFC 9110, section 5.6.3).
const OWS: [char; 2] = [' ', '\t'];

/// The value of `If-Match` or `If-None-Match`: `*` or a list of entity tags.
#[derive(Debug, Clone)]
pub enum EntityTags {
    Any,
    List(Vec<ETag>),
}

impl EntityTags {
    /// Parses the header value. The caller must first join several header lines with commas.
    ///
    /// A list may have empty elements, and spaces and tabs around commas (RFC 9110, section 5.6.1.2).
    pub fn parse(value: &str) -> Option<Self> {
        if value.trim_matches(OWS) == "*" {
            return Some(EntityTags::Any);
        }
        let separators = |c| c == ',' || OWS.contains(&c);
        let mut tags = Vec::new();
        let mut rest = value.trim_start_matches(separators);
        while !rest.is_empty() {
            let open = if rest.starts_with("W/") { 2 } else { 0 };
            let inner = rest[open..].strip_prefix('"')?;
            let end = open + 1 + inner.find('"')? + 1;
            tags.push(ETag::parse(&rest[..end])?);
            rest = rest[end..].trim_start_matches(OWS);
            if !rest.is_empty() && !rest.starts_with(',') {
                return None;
            }
            rest = rest.trim_start_matches(separators);
        }
        Some(EntityTags::List(tags))
    }

    /// Compares weakly, for `If-None-Match` (RFC 9110, section 13.1.2).
    pub fn matches_weak(&self, current: &ETag) -> bool {
        match self {
            EntityTags::Any => true,
            EntityTags::List(tags) => tags.iter().any(|tag| tag.opaque() == current.opaque()),
        }
    }

    /// Compares strongly, for `If-Match` (RFC 9110, section 13.1.1): weak tags never match.
    pub fn matches_strong(&self, current: &ETag) -> bool {
        match self {
            EntityTags::Any => true,
            EntityTags::List(tags) => tags.iter().any(|tag| !tag.is_weak() && tag == current),
        }
    }
}

/// The preconditions of a write.
#[derive(Debug, Clone, Default)]
pub struct Precondition {
    /// `If-Match`: one of these versions must be the current one.
    pub if_match: Option<EntityTags>,
    /// `If-None-Match`: none of these versions may be the current one.
    pub if_none_match: Option<EntityTags>,
    /// Whether a write without `If-Match` is rejected with 428.
    pub required: bool,
}

impl Precondition {
    /// Returns the precondition with this `If-None-Match`.
    pub fn with_if_none_match(self, none: Option<EntityTags>) -> Self {
        Precondition { if_none_match: none, ..self }
    }

    /// Returns whether the current version must be read to check the precondition.
    pub fn is_some(&self) -> bool {
        self.required || self.if_match.is_some() || self.if_none_match.is_some()
    }

    /// Checks a write that creates the resource.
    ///
    /// # Errors
    /// 412 if the client sent `If-Match`: there is no version that it could match.
    pub fn check_absent(&self) -> Result<()> {
        match &self.if_match {
            None => Ok(()),
            Some(_) => Err(Error::IfMatchFailed),
        }
    }

    /// Checks a write to a resource whose version is `current`.
    ///
    /// # Errors
    /// 412 if a precondition fails, 428 if `If-Match` is required and absent.
    pub fn check(&self, current: &ETag) -> Result<()> {
        match (&self.if_match, &self.if_none_match) {
            (Some(tags), _) if !tags.matches_strong(current) => {
                Err(Error::PreconditionFailed(current.clone()))
            }
            (_, Some(none)) if none.matches_weak(current) => Err(Error::IfNoneMatchFailed(current.clone())),
            (None, _) if self.required => Err(Error::IfMatchRequired),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_lists_weak_tags_and_the_wildcard() {
        let current = ETag("\"a,b\"".into());
        for (value, weakly, strongly) in [
            ("*", true, true),
            ("\"a,b\"", true, true),
            ("W/\"a,b\"", true, false),
            ("\"x\", \"a,b\"", true, true),
            ("\"x\",,\t\"y\"", false, false),
            (",\"a,b\"", true, true),
            (" ,\t, W/\"a,b\"\t,, ", true, false),
            ("\"x\"\t,\t\"a,b\",", true, true),
            ("\t*\t", true, true),
            ("", false, false),
            (",\t,", false, false),
        ] {
            let tags = EntityTags::parse(value).unwrap_or_else(|| panic!("{value}"));
            assert_eq!(
                (tags.matches_weak(&current), tags.matches_strong(&current)),
                (weakly, strongly),
                "{value}"
            );
        }
    }

    #[test]
    fn checks_if_match_and_if_none_match() {
        let current = ETag("\"a\"".into());
        let tags = |value: &str| (!value.is_empty()).then(|| EntityTags::parse(value)).flatten();
        for (matching, none, required, allowed) in [
            ("", "", false, true),
            ("", "", true, false),
            ("\"a\"", "", true, true),
            ("W/\"a\"", "", false, false),
            ("", "*", false, false),
            ("", "*", true, false),
            ("", "W/\"a\"", false, false),
            ("", "\"b\"", false, true),
            ("", "\"b\"", true, false),
            ("\"a\"", "\"b\"", false, true),
            ("\"a\"", "\"a\"", false, false),
        ] {
            let when = Precondition { if_match: tags(matching), required, ..Precondition::default() };
            let checked = when.with_if_none_match(tags(none)).check(&current);
            assert_eq!(checked.is_ok(), allowed, "If-Match {matching}, If-None-Match {none}: {checked:?}");
        }
    }

    #[test]
    fn tags_differ_with_their_parts_and_have_a_valid_syntax() {
        let strong = ETag::from_parts(&["ab", "c"]);
        assert_ne!(strong, ETag::from_parts(&["a", "bc"]));
        assert_eq!((strong.to_string().len(), strong.as_str()), (22, &*strong.to_string()));
        let weak = ETag::weak_from_parts(&["ab", "c"]);
        assert_eq!(weak.as_str(), format!("W/{strong}"));
        assert!(!EntityTags::List(vec![weak.clone()]).matches_strong(&weak), "weak tags never match");
        for (text, is_valid) in
            [("\"!#~\u{80}\"", true), ("W/\"\"", true), ("\"a b\"", false), ("\"a\"b\"", false)]
        {
            assert_eq!(ETag::parse(text).is_some(), is_valid, "{text}");
        }
    }

    #[test]
    fn each_precondition_requires_the_current_version() {
        let any = || Some(EntityTags::Any);
        for (if_match, if_none_match, required, is_some) in [
            (None, None, false, false),
            (any(), None, false, true),
            (None, any(), false, true),
            (None, None, true, true),
        ] {
            let when = Precondition { if_match, if_none_match, required };
            assert_eq!(when.is_some(), is_some, "{when:?}");
            assert_eq!(when.check_absent().is_err(), when.if_match.is_some(), "{when:?}");
        }
    }

    #[test]
    fn rejects_malformed_lists() {
        for value in ["abc", "\"a", "\"a\" \"b\"", "w/\"a\"", "*, \"a\"", ",*", "\"a\"b", "\"a\"\u{a0}"] {
            assert!(EntityTags::parse(value).is_none(), "{value}");
        }
    }
}
