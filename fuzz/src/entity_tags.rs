//! `If-Match` and `If-None-Match`.
use tenon::http::etag::{ETag, EntityTags};

/// An accepted list is equal after it is printed and parsed again. A strong match is a weak match, and only a listed tag
/// matches.
pub fn entity_tags(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Some(EntityTags::List(tags)) = EntityTags::parse(&text) else { return };
    let printed = tags.iter().map(ETag::as_str).collect::<Vec<_>>().join(", ");
    let Some(EntityTags::List(again)) = EntityTags::parse(&printed) else {
        panic!("{printed} is not accepted");
    };
    assert_eq!(again, tags);
    assert!(text.matches(',').count() + 1 >= tags.len(), "{} tags are accepted without commas", tags.len());
    let list = EntityTags::List(again);
    for tag in &tags {
        let opaque = tag.as_str().trim_start_matches("W/");
        assert!(text.contains(tag.as_str()), "{tag} is not in the list");
        assert!(opaque.len() >= 2 && opaque.matches('"').count() == 2, "{tag} is accepted");
        assert!(
            opaque.bytes().all(|byte| byte > b' ' && byte != 0x7f),
            "{tag:?} has a character that is not allowed"
        );
        assert!(list.matches_weak(tag), "{tag} does not match");
        let strong = ETag::parse(opaque).expect("a tag");
        let listed = tags.iter().any(|tag| tag.as_str() == opaque);
        assert_eq!(list.matches_strong(&strong), listed, "{strong}");
        if tag.as_str().starts_with("W/") {
            assert!(!list.matches_strong(tag), "the weak tag {tag} matches strongly");
        }
    }
    let other = ETag::from_parts(&[&text]);
    assert!(!list.matches_strong(&other) && !list.matches_weak(&other), "{other} matches");
}
