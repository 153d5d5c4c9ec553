//! `tenon openapi`: the document, from the code alone.
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::say;
use crate::api;

#[derive(Args)]
pub struct Openapi {
    /// The form
    #[arg(long, value_enum, default_value = "yaml")]
    format: Format,
    /// The version of OpenAPI
    #[arg(long, value_enum, default_value = "3.1")]
    oas: Oas,
    /// Write openapi.yaml in this folder instead of printing
    #[arg(long)]
    write: bool,
    // The flags of the other commands, taken and passed over: the document needs no data.
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
        let document = match self.oas {
            Oas::V31 => api::DOCUMENT.clone(),
            Oas::V30 => api::projection(&api::DOCUMENT),
        };
        let text = match self.format {
            Format::Yaml => api::yaml(&document),
            Format::Json => format!("{document:#}\n"),
        };
        if self.write {
            std::fs::write("openapi.yaml", text)
                .map_err(|error| format!("cannot write openapi.yaml: {error}"))?;
        } else {
            say(&text);
        }
        Ok(ExitCode::SUCCESS)
    }
}
