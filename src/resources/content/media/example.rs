//! The example image of the OpenAPI document: the same photograph in every example.
use poem_openapi::types::Example;
use uuid::Uuid;

use super::types::{Media, MediaPatch, MediaQuery, MediaSource, MediaType, MediaVariant};
use crate::{
    domain::{id::Id, timestamp::Timestamp},
    http::{merge_patch::Patch, pagination::PageParams},
    resources::accounts::users::example_user_id,
};

const IMAGE_ID: &str = "0199c0de-8888-7c3d-8e1f-2a3b4c5d6e7f";
const URL: &str = "/media/7d0f1c9a3b5e4f6081a2b3c4d5e6f708.jpg";
const NAME: &str = "dovetail.jpg";
const ALT: &str = "A dovetail joint, seen from the side";

impl Example for Media {
    fn example() -> Self {
        Media {
            id: IMAGE_ID.parse().unwrap_or_else(|_| Id::from(Uuid::nil())),
            url: URL.into(),
            filename: NAME.into(),
            media_type: MediaType::Jpeg,
            size: 48_213,
            width: 1600,
            height: 1200,
            sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
            blurhash: "LEHV6nWB2yk8pyo0adR*.7kCMdnj".into(),
            dominant_color: "#8a5c3e".into(),
            aspect_ratio: 1.333333,
            alt: Some(ALT.into()),
            focus_x: Some(0.5),
            focus_y: Some(0.25),
            sources: vec![MediaSource::example()],
            uploaded_by: Some(example_user_id()),
            created_at: Timestamp(1_763_629_200_000),
            updated_at: Timestamp(1_763_715_600_000),
            version: 1,
            new: true,
        }
    }
}

impl Example for MediaSource {
    fn example() -> Self {
        let variants = vec![MediaVariant::example()];
        MediaSource {
            media_type: MediaType::Webp,
            srcset: format!("{} 640w", variants[0].url).into(),
            variants,
        }
    }
}

impl Example for MediaVariant {
    fn example() -> Self {
        MediaVariant { url: format!("{URL}?w=640&format=webp").into(), width: 640, height: 480 }
    }
}

impl Example for MediaPatch {
    fn example() -> Self {
        MediaPatch {
            filename: Some("joint.jpg".into()),
            alt: Patch::Value(ALT.into()),
            focus_x: Patch::Value(0.5),
            focus_y: Patch::Value(0.25),
        }
    }
}

impl Example for MediaQuery {
    fn example() -> Self {
        MediaQuery {
            paging: PageParams::example(),
            q: Some("joint".into()),
            media_type: Some(MediaType::Jpeg),
            uploaded_by: Some(example_user_id()),
            sort: Some("-createdAt".into()),
        }
    }
}
