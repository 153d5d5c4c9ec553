//! The operation that serves the bytes of an image.
use macros::operations;
use poem::{Request, http::header};

use super::types::{FileKey, FileQuery};
use crate::{
    http::{
        auth::NoAuth,
        extract::{IfNoneMatch, IfRange, Path, Query, RangeHeader},
        image_response::ImageResponse,
        problem::{ApiError, BadRequest, Error, NotFound, RangeNotSatisfiable},
        range::ByteRange,
    },
    resources::content::media::{self, MediaLibrary},
};

pub struct MediaFilesApi(pub MediaLibrary);

#[operations(prefix_path = "/media", tag = "media::TAG")]
impl MediaFilesApi {
    /// Get the bytes of an image
    ///
    /// Returns the stored file or a resized or converted variant. A variant is made on the first request and
    /// stored. Readable without authentication; pages of other origins may embed it
    /// (`Cross-Origin-Resource-Policy: cross-origin`). Supports range requests (RFC 9110, section 14). Unknown query
    /// parameters are ignored.
    #[oai(path = "/:key", method = "get", operation_id = "mediaGetFile")]
    #[operation(unknown_query = "ignored")]
    #[allow(clippy::too_many_arguments)]
    async fn get_file(
        &self,
        _anyone: NoAuth,
        request: &Request,
        /// The last segment of the `url` of the image.
        key: Path<FileKey>,
        query: Query<FileQuery>,
        if_none_match: IfNoneMatch,
        range_header: RangeHeader,
        if_range: IfRange,
    ) -> Result<ImageResponse, ApiError<(NotFound, RangeNotSatisfiable, BadRequest)>> {
        let accepted = request.header(header::ACCEPT);
        let variant = self.0.resolve(&key.0, &query, accepted).await?;
        if let Some(unchanged) = ImageResponse::not_modified(&variant.info, &if_none_match.0) {
            return Ok(unchanged);
        }
        let size = self.0.ensure_stored(&variant).await?;
        let range = match ByteRange::resolve(
            range_header.0.as_deref(),
            if_range.0.as_deref(),
            &variant.info.etag,
            size,
        ) {
            ByteRange::Full => None,
            ByteRange::Partial(range) => Some(range),
            ByteRange::Unsatisfiable => return Err(Error::RangeNotSatisfiable(size).into()),
        };
        let blob = self.0.open(&variant, range.clone()).await?;
        Ok(ImageResponse::new(&variant.info, size, range, blob.chunks))
    }
}
