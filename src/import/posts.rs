//! Converts Markdown files with front matter to posts.
//!
//! Default tags of a file without tags in its front matter: the name of the nearest parent folder with an
//! `_index.md`, except the top-level folder; and `release` if `[extra]` contains `release = true`.
use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use super::{
    ImportedPost, Publication, files,
    front_matter::{self, FrontMatter, date},
    images, markdown,
    report::Report,
    rules::{self, Rule},
};
use crate::domain::slug::slugify;

const GENERATED_EXCERPT: usize = 300;
const MAX_AUTHORS: usize = 11;
const MAX_TAGS: usize = 10;
const MAX_ALIAS: usize = 2000;

/// Reads the posts of a folder and its subfolders, sorted by source.
pub(super) fn plan(root: &Path, report: &mut Report) -> Vec<ImportedPost> {
    let Some(tree) = super::list(root, report) else { return Vec::new() };
    let (section_files, post_files): (Vec<String>, Vec<String>) =
        tree.into_iter().partition(|path| files::name(path) == "_index.md");
    let sections: HashSet<String> = section_files.iter().map(|path| files::folder(path).to_owned()).collect();
    report.sections = section_files;
    let image_files = report.unreferenced_images.clone();
    let image_files: HashSet<&str> = image_files.iter().map(String::as_str).collect();

    let mut posts: Vec<ImportedPost> = Vec::new();
    for file in post_files {
        let Some(text) = super::read_text(root, &file, report) else { continue };
        match post(&file, &text, &sections, report) {
            Ok(mut post) => {
                post.images = images::references(&file, &post.content, &image_files);
                posts.push(post);
            }
            Err(reason) => report.skip(&file, reason),
        }
    }
    // The order decides which of two equal slugs gets a number, so it must not depend on the file system.
    posts.sort_by(|a, b| (&a.source, &a.file).cmp(&(&b.source, &b.file)));
    without_duplicates(posts, report)
}

/// Converts a file to a post. The error is the reason why the file is skipped.
fn post(
    file: &str,
    text: &str,
    sections: &HashSet<String>,
    report: &mut Report,
) -> Result<ImportedPost, String> {
    let parts = front_matter::split(text).map_err(|error| error.to_string())?;
    let Some((format, front)) = parts.front else {
        return Err("title: required, but the file has no front matter".to_owned());
    };
    let mut front = front_matter::parse(format, front).map_err(|error| error.to_string())?;
    for field in std::mem::take(&mut front.unused) {
        *report.unused_fields.entry(field).or_default() += 1;
    }
    let Some(title) = front.title.take() else {
        return Err(match front.template {
            Some(template) => format!("title: required, but the front matter only has template: {template}"),
            None => "title: required".to_owned(),
        });
    };
    let (name_date, name) = name_and_date(file);
    let slug = front.slug.as_deref().or_else(|| front.path.as_deref().map(files::name)).unwrap_or(name);
    let content = without_blank_lines(parts.body);
    let post = ImportedPost {
        source: front.path.clone().unwrap_or_else(|| file.to_owned()),
        file: file.to_owned(),
        slug: slugify(slug, "post"),
        content: content.to_owned(),
        images: Vec::new(),
        excerpt: front.description.take().or_else(|| {
            markdown::first_paragraph(content).map(|text| markdown::truncate(&text, GENERATED_EXCERPT))
        }),
        publication: match front.date.or(name_date) {
            _ if front.draft => Publication::Draft,
            Some(time) => Publication::At(time),
            None => Publication::Undated,
        },
        cover_image: cover(file, front.cover.take(), report)?,
        aliases: aliases(file, &front, report),
        tags: tags(file, &front, sections),
        authors: distinct(front.authors, str::to_lowercase),
        title,
    };
    check(&post)?;
    Ok(post)
}

/// Returns the name of the file, or of its folder for an `index.md`, split into a leading date and the rest.
/// The name is the default of the slug.
fn name_and_date(file: &str) -> (Option<i64>, &str) {
    let stem = files::stem(file);
    let folder = files::name(files::folder(file));
    let name = if stem.eq_ignore_ascii_case("index") && !folder.is_empty() { folder } else { stem };
    date::name_prefix(name).map_or((None, name), |(time, rest)| (Some(time), rest))
}

/// Removes leading blank lines. Indentation of the first text line is retained, because it may start a code
/// block.
fn without_blank_lines(body: &str) -> &str {
    let mut rest = body;
    while let Some((line, after)) = rest.split_once('\n') {
        if !line.trim().is_empty() {
            break;
        }
        rest = after;
    }
    rest
}

/// Returns the tags of the front matter, or the default tags of the file.
fn tags(file: &str, front: &FrontMatter, sections: &HashSet<String>) -> Vec<String> {
    let mut tags = front.tags.clone();
    if tags.is_empty() {
        let mut folder = files::folder(file);
        while !folder.is_empty() && !sections.contains(folder) {
            folder = files::folder(folder);
        }
        if !folder.is_empty() {
            tags.push(files::name(folder).to_owned());
        }
        if front.release {
            tags.push("release".to_owned());
        }
    }
    distinct(tags, |tag| slugify(tag, tag))
}

/// Returns the former paths of a post: its valid aliases, and the URL path of its `path` field.
fn aliases(file: &str, front: &FrontMatter, report: &mut Report) -> Vec<String> {
    let path_alias = front.path.iter().map(|path| format!("/{path}/"));
    let mut aliases = Vec::new();
    for alias in front.aliases.iter().cloned().chain(path_alias) {
        let invalid = alias.contains("://") || alias.chars().any(|c| c.is_control() || "\\?#".contains(c));
        if invalid || alias.chars().count() > MAX_ALIAS || alias.trim_matches('/').is_empty() {
            report.warn(file, format!("aliases: ignored {alias}: must be a path on this site"));
        } else {
            aliases.push(format!("/{}", alias.trim_start_matches('/')));
        }
    }
    distinct(aliases, str::to_owned)
}

/// Validates the URL of the cover image. Other values are ignored with a warning: most are paths on the former site.
fn cover(file: &str, url: Option<String>, report: &mut Report) -> Result<Option<String>, String> {
    let Some(url) = url else { return Ok(None) };
    if !url.starts_with("https://") && !url.starts_with("http://") {
        report.warn(file, format!("cover image: ignored {url}: must be an http or https URL"));
        return Ok(None);
    }
    rules::COVER_IMAGE.check("cover image", &url)?;
    Ok(Some(url))
}

fn check(post: &ImportedPost) -> Result<(), String> {
    rules::POST_SOURCE.check("path", &post.source)?;
    rules::TITLE.check("title", &post.title)?;
    if post.content.trim().is_empty() {
        return Err("content: must not be blank".to_owned());
    }
    rules::POST_CONTENT.check("content", &post.content)?;
    if let Some(excerpt) = &post.excerpt {
        rules::EXCERPT.check("description", excerpt)?;
    }
    check_names("authors", &post.authors, MAX_AUTHORS, &rules::AUTHOR)?;
    check_names("tags", &post.tags, MAX_TAGS, &rules::TAG)
}

fn check_names(field: &str, names: &[String], max: usize, rule: &Rule) -> Result<(), String> {
    if names.len() > max {
        return Err(format!("{field}: must be at most {max} names, got {}", names.len()));
    }
    names.iter().try_for_each(|name| rule.check(field, name))
}

/// Skips posts whose source equals that of an earlier post, and removes aliases that an earlier post has.
fn without_duplicates(posts: Vec<ImportedPost>, report: &mut Report) -> Vec<ImportedPost> {
    let mut sources: HashMap<String, String> = HashMap::new();
    let mut alias_owners: HashMap<String, String> = HashMap::new();
    let mut unique = Vec::with_capacity(posts.len());
    for mut post in posts {
        if let Some(first) = sources.get(&post.source) {
            report.skip(&post.file, format!("path: already used by {first}"));
            continue;
        }
        sources.insert(post.source.clone(), post.file.clone());
        post.aliases.retain(|alias| match alias_owners.get(alias) {
            Some(first) => {
                report.warn(&post.file, format!("aliases: ignored {alias}: already used by {first}"));
                false
            }
            None => alias_owners.insert(alias.clone(), post.file.clone()).is_none(),
        });
        unique.push(post);
    }
    unique
}

/// Returns the texts with distinct keys, in order.
fn distinct(texts: Vec<String>, key: impl Fn(&str) -> String) -> Vec<String> {
    let mut seen = HashSet::new();
    texts.into_iter().filter(|text| seen.insert(key(text))).collect()
}
