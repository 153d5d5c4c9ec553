//! Rules as a JSON map.
use super::{Entry, ParsedFile, Place, Remark};
use crate::resources::redirects::{path::RuleKey, types::RedirectMap};

/// Reads rules from a JSON map.
pub fn from_map(map: RedirectMap) -> ParsedFile {
    let mut file = ParsedFile::default();
    for (number, (key, to)) in map.0.into_iter().enumerate() {
        let place = Place::Field(number, format!("#/{}", key.replace('~', "~0").replace('/', "~1")));
        let parsed = RuleKey::parse(&key);
        let is_source = key.starts_with('/') || key.contains("://");
        if !is_source && matches!(parsed, RuleKey::Path(_)) {
            let message =
                "must begin with a slash, http:// or https://, or be a key form such as -api-v1-revenues";
            file.errors.push(Remark::new(place, message));
            continue;
        }
        let source = if is_source { key.as_str() } else { parsed.path() };
        file.entries.push(Entry::new(place, to.with_source(source.into())));
    }
    file
}
