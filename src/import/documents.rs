//! A folder of Markdown files, made into documentation: one document for each file, in the order of
//! `SUMMARY.md`.
use std::{collections::HashMap, path::Path};

use super::{ImportedDocument, files, front_matter, posts::MAX_CONTENT, prose, report::Report};
use crate::contract::slug::slugify;

const SUMMARY: &str = "SUMMARY.md";
const MAX_PATH: usize = 500;
const MAX_TITLE: usize = 200;

/// The documents that the files below a folder make, in their order.
pub(super) fn plan(root: &Path, report: &mut Report) -> Vec<ImportedDocument> {
    let Some(tree) = super::list(root, report) else { return Vec::new() };
    let mut order: HashMap<String, usize> = HashMap::new();
    let mut first: HashMap<String, String> = HashMap::new();
    let mut documents = Vec::new();
    for file in &tree {
        let Some(text) = super::text(root, file, report) else { continue };
        if file == SUMMARY {
            order = summary(&text, &tree, report);
        }
        match document(file, &text, report) {
            Err(reason) => report.skip(file, reason),
            Ok(document) => match first.get(&document.path) {
                Some(other) => report.skip(file, format!("has the same path as {other}: {}", document.path)),
                None => {
                    first.insert(document.path.clone(), file.clone());
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

fn document(file: &str, text: &str, report: &mut Report) -> Result<ImportedDocument, String> {
    let (title, body) = title_and_body(file, text, report);
    let content = body.trim_start_matches('\n');
    let title = title
        .or_else(|| prose::first_heading(content))
        .unwrap_or_else(|| prose::cut(files::stem(file), MAX_TITLE));
    if content.trim().is_empty() {
        return Err("has no text".to_owned());
    }
    if content.chars().count() > MAX_CONTENT {
        return Err(format!("has a text of more than {MAX_CONTENT} characters"));
    }
    if title.contains('\0') || title.chars().count() > MAX_TITLE {
        return Err(format!("has a title of more than {MAX_TITLE} characters, or with a NUL character"));
    }
    let path = path(file).ok_or("has a folder or file name without letters and digits")?;
    if path.len() > MAX_PATH {
        return Err(format!("has a path of more than {MAX_PATH} characters"));
    }
    Ok(ImportedDocument { path, file: file.to_owned(), title, content: content.to_owned(), position: 0 })
}

/// Front matter is rare in documentation, and a line `---` may as well be a rule across the page: what
/// cannot be read as front matter is text.
fn title_and_body<'a>(file: &str, text: &'a str, report: &mut Report) -> (Option<String>, &'a str) {
    let Ok(parts) = front_matter::split(text) else { return (None, text) };
    let Some((format, front)) = parts.front else { return (None, text) };
    match front_matter::parse(format, front) {
        Ok(front) => {
            for member in front.unused {
                *report.unused_members.entry(member).or_default() += 1;
            }
            (front.title, parts.body)
        }
        Err(error) => {
            report.note(file, format!("its beginning is taken as text ({error})"));
            (None, text)
        }
    }
}

/// The path of a document: lower-case words with hyphens between them; the page of a folder has the
/// folder's.
fn path(file: &str) -> Option<String> {
    let stem = files::stem(file);
    let folder = files::folder(file);
    let of_folder = ["readme", "index"].iter().any(|name| stem.eq_ignore_ascii_case(name));
    let place = match (of_folder, folder.is_empty()) {
        (true, true) => "index".to_owned(),
        (true, false) => folder.to_owned(),
        (false, true) => stem.to_owned(),
        (false, false) => format!("{folder}/{stem}"),
    };
    let segments: Vec<String> = place.split('/').map(|segment| slugify(segment, "")).collect();
    segments.iter().all(|segment| !segment.is_empty()).then(|| segments.join("/"))
}

/// The place of each file that the summary links to, by its first link.
fn summary(text: &str, tree: &[String], report: &mut Report) -> HashMap<String, usize> {
    let mut order = HashMap::new();
    for target in prose::links(text) {
        let target = target.split(['#', '?']).next().unwrap_or_default();
        let target = decoded(target.strip_prefix("./").unwrap_or(target));
        if target.is_empty() || target.contains("://") || order.contains_key(&target) {
            continue;
        }
        if !tree.contains(&target) {
            report.note(SUMMARY, format!("links to {target}, which is not there"));
        }
        order.insert(target, order.len());
    }
    order
}

/// Undoes percent-encoding.
fn decoded(text: &str) -> String {
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
