//! Conditions of a source besides its path: a host, query parameters, countries and languages.
use std::fmt::Write as _;

use super::path::{decode_query, escape_component, name_length};
use crate::{domain::locale::parse_language_range, infra::geoip::Country};

/// Maximum number of query parameters of a source.
pub const MAX_PARAMETERS: usize = 8;
/// Maximum number of countries, and of languages, of a source.
const MAX_VALUES: usize = 50;
/// Maximum number of ranges of `Accept-Language` that are compared.
const MAX_RANGES: usize = 50;

/// The conditions that a request must fulfil besides its path. All of them must be fulfilled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Conditions {
    pub host: Option<SourceHost>,
    /// The parameters that the query must contain, in ascending order of their names.
    pub query: Vec<(String, QueryValue)>,
    /// The request must come from one of these countries, if there are any. In ascending order.
    pub countries: Vec<Country>,
    /// The request must accept one of these languages, if there are any. In lower case and ascending order.
    pub languages: Vec<String>,
}

/// The host of a source such as `https://old.acme.test/*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SourceHost {
    /// In lower case and ASCII, with the port if it is not the default of the scheme.
    pub name: String,
    /// Whether the rule applies only to requests without TLS: `http://`.
    pub is_plain: bool,
}

/// The condition on the value of a query parameter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum QueryValue {
    /// The parameter must have this value.
    Literal(String),
    /// The parameter may have any value. The destination can contain it: `:name`.
    Capture(String),
}

impl Conditions {
    pub fn is_empty(&self) -> bool {
        *self == Conditions::default()
    }

    /// Returns how many kinds of conditions there are. Rules with more of them have precedence.
    pub fn rank(&self) -> usize {
        self.query.len() + usize::from(!self.countries.is_empty()) + usize::from(!self.languages.is_empty())
    }

    /// Returns the values of the captured query parameters, if the query fulfils the conditions.
    pub fn match_query(&self, query: &str) -> Option<Vec<String>> {
        let mut captures = Vec::new();
        for (name, expected) in &self.query {
            let value = query.split('&').find_map(|pair| {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decode_query(key) == name.as_str()).then(|| decode_query(value))
            })?;
            match expected {
                QueryValue::Literal(literal) if *literal == value => {}
                QueryValue::Literal(_) => return None,
                QueryValue::Capture(_) => captures.push(value.into_owned()),
            }
        }
        Some(captures)
    }

    /// Returns the names of the captured query parameters, in the order of [`Conditions::match_query`].
    pub fn capture_names(&self) -> impl Iterator<Item = &str> {
        self.query.iter().filter_map(|(_, value)| match value {
            QueryValue::Capture(name) => Some(name.as_str()),
            QueryValue::Literal(_) => None,
        })
    }

    /// Returns a query that fulfils the conditions, with `x` for each captured value.
    pub fn sample_query(&self) -> String {
        let mut query = String::new();
        for (name, value) in &self.query {
            let value = match value {
                QueryValue::Literal(text) => text,
                QueryValue::Capture(_) => "x",
            };
            let separator = if query.is_empty() { "" } else { "&" };
            query.push_str(separator);
            escape_component(&mut query, name, false, true);
            query.push('=');
            escape_component(&mut query, value, false, true);
        }
        query
    }

    /// Returns the text of the query in a source. The first separator precedes the first parameter, the second the others.
    pub fn query_text(&self, separators: (char, char)) -> String {
        let mut text = String::new();
        for (name, value) in &self.query {
            text.push(if text.is_empty() { separators.0 } else { separators.1 });
            escape_component(&mut text, name, false, false);
            text.push('=');
            match value {
                QueryValue::Capture(name) => {
                    text.push(':');
                    text.push_str(name);
                }
                QueryValue::Literal(literal) => {
                    // A colon at the begin marks a placeholder.
                    let rest = literal.strip_prefix(':');
                    text.push_str(if rest.is_some() { "%3A" } else { "" });
                    escape_component(&mut text, rest.unwrap_or(literal), false, true);
                }
            }
        }
        text
    }

    /// Returns the text of the countries and languages, which follows the source: ` Country=FR Language=en,fr`.
    pub fn client_text(&self) -> String {
        let mut text = String::new();
        if !self.countries.is_empty() {
            let countries: Vec<String> = self.countries.iter().map(Country::to_string).collect();
            let _ = write!(text, " Country={}", countries.join(","));
        }
        if !self.languages.is_empty() {
            let _ = write!(text, " Language={}", self.languages.join(","));
        }
        text
    }
}

impl SourceHost {
    /// Returns the scheme and the host: `https://old.acme.test`.
    pub fn text(&self) -> String {
        format!("{}://{}", if self.is_plain { "http" } else { "https" }, self.name)
    }
}

/// Parses the query of a source: `id=:id&page=news`.
pub fn parse_query(text: &str) -> Result<Vec<(String, QueryValue)>, &'static str> {
    let mut query = Vec::new();
    for pair in text.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode_query(name).into_owned();
        let value = match value.strip_prefix(':') {
            Some(capture) if capture.is_empty() || name_length(capture) != capture.len() => {
                return Err(
                    "must contain query parameters such as id=:id or page=news; write %3A for a colon",
                );
            }
            Some(capture) => QueryValue::Capture(capture.to_owned()),
            None => QueryValue::Literal(decode_query(value).into_owned()),
        };
        if name.is_empty() || name.chars().any(char::is_control) {
            return Err("must contain query parameters with names, such as id=:id");
        }
        query.push((name, value));
    }
    query.sort_by(|a, b| a.0.cmp(&b.0));
    if query.len() > MAX_PARAMETERS {
        return Err("must contain at most 8 query parameters");
    }
    match query.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        true => Err("must not contain a query parameter twice"),
        false => Ok(query),
    }
}

/// Parses the countries of a condition: `FR,be`.
pub fn parse_countries(text: &str) -> Result<Vec<Country>, &'static str> {
    let message = "must name countries by two-letter codes, such as Country=FR,BE";
    let countries: Option<Vec<Country>> = text.split(',').map(|code| code.trim().parse().ok()).collect();
    let mut countries = countries.ok_or(message)?;
    countries.sort_unstable();
    countries.dedup();
    if countries.len() > MAX_VALUES { Err("must name at most 50 countries") } else { Ok(countries) }
}

/// Parses the languages of a condition: `en,fr-CA`.
pub fn parse_languages(text: &str) -> Result<Vec<String>, &'static str> {
    let mut languages = Vec::new();
    for tag in text.split(',').map(str::trim) {
        let valid =
            |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
        if tag.len() > 35 || !tag.split('-').all(valid) {
            return Err("must name languages by their tags, such as Language=en,fr-CA");
        }
        languages.push(tag.to_ascii_lowercase());
    }
    languages.sort_unstable();
    languages.dedup();
    if languages.len() > MAX_VALUES { Err("must name at most 50 languages") } else { Ok(languages) }
}

/// Returns the highest weight, in thousandths, that `Accept-Language` assigns to one of the languages; 0 if
/// it accepts none of them. A range matches a language with basic filtering (RFC 9110, section 12.5.4; RFC
/// 4647, section 3.3.1). Of several ranges that match a language, the longest one counts.
pub fn language_weight(header: &str, languages: &[String]) -> u16 {
    let ranges: Vec<(String, u16)> =
        header.split(',').take(MAX_RANGES).filter_map(parse_language_range).collect();
    let weight = |language: &String| {
        let matching = ranges.iter().filter(|(range, _)| {
            let rest = language.strip_prefix(range.as_str());
            range == "*" || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        });
        let length = |range: &str| if range == "*" { 0 } else { range.len() };
        matching.max_by_key(|(range, _)| length(range)).map_or(0, |(_, weight)| *weight)
    };
    languages.iter().map(weight).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_has_the_weight_of_the_longest_range_that_matches() {
        for (header, languages, weight) in [
            ("fr", "fr", 1000),
            ("FR;q=0.5", "fr", 500),
            ("fr", "fr-ca", 1000),
            // Basic filtering: a range does not match a shorter tag.
            ("fr-CA", "fr", 0),
            ("fr-CA,fr;q=0.8", "fr", 800),
            ("fr;q=0.2,fr-CA", "fr-ca", 1000),
            ("fr;q=0,*", "fr", 0),
            ("*;q=0.1", "fr", 100),
            ("de, en;q=0.7", "en,fr", 700),
            ("frr", "fr", 0),
            ("", "fr", 0),
            ("fr;q=2", "fr", 0),
        ] {
            let languages = parse_languages(languages).unwrap_or_default();
            assert_eq!(language_weight(header, &languages), weight, "{header} {languages:?}");
        }
    }

    #[test]
    fn rejects_invalid_conditions() {
        for text in ["", "F", "FRA", "FR,", "XX", "F1"] {
            assert!(parse_countries(text).is_err(), "{text}");
        }
        for text in ["", "en,", "en_US", "toolonglanguage", "é"] {
            assert!(parse_languages(text).is_err(), "{text}");
        }
        for text in ["", "=1", "id=:", "id=:a-b", "a=1&a=2", "a&b&c&d&e&f&g&h&i", "a=1&"] {
            assert!(parse_query(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_query_is_compared_decoded() {
        let conditions = |text: &str| Conditions {
            query: parse_query(text).unwrap_or_else(|error| panic!("{text}: {error}")),
            ..Conditions::default()
        };
        for (text, query, captures) in [
            ("id=:id", "id=7", Some(&["7"][..])),
            ("id=:id", "x=1&id=a%2Fb+c", Some(&["a/b c"])),
            ("id=:id", "id", Some(&[""])),
            ("id=:id", "idx=7", None),
            ("id=:id", "", None),
            ("page=news", "page=news", Some(&[])),
            ("page=news", "page=new", None),
            ("p%61ge=n%65ws", "page=news", Some(&[])),
            ("b=:b&a=:a", "b=1&a=2", Some(&["2", "1"])),
            ("time=%3Aid", "time=:id", Some(&[])),
        ] {
            let found = conditions(text).match_query(query);
            let expected = captures.map(|values| values.iter().map(ToString::to_string).collect::<Vec<_>>());
            assert_eq!(found, expected, "{text} {query}");
            let again = conditions(&conditions(text).query_text(('?', '&'))[1..]);
            assert_eq!(again, conditions(text), "{text}");
            assert!(again.match_query(&again.sample_query()).is_some(), "{text}");
        }
    }
}
