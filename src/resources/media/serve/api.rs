//! The operation that serves the bytes of an image.
use poem::{Request, http::header};
use poem_openapi::OpenApi;

use super::types::{FileKey, FileQuery};
use crate::{
    api::Tag,
    contract::{
        caller::Anyone,
        picture::Picture,
        problem::{Error, Fault, Invalid, NotFound, Nowhere},
        range::Span,
        request::{IfNoneMatch, IfRange, Path, Query, RangeField},
    },
    resources::media::MediaLibrary,
};

pub struct FilesApi(pub MediaLibrary);

#[OpenApi(prefix_path = "/media", tag = "Tag::Media")]
impl FilesApi {
    /// Get the bytes of an image
    ///
    /// Returns the stored file or a resized or converted variant. A variant is made on the first request and
    /// stored. Readable without authentication; pages of other origins may embed it
    /// (`Cross-Origin-Resource-Policy: cross-origin`). Supports range requests (RFC 9110, section 14).
    #[oai(path = "/:key", method = "get", operation_id = "mediaGetFile")]
    #[allow(clippy::too_many_arguments)]
    async fn get_file(
        &self,
        _anyone: Anyone,
        request: &Request,
        /// The last segment of the `url` of the image.
        key: Path<FileKey>,
        query: Query<FileQuery>,
        if_none_match: IfNoneMatch,
        range_header: RangeField,
        if_range: IfRange,
    ) -> Result<Picture, Fault<(NotFound, Nowhere, Invalid)>> {
        let accepted = request.header(header::ACCEPT);
        let variant = self.0.resolve(&key.0.0, &query, accepted).await?;
        if let Some(unchanged) = Picture::unchanged(&variant.shown, &if_none_match.0) {
            return Ok(unchanged);
        }
        let size = self.0.ensure_stored(&variant).await?;
        let range =
            match Span::of(range_header.0.as_deref(), if_range.0.as_deref(), &variant.shown.etag, size) {
                Span::Whole => None,
                Span::Part(range) => Some(range),
                Span::Nowhere => return Err(Error::Nowhere(size).into()),
            };
        let blob = self.0.open(&variant, range.clone()).await?;
        Ok(Picture::new(&variant.shown, size, range, blob.pieces))
    }
}
