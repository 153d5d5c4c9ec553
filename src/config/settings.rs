//! The table of settings, and which of them a mistyped name may mean.

/// One setting: its name in the file, its default, and what it means.
pub struct Setting {
    pub name: &'static str,
    pub default: &'static str,
    pub meaning: &'static str,
    pub secret: bool,
}

pub const SETTINGS: &[Setting] = &[
    Setting {
        name: "listen",
        default: "127.0.0.1:8080",
        meaning: "address and port to listen on; port 0 picks a free one",
        secret: false,
    },
    Setting { name: "data_dir", default: "./data", meaning: "folder of the SQLite database", secret: false },
    Setting {
        name: "database_url",
        default: "",
        meaning: "postgres://… or sqlite://…; empty for SQLite in the data folder",
        secret: true,
    },
    Setting {
        name: "public_url",
        default: "",
        meaning: "how the service is reached from outside; empty for http:// and the listen address",
        secret: false,
    },
    Setting { name: "rate_limits", default: "on", meaning: "whether callers have budgets", secret: false },
    Setting {
        name: "locales",
        default: "en-us:USD,fr:EUR,de:EUR,en-gb:GBP,ja:JPY",
        meaning: "locales of the back office, each with its currency",
        secret: false,
    },
    Setting {
        name: "rates_fallback",
        default: "EUR:0.86,GBP:0.75,JPY:150",
        meaning: "what a dollar is in other currencies while no better rate is known",
        secret: false,
    },
    Setting {
        name: "rates_url",
        default: "",
        meaning: "where rates are fetched from, in the form of open.er-api.com or of the ECB; empty for nowhere",
        secret: true,
    },
    Setting {
        name: "rates_every",
        default: "6h",
        meaning: "how often rates are fetched: between 5m and 24h",
        secret: false,
    },
    Setting {
        name: "outgoing_private",
        default: "off",
        meaning: "allows requests of the service to http:// and to addresses that are not public",
        secret: false,
    },
    Setting {
        name: "upstreams",
        default: "",
        meaning: "services that staff may ask through this one: name=https://host/base, between commas; empty for none",
        secret: false,
    },
    Setting {
        name: "upstreams_authorization",
        default: "",
        meaning: "what some of them are sent as Authorization: name=value, between commas",
        secret: true,
    },
    Setting {
        name: "upstreams_private",
        default: "off",
        meaning: "allows upstreams at http:// and at addresses that are not public; of all others outgoing_private says it",
        secret: false,
    },
    Setting {
        name: "seller_name",
        default: "",
        meaning: "who sends the invoices: the name on their PDFs",
        secret: false,
    },
    Setting {
        name: "seller_address",
        default: "",
        meaning: "the seller's address; lines are parted by semicolons",
        secret: false,
    },
    Setting {
        name: "seller_tax_id",
        default: "",
        meaning: "the number under which the seller is taxed",
        secret: false,
    },
    Setting {
        name: "seller_email",
        default: "",
        meaning: "where customers ask about invoices",
        secret: false,
    },
    Setting {
        name: "seller_note",
        default: "",
        meaning: "what stands under every invoice, such as a bank account; lines are parted by semicolons",
        secret: false,
    },
    Setting {
        name: "payment_days",
        default: "0",
        meaning: "days that a customer has to pay, for the due date on PDFs; 0 for none",
        secret: false,
    },
    Setting {
        name: "trusted_proxies",
        default: "",
        meaning: "blocks of addresses whose forwarded fields are believed",
        secret: false,
    },
    Setting {
        name: "forwarded_header",
        default: "x-forwarded-for",
        meaning: "the field that those proxies write: x-forwarded-for or forwarded; the other is never believed",
        secret: false,
    },
    Setting {
        name: "geo_header",
        default: "",
        meaning: "the field in which those proxies tell of the client's country, such as cf-ipcountry; empty for none",
        secret: false,
    },
    Setting {
        name: "geo_database",
        default: "",
        meaning: "MMDB file that knows the countries of addresses; empty for none",
        secret: false,
    },
    Setting {
        name: "geo_routes",
        default: "FR:fr",
        meaning: "countries whose clients are led from the first generation of invoices to a locale",
        secret: false,
    },
    Setting {
        name: "cors_origins",
        default: "",
        meaning: "origins that browsers may call from",
        secret: false,
    },
    Setting {
        name: "events_streams",
        default: "10000",
        meaning: "how many streams of events there may be at a time",
        secret: false,
    },
    Setting {
        name: "events_streams_per_caller",
        default: "10",
        meaning: "how many of them one account, or one address without an account, may have",
        secret: false,
    },
    Setting {
        name: "redirect_hosts",
        default: "",
        meaning: "other hosts to which redirects may lead, such as shop.acme.test; a port counts",
        secret: false,
    },
    Setting {
        name: "media_dir",
        default: "",
        meaning: "folder of uploaded pictures, and of uploads on their way; empty for media in the data folder",
        secret: false,
    },
    Setting {
        name: "s3_bucket",
        default: "",
        meaning: "bucket of an S3 service that keeps the pictures; empty for the folder",
        secret: false,
    },
    Setting {
        name: "s3_endpoint",
        default: "",
        meaning: "address of the S3 service, such as https://s3.acme.test; empty for Amazon's in the region",
        secret: false,
    },
    Setting { name: "s3_region", default: "us-east-1", meaning: "region of the bucket", secret: false },
    Setting {
        name: "s3_access_key",
        default: "",
        meaning: "name of the key that opens the bucket",
        secret: false,
    },
    Setting { name: "s3_secret_key", default: "", meaning: "the key that opens the bucket", secret: true },
    Setting {
        name: "s3_prefix",
        default: "media",
        meaning: "what goes before all names in the bucket",
        secret: false,
    },
    Setting {
        name: "s3_virtual_host",
        default: "off",
        meaning: "whether the bucket is part of the service's host name, and not of the path",
        secret: false,
    },
    Setting {
        name: "trash_days",
        default: "30",
        meaning: "for how many days deleted posts and documents can be brought back; at most 366",
        secret: false,
    },
    Setting {
        name: "webhooks_stripe_secrets",
        default: "",
        meaning: "secrets of the Stripe endpoint, between commas while one takes the place of another; left out: none is taken",
        secret: true,
    },
    Setting {
        name: "webhooks_github_secrets",
        default: "",
        meaning: "secrets of the GitHub webhook, between commas while one takes the place of another; left out: none is taken",
        secret: true,
    },
    Setting {
        name: "webhooks_paypal_id",
        default: "",
        meaning: "id of the PayPal webhook; left out: none is taken",
        secret: false,
    },
    Setting {
        name: "webhooks_paypal_certificates",
        default: "",
        meaning: "PEM file with the certificates that PayPal signs with and those above them; they are never fetched",
        secret: false,
    },
    Setting {
        name: "webhooks_github_docs",
        default: "",
        meaning: "folder of Markdown files that is imported as documents when GitHub tells of a push; empty for none",
        secret: false,
    },
    Setting {
        name: "registration",
        default: "off",
        meaning: "whether anybody may make an account as a reader",
        secret: false,
    },
    Setting {
        name: "require_if_match",
        default: "off",
        meaning: "whether a write must name the version that it changes",
        secret: false,
    },
    Setting {
        name: "insecure",
        default: "off",
        meaning: "allows listening beyond this machine without a listed proxy",
        secret: false,
    },
    Setting { name: "log", default: "info", meaning: "error, warn, info, debug or trace", secret: false },
    Setting { name: "log_format", default: "text", meaning: "text or json", secret: false },
    Setting {
        name: "log_sql",
        default: "200",
        meaning: "statements in the log: those that take longer than this many milliseconds, all, or off",
        secret: false,
    },
    Setting {
        name: "timeout_scale",
        default: "1",
        meaning: "factor on all times of the network edge; for tests",
        secret: false,
    },
];

/// The setting whose name is at most two letters away, and less than half of them.
pub fn nearest(name: &str) -> Option<&'static str> {
    let away = |setting: &Setting| (distance(name, setting.name), setting.name);
    let (letters, known) = SETTINGS.iter().map(away).min()?;
    (letters <= 2 && letters * 2 < known.len()).then_some(known)
}

/// How many letters have to be put in, taken out or replaced to make one text of the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, letter) in one.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, with) in other.iter().enumerate() {
            let replaced = corner + usize::from(letter != *with);
            corner = row[j + 1];
            row[j + 1] = replaced.min(corner + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}
