//! A temporary SQLite database for one command.
use std::{env, path::PathBuf};

use uuid::Uuid;

/// A temporary folder for a database, deleted on drop.
pub struct TempDatabase(PathBuf);

impl TempDatabase {
    pub fn new() -> Self {
        TempDatabase(env::temp_dir().join(format!("tenon-{}", Uuid::now_v7())))
    }

    pub fn url(&self) -> String {
        format!("sqlite://{}", self.0.join("tenon.db").display())
    }
}

impl Drop for TempDatabase {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
