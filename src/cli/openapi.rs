//! `tenon openapi`: prints the OpenAPI document. Needs neither settings nor a database.
use std::{io::Write, process::ExitCode};

use clap::{Args, ValueEnum};
use flate2::{Compression, GzBuilder};

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
    /// Write openapi.yaml, the files in assets/openapi that the server embeds, and docs/access.md, the page of access
    /// rules, in the current folder instead of printing
    #[arg(long, conflicts_with_all = ["format", "oas"])]
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
        if self.write {
            return write_files().map(|()| ExitCode::SUCCESS);
        }
        let document = if self.complete { &api::DOCUMENT } else { &api::PUBLISHED };
        let document = match self.oas {
            Oas::V31 => (**document).clone(),
            Oas::V30 => api::to_openapi_30(document),
        };
        print(&match self.format {
            Format::Yaml => api::to_yaml(&document),
            Format::Json => format!("{document:#}\n"),
        });
        Ok(ExitCode::SUCCESS)
    }
}

/// Writes the committed files that are generated from the code.
fn write_files() -> Result<(), String> {
    let write = |path: &str, bytes: &[u8]| {
        std::fs::write(path, bytes).map_err(|error| format!("cannot write {path}: {error}"))
    };
    write("openapi.yaml", api::to_yaml(&api::PUBLISHED).as_bytes())?;
    write("docs/access.md", api::access_page(&api::OPERATIONS).as_bytes())?;
    for (name, text) in api::served_documents() {
        let mut gzip = GzBuilder::new().write(Vec::new(), Compression::best());
        let bytes = gzip.write_all(text.as_bytes()).and_then(|()| gzip.finish());
        let bytes = bytes.map_err(|error| format!("cannot compress {name}: {error}"))?;
        write(&format!("assets/openapi/{name}.gz"), &bytes)?;
    }
    Ok(())
}
