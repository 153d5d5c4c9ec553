//! Exports of many invoices: the time to the first byte, the total time, and the additional memory of the server,
//! compared with the size of the response.
//!
//! `cargo bench --bench exports [-- --rows 1000000 --database-url postgres://…]`; the default is 100,000 rows on SQLite.
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
const BATCH: usize = 1000;

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
    let path = folder.display().to_string();
    let begin = Instant::now();
    let (app, _) = open(&path, url.clone()).await?;
    fill(&app, rows).await?;
    println!("{rows} invoices inserted in {:.1} s", begin.elapsed().as_secs_f64());
    app.db.close().await?;
    // A new process, whose memory does not include the inserted rows.
    let program = std::env::current_exe()?;
    let status =
        std::process::Command::new(program).args(["--filled", &path, "--database-url", &url]).status();
    let _ = std::fs::remove_dir_all(&folder);
    if status?.success() { Ok(()) } else { Err("the measurement failed".into()) }
}

async fn measure(app: App, config: Config) -> Result<(), Failure> {
    let (Service { address, token, .. }, _) = &Service::start(&app, &config, Role::Accountant).await?;
    // Warms up the caches.
    export(address, token, "/api/v2/invoice-exports/fr/csv?sort=number&date%5Bgte%5D=2030-01-01").await?;
    let idle = resident();
    println!("{:<42}{:>10}{:>10}{:>10}{:>16}{:>8}", "export", "first ms", "s", "MB", "MB of memory", "ratio");
    for path in ["fr/csv", "en-us/csv?sort=number", "fr/ndjson?expand=customer", "fr/csv?status=paid"] {
        let Export { first, total, bytes, peak } =
            export(address, token, &format!("/api/v2/invoice-exports/{path}")).await?;
        let (size, memory) = (bytes as f64 / 1e6, peak.saturating_sub(idle) as f64 / 1e6);
        println!(
            "{path:<42}{:>10.1}{:>10.1}{size:>10.1}{memory:>16.1}{:>8.3}",
            first.as_secs_f64() * 1e3,
            total.as_secs_f64(),
            memory / size
        );
    }
    Ok(())
}

/// Inserts invoices of all currencies over ten years.
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
    for batch in 0..rows.div_ceil(BATCH) {
        let numbers = batch * BATCH..rows.min((batch + 1) * BATCH);
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

/// The measurements of an export.
struct Export {
    /// Time to the first byte.
    first: Duration,
    total: Duration,
    bytes: usize,
    /// The peak memory of the process during the export.
    peak: u64,
}

async fn export(address: &str, token: &str, path: &str) -> Result<Export, Failure> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    let begin = Instant::now();
    stream.write_all(request.as_bytes()).await?;
    let (mut buffer, mut bytes, mut peak, mut first) = (vec![0; 64 * 1024], 0, 0, None);
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
            peak = peak.max(resident());
        }
        bytes += read;
        end = buffer[read.saturating_sub(5)..read].to_vec();
    }
    if !end.ends_with(b"0\r\n\r\n") {
        return Err("the response is incomplete".into());
    }
    Ok(Export {
        first: first.ok_or("no response")?,
        total: begin.elapsed(),
        bytes,
        peak: peak.max(resident()),
    })
}
