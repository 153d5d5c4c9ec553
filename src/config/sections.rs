//! The settings, by section: each with its description, type and default.
use std::{net::SocketAddr, path::PathBuf};

use toml::{Table, Value};

use super::{
    section::{section, table},
    types::{
        AuditDays, AuditOutput, BackupMedia, BucketName, BucketPath, ByteCount, Certificates, CountryLocales,
        DatabaseUrl, Days, FallbackRates, HeaderTitle, Host, ImageBytes, ImagePixels, Interval, Limit,
        MediaSizes, MetricsToken, Origin, OtlpEndpoint, OtlpHeaders, PrintedLine, PrintedLines, PublicUrl,
        RatesUrl, S3Endpoint, SampleRatio, StripeApiKey, TimeoutScale, WebhookId, WebhookSecrets,
    },
    upstreams::ConfiguredUpstreams,
};
use crate::{
    domain::{locale::Locales, secret::Secret},
    infra::{query_log::QueryLog, sealing::SecretKeys},
    server::{Block, ClientAddressLog, ForwardedHeader, LogFormat, MetricsAccess},
};

const EMPTY_LIST: Vec<Value> = Vec::new();

/// Icons, then the widths of screens.
const MEDIA_SIZES: [i64; 16] =
    [16, 32, 48, 64, 96, 128, 256, 384, 640, 750, 828, 1080, 1200, 1920, 2048, 3840];

section! {
    /// Network, proxies and browsers.
    ServerConfig {
        /// Listen address; port 0 selects a free port.
        listen: SocketAddr = "127.0.0.1:8080";
        /// External http or https URL of the server; not set means http:// and the listen address.
        public_url: Option<PublicUrl>;
        /// Address blocks of proxies whose forwarding headers are accepted.
        trusted_proxies: Vec<Block> = EMPTY_LIST;
        /// Header that the proxies write: x-forwarded-for or forwarded.
        forwarded_header: ForwardedHeader = "x-forwarded-for";
        /// Allows a non-loopback listen address without trusted_proxies.
        allow_plaintext_listen: bool = false;
        /// Allows outgoing requests to http:// URLs and private addresses, except for upstreams.
        allow_private_networks: bool = false;
        /// Origins that browsers may call from.
        cors_origins: Vec<Origin> = EMPTY_LIST;
        /// Enables rate limits.
        rate_limits: bool = true;
        /// Maximum bytes of the request bodies of one account and day, in UTC; 0 disables the limit.
        daily_write_bytes: ByteCount = 1_073_741_824_i64;
        /// Requires If-Match for writes (428).
        require_if_match: bool = false;
        /// Anonymous clients may create accounts with the role reader.
        registration: bool = false;
        /// Factor for all network timeouts, 0.001 to 100, for tests.
        timeout_scale: TimeoutScale = 1;
    }
}

section! {
    /// The log.
    LogConfig {
        /// Log level: error, warn, info, debug or trace.
        log: tracing::Level = "info";
        /// Log format: text or json.
        log_format: LogFormat = "text";
        /// Logs SQL statements that take longer than this many milliseconds; all or off.
        log_sql: QueryLog = 200;
        /// Client addresses in the access log and the audit log: full, network (IPv4 /24, IPv6 /48) or off.
        log_client_address: ClientAddressLog = "network";
    }
}

section! {
    /// Metrics and traces.
    TelemetryConfig {
        /// Clients that may read `/metrics`: loopback (clients on this machine, without a proxy), on or off.
        metrics: MetricsAccess = "loopback";
        /// Bearer token that `/metrics` requires from all clients, at least 16 characters.
        metrics_token: Option<MetricsToken> [Secret, NonEmpty];
        /// Base URL of an OTLP collector for traces, such as `http://127.0.0.1:4318`, without /v1/traces; not set means no
        /// traces.
        otlp_endpoint: Option<OtlpEndpoint>;
        /// Headers of the requests to the collector, by name.
        otlp_headers: OtlpHeaders [Secret] = Table::new();
        /// Part of the traces that are recorded, 0 to 1.
        trace_sample_ratio: SampleRatio = 1;
    }
}

section! {
    /// The audit log.
    AuditConfig {
        /// Days until audit entries are deleted, 1 to 3,660.
        audit_retention_days: AuditDays = 365;
        /// Destination of the audit log as JSON lines: off, stdout, or the path of a file.
        audit_output: AuditOutput = "off";
    }
}

section! {
    /// The response cache.
    CacheConfig {
        /// Maximum bytes of the response cache in memory; 0 disables it.
        cache_bytes: ByteCount = 67_108_864;
        /// Adds Cache-Status to responses of operations that are cached.
        cache_status: bool = false;
    }
}

section! {
    /// The database and the images.
    StorageConfig {
        /// Folder of the SQLite database and of tenon.toml.
        data_dir: PathBuf = "./data";
        /// postgres://… or sqlite://…; not set means SQLite in data_dir.
        database_url: Option<DatabaseUrl> [Secret];
        /// Free bytes of data_dir below which `/readyz` responds 503; 0 disables the check.
        min_free_space: ByteCount = 67_108_864;
        /// Keys that seal secrets in the database: 32 bytes in base64 or hexadecimal digits. The first one seals, others
        /// only open. Not set means the keys in secret_key_file.
        secret_key: Option<SecretKeys> [Secret];
        /// File of the secret keys, one per line; not set means secret.key in data_dir. Created on the first start.
        secret_key_file: Option<PathBuf>;
        /// Folder of images and of uploads in progress; not set means media in data_dir.
        media_dir: Option<PathBuf>;
        /// S3 bucket for images; not set means media_dir. Requires both keys.
        s3_bucket: Option<BucketName>;
        /// URL of the S3 service, such as `https://s3.acme.test`; not set means Amazon S3 in s3_region.
        s3_endpoint: Option<S3Endpoint>;
        /// Region of the bucket.
        s3_region: String = "us-east-1";
        /// Access key id.
        s3_access_key: Option<String>;
        /// Secret access key.
        s3_secret_key: Option<Secret<String>> [Secret];
        /// Prefix of all object names.
        s3_prefix: BucketPath = "media";
        /// Sends the bucket name in the host name, not in the path.
        s3_virtual_host: bool = false;
        /// Sends requests to the S3 service through the proxy of the environment, such as HTTPS_PROXY.
        s3_proxy_variables: bool = false;
        /// Days until deleted posts and documents are removed, 0 to 366.
        trash_retention_days: Days = 30;
    }
}

section! {
    /// Images and their variants.
    MediaConfig {
        /// Maximum bytes of an uploaded image, 1024 to 104857600.
        media_max_bytes: ImageBytes = 20_971_520;
        /// Maximum pixels of an uploaded image, 10000 to 200000000. An image needs up to 7 bytes of memory for each.
        media_max_pixels: ImagePixels = 50_000_000;
        /// Widths and heights of image variants in pixels, in ascending order, at most 32. Requested sizes are rounded up
        /// to them.
        media_sizes: MediaSizes = MEDIA_SIZES.to_vec();
        /// Maximum bytes of the stored variants of all images. The least recently used ones are deleted first.
        media_variants_bytes: ByteCount = 4_294_967_296_i64;
    }
}

section! {
    /// Scheduled backups.
    BackupConfig {
        /// Interval of scheduled backups, 5m to 24h; not set means that there are none.
        backup_schedule: Option<Interval>;
        /// Number of scheduled backups that are retained.
        backup_keep: Limit = 7;
        /// Whether scheduled backups include the images or list their names and hashes: include or list.
        backup_media: BackupMedia = "include";
        /// Existing folder of scheduled backups; not set means backups in data_dir, which is created.
        backup_dir: Option<PathBuf>;
        /// Prefix of scheduled backups in s3_bucket; not set means that they are stored in backup_dir.
        backup_s3_prefix: Option<BucketPath>;
    }
}

section! {
    /// Event streams.
    EventsConfig {
        /// Maximum number of open event streams, 1 to 1,000,000.
        events_max_connections: Limit = 10_000;
        /// Maximum number of streams for one account, or for one address without an account.
        events_max_connections_per_caller: Limit = 10;
    }
}

section! {
    /// Redirects.
    RedirectsConfig {
        /// Other hosts that redirects may name, such as shop.acme.test; a port is significant.
        redirect_hosts: Vec<Host> = EMPTY_LIST;
    }
}

section! {
    /// Locales and exchange rates.
    BillingConfig {
        /// Locales with their currencies, in order; at least one.
        locales: Locales =
            table([("en-us", "USD"), ("fr", "EUR"), ("de", "EUR"), ("en-gb", "GBP"), ("ja", "JPY")]);
        /// Value of one US dollar while no fetched rate is stored; every currency in locales is required.
        rates_fallback: FallbackRates = table([("EUR", "0.86"), ("GBP", "0.75"), ("JPY", "150")]);
        /// URL of exchange rates in the format of open.er-api.com or of the European Central Bank; not set
        /// disables fetching.
        rates_url: Option<RatesUrl> [Secret];
        /// Interval between fetches, 5m to 24h.
        rates_refresh_interval: Interval = "6h";
    }
}

section! {
    /// The seller on PDF invoices.
    SellerConfig {
        /// Name of the seller on PDF invoices.
        seller_name: Option<PrintedLine>;
        /// Lines of the address, at most 6.
        seller_address: PrintedLines = EMPTY_LIST;
        /// Tax number.
        seller_tax_id: Option<PrintedLine>;
        /// E-mail address for questions about invoices.
        seller_email: Option<PrintedLine>;
        /// Lines below the total, such as a bank account, at most 6.
        seller_note: PrintedLines = EMPTY_LIST;
        /// Days from the invoice date to the due date on PDFs, 0 to 366; 0 omits the due date.
        invoice_due_days: Days = 0;
    }
}

section! {
    /// Countries of clients.
    GeoConfig {
        /// Header in which trusted proxies send the country of the client, such as cf-ipcountry.
        geo_header: Option<HeaderTitle>;
        /// Country database in MMDB format.
        geo_database: Option<PathBuf>;
        /// Countries whose clients are redirected from version 1 of the invoices, with their locales.
        geo_routes: CountryLocales = table([("FR", "fr")]);
    }
}

section! {
    /// Webhooks of providers.
    WebhooksConfig {
        /// Secrets of the Stripe endpoint, several during a rotation; not set disables the endpoint.
        webhooks_stripe_secrets: Option<WebhookSecrets> [Secret, NonEmpty];
        /// Secret or restricted API key of Stripe, to request the objects of thin events; not set means no request.
        webhooks_stripe_api_key: Option<StripeApiKey> [Secret, NonEmpty];
        /// URL of the API of Stripe, for tests.
        webhooks_stripe_api_url: PublicUrl = "https://api.stripe.com";
        /// Secrets of the GitHub webhook, several during a rotation; not set disables the endpoint.
        webhooks_github_secrets: Option<WebhookSecrets> [Secret, NonEmpty];
        /// Folder of Markdown files that a GitHub push imports as documents.
        webhooks_github_docs: Option<PathBuf>;
        /// Id of the PayPal webhook; requires webhooks_paypal_certificates.
        webhooks_paypal_id: Option<WebhookId> [NonEmpty];
        /// PEM file with the signing certificates of PayPal and their issuers; never downloaded.
        webhooks_paypal_certificates: Option<Certificates> [NonEmpty];
    }
}

section! {
    /// Services that requests are forwarded to.
    UpstreamsConfig {
        /// Upstreams by name, at most 32: a URL, or a table with url and authorization (the value of the
        /// Authorization header).
        upstreams: ConfiguredUpstreams [SecretEntries] = Table::new();
        /// Allows http:// URLs and private addresses for upstreams.
        upstreams_allow_private_networks: bool = false;
    }
}
