//! Many entries on their way out, a few at a time.
use futures_util::{
    FutureExt, Stream, StreamExt,
    stream::{self, BoxStream},
};

use super::problem::Result;

/// Entries in batches, of which the first has been read: whatever fails at once fails before the answer has begun.
pub struct Rows<T> {
    first: Vec<T>,
    rest: BoxStream<'static, Result<Vec<T>>>,
}

impl<T: Send + 'static> Rows<T> {
    pub async fn begin(batches: impl Stream<Item = Result<Vec<T>>> + Send + 'static) -> Result<Self> {
        let mut rest = batches.fuse().boxed();
        let first = rest.next().await.transpose()?.unwrap_or_default();
        Ok(Rows { first, rest })
    }

    /// The batches; an error ends them.
    pub fn batches(self) -> impl Stream<Item = Result<Vec<T>>> + Send + 'static {
        let first = Ok(self.first);
        stream::once(async move { first }.boxed()).chain(self.rest)
    }
}
