//! Editable fields of a post, as stored in its revisions.
use poem_openapi::Object;
use serde::{Deserialize, Serialize};

use super::types::Post;
use crate::{
    domain::timestamp::Timestamp,
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
    pub post: PostContent,
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

/// The editable fields of a post.
#[derive(Debug, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct PostContent {
    /// The title.
    #[oai(validator(min_length = "1", max_length = "200"))]
    pub title: String,
    /// The identifier of the post in URLs.
    #[oai(validator(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", min_length = "1", max_length = "120"))]
    pub slug: String,
    /// The body text, in Markdown.
    #[oai(validator(min_length = "1", max_length = "200000"))]
    pub content: String,
    /// A short summary for lists.
    #[oai(validator(min_length = "1", max_length = "500"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
    /// The URL of the cover image.
    #[oai(validator(pattern = "^https?://[^\\u0000-\\u0020]+$", min_length = "8", max_length = "2000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cover_image: Option<String>,
    /// The names of the tags, in order.
    #[oai(validator(max_items = "10", min_length = "1", max_length = "50"))]
    pub tags: Vec<String>,
    /// Whether the post was published.
    pub published: bool,
    /// The scheduled publication time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish_at: Option<Timestamp>,
    /// The scheduled time at which the post becomes a draft again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unpublish_at: Option<Timestamp>,
}

impl Content for PostContent {
    fn text(&self) -> &str {
        &self.content
    }

    fn fields(&self) -> Vec<(&'static str, Vec<String>)> {
        let PostContent { title, slug, content: _, excerpt, cover_image, tags, published, .. } = self;
        let time = |at: Option<Timestamp>| at.iter().map(Timestamp::to_string).collect();
        let maybe = |value: &Option<String>| value.iter().cloned().collect();
        vec![
            ("title", vec![title.clone()]),
            ("slug", vec![slug.clone()]),
            ("excerpt", maybe(excerpt)),
            ("coverImage", maybe(cover_image)),
            ("tags", tags.clone()),
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

    pub(super) fn content(&self) -> PostContent {
        PostContent {
            title: self.title.clone(),
            slug: self.slug.clone(),
            content: self.content.clone(),
            excerpt: self.excerpt.clone(),
            cover_image: self.cover_image.clone(),
            tags: self.tags.iter().map(|tag| tag.name.to_string()).collect(),
            published: self.published,
            publish_at: self.publish_at,
            unpublish_at: self.unpublish_at,
        }
    }
}
