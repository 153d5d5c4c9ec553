//! Text that must not appear in logs, such as secrets and password hashes.
use std::fmt;

use sea_orm::DeriveValueType;

/// A text column whose `Debug` output is `[hidden]`, in models and in active models.
#[derive(Clone, PartialEq, Eq, DeriveValueType)]
pub struct Redacted(String);

impl Redacted {
    /// Returns the text.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn into_inner(self) -> String {
        self.0
    }
}

impl From<String> for Redacted {
    fn from(text: String) -> Self {
        Redacted(text)
    }
}

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{ActiveModelTrait, IntoActiveModel};

    use super::Redacted;
    use crate::secret::Model;

    #[test]
    fn debug_output_does_not_contain_the_text() {
        let row = Model { name: "cursors".to_owned(), value: Redacted::from("hunter2".to_owned()) };
        assert!(row.value.expose() == "hunter2");
        let active = row.clone().into_active_model().reset_all();
        let printed = format!("{row:?} {active:?}");
        assert!(printed.contains("cursors") && !printed.contains("hunter2"), "{printed}");
    }
}
