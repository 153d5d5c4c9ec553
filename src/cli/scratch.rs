//! A database for one command only, gone with its folder when the command ends.
use std::path::PathBuf;

use crate::config;

pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Self {
        Scratch(config::scratch_folder())
    }

    pub fn url(&self) -> String {
        format!("sqlite://{}", self.0.join("tenon.db").display())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
