//! How an export of many invoices goes: when its first bytes come, how long the whole takes, and how much memory the
//! service needs beyond what it held before, beside the bytes that it sent.
//!
//! `cargo bench --bench exports -- --rows 1000000 --database-url postgres://…`; by default 100,000 rows in SQLite.
mod service;

use std::time::{Duration, Instant};

use entity::{
    customer,
    invoice::{self, InvoiceStatus},
};
use sea_orm::{EntityTrait, Set};
use tenon::{app::App, config::Config, http::auth::Role, infra::db::Tx};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use uuid::Uuid;

use self::service::{Failure, Service, open, resident};

#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

const STATUSES: [InvoiceStatus; 4] =
    [InvoiceStatus::Draft, InvoiceStatus::Pending, InvoiceStatus::Paid, InvoiceStatus::Paid];
const CUSTOMERS: usize = 1000;
const AT_ONCE: usize = 1000;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let (mut rows, mut url, mut filled) = (100_000, String::new(), String::new());
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or("usage: --rows N --database-url URL")?;
        match name.as_str() {
            "--rows" => rows = value.parse()?,
            "--database-url" => url = value,
            "--filled" => filled = value,
            _ => return Err("usage: --rows N --database-url URL".into()),
        }
    }
    if !filled.is_empty() {
        let (app, config) = open(&filled, url).await?;
        return measure(app, config).await;
    }
    let folder = std::env::temp_dir().join(format!("tenon-bench-{}", Uuid::now_v7()));
    let place = folder.display().to_string();
    let begin = Instant::now();
    let (app, _) = open(&place, url.clone()).await?;
    fill(&app, rows).await?;
    println!("{rows} invoices written in {:.1} s", begin.elapsed().as_secs_f64());
    app.db.close().await?;
    // Measured by a process that has not held them.
    let own = std::env::current_exe()?;
    let done = std::process::Command::new(own).args(["--filled", &place, "--database-url", &url]).status();
    let _ = std::fs::remove_dir_all(&folder);
    if done?.success() { Ok(()) } else { Err("the measurement failed".into()) }
}

async fn measure(app: App, config: Config) -> Result<(), Failure> {
    let (Service { address, token, .. }, _) = &Service::start(&app, &config, Role::Accountant).await?;
    // Whatever is made once has been made.
    taken(address, token, "/api/v2/invoice-exports/fr/csv?sort=number&date%5Bgte%5D=2030-01-01").await?;
    let rest = resident();
    println!("{:<42}{:>10}{:>10}{:>10}{:>16}{:>8}", "export", "first ms", "s", "MB", "MB of memory", "ratio");
    for path in ["fr/csv", "en-us/csv?sort=number", "fr/ndjson?expand=customer", "fr/csv?status=paid"] {
        let Taken { first, whole, bytes, most } =
            taken(address, token, &format!("/api/v2/invoice-exports/{path}")).await?;
        let (size, memory) = (bytes as f64 / 1e6, most.saturating_sub(rest) as f64 / 1e6);
        println!(
            "{path:<42}{:>10.1}{:>10.1}{size:>10.1}{memory:>16.1}{:>8.3}",
            first.as_secs_f64() * 1e3,
            whole.as_secs_f64(),
            memory / size
        );
    }
    Ok(())
}

/// Invoices of all currencies over ten years.
async fn fill(app: &App, rows: usize) -> Result<(), Failure> {
    let customers: Vec<Uuid> = (0..CUSTOMERS).map(|_| Uuid::now_v7()).collect();
    let new = customers.iter().enumerate().map(|(i, id)| customer::ActiveModel {
        id: Set(*id),
        name: Set(format!("Customer {i}")),
        email: Set(format!("customer-{i}@acme.test")),
        image_url: Set(None),
        search: Set(format!("customer {i} customer-{i}@acme.test")),
        version: Set(1),
        created_at: Set(0),
        updated_at: Set(0),
    });
    let new: Vec<_> = new.collect();
    let insert =
        async move |tx: Tx| customer::Entity::insert_many(new).exec_without_returning(&*tx).await.map(|_| ());
    app.db.write(insert).await?;
    for batch in 0..rows.div_ceil(AT_ONCE) {
        let numbers = batch * AT_ONCE..rows.min((batch + 1) * AT_ONCE);
        let row = |number: usize| invoice::ActiveModel {
            id: Set(Uuid::now_v7()),
            number: Set(number as i64 + 1),
            customer_id: Set(customers[number * 7919 % CUSTOMERS]),
            amount: Set((number * 104_729 % 1_000_000) as i64),
            currency: Set(["USD", "EUR", "GBP", "JPY"][number % 4].to_owned()),
            status: Set(STATUSES[number / 4 % 4]),
            date: Set(format!("20{:02}-{:02}-{:02}", 16 + number % 10, 1 + number % 12, 1 + number % 28)),
            version: Set(1),
            created_at: Set(number as i64),
            updated_at: Set(number as i64),
            paid_at: Set(None),
        };
        let new: Vec<_> = numbers.map(row).collect();
        let insert = async move |tx: Tx| {
            invoice::Entity::insert_many(new).exec_without_returning(&*tx).await.map(|_| ())
        };
        app.db.write(insert).await?;
    }
    Ok(())
}

/// What was seen of an export.
struct Taken {
    first: Duration,
    whole: Duration,
    bytes: usize,
    /// The most memory of the process while it ran.
    most: u64,
}

async fn taken(address: &str, token: &str, path: &str) -> Result<Taken, Failure> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    let begin = Instant::now();
    stream.write_all(request.as_bytes()).await?;
    let (mut buffer, mut bytes, mut most, mut first) = (vec![0; 64 * 1024], 0, 0, None);
    let mut end = Vec::new();
    loop {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            break;
        }
        if first.is_none() {
            first = Some(begin.elapsed());
            if !buffer.starts_with(b"HTTP/1.1 200") {
                return Err(String::from_utf8_lossy(&buffer[..read]).into_owned().into());
            }
        }
        if bytes / (4 << 20) != (bytes + read) / (4 << 20) {
            most = most.max(resident());
        }
        bytes += read;
        end = buffer[read.saturating_sub(5)..read].to_vec();
    }
    if !end.ends_with(b"0\r\n\r\n") {
        return Err("the export broke off".into());
    }
    Ok(Taken { first: first.ok_or("no answer")?, whole: begin.elapsed(), bytes, most: most.max(resident()) })
}
