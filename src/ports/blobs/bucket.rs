//! Bytes in a bucket of an S3 service, which keeps a put whole or not at all.
use std::{io, ops::Range, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use object_store::{
    BackoffConfig, ClientOptions, Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, RetryConfig,
    aws::AmazonS3Builder, path::Path,
};

use super::{Blob, Entry};

/// Who we are to the service, and where it is.
#[derive(Clone)]
pub struct Account {
    /// The address of the service; empty for that of Amazon in the region.
    pub endpoint: String,
    pub region: String,
    pub bucket: String,
    pub access_key: String,
    pub secret_key: String,
    /// Goes before all keys; may be empty.
    pub prefix: String,
    /// Whether the bucket is part of the host name, and not of the path.
    pub virtual_host: bool,
}

/// Nothing of it is for a log.
impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}

#[derive(Clone)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: String,
}

/// Within these, a request that waits for the service still gets its answer.
const CONNECT: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(8);

impl Bucket {
    pub fn new(account: &Account) -> io::Result<Self> {
        let times = ClientOptions::new()
            .with_connect_timeout(CONNECT)
            // Of silence, not of the whole: who reads a picture slowly gets all of it.
            .with_timeout_disabled()
            .with_read_timeout(ANSWER)
            .with_allow_http(account.endpoint.starts_with("http://"));
        let backoff = BackoffConfig { init_backoff: Duration::from_millis(50), ..BackoffConfig::default() };
        let retry = RetryConfig { backoff, max_retries: 3, retry_timeout: ANSWER };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&account.bucket)
            .with_region(&account.region)
            .with_access_key_id(&account.access_key)
            .with_secret_access_key(&account.secret_key)
            .with_virtual_hosted_style_request(account.virtual_host)
            .with_client_options(times)
            .with_retry(retry);
        if !account.endpoint.is_empty() {
            builder = builder.with_endpoint(&account.endpoint);
        }
        let store = builder.build().map_err(failed)?;
        Ok(Bucket { store: Arc::new(store), prefix: account.prefix.clone() })
    }

    #[cfg(test)]
    pub fn of(store: Arc<dyn ObjectStore>, prefix: &str) -> Self {
        Bucket { store, prefix: prefix.to_owned() }
    }

    fn path(&self, key: &str) -> Path {
        Path::from(format!("{}/{key}", self.prefix))
    }

    pub async fn put(&self, key: &str, bytes: Bytes) -> io::Result<()> {
        self.store.put(&self.path(key), bytes.into()).await.map_err(failed)?;
        Ok(())
    }

    pub async fn size(&self, key: &str) -> io::Result<u64> {
        Ok(self.store.head(&self.path(key)).await.map_err(failed)?.size)
    }

    pub async fn get(&self, key: &str, range: Option<Range<u64>>) -> io::Result<Blob> {
        let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
        let found = self.store.get_opts(&self.path(key), options).await.map_err(failed)?;
        Ok(Blob { size: found.meta.size, pieces: found.into_stream().map_err(failed).boxed() })
    }

    pub async fn below(&self, key: &str) -> io::Result<Vec<Entry>> {
        let path = self.path(key);
        let found: Vec<_> = self.store.list(Some(&path)).try_collect().await.map_err(failed)?;
        let entry = |about: object_store::ObjectMeta| {
            let name = about.location.filename()?.to_owned();
            let written_at = about.last_modified.timestamp_millis();
            Some(Entry { key: format!("{key}/{name}"), size: about.size, written_at })
        };
        Ok(found.into_iter().filter_map(entry).collect())
    }

    pub async fn remove(&self, key: &str) -> io::Result<()> {
        self.store.delete(&self.path(key)).await.map_err(failed)
    }
}

fn failed(error: Error) -> io::Error {
    match error {
        Error::NotFound { .. } => io::Error::new(io::ErrorKind::NotFound, error),
        other => io::Error::other(other),
    }
}
