//! Blobs in an S3 bucket. A PUT is atomic there.
use std::{io, ops::Range, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use object_store::{
    BackoffConfig, ClientOptions, Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutPayload,
    RetryConfig,
    aws::AmazonS3Builder,
    client::{HttpClient, HttpConnector},
    path::Path,
};
use tokio::{fs::File, io::AsyncReadExt};

use super::{Blob, BlobEntry, join};

/// Endpoint and credentials of the bucket.
#[derive(Clone)]
pub struct S3Config {
    /// The URL of the service; empty for Amazon S3 in the region.
    pub endpoint: String,
    pub region: String,
    pub bucket: String,
    pub access_key: String,
    pub secret_key: String,
    /// Prefix of all keys; may be empty.
    pub prefix: String,
    /// Whether the bucket name is part of the host name instead of the path.
    pub virtual_host: bool,
    /// Whether requests use the proxy variables of the environment.
    pub proxy_variables: bool,
    /// Timeout without progress, from the first byte of a request until its response. For uploads, it limits the time of
    /// one part.
    pub timeout: Duration,
}

/// Omits the credentials.
impl std::fmt::Debug for S3Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3Config").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}

/// Lets the object store use an HTTP client of ours: its own options cannot disable proxies.
#[derive(Debug)]
struct Connector(reqwest::Client);

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

#[derive(Clone)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: String,
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Bytes of a part of a large upload. S3 allows 10,000 parts, so the maximum size is 156 GiB.
const PART: usize = 16 * 1024 * 1024;

impl Bucket {
    pub fn new(account: &S3Config) -> io::Result<Self> {
        // The object store uses the default provider of the process, which may already be set.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let is_http = account.endpoint.starts_with("http://");
        // A limit on silence instead of the whole transfer: a slow reader still gets the complete image.
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(account.timeout)
            .https_only(!is_http);
        // A proxy could read the images, and choose the address that this server connects to.
        let client = if account.proxy_variables { client } else { client.no_proxy() };
        let client = client.build().map_err(io::Error::other)?;
        let backoff = BackoffConfig { init_backoff: Duration::from_millis(50), ..BackoffConfig::default() };
        let retry = RetryConfig { backoff, max_retries: 3, retry_timeout: account.timeout };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&account.bucket)
            .with_region(&account.region)
            .with_access_key_id(&account.access_key)
            .with_secret_access_key(&account.secret_key)
            .with_virtual_hosted_style_request(account.virtual_host)
            .with_client_options(ClientOptions::new().with_allow_http(is_http))
            .with_http_connector(Connector(client))
            .with_retry(retry);
        if !account.endpoint.is_empty() {
            builder = builder.with_endpoint(&account.endpoint);
        }
        let store = builder.build().map_err(io_error)?;
        Ok(Bucket { store: Arc::new(store), prefix: account.prefix.clone() })
    }

    #[cfg(test)]
    pub fn with_store(store: Arc<dyn ObjectStore>, prefix: &str) -> Self {
        Bucket { store, prefix: prefix.to_owned() }
    }

    fn path(&self, key: &str) -> Path {
        Path::from(format!("{}/{key}", self.prefix))
    }

    pub async fn put(&self, key: &str, bytes: Bytes) -> io::Result<()> {
        self.store.put(&self.path(key), bytes.into()).await.map_err(io_error)?;
        Ok(())
    }

    /// Sends a file in parts. The object appears when all parts are complete.
    pub async fn put_file(&self, key: &str, file: &std::path::Path) -> io::Result<()> {
        let mut file = File::open(file).await?;
        let first = read_part(&mut file).await?;
        if first.len() < PART {
            return self.put(key, first).await;
        }
        let mut upload = self.store.put_multipart(&self.path(key)).await.map_err(io_error)?;
        let parts = async {
            let mut part = first;
            while !part.is_empty() {
                upload.put_part(PutPayload::from(part)).await.map_err(io_error)?;
                part = read_part(&mut file).await?;
            }
            upload.complete().await.map(drop).map_err(io_error)
        };
        let sent = parts.await;
        if sent.is_err() {
            // Otherwise the service stores the parts until a rule of the bucket deletes them.
            let _ = upload.abort().await;
        }
        sent
    }

    pub async fn folders(&self, key: &str) -> io::Result<Vec<String>> {
        let found = self.store.list_with_delimiter(Some(&self.path(key))).await.map_err(io_error)?;
        let names = found.common_prefixes.iter().filter_map(|path| path.filename().map(str::to_owned));
        Ok(names.collect())
    }

    pub async fn size(&self, key: &str) -> io::Result<u64> {
        Ok(self.store.head(&self.path(key)).await.map_err(io_error)?.size)
    }

    pub async fn get(&self, key: &str, range: Option<Range<u64>>) -> io::Result<Blob> {
        let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
        let found = self.store.get_opts(&self.path(key), options).await.map_err(io_error)?;
        Ok(Blob { size: found.meta.size, chunks: found.into_stream().map_err(io_error).boxed() })
    }

    pub async fn list(&self, key: &str) -> io::Result<Vec<BlobEntry>> {
        // Without the objects of deeper folders.
        let found = self.store.list_with_delimiter(Some(&self.path(key))).await.map_err(io_error)?;
        let entry = |object: object_store::ObjectMeta| {
            let name = object.location.filename()?;
            let written_at = object.last_modified.timestamp_millis();
            Some(BlobEntry { key: join(key, name), size: object.size, written_at })
        };
        Ok(found.objects.into_iter().filter_map(entry).collect())
    }

    pub async fn remove(&self, key: &str) -> io::Result<()> {
        self.store.delete(&self.path(key)).await.map_err(io_error)
    }
}

/// Reads the next part of a file; empty at its end.
async fn read_part(file: &mut File) -> io::Result<Bytes> {
    let mut part = Vec::with_capacity(PART);
    file.take(PART as u64).read_to_end(&mut part).await?;
    Ok(part.into())
}

fn io_error(error: Error) -> io::Error {
    match error {
        Error::NotFound { .. } => io::Error::new(io::ErrorKind::NotFound, error),
        other => io::Error::other(other),
    }
}
