//! Example values for the OpenAPI document: one post, the same in all schemas.
use poem_openapi::types::Example;
use uuid::Uuid;

use super::{
    content::{PostRevision, PostSnapshot},
    query::{PostExpand, PostQuery, PostStatus, PreviewQuery},
    types::{Post, PostInput, PostSummary, PreviewLink},
};
use crate::{
    domain::{id::Id, timestamp::Timestamp},
    http::pagination::PageParams,
    resources::{
        accounts::users::AuthorRef,
        content::{revisions::Revision, tags::TagRef, trash::Deleted},
    },
};

const POST_ID: &str = "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f";

fn post_id<T>() -> Id<T> {
    POST_ID.parse().unwrap_or_else(|_| Id::from(Uuid::nil()))
}

const CREATED: Timestamp = Timestamp(1_763_715_600_000);
const PUBLISHED: Timestamp = Timestamp(1_763_717_400_000);
/// A date in 2100, so that the example passes the check for future dates.
const FUTURE: Timestamp = Timestamp(4_102_444_800_000);
const TITLE: &str = "A joint that fits";
const CONTENT: &str = "A tenon is the part of a joint that is *cut to fit*.";
const EXCERPT: &str = "Why every client is cut from the same contract.";
const COVER: &str = "https://www.acme.test/joint.webp";

impl Example for Post {
    fn example() -> Self {
        Post {
            id: post_id(),
            slug: "a-joint-that-fits".into(),
            title: TITLE.into(),
            content: CONTENT.into(),
            excerpt: Some(EXCERPT.into()),
            cover_image: Some(COVER.into()),
            author: AuthorRef::example(),
            coauthors: vec![],
            tags: vec![TagRef::example()],
            published: true,
            published_at: Some(PUBLISHED),
            publish_at: None,
            unpublish_at: Some(FUTURE),
            comments_count: 2,
            created_at: CREATED,
            updated_at: PUBLISHED,
            version: 3,
            deleted_at: None,
            previewed: false,
        }
    }
}

impl Example for PostSummary {
    fn example() -> Self {
        let post = Post::example();
        PostSummary {
            id: post.id,
            slug: post.slug,
            title: post.title,
            author: post.author,
            coauthors: post.coauthors,
            tags: post.tags,
            published: post.published,
            published_at: post.published_at,
            publish_at: post.publish_at,
            unpublish_at: post.unpublish_at,
            comments_count: post.comments_count,
            created_at: post.created_at,
            updated_at: post.updated_at,
            deleted_at: None,
            excerpt: post.excerpt,
            cover_image: post.cover_image,
            content: Some(post.content),
        }
    }
}

impl Example for PostInput {
    fn example() -> Self {
        PostInput {
            title: TITLE.into(),
            content: CONTENT.into(),
            slug: Some("a-joint-that-fits".into()),
            excerpt: Some(EXCERPT.into()),
            cover_image: Some(COVER.into()),
            tags: vec!["Joinery".into()],
            published: true,
            publish_at: None,
            unpublish_at: Some(FUTURE),
        }
    }
}

impl Example for PostQuery {
    fn example() -> Self {
        PostQuery {
            paging: PageParams::example(),
            tag: vec!["joinery".into()],
            author: Some(post_id()),
            status: Some(PostStatus::Published),
            deleted: Some(Deleted::Only),
            q: Some("joint".into()),
            published_from: Some(CREATED),
            published_before: Some(Timestamp(1_795_252_800_000)),
            sort: Some("-publishedAt,title".into()),
            fields: Some("excerpt,content".into()),
            expand: Some(PostExpand::Author),
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

impl Example for PreviewLink {
    fn example() -> Self {
        let token = "AZnA3npbfD2OHyo7TF1ufw.kq3mVx0Y2nZr8sT1uWcB4g";
        PreviewLink {
            id: post_id(),
            url: format!("/api/posts/{POST_ID}?preview={token}").into(),
            token: token.into(),
            expires_at: Timestamp(1_763_974_800_000),
        }
    }
}

impl Example for PreviewQuery {
    fn example() -> Self {
        PreviewQuery { preview: Some("AZnA3npbfD2OHyo7TF1ufw.kq3mVx0Y2nZr8sT1uWcB4g".into()) }
    }
}
