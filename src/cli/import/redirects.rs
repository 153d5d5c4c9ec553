//! `tenon import redirects`: imports redirect rules from files in all formats of the API.
use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, ValueEnum};
use poem_openapi::types::ParseFromJSON;
use serde::Serialize;

use super::ImportArgs;
use crate::{
    app::App,
    cli::{errors::message, validate::BodySchema},
    http::problem::Error,
    infra::db::Tx,
    resources::redirects::{
        ImportOptions, Imported, RedirectMap,
        formats::{ParsedFile, from_csv, from_map, from_netlify},
    },
    schema::{self, JsonError, Location, Violation},
};

/// The maximum size of a file, in bytes. A file is read into memory as a whole.
const MAX_FILE: u64 = 64 * 1024 * 1024;

#[derive(Args)]
pub struct RedirectFiles {
    /// Files: JSON maps, CSV, or `_redirects` files of Netlify
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Format of all files [default: by name: .json, .csv or .tsv, otherwise netlify]
    #[arg(long)]
    format: Option<Format>,
    /// Allow destinations on any host, and mark their rules as external
    #[arg(long)]
    external: bool,
    #[command(flatten)]
    pub args: ImportArgs,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Json,
    Csv,
    Netlify,
}

impl Format {
    fn of(path: &Path) -> Self {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        match extension.to_ascii_lowercase().as_str() {
            "json" => Format::Json,
            "csv" | "tsv" => Format::Csv,
            _ => Format::Netlify,
        }
    }
}

/// The result of one file.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FileReport {
    file: String,
    created: i64,
    updated: i64,
    unchanged: i64,
    skipped: i64,
    warnings: Vec<String>,
    /// If there are any, nothing of the file was imported.
    errors: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    dry_run: bool,
    files: Vec<FileReport>,
}

/// Imports the files one after the other, each in a transaction of its own. Returns the text to print and the
/// exit code: 1 if a file was not imported.
pub async fn run(app: &App, files: RedirectFiles) -> Result<(String, ExitCode), String> {
    let RedirectFiles { files, format, external, args } = files;
    let options = ImportOptions { dry_run: args.dry_run, external, is_admin: true };
    let schema = BodySchema::named("RedirectMap")?;
    let mut report = Report { dry_run: args.dry_run, files: Vec::with_capacity(files.len()) };
    for path in files {
        let format = format.unwrap_or_else(|| Format::of(&path));
        let read = read(&path).and_then(|text| parse(format, text, &schema));
        let result = match read {
            Ok(file) => import(app, file, options).await,
            Err(errors) => Err(errors),
        };
        report.files.push(file_report(path.display().to_string(), result));
    }
    let failed = report.files.iter().any(|file| !file.errors.is_empty());
    let text = match args.json {
        true => serde_json::to_string_pretty(&report).map_err(|error| error.to_string())? + "\n",
        false => report.files.iter().map(|file| file.text(report.dry_run)).collect(),
    };
    Ok((text, ExitCode::from(u8::from(failed))))
}

async fn import(app: &App, file: ParsedFile, options: ImportOptions) -> Result<Imported, Vec<String>> {
    let redirects = app.redirects.clone();
    let work = async move |tx: Tx| redirects.import(&tx, file, options).await;
    app.db.write(work).await.map_err(|error| match error {
        Error::Invalid(violations) | Error::Conflicts(violations) => violations.iter().map(text_of).collect(),
        other => vec![message(&other)],
    })
}

fn text_of(violation: &Violation) -> String {
    match &violation.location {
        Location::Pointer(pointer) if pointer != "#" => {
            let source = pointer.trim_start_matches("#/").replace("~1", "/").replace("~0", "~");
            format!("{source}: {}", violation.message)
        }
        _ => violation.message.clone(),
    }
}

fn read(path: &Path) -> Result<String, Vec<String>> {
    let failed = |error: std::io::Error| vec![format!("cannot read the file: {error}")];
    let mut bytes = Vec::new();
    // The size is limited while reading, because the file may grow after its metadata was read.
    File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(vec![format!("larger than {} MiB: split the file", MAX_FILE / (1024 * 1024))]);
    }
    String::from_utf8(bytes).map_err(|error| {
        vec![format!("must be UTF-8: invalid byte at offset {}", error.utf8_error().valid_up_to())]
    })
}

fn parse(format: Format, text: String, schema: &BodySchema) -> Result<ParsedFile, Vec<String>> {
    match format {
        Format::Csv => Ok(from_csv(&text)),
        Format::Netlify => Ok(from_netlify(&text)),
        Format::Json => {
            let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
            let value = schema::parse(text.as_bytes()).map_err(|error| match error {
                JsonError::Empty => vec!["must be a JSON object, got an empty file".to_owned()],
                JsonError::Invalid(violation) => vec![text_of(&violation)],
            })?;
            let invalid = |violations: Vec<Violation>| violations.iter().map(text_of).collect::<Vec<_>>();
            schema.validate(&value, "#").map_err(invalid)?;
            let map = RedirectMap::parse_from_json(Some(value));
            map.map(from_map).map_err(|error| vec![error.into_message()])
        }
    }
}

fn file_report(file: String, result: Result<Imported, Vec<String>>) -> FileReport {
    let mut report = FileReport {
        file,
        created: 0,
        updated: 0,
        unchanged: 0,
        skipped: 0,
        warnings: Vec::new(),
        errors: Vec::new(),
    };
    match result {
        Err(errors) => report.errors = errors,
        Ok(Imported { report: counts, remarks }) => {
            report.created = counts.created;
            report.updated = counts.updated;
            report.unchanged = counts.unchanged;
            report.skipped = counts.skipped;
            report.warnings = remarks.iter().map(|remark| remark.text()).collect();
        }
    }
    report
}

impl FileReport {
    fn text(&self, dry_run: bool) -> String {
        let FileReport { file, created, updated, unchanged, skipped, warnings, errors } = self;
        let lines = |texts: &[String]| texts.iter().map(|text| format!("  {text}\n")).collect::<String>();
        if !errors.is_empty() {
            return format!("{file}: not imported, {} errors\n{}", errors.len(), lines(errors));
        }
        let dry = if dry_run { " (dry run: nothing was written)" } else { "" };
        format!(
            "{file}: {created} created, {updated} updated, {unchanged} unchanged, {skipped} skipped{dry}\n{}",
            lines(warnings)
        )
    }
}
