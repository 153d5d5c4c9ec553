//! Markdown files with front matter, made into posts.
//!
//! Tags are those of the front matter. A file without any gets the name of the nearest folder above it
//! that has an `_index.md` (the topmost folder does not count), and `release` if `[extra]` says
//! `release = true`.
use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use super::{
    ImportedPost, Publication, files,
    front_matter::{self, FrontMatter, date},
    pictures, prose,
    report::Report,
};
use crate::contract::slug::slugify;

const MAX_TITLE: usize = 200;
const MIN_CONTENT: usize = 10;
pub(super) const MAX_CONTENT: usize = 200_000;
const MAX_EXCERPT: usize = 500;
const CUT_EXCERPT: usize = 300;
const MAX_AUTHORS: usize = 11;
const MAX_AUTHOR: usize = 100;
const MAX_TAGS: usize = 10;
const MAX_TAG: usize = 50;
const MAX_ADDRESS: usize = 2000;

/// The posts that the files below a folder make, in the order of their sources.
pub(super) fn plan(root: &Path, report: &mut Report) -> Vec<ImportedPost> {
    let Some(tree) = super::list(root, report) else { return Vec::new() };
    let (heads, texts): (Vec<String>, Vec<String>) =
        tree.into_iter().partition(|path| files::name(path) == "_index.md");
    let sections: HashSet<String> = heads.iter().map(|path| files::folder(path).to_owned()).collect();
    report.sections = heads;
    let pictures = report.pictures.clone();
    let pictures: HashSet<&str> = pictures.iter().map(String::as_str).collect();

    let mut posts: Vec<ImportedPost> = Vec::new();
    for file in texts {
        let Some(text) = super::text(root, &file, report) else { continue };
        match post(&file, &text, &sections, report) {
            Ok(mut post) => {
                post.pictures = pictures::named(&file, &post.content, &pictures);
                posts.push(post);
            }
            Err(reason) => report.skip(&file, reason),
        }
    }
    // Slugs that collide get their numbers in this order, whatever the file system says.
    posts.sort_by(|a, b| (&a.source, &a.file).cmp(&(&b.source, &b.file)));
    distinct(posts, report)
}

fn post(
    file: &str,
    text: &str,
    sections: &HashSet<String>,
    report: &mut Report,
) -> Result<ImportedPost, String> {
    let parts = front_matter::split(text).map_err(|error| error.to_string())?;
    let Some((format, front)) = parts.front else {
        return Err("has no front matter and so no title".to_owned());
    };
    let mut front = front_matter::parse(format, front).map_err(|error| error.to_string())?;
    for member in std::mem::take(&mut front.unused) {
        *report.unused_members.entry(member).or_default() += 1;
    }
    let Some(title) = front.title.take() else {
        return Err(match front.template {
            Some(template) => format!("has no title, it only names the template {template}"),
            None => "has no title".to_owned(),
        });
    };
    let (named_date, name) = own_name(file);
    let slug = front.slug.as_deref().or_else(|| front.path.as_deref().map(files::name)).unwrap_or(name);
    let content = without_blank_lines(parts.body);
    let post = ImportedPost {
        source: front.path.clone().unwrap_or_else(|| file.to_owned()),
        file: file.to_owned(),
        slug: slugify(slug, "post"),
        content: content.to_owned(),
        pictures: Vec::new(),
        excerpt: front
            .description
            .take()
            .or_else(|| prose::first_paragraph(content).map(|text| prose::cut(&text, CUT_EXCERPT))),
        publication: match front.date.or(named_date) {
            _ if front.draft => Publication::Draft,
            Some(time) => Publication::At(time),
            None => Publication::Undated,
        },
        cover_image: cover(file, front.cover.take(), report),
        aliases: aliases(file, &front, report),
        tags: tags(file, &front, sections),
        authors: once(front.authors, str::to_lowercase),
        title,
    };
    within_limits(&post)?;
    Ok(post)
}

/// The name of a post without a slug: the file's, or its folder's if the file is only its `index.md`; a
/// date at its beginning is not part of it.
fn own_name(file: &str) -> (Option<i64>, &str) {
    let stem = files::stem(file);
    let folder = files::name(files::folder(file));
    let name = if stem.eq_ignore_ascii_case("index") && !folder.is_empty() { folder } else { stem };
    date::before_name(name).map_or((None, name), |(time, rest)| (Some(time), rest))
}

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
    once(tags, |tag| slugify(tag, tag))
}

/// The former addresses of a post, and the one that its `path` gave it.
fn aliases(file: &str, front: &FrontMatter, report: &mut Report) -> Vec<String> {
    let own = front.path.iter().map(|path| format!("/{path}/"));
    let mut aliases = Vec::new();
    for alias in front.aliases.iter().cloned().chain(own) {
        let unfit = alias.contains("://") || alias.chars().any(|c| c.is_control() || "\\?#".contains(c));
        if unfit || alias.chars().count() > MAX_ADDRESS || alias.trim_matches('/').is_empty() {
            report.note(file, format!("the alias {alias} is left out: it is not a path on this site"));
        } else {
            aliases.push(format!("/{}", alias.trim_start_matches('/')));
        }
    }
    once(aliases, str::to_owned)
}

fn cover(file: &str, address: Option<String>, report: &mut Report) -> Option<String> {
    let address = address?;
    let host = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"));
    let fits = host.is_some_and(|host| host.starts_with(|c: char| c.is_ascii_alphanumeric()))
        && !address.contains(|c: char| c <= ' ' || "\"<>\\^`{|}".contains(c))
        && address.chars().count() <= MAX_ADDRESS;
    if !fits {
        report.note(
            file,
            format!("the cover image {address} is left out: only http and https addresses are kept"),
        );
    }
    fits.then_some(address)
}

fn within_limits(post: &ImportedPost) -> Result<(), String> {
    let length = |text: &str| text.chars().count();
    if length(&post.title) > MAX_TITLE {
        return Err(format!("has a title of more than {MAX_TITLE} characters"));
    }
    if post.title.contains('\0') || post.excerpt.as_ref().is_some_and(|text| text.contains('\0')) {
        return Err("has a NUL character in its front matter".to_owned());
    }
    if length(&post.content) < MIN_CONTENT || post.content.trim().is_empty() {
        return Err(format!("has a text of less than {MIN_CONTENT} characters"));
    }
    if length(&post.content) > MAX_CONTENT {
        return Err(format!("has a text of more than {MAX_CONTENT} characters"));
    }
    if post.excerpt.as_ref().is_some_and(|text| length(text) > MAX_EXCERPT) {
        return Err(format!("has a description of more than {MAX_EXCERPT} characters"));
    }
    if post.authors.len() > MAX_AUTHORS || post.authors.iter().any(|name| length(name) > MAX_AUTHOR) {
        return Err(format!(
            "has more than {MAX_AUTHORS} authors, or one of more than {MAX_AUTHOR} characters"
        ));
    }
    if post.tags.len() > MAX_TAGS || post.tags.iter().any(|name| length(name) > MAX_TAG) {
        return Err(format!("has more than {MAX_TAGS} tags, or one of more than {MAX_TAG} characters"));
    }
    Ok(())
}

/// Drops posts whose source an earlier one has, and tells of aliases that an earlier one claims.
fn distinct(posts: Vec<ImportedPost>, report: &mut Report) -> Vec<ImportedPost> {
    let mut sources: HashMap<String, String> = HashMap::new();
    let mut claimed: HashMap<String, String> = HashMap::new();
    let mut kept = Vec::with_capacity(posts.len());
    for mut post in posts {
        if let Some(first) = sources.get(&post.source) {
            report.skip(&post.file, format!("has the same path as {first}"));
            continue;
        }
        sources.insert(post.source.clone(), post.file.clone());
        post.aliases.retain(|alias| match claimed.get(alias) {
            Some(first) => {
                report.note(&post.file, format!("the alias {alias} is left out: {first} has it"));
                false
            }
            None => claimed.insert(alias.clone(), post.file.clone()).is_none(),
        });
        kept.push(post);
    }
    kept
}

/// The texts whose keys have not come before.
fn once(texts: Vec<String>, key: impl Fn(&str) -> String) -> Vec<String> {
    let mut seen = HashSet::new();
    texts.into_iter().filter(|text| seen.insert(key(text))).collect()
}
