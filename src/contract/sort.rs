//! The order that a client asks for: names between commas, `-` for falling.
use uuid::Uuid;

use super::cursor::{Key, SortKey};

/// Names with whether each falls; one that comes again decides nothing any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort(Vec<(String, bool)>);

impl Sort {
    pub fn by(asked: &str) -> Self {
        let mut names: Vec<(String, bool)> = Vec::new();
        for key in asked.split(',') {
            let name = key.trim_start_matches('-');
            if names.iter().all(|(known, _)| known != name) {
                names.push((name.to_owned(), key.starts_with('-')));
            }
        }
        Sort(names)
    }

    /// The keys of the order, from rising ones; the unique one at the end goes the way of the one before it.
    pub fn keys(&self, key: impl Fn(&str) -> SortKey, unique: SortKey) -> Vec<SortKey> {
        let last = self.0.last().is_some_and(|(_, falls)| *falls);
        let named = self.0.iter().map(|(name, falls)| SortKey { descending: *falls, ..key(name) });
        named.chain([SortKey { descending: last, ..unique }]).collect()
    }

    /// Where a row lies in it.
    pub fn place(&self, value: impl Fn(&str) -> Key, id: Uuid) -> Vec<Key> {
        self.0.iter().map(|(name, _)| value(name)).chain([Key::Id(id)]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_comes_again_decides_nothing() {
        let sort = Sort(vec![("date".into(), true), ("number".into(), false)]);
        assert_eq!(Sort::by("-date,number,date"), sort);
    }
}
