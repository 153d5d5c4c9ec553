//! The `sort` parameter: comma-separated keys, `-` for descending.
use uuid::Uuid;

use super::cursor::{SortKey, SortValue};

/// Sort keys, each with whether it is descending. A repeated key has no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort(Vec<(String, bool)>);

impl Sort {
    /// Parses the value of the parameter.
    pub fn parse(value: &str) -> Self {
        let mut keys: Vec<(String, bool)> = Vec::new();
        for key in value.split(',') {
            let name = key.trim_start_matches('-');
            if keys.iter().all(|(known, _)| known != name) {
                keys.push((name.to_owned(), key.starts_with('-')));
            }
        }
        Sort(keys)
    }

    /// Returns the name of the first key.
    pub fn first(&self) -> &str {
        self.0.first().map_or("", |(name, _)| name)
    }

    /// Returns the sort keys with their direction. The `unique` tiebreaker has the direction of the last key,
    /// so that an index on both serves either direction.
    pub fn keys(&self, key: impl Fn(&str) -> SortKey, unique: SortKey) -> Vec<SortKey> {
        let last = self.0.last().is_some_and(|(_, descending)| *descending);
        let keys = self.0.iter().map(|(name, descending)| SortKey { descending: *descending, ..key(name) });
        keys.chain([SortKey { descending: last, ..unique }]).collect()
    }

    /// Returns the position of a row in this order.
    pub fn position(&self, value: impl Fn(&str) -> SortValue, id: Uuid) -> Vec<SortValue> {
        self.0.iter().map(|(name, _)| value(name)).chain([SortValue::Id(id)]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignores_repeated_keys() {
        let sort = Sort(vec![("date".into(), true), ("number".into(), false)]);
        assert_eq!(Sort::parse("-date,number,date"), sort);
    }
}
