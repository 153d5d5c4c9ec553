//! Text that no log may have: a secret, or what a password is checked against.
use std::fmt;

use sea_orm::DeriveValueType;

/// A column of text that prints as nothing, in rows and in changes of them alike.
#[derive(Clone, PartialEq, Eq, DeriveValueType)]
pub struct Hidden(String);

impl Hidden {
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn into_inner(self) -> String {
        self.0
    }
}

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Hidden(text)
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{ActiveModelTrait, IntoActiveModel};

    use super::Hidden;
    use crate::secret::Model;

    #[test]
    fn neither_a_row_nor_its_change_prints_it() {
        let row = Model { name: "cursors".to_owned(), value: Hidden::from("hunter2".to_owned()) };
        assert!(row.value.expose() == "hunter2");
        let change = row.clone().into_active_model().reset_all();
        let printed = format!("{row:?} {change:?}");
        assert!(printed.contains("cursors") && !printed.contains("hunter2"), "{printed}");
    }
}
