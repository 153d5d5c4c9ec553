//! Streams of rows, read in batches.
use futures_util::{
    FutureExt, Stream, StreamExt,
    stream::{self, BoxStream},
};

use super::problem::Result;

/// A stream of batches whose first batch is already read. An error of the first query is thus reported as a
/// problem, before the response has started.
pub struct BatchStream<T> {
    first: Vec<T>,
    rest: BoxStream<'static, Result<Vec<T>>>,
}

impl<T: Send + 'static> BatchStream<T> {
    /// Reads the first batch.
    pub async fn start(batches: impl Stream<Item = Result<Vec<T>>> + Send + 'static) -> Result<Self> {
        let mut rest = batches.fuse().boxed();
        let first = rest.next().await.transpose()?.unwrap_or_default();
        Ok(BatchStream { first, rest })
    }

    /// Returns all batches. The stream ends after an error.
    pub fn batches(self) -> impl Stream<Item = Result<Vec<T>>> + Send + 'static {
        let first = Ok(self.first);
        stream::once(async move { first }.boxed()).chain(self.rest)
    }
}
