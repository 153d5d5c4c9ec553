//! `tenon openapi`: prints the OpenAPI document. Needs neither settings nor a database.
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::print;
use crate::api;

#[derive(Args)]
pub struct Openapi {
    /// Output format
    #[arg(long, value_enum, default_value = "yaml")]
    format: Format,
    /// OpenAPI version
    #[arg(long, value_enum, default_value = "3.1")]
    oas: Oas,
    /// The complete document: every header of every response and every bound, as the dispatcher enforces them
    #[arg(long, conflicts_with = "write")]
    complete: bool,
    /// Write openapi.yaml and docs/access.md, the page of access rules, in the current folder instead of printing
    #[arg(long)]
    write: bool,
    // The global options of the other commands. They are accepted and ignored, because the OpenAPI document
    // needs no data.
    #[arg(long, hide = true)]
    data_dir: Option<String>,
    #[arg(long, hide = true)]
    database_url: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Yaml,
    Json,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Oas {
    #[value(name = "3.1")]
    V31,
    #[value(name = "3.0")]
    V30,
}

impl Openapi {
    pub fn run(self) -> Result<ExitCode, String> {
        let document = if self.complete { &api::DOCUMENT } else { &api::PUBLISHED };
        let document = match self.oas {
            Oas::V31 => (**document).clone(),
            Oas::V30 => api::to_openapi_30(document),
        };
        let text = match self.format {
            Format::Yaml => api::to_yaml(&document),
            Format::Json => format!("{document:#}\n"),
        };
        if self.write {
            for (path, text) in
                [("openapi.yaml", text), ("docs/access.md", api::access_page(&api::OPERATIONS))]
            {
                std::fs::write(path, text).map_err(|error| format!("cannot write {path}: {error}"))?;
            }
        } else {
            print(&text);
        }
        Ok(ExitCode::SUCCESS)
    }
}
