//! Converts a folder of Markdown files to documents: one document per file, in the order of `SUMMARY.md`.
use std::{collections::HashMap, path::Path};

use super::{ImportedDocument, files, front_matter, markdown, report::Report, rules};
use crate::domain::slug::slugify;

const SUMMARY: &str = "SUMMARY.md";
/// The length of a title derived from a file name.
const MAX_TITLE: usize = 200;

/// Reads the documents of a folder and its subfolders, in their order.
pub(super) fn plan(root: &Path, report: &mut Report) -> Vec<ImportedDocument> {
    let Some(tree) = super::list(root, report) else { return Vec::new() };
    let mut order: HashMap<String, usize> = HashMap::new();
    let mut paths: HashMap<String, String> = HashMap::new();
    let mut documents = Vec::new();
    for file in &tree {
        let Some(text) = super::read_text(root, file, report) else { continue };
        if file == SUMMARY {
            order = summary(&text, &tree, report);
        }
        match document(file, &text, report) {
            Err(reason) => report.skip(file, reason),
            Ok(document) => match paths.get(&document.path) {
                Some(other) => {
                    report.skip(file, format!("path: {} is already used by {other}", document.path))
                }
                None => {
                    paths.insert(document.path.clone(), file.clone());
                    documents.push(document);
                }
            },
        }
    }
    documents.sort_by_key(|document| {
        (order.get(&document.file).copied().unwrap_or(usize::MAX), document.path.clone())
    });
    for (document, position) in documents.iter_mut().zip(1..) {
        document.position = position;
    }
    documents
}

/// Converts a file to a document. The error is the reason why the file is skipped.
fn document(file: &str, text: &str, report: &mut Report) -> Result<ImportedDocument, String> {
    let (title, body) = title_and_body(file, text, report);
    let content = body.trim_start_matches('\n');
    let title = title
        .or_else(|| markdown::first_heading(content))
        .unwrap_or_else(|| markdown::truncate(files::stem(file), MAX_TITLE));
    if content.trim().is_empty() {
        return Err("content: required".to_owned());
    }
    rules::DOCUMENT_CONTENT.check("content", content)?;
    rules::TITLE.check("title", &title)?;
    let path = path(file).ok_or("path: each folder and file name must contain a letter or a digit")?;
    rules::DOCUMENT_PATH.check("path", &path)?;
    Ok(ImportedDocument { path, file: file.to_owned(), title, content: content.to_owned(), position: 0 })
}

/// Splits a file into the title of its front matter and the body. Front matter that cannot be parsed is part
/// of the body: it is rare in documentation, and `---` may also be a thematic break.
fn title_and_body<'a>(file: &str, text: &'a str, report: &mut Report) -> (Option<String>, &'a str) {
    let Ok(parts) = front_matter::split(text) else { return (None, text) };
    let Some((format, front)) = parts.front else { return (None, text) };
    match front_matter::parse(format, front) {
        Ok(front) => {
            for field in front.unused {
                *report.unused_fields.entry(field).or_default() += 1;
            }
            (front.title, parts.body)
        }
        Err(error) => {
            report.warn(file, format!("front matter imported as text: {error}"));
            (None, text)
        }
    }
}

/// Returns the path of a document: one slug per folder and file name. A `README.md` or `index.md` has the
/// path of its folder.
fn path(file: &str) -> Option<String> {
    let stem = files::stem(file);
    let folder = files::folder(file);
    let is_index = ["readme", "index"].iter().any(|name| stem.eq_ignore_ascii_case(name));
    let source = match (is_index, folder.is_empty()) {
        (true, true) => "index".to_owned(),
        (true, false) => folder.to_owned(),
        (false, true) => stem.to_owned(),
        (false, false) => format!("{folder}/{stem}"),
    };
    let segments: Vec<String> = source.split('/').map(|segment| slugify(segment, "")).collect();
    segments.iter().all(|segment| !segment.is_empty()).then(|| segments.join("/"))
}

/// Returns the position of each file that the summary links to, by its first link.
fn summary(text: &str, tree: &[String], report: &mut Report) -> HashMap<String, usize> {
    let mut order = HashMap::new();
    for target in markdown::links(text) {
        let target = target.split(['#', '?']).next().unwrap_or_default();
        let target = decode(target.strip_prefix("./").unwrap_or(target));
        if target.is_empty() || target.contains("://") || order.contains_key(&target) {
            continue;
        }
        if !tree.contains(&target) {
            report.warn(SUMMARY, format!("link to a missing file: {target}"));
        }
        order.insert(target, order.len());
    }
    order
}

/// Decodes percent-encoding. Invalid escapes stay unchanged.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(code) if byte == b'%' => {
                bytes.push(code);
                rest = &after[2..];
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}
