//! Import of the images that posts refer to: finds the references, stores the files, and replaces the URLs.
use std::{
    collections::{BTreeMap, HashSet},
    ops::Range,
    path::Path,
};

use super::{ImportError, ImportedPost, Progress, Report, Target, files, markdown};
use crate::schema::form_decode;

/// Returns the references in a post to images of the folder: the byte range of each URL, and the path of the
/// file.
pub(super) fn references(
    file: &str,
    content: &str,
    image_files: &HashSet<&str>,
) -> Vec<(Range<usize>, String)> {
    let found = markdown::images(content).into_iter();
    let found = found.filter_map(|(at, url)| Some((at, resolve(file, &url)?)));
    let mut found: Vec<_> = found.filter(|(_, image)| image_files.contains(image.as_str())).collect();
    found.sort_by_key(|(at, _)| at.start);
    found.dedup_by_key(|(at, _)| at.start);
    found
}

/// Resolves a URL in `file` to a path relative to the folder. Returns `None` for absolute URLs and paths, and
/// for paths outside of the folder.
fn resolve(file: &str, url: &str) -> Option<String> {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    if path.is_empty() || path.starts_with('/') || path.contains("://") || path.starts_with("data:") {
        return None;
    }
    // `form_decode` decodes `+` to a space, as in a query. In a path, `+` is a plus sign.
    let path = path.replace('+', "%2B");
    let path = form_decode(&path)?;
    let mut segments: Vec<&str> = files::folder(file).split('/').filter(|part| !part.is_empty()).collect();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => _ = segments.pop()?,
            name => segments.push(name),
        }
    }
    Some(segments.join("/"))
}

/// Stores the images that the posts refer to, and replaces the URLs in their contents.
pub(super) async fn import<T: Target>(
    root: &Path,
    posts: &mut [ImportedPost],
    target: &T,
    report: &mut Report,
    progress: &mut Progress,
) {
    let mut urls: BTreeMap<String, Option<String>> = BTreeMap::new();
    for (_, image) in posts.iter().flat_map(|post| &post.images) {
        urls.insert(image.clone(), None);
    }
    progress.start("images", urls.len());
    let mut available = true;
    for (file, url) in &mut urls {
        if available {
            match target.put_image(&root.join(file), report.dry_run).await {
                Ok((stored, outcome)) => {
                    report.image(file, outcome);
                    *url = Some(stored);
                }
                Err(ImportError::Rejected(reason)) => report.skip(file, reason),
                Err(error) => {
                    available = false;
                    report.fail(file, error);
                }
            }
        }
        progress.advance(1);
    }
    progress.finish();
    report.unreferenced_images.retain(|file| !urls.contains_key(file));
    for post in posts {
        // In reverse order, so that the earlier byte ranges stay valid.
        for (at, image) in post.images.iter().rev() {
            if let Some(Some(url)) = urls.get(image) {
                post.content.replace_range(at.clone(), url);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_only_references_to_images_in_the_folder() {
        let image_files = HashSet::from(["a/joint.png", "a/b c.jpg", "top.gif"]);
        let text = "![one](joint.png) ![two](<b c.jpg> \"t\") ![three](b%20c.jpg?x#y) ![up](../top.gif)\n\n\
                    ![no](../../top.gif) ![no](/top.gif) ![no](https://acme.test/joint.png) ![no](lost.png)\n\n\
                    <p><img alt='x' src=\"./joint.png\" width=3></p> `![code](joint.png)`\n\n![ref][r]\n\n[r]: joint.png\n";
        let found = references("a/post.md", text, &image_files);
        let found: Vec<(&str, &str)> =
            found.iter().map(|(at, file)| (&text[at.clone()], file.as_str())).collect();
        assert_eq!(
            found,
            [
                ("joint.png", "a/joint.png"),
                ("<b c.jpg>", "a/b c.jpg"),
                ("b%20c.jpg?x#y", "a/b c.jpg"),
                ("../top.gif", "top.gif"),
                ("./joint.png", "a/joint.png"),
                ("joint.png", "a/joint.png"),
            ]
        );
    }
}
