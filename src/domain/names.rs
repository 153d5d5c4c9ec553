//! Lists of names in a parameter, such as `sort=-createdAt,title` and `fields=id,name`.

/// Returns the pattern of a comma-separated list of up to `max` of these names.
///
/// The pattern of one name is `^-?(a|b)$`, and that of a signed list `^-?(a|b)(,-?(a|b)){0,1}$`. A list
/// without signs has the shorter pattern `^((a|b),?\b){1,2}$`: its word boundary requires a comma between two
/// names and rejects a trailing comma.
pub fn names_pattern(names: &[&str], signed: bool, max: usize) -> String {
    let sign = if signed { "-?" } else { "" };
    let name = match names {
        [name] => (*name).to_owned(),
        names => format!("({})", names.join("|")),
    };
    match max {
        0 | 1 => format!("^{sign}{name}$"),
        max if signed => format!("^{sign}{name}(,{sign}{name}){{0,{}}}$", max - 1),
        max => format!(r"^({name},?\b){{1,{max}}}$"),
    }
}

/// Returns the length of the shortest and of the longest list.
pub fn names_length(names: &[&str], signed: bool, max: usize) -> (usize, usize) {
    let lengths = || names.iter().map(|name| name.len());
    let longest = lengths().max().unwrap_or_default() + usize::from(signed);
    (lengths().min().unwrap_or_default(), (longest + 1) * max.max(1) - 1)
}

/// Declares types of parameters that are lists of names. `signed` names may have the prefix `-`.
macro_rules! names_type {
    ($(
        $(#[$attribute:meta])*
        $visibility:vis struct $type:ident {
            names: [$($name:literal),+ $(,)?],
            signed: $signed:literal,
            max: $max:literal,
            example: $example:literal,
        }
    )*) => {$(
        $(#[$attribute])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        $visibility struct $type(String);

        impl $type {
            const NAMES: &'static [&'static str] = &[$($name),+];
        }

        impl std::ops::Deref for $type {
            type Target = str;
            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $type {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl std::str::FromStr for $type {
            type Err = std::convert::Infallible;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Ok(Self::from(text))
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        $crate::domain::scalar::string_scalar!([] $type, stringify!($type), {
            let (min, max) = $crate::domain::names::names_length(Self::NAMES, $signed, $max);
            poem_openapi::registry::MetaSchema {
                pattern: Some($crate::domain::names::names_pattern(Self::NAMES, $signed, $max)),
                min_length: Some(min),
                max_length: Some(max),
                example: Some($example.into()),
                ..poem_openapi::registry::MetaSchema::new("string")
            }
        });
    )*};
}
pub(crate) use names_type;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_patterns_of_names() {
        assert_eq!(names_pattern(&["month"], true, 1), "^-?month$");
        assert_eq!(names_pattern(&["a", "b"], false, 3), r"^((a|b),?\b){1,3}$");
        assert_eq!(names_pattern(&["a", "b"], true, 2), "^-?(a|b)(,-?(a|b)){0,1}$");
        assert_eq!(names_length(&["a", "bcd"], true, 2), (1, 9));
    }
}
