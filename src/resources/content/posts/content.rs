//! Editable fields of a post, as stored in its revisions.
use poem_openapi::{Object, types::Example};
use serde::{Deserialize, Serialize};

use super::types::{CONTENT, COVER, EXCERPT, FUTURE, Post, TITLE};
use crate::{
    domain::{
        slug::Slug,
        text::{Markdown, TagName, Text, Title, WebUrl},
        timestamp::Timestamp,
    },
    http::{cache_control::CacheControl, etag::ETag, problem::Result, response::Resource},
    resources::content::revisions::{Change, Content, NewRevision, Revision, Subject},
};

/// A revision of a post with its content.
#[derive(Debug, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct PostRevision {
    #[oai(flatten)]
    #[serde(flatten)]
    pub revision: Revision,
    /// The editable fields of the post in this revision.
    pub post: PostSnapshot,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) location: String,
}

impl Resource for PostRevision {
    fn etag(&self) -> ETag {
        self.revision.etag()
    }
    fn location(&self) -> String {
        self.location.clone()
    }
    fn cache(&self) -> CacheControl {
        CacheControl::Private
    }
}

/// The editable fields of a post at one time.
#[derive(Debug, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct PostSnapshot {
    /// The title.
    pub title: Title,
    /// The identifier of the post in URLs.
    pub slug: Slug<120>,
    /// The body text, in Markdown.
    pub content: Markdown<1, 200_000>,
    /// A short summary for lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<Text<500>>,
    /// The URL of the cover image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cover_image: Option<WebUrl>,
    /// The names of the tags, in order.
    #[oai(validator(max_items = "10"))]
    pub tags: Vec<TagName>,
    /// Whether the post was published.
    pub published: bool,
    /// The scheduled publication time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish_at: Option<Timestamp>,
    /// The scheduled time at which the post becomes a draft again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unpublish_at: Option<Timestamp>,
}

impl Content for PostSnapshot {
    fn text(&self) -> &str {
        &self.content
    }

    fn fields(&self) -> Vec<(&'static str, Vec<String>)> {
        let PostSnapshot { title, slug, content: _, excerpt, cover_image, tags, published, .. } = self;
        let time = |at: Option<Timestamp>| at.iter().map(Timestamp::to_string).collect();
        let maybe = |value: Option<&str>| value.map(str::to_owned).into_iter().collect();
        vec![
            ("title", vec![title.to_string()]),
            ("slug", vec![slug.to_string()]),
            ("excerpt", maybe(excerpt.as_deref())),
            ("coverImage", maybe(cover_image.as_deref())),
            ("tags", tags.iter().map(TagName::to_string).collect()),
            ("published", vec![published.to_string()]),
            ("publishAt", time(self.publish_at)),
            ("unpublishAt", time(self.unpublish_at)),
        ]
    }
}

impl Post {
    /// Returns this version as a revision to be stored.
    pub(super) fn to_revision(&self, change: Change, now: i64) -> Result<NewRevision> {
        NewRevision::new(Subject::Post(self.id.0), self.version, change, &self.content(), now)
    }

    pub(super) fn content(&self) -> PostSnapshot {
        PostSnapshot {
            title: self.title.clone(),
            slug: self.slug.clone(),
            content: self.content.clone(),
            excerpt: self.excerpt.clone(),
            cover_image: self.cover_image.clone(),
            tags: self.tags.iter().map(|tag| tag.name.clone()).collect(),
            published: self.published,
            publish_at: self.publish_at,
            unpublish_at: self.unpublish_at,
        }
    }
}

impl Example for PostSnapshot {
    fn example() -> Self {
        PostSnapshot {
            title: TITLE.into(),
            slug: "a-joint-that-fits".into(),
            content: CONTENT.into(),
            excerpt: Some(EXCERPT.into()),
            cover_image: Some(COVER.into()),
            tags: vec!["Joinery".into()],
            published: true,
            publish_at: None,
            unpublish_at: Some(FUTURE),
        }
    }
}

impl Example for PostRevision {
    fn example() -> Self {
        PostRevision { revision: Revision::example(), post: PostSnapshot::example(), location: String::new() }
    }
}
