//! Checks of the storage of images.
use super::{super::backup::message, Check};
use crate::{
    backup::restore::missing_images,
    infra::{blobs::Blobs, db::Db},
    resources::content::media::inventory::known_stems,
    schema::counted,
};

/// Images whose names are printed.
const MAX_EXAMPLES: usize = 5;

/// Each row of `media` must have its bytes.
pub async fn missing(db: &Db, store: &Blobs) -> Check {
    match missing_images(db, store).await {
        Ok((0, _)) => Ok("each image has its bytes".to_owned()),
        Ok((count, examples)) => Err(vec![format!(
            "the bytes of {} are missing, such as {}: restore them from a backup, or delete the images",
            counted(count, "image"),
            examples.join(", ")
        )]),
        Err(error) => Err(vec![format!("{}: check media_dir or s3_…", message(&error))]),
    }
}

/// Stored bytes must belong to an image, to an upload in progress or to a deletion.
pub async fn orphans(db: &Db, store: &Blobs) -> Check {
    let mut orphans = Vec::new();
    for prefix in 0..=255_u8 {
        let prefix = format!("{prefix:02x}");
        // The storage first: an upload is registered before its bytes are stored.
        let stems = store.folders(&prefix).await;
        let stems = stems.map_err(|error| vec![format!("{error}: check media_dir or s3_…")])?;
        if stems.is_empty() {
            continue;
        }
        let known = known_stems(db, &prefix).await;
        let known = known.map_err(|error| vec![crate::cli::errors::database_message(&error)])?;
        orphans.extend(
            stems.into_iter().filter(|stem| !known.contains(stem)).map(|stem| format!("{prefix}/{stem}")),
        );
    }
    if orphans.is_empty() {
        return Ok("there are none".to_owned());
    }
    let examples = orphans.iter().take(MAX_EXAMPLES).map(String::as_str).collect::<Vec<_>>().join(", ");
    Err(vec![format!(
        "{} without an image, such as {examples}: delete them from the storage of images. After a restore, they are images \
         that were uploaded after the backup",
        counted(orphans.len() as u64, "folder")
    )])
}
