//! Looking at pictures.
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
    /// Look at a picture
    ///
    /// As it is kept, or in another size and form, which is made when it is asked for first. Everybody may, and pages of
    /// other sites may show it.
    #[oai(path = "/:key", method = "get", operation_id = "mediaFile")]
    #[allow(clippy::too_many_arguments)]
    async fn file(
        &self,
        _anyone: Anyone,
        request: &Request,
        /// The name of its bytes, from the picture's `url`.
        key: Path<FileKey>,
        query: Query<FileQuery>,
        known: IfNoneMatch,
        range: RangeField,
        if_range: IfRange,
    ) -> Result<Picture, Fault<(NotFound, Nowhere, Invalid)>> {
        let accepted = request.header(header::ACCEPT);
        let wanted = self.0.wanted(&key.0.0, &query, accepted).await?;
        if let Some(unchanged) = Picture::unchanged(&wanted.shown, &known.0) {
            return Ok(unchanged);
        }
        let size = self.0.made(&wanted).await?;
        let part = match Span::of(range.0.as_deref(), if_range.0.as_deref(), &wanted.shown.etag, size) {
            Span::Whole => None,
            Span::Part(part) => Some(part),
            Span::Nowhere => return Err(Error::Nowhere(size).into()),
        };
        let blob = self.0.bytes(&wanted, part.clone()).await?;
        Ok(Picture::new(&wanted.shown, size, part, blob.pieces))
    }
}
