//! The pictures that posts name: found in their text, kept by the library, and named anew.
use std::{
    collections::{BTreeMap, HashSet},
    ops::Range,
    path::Path,
};

use super::{ImportError, ImportedPost, Library, Progress, Report, files, prose};
use crate::contract::check::decode;

/// The places in the text of a post that name a picture of the folder, each with its file.
pub(super) fn named(file: &str, content: &str, there: &HashSet<&str>) -> Vec<(Range<usize>, String)> {
    let found = prose::pictures(content).into_iter();
    let found = found.filter_map(|(at, address)| Some((at, resolved(file, &address)?)));
    let mut found: Vec<_> = found.filter(|(_, picture)| there.contains(picture.as_str())).collect();
    found.sort_by_key(|(at, _)| at.start);
    found.dedup_by_key(|(at, _)| at.start);
    found
}

/// The file below the folder that an address means, when it stands in `file`; none for those on other sites.
fn resolved(file: &str, address: &str) -> Option<String> {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    if path.is_empty() || path.starts_with('/') || path.contains("://") || path.starts_with("data:") {
        return None;
    }
    // A plus sign is itself in a path.
    let path = path.replace('+', "%2B");
    let path = decode(&path)?;
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

/// Keeps the pictures that the posts name, and names them in the posts by where they are now.
pub(super) async fn keep<L: Library>(
    root: &Path,
    posts: &mut [ImportedPost],
    library: &L,
    report: &mut Report,
    progress: &mut Progress,
) {
    let mut kept: BTreeMap<String, Option<String>> = BTreeMap::new();
    for (_, picture) in posts.iter().flat_map(|post| &post.pictures) {
        kept.insert(picture.clone(), None);
    }
    progress.start("pictures", kept.len());
    let mut usable = true;
    for (file, place) in &mut kept {
        if usable {
            match library.put_picture(&root.join(file), report.dry_run).await {
                Ok((url, outcome)) => {
                    report.picture(file, outcome);
                    *place = Some(url);
                }
                Err(ImportError::Refused(reason)) => report.skip(file, reason),
                Err(error) => {
                    usable = false;
                    report.fail(file, error);
                }
            }
        }
        progress.advance(1);
    }
    progress.finish();
    report.pictures.retain(|file| !kept.contains_key(file));
    for post in posts {
        // From the end, so that the places before stay where they are.
        for (at, picture) in post.pictures.iter().rev() {
            if let Some(Some(url)) = kept.get(picture) {
                post.content.replace_range(at.clone(), url);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pictures_of_the_folder_are_meant() {
        let there = HashSet::from(["a/joint.png", "a/b c.jpg", "top.gif"]);
        let text = "![one](joint.png) ![two](<b c.jpg> \"t\") ![three](b%20c.jpg?x#y) ![up](../top.gif)\n\n\
                    ![no](../../top.gif) ![no](/top.gif) ![no](https://acme.test/joint.png) ![no](lost.png)\n\n\
                    <p><img alt='x' src=\"./joint.png\" width=3></p> `![code](joint.png)`\n\n![ref][r]\n\n[r]: joint.png\n";
        let found = named("a/post.md", text, &there);
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
