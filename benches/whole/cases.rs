//! The cases with their budgets.
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    rc::Rc,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    Bench, Contender, Failure, fan_out,
    http::{self, bearer, get},
    load::{COUNTER, Load},
    median, pocketbase,
    process::{Process, Program, free_address},
    report::Limit::{self, AtLeast, AtMost},
    seed::{self, TAG},
    servers::{self, FASTIFY_TOKEN, Server, login},
};

type Case = fn(&mut Bench, &str) -> Result<(), Failure>;

const CONNECTIONS: usize = 32;
const LIST: &str = "/api/posts?limit=20";
const MERGE_PATCH: &str = "application/merge-patch+json";
/// Starts per server.
const STARTS: usize = 7;

/// Returns the cases in the order in which they run. Cases that write follow those that read.
pub fn cases(gate: bool) -> Vec<(&'static str, Case)> {
    if gate {
        // The bounds are half of the ratios of a debug build.
        return vec![
            ("liveness", |bench, name| cached(bench, name, "/livez", None, Some(0.25))),
            ("read by id", |bench, name| read_by_id(bench, name, None, Some(0.25))),
        ];
    }
    vec![
        ("start with 10,000 posts", start),
        ("liveness", |bench, name| cached(bench, name, "/livez", None, Some(0.8))),
        ("read by id, cached", |bench, name| read_by_id(bench, name, None, Some(0.9))),
        ("read by id, cached, signed in", |bench, name| read_by_id(bench, name, Some("reader"), Some(0.9))),
        ("list of 20, cached", |bench, name| cached(bench, name, LIST, None, Some(0.85))),
        ("list of 20, cached, signed in", |bench, name| {
            cached(bench, name, LIST, Some("reader"), Some(0.85))
        }),
        ("304, cached", not_modified),
        ("read of 10,000 ids, cached", read_all_cached),
        ("read by id with access log, cached", logged),
        ("read of 10,000 ids, uncached", read_all),
        ("304, uncached", not_modified_uncached),
        ("list without total, uncached", |bench, name| list(bench, name, "&count=none", "&skipTotal=1", 1.3)),
        ("list with total, uncached", |bench, name| list(bench, name, "", "", 2.0)),
        ("page 50 of a tag, uncached", page_of_tag),
        ("page 50 of a tag by cursor, uncached", page_of_tag_by_cursor),
        ("page 20,000 by cursor, uncached", deep_page),
        ("CSV export of 50,000 invoices", |bench, name| {
            export(bench, name, Server::Cached, Server::Fastify, 50_000)
        }),
        ("CSV export of 1,000,000 invoices", |bench, name| {
            export(bench, name, Server::Million, Server::FastifyMillion, 1_000_000)
        }),
        ("event to 1,000 subscribers", events),
        ("create, 32 writers", |bench, name| create(bench, name, CONNECTIONS, 4.0)),
        ("create, one writer", |bench, name| create(bench, name, 1, 1.0)),
        ("update, 32 writers", update),
        ("create on PostgreSQL, 32 writers", create_on_postgres),
        ("memory after the mixed load", memory),
    ]
}

fn contender(name: &'static str, process: Rc<Process>, requests: Vec<String>, status: u16) -> Contender {
    let load = Load::new(process.address, requests, status, CONNECTIONS);
    Contender { name, process, load }
}

impl Bench {
    /// Returns the server with the load, or the reason why it cannot run.
    fn contender(
        &mut self,
        server: Server,
        requests: Vec<String>,
        status: u16,
    ) -> Result<Contender, Failure> {
        Ok(contender(server.name(), self.servers.get(server)?, requests, status))
    }
}

/// Returns one request per post.
fn for_posts(bench: &Bench, request: impl Fn(&str) -> String) -> Vec<String> {
    bench.servers.seeded.posts.iter().map(|post| request(post)).collect()
}

fn post_path(bench: &Bench) -> String {
    format!("/api/posts/{}", bench.servers.seeded.posts[0])
}

/// Compares a response of Tenon with bare hyper and the same bytes.
fn with_hyper(
    bench: &mut Bench,
    name: &str,
    server: Server,
    path: &str,
    role: Option<&str>,
    limit: Option<f64>,
) -> Result<(), Failure> {
    let tenon = bench.servers.get(server)?;
    let auth = match role {
        Some(role) => bearer(&login(tenon.address, role)?),
        None => String::new(),
    };
    let request = get(path, &auth);
    let hyper = bench.servers.hyper(&http::fetch(tenon.address, &request)?)?;
    let hyper = contender("hyper", hyper, vec![request.clone()], 200);
    let tenon = contender("Tenon", tenon, vec![request], 200);
    bench.compare(name, tenon, vec![("hyper", Ok(hyper), limit.map(AtLeast))]).map(|_| ())
}

fn cached(
    bench: &mut Bench,
    name: &str,
    path: &str,
    role: Option<&str>,
    limit: Option<f64>,
) -> Result<(), Failure> {
    with_hyper(bench, name, Server::Cached, path, role, limit)
}

fn read_by_id(bench: &mut Bench, name: &str, role: Option<&str>, limit: Option<f64>) -> Result<(), Failure> {
    let path = post_path(bench);
    cached(bench, name, &path, role, limit)
}

fn logged(bench: &mut Bench, name: &str) -> Result<(), Failure> {
    let path = post_path(bench);
    with_hyper(bench, name, Server::Logged, &path, None, None)?;
    bench.servers.stop(Server::Logged);
    Ok(())
}

fn not_modified(bench: &mut Bench, name: &str) -> Result<(), Failure> {
    let (tenon, path) = (bench.servers.get(Server::Cached)?, post_path(bench));
    let response = http::fetch(tenon.address, &get(&path, ""))?;
    let conditional = get(&path, &format!("If-None-Match: {}\r\n", response.header("etag")?));
    let hyper = contender("hyper", bench.servers.hyper(&response)?, vec![conditional.clone()], 200);
    let tenon = contender("Tenon", tenon, vec![conditional], 304);
    bench.compare(name, tenon, vec![("hyper, 200", Ok(hyper), Some(AtLeast(1.0)))]).map(|_| ())
}

fn read_all_cached(bench: &mut Bench, name: &str) -> Result<(), Failure> {
    let requests = for_posts(bench, |post| get(&format!("/api/posts/{post}"), ""));
    let tenon = bench.servers.get(Server::Cached)?;
    let hyper = bench.servers.hyper(&http::fetch(tenon.address, &requests[0])?)?;
    let hyper = contender("hyper", hyper, requests.clone(), 200);
    let tenon = contender("Tenon", tenon, requests, 200);
    bench.compare(name, tenon, vec![("hyper", Ok(hyper), None)]).map(|_| ())
}

/// Compares reads without the response cache with bare hyper and the same bytes, and with the other services.
fn uncached(
    bench: &mut Bench,
    name: &str,
    requests: Vec<String>,
    of_fastify: Result<Vec<String>, Failure>,
    of_pocketbase: Option<Vec<String>>,
    limit: f64,
) -> Result<(), Failure> {
    let tenon = bench.servers.get(Server::Uncached)?;
    let hyper = bench.servers.hyper(&http::fetch(tenon.address, &requests[0])?)?;
    let hyper = contender("hyper", hyper, requests.clone(), 200);
    let tenon = contender("Tenon", tenon, requests, 200);
    let fastify = of_fastify.and_then(|requests| bench.contender(Server::Fastify, requests, 200));
    let mut baselines = vec![("hyper", Ok(hyper), None), ("Fastify", fastify, Some(AtLeast(limit)))];
    if let Some(requests) = of_pocketbase {
        baselines.push(("PocketBase", bench.contender(Server::PocketBase, requests, 200), None));
    }
    bench.compare(name, tenon, baselines).map(|_| ())
}

fn read_all(bench: &mut Bench, name: &str) -> Result<(), Failure> {
    let requests = for_posts(bench, |post| get(&format!("/api/posts/{post}"), ""));
    let of_fastify = for_posts(bench, |post| get(&format!("/posts/{post}"), ""));
    let of_pocketbase = for_posts(bench, |post| {
        get(&format!("/api/collections/posts/records/{}?expand=author,tags", pocketbase::id(post)), "")
    });
    uncached(bench, name, requests, Ok(of_fastify), Some(of_pocketbase), 1.5)
}

fn not_modified_uncached(bench: &mut Bench, name: &str) -> Result<(), Failure> {
    let post = bench.servers.seeded.posts[0].clone();
    let conditional = |bench: &mut Bench, server: Server, path: String| {
        let address = bench.servers.get(server)?.address;
        let response = http::fetch(address, &get(&path, ""))?;
        let request = get(&path, &format!("If-None-Match: {}\r\n", response.header("etag")?));
        bench.contender(server, vec![request], 304)
    };
    let tenon = conditional(bench, Server::Uncached, format!("/api/posts/{post}"))?;
    let fastify = conditional(bench, Server::Fastify, format!("/posts/{post}"));
    bench.compare(name, tenon, vec![("Fastify", fastify, None)]).map(|_| ())
}

fn list(
    bench: &mut Bench,
    name: &str,
    parameters: &str,
    of_pocketbase: &str,
    limit: f64,
) -> Result<(), Failure> {
    let request = get(&format!("{LIST}{parameters}"), "");
    let of_fastify = get(&format!("/posts?limit=20{parameters}"), "");
    let of_pocketbase = get(&pocketbase::list(of_pocketbase), "");
    uncached(bench, name, vec![request], Ok(vec![of_fastify]), Some(vec![of_pocketbase]), limit)
}

fn page_of_tag(bench: &mut Bench, name: &str) -> Result<(), Failure> {
    let query = format!("?limit=20&tag={TAG}&page=50");
    let (request, of_fastify) = (get(&format!("/api/posts{query}"), ""), get(&format!("/posts{query}"), ""));
    let of_pocketbase = pocketbase::list(&format!("&page=50&filter=(tags.slug%3F%3D%27{TAG}%27)"));
    uncached(bench, name, vec![request], Ok(vec![of_fastify]), Some(vec![get(&of_pocketbase, "")]), 5.0)
}

fn page_of_tag_by_cursor(bench: &mut Bench, name: &str) -> Result<(), Failure> {
    let mut page = |server: Server, path: &str| {
        let query = format!("{path}?limit=20&tag={TAG}");
        let address = bench.servers.get(server)?.address;
        let page = http::fetch(address, &get(&format!("{query}&page=49"), ""))?;
        let cursor = page.text("/pagination/nextCursor")?;
        Ok::<_, Failure>(vec![get(&format!("{query}&after={cursor}"), "")])
    };
    let (requests, of_fastify) = (page(Server::Uncached, "/api/posts")?, page(Server::Fastify, "/posts"));
    uncached(bench, name, requests, of_fastify, None, 5.0)
}

/// Page 1 takes the place of the baseline: a ratio of 0.77 means 1.3 times the time.
fn deep_page(bench: &mut Bench, name: &str) -> Result<(), Failure> {
    let tenon = bench.servers.get(Server::Million)?;
    let auth = bearer(&login(tenon.address, "accountant")?);
    let path = "/api/v2/invoices/en-us?limit=20&count=none";
    // Page numbers end at 10,000. This one ends where page 20,000 of 20 ends.
    let numbered = "/api/v2/invoices/en-us?limit=40&count=none&page=10000";
    let page = http::fetch(tenon.address, &get(numbered, &auth))?;
    let cursor = page.text("/pagination/nextCursor")?;
    let deep = contender("Tenon", tenon.clone(), vec![get(&format!("{path}&after={cursor}"), &auth)], 200);
    let first = contender("Tenon", tenon, vec![get(path, &auth)], 200);
    bench.compare(name, deep, vec![("page 1", Ok(first), Some(AtLeast(0.77)))]).map(|_| ())
}

fn create(bench: &mut Bench, name: &str, writers: usize, limit: f64) -> Result<(), Failure> {
    let tenon = bench.servers.get(Server::Cached)?;
    let auth = bearer(&login(tenon.address, "editor")?);
    let requests = for_posts(bench, |post| seed::comment(post, &auth));
    let tenon =
        Contender { load: Load::new(tenon.address, requests, 201, writers), name: "Tenon", process: tenon };
    let of_fastify = bearer(FASTIFY_TOKEN);
    let requests = for_posts(bench, |post| seed::comment(post, &of_fastify).replacen("/api", "", 1));
    let fastify = bench.servers.get(Server::Fastify).map(|process| {
        let load = Load::new(process.address, requests, 201, writers);
        Contender { name: "Fastify", process, load }
    });
    let mut baselines = vec![("Fastify", fastify, Some(AtLeast(limit)))];
    if writers > 1 {
        baselines.push(("PocketBase", create_on_pocketbase(bench), None));
    }
    let measured = bench.compare_writes(name, tenon, baselines)?;
    if writers > 1 {
        let p99 = measured.p99.as_secs_f64() * 1e3;
        bench.report.figure(&format!("{name}: p99"), p99, "ms", Some(AtMost(60.0)));
    }
    Ok(())
}

fn create_on_pocketbase(bench: &mut Bench) -> Result<Contender, Failure> {
    let address = bench.servers.get(Server::PocketBase)?.address;
    let authors = http::fetch(address, &get("/api/collections/authors/records?perPage=1", ""))?;
    let author = authors.text("/items/0/id")?;
    let requests = for_posts(bench, |post| {
        let body =
            json!({ "post": pocketbase::id(post), "author": author, "content": "Cut the shoulder first." });
        http::json("POST", "/api/collections/comments/records", "", &body.to_string())
    });
    bench.contender(Server::PocketBase, requests, 200)
}

fn update(bench: &mut Bench, name: &str) -> Result<(), Failure> {
    let body = json!({ "title": format!("Post {COUNTER}") }).to_string();
    let tenon = bench.servers.get(Server::Cached)?;
    let auth = bearer(&login(tenon.address, "editor")?);
    let requests = for_posts(bench, |post| {
        http::send("PATCH", &format!("/api/posts/{post}"), &auth, MERGE_PATCH, &body)
    });
    let tenon = contender("Tenon", tenon, requests, 200);
    let auth = bearer(FASTIFY_TOKEN);
    let requests =
        for_posts(bench, |post| http::send("PATCH", &format!("/posts/{post}"), &auth, MERGE_PATCH, &body));
    let fastify = bench.contender(Server::Fastify, requests, 200);
    let requests = for_posts(bench, |post| {
        http::json("PATCH", &format!("/api/collections/posts/records/{}", pocketbase::id(post)), "", &body)
    });
    let pocketbase = bench.contender(Server::PocketBase, requests, 200);
    let baselines = vec![("Fastify", fastify, Some(AtLeast(4.0))), ("PocketBase", pocketbase, None)];
    let p99 = bench.compare_writes(name, tenon, baselines)?.p99.as_secs_f64() * 1e3;
    bench.report.figure(&format!("{name}: p99"), p99, "ms", Some(AtMost(60.0)));
    Ok(())
}

fn create_on_postgres(bench: &mut Bench, name: &str) -> Result<(), Failure> {
    let Some(url) = bench.servers.options.postgres.clone() else {
        bench.report.skip(name, "no database (--postgres)");
        return Ok(());
    };
    let (program, log) = (bench.servers.options.tenon.clone(), bench.servers.folder.join("postgres.log"));
    let database =
        ["--data-dir", &bench.servers.folder.join("postgres").display().to_string(), "--database-url", &url]
            .map(str::to_owned);
    let posts = bench.servers.seeded.posts_folder.join("00");
    let import = Program::new(&program, &log)?.args(["import", "markdown"]).args([posts]);
    import.args(database.clone()).run()?;
    seed::create_user(&program, "editor", &database)?;
    let tenon = Rc::new(servers::listen(servers::tenon(&program, &log)?.args(database))?);
    let auth = bearer(&login(tenon.address, "editor")?);
    let mut requests = Vec::new();
    for page in 1..=20 {
        let page =
            http::fetch(tenon.address, &get(&format!("/api/posts?limit=50&page={page}"), ""))?.json()?;
        let posts = page["data"].as_array().ok_or("no posts")?.iter().filter_map(|post| post["id"].as_str());
        requests.extend(posts.map(|post| seed::comment(post, &auth)));
    }
    let tenon = contender("Tenon", tenon, requests.clone(), 201);
    let pool =
        bench.servers.transactions(&url).map(|process| contender("transactions", process, requests, 201));
    bench.compare_writes(name, tenon, vec![("one transaction each", pool, Some(AtLeast(2.0)))]).map(|_| ())
}

/// The measurements of one export.
struct Export {
    first: Duration,
    total: Duration,
    lines: usize,
}

impl Export {
    /// Reads to the end.
    fn read(mut source: impl Read, begin: Instant) -> Result<Self, Failure> {
        let (mut buffer, mut first, mut lines) = (vec![0; 256 * 1024], None, 0);
        loop {
            let read = source.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            first.get_or_insert_with(|| begin.elapsed());
            lines += buffer[..read].iter().filter(|byte| **byte == b'\n').count();
        }
        Ok(Export { first: first.ok_or("no response")?, total: begin.elapsed(), lines })
    }

    /// Downloads with HTTP/1.0 semantics: the end of the connection ends the body. The chunk sizes and the head add lines.
    fn fetch(address: SocketAddr, request: &str) -> Result<Self, Failure> {
        let mut stream = TcpStream::connect(address)?;
        let request = request.replacen("\r\nHost:", "\r\nConnection: close\r\nHost:", 1);
        let begin = Instant::now();
        stream.write_all(request.as_bytes())?;
        Export::read(stream, begin)
    }
}

fn export(
    bench: &mut Bench,
    name: &str,
    server: Server,
    of_fastify: Server,
    rows: usize,
) -> Result<(), Failure> {
    let tenon = bench.servers.get(server)?;
    let request = get("/api/v2/invoice-exports/en-us/csv", &bearer(&login(tenon.address, "accountant")?));
    let fastify = bench.servers.get(of_fastify);
    let of_fastify = get("/invoices.csv", &bearer(FASTIFY_TOKEN));
    let database = bench.servers.folder.join(format!("{server:?}").to_ascii_lowercase()).join("tenon.db");
    let shell = || {
        // The columns of the export, with ids in hexadecimal digits and amounts in dollars.
        let sql = "SELECT lower(hex(i.id)) AS id, i.number, i.date, i.status,
               CAST(round(i.amount * r.rate) AS INTEGER) AS amount, 'USD' AS currency,
               lower(hex(i.customer_id)) AS customerId, c.name, c.email, i.amount, i.currency, r.rate, '', 'fallback',
               'fallback'
             FROM invoices i JOIN customers c ON c.id = i.customer_id
             JOIN (SELECT 'USD' AS code, 1 AS rate UNION ALL SELECT 'EUR', 1 / 0.86 UNION ALL SELECT 'GBP', 1 / 0.75
               UNION ALL SELECT 'JPY', 1 / 1.5) r ON r.code = i.currency
             ORDER BY i.date DESC, i.id DESC";
        let program = Program::new("sqlite3", &bench.servers.folder.join("sqlite3.log"))?;
        let begin = Instant::now();
        let mut child = program.args(["-csv", "-header"]).args([&database]).args([sql]).spawn_piped()?;
        let export = Export::read(child.stdout.take().ok_or("no standard output")?, begin);
        if child.wait()?.success() { export } else { Err("sqlite3 failed".into()) }
    };
    // Warms up, and proves that all rows arrive.
    for (of, export) in [
        ("Tenon", Some(Export::fetch(tenon.address, &request))),
        ("sqlite3", Some(shell())),
        ("Fastify", fastify.as_ref().ok().map(|process| Export::fetch(process.address, &of_fastify))),
    ] {
        let Some(export) = export else { continue };
        let lines = export?.lines;
        if lines <= rows {
            return Err(format!("{of}: {rows} rows expected, got {lines} lines").into());
        }
    }
    let before = tenon.resident()?;
    tenon.reset_peak()?;
    let (mut first, mut total, mut with_fastify, mut with_shell) = (vec![], vec![], vec![], vec![]);
    for _ in 0..bench.servers.options.rounds {
        let own = Export::fetch(tenon.address, &request)?;
        first.push(own.first.as_secs_f64() * 1e3);
        total.push(own.total.as_secs_f64() * 1e3);
        if let Ok(process) = &fastify {
            with_fastify.push(Export::fetch(process.address, &of_fastify)?.total.as_secs_f64() * 1e3);
        }
        with_shell.push(shell()?.total.as_secs_f64() * 1e3);
    }
    let growth = tenon.peak()?.saturating_sub(before) as f64 / 1e6;
    let (total, with_shell) = (median(&total), median(&with_shell));
    let with_fastify = fastify.map(|_| median(&with_fastify)).map_err(|error| error.to_string());
    bench.report.compare_figure(name, total, "ms", "Fastify", with_fastify, Some(AtMost(0.5)));
    bench.report.compare_figure(name, total, "ms", "sqlite3", Ok(with_shell), Some(AtMost(2.0)));
    bench.report.figure(&format!("{name}: first byte"), median(&first), "ms", Some(AtMost(50.0)));
    bench.report.figure(&format!("{name}: growth of memory"), growth, "MB", Some(AtMost(64.0)));
    for server in [Server::Million, Server::FastifyMillion] {
        bench.servers.stop(server);
    }
    Ok(())
}

fn events(bench: &mut Bench, name: &str) -> Result<(), Failure> {
    let tenon = bench.servers.get(Server::Cached)?;
    let token = login(tenon.address, "editor")?;
    let path = "/api/events?topics=tags";
    let own = fan_out::measure(tenon.address, path, |number| fan_out::create_tag("/api", number, &token))?;
    let fastify = bench.servers.get(Server::Fastify).and_then(|fastify| {
        fan_out::measure(fastify.address, "/events", |number| fan_out::create_tag("", number, FASTIFY_TOKEN))
    });
    let millis = |latency: Duration| latency.as_secs_f64() * 1e3;
    let of_fastify = fastify.map_err(|error| error.to_string());
    for (quantile, fraction, limit) in [("p50", 0.5, None), ("p99", 0.99, Some(AtMost(0.5)))] {
        let baseline = of_fastify.as_ref().map(|latencies| millis(latencies.quantile(fraction)));
        let own = millis(own.quantile(fraction));
        let baseline = baseline.map_err(String::clone);
        bench.report.compare_figure(&format!("{name}: {quantile}"), own, "ms", "Fastify", baseline, limit);
    }
    Ok(())
}

/// The request for one post.
fn read(server: Server, post: &str) -> String {
    match server {
        Server::Fastify => get(&format!("/posts/{post}"), ""),
        Server::PocketBase => get(&format!("/api/collections/posts/records/{}", pocketbase::id(post)), ""),
        _ => get(&format!("/api/posts/{post}"), ""),
    }
}

/// Returns the median time to the first response in milliseconds, and the idle memory in megabytes.
fn time_start(bench: &mut Bench, server: Server) -> Result<(f64, f64), Failure> {
    bench.servers.stop(server);
    let request = read(server, &bench.servers.seeded.posts[0]);
    let (mut times, mut memory) = (Vec::new(), 0);
    for number in 0..=STARTS {
        let address = free_address()?;
        let program = bench.servers.program(server, address)?;
        let begin = Instant::now();
        let process = program.serve(address)?;
        http::fetch(address, &request)?;
        // The first start reads the files from disk.
        if number > 0 {
            times.push(begin.elapsed().as_secs_f64() * 1e3);
        }
        if number == STARTS {
            std::thread::sleep(Duration::from_secs(2));
            memory = process.resident()?;
        }
        process.stop()?;
    }
    Ok((median(&times), memory as f64 / 1e6))
}

fn start(bench: &mut Bench, name: &str) -> Result<(), Failure> {
    let (time, memory) = time_start(bench, Server::Cached)?;
    bench.report.figure(name, time, "ms", Some(AtMost(50.0)));
    bench.report.figure("idle memory", memory, "MB", Some(AtMost(30.0)));
    for server in [Server::Fastify, Server::PocketBase] {
        let (times, memories) = match time_start(bench, server) {
            Ok((time, memory)) => (Ok(time), Ok(memory)),
            Err(error) => (Err(error.to_string()), Err(error.to_string())),
        };
        bench.report.compare_figure(name, time, "ms", server.name(), times, None);
        bench.report.compare_figure("idle memory", memory, "MB", server.name(), memories, None);
    }
    Ok(())
}

/// Fills the cache with posts and lists, while posts are updated, and measures the memory.
fn memory(bench: &mut Bench, name: &str) -> Result<(), Failure> {
    use crate::load::Until;
    let mut measured = Vec::new();
    for server in [Server::Cached, Server::Fastify, Server::PocketBase] {
        bench.servers.stop(server);
        measured.push(bench.servers.get(server).and_then(|process| {
            let mut requests = for_posts(bench, |post| read(server, post));
            let (lists, auth, media_type) = match server {
                Server::Fastify => ("/posts?limit=20".to_owned(), bearer(FASTIFY_TOKEN), MERGE_PATCH),
                Server::PocketBase => (pocketbase::list(""), String::new(), "application/json"),
                _ => (LIST.to_owned(), bearer(&login(process.address, "editor")?), MERGE_PATCH),
            };
            let pages = bench.servers.seeded.posts.len() / 20;
            requests.extend((1..=pages).map(|page| get(&format!("{lists}&page={page}"), "")));
            if server != Server::PocketBase {
                let tags = (0..48).flat_map(|tag| (1..=15).map(move |page| (tag, page)));
                requests
                    .extend(tags.map(|(tag, page)| get(&format!("{lists}&page={page}&tag=tag-{tag}"), "")));
            }
            let reads = Load::new(process.address, requests.clone(), 200, CONNECTIONS);
            let body = json!({ "title": format!("Post {COUNTER}") }).to_string();
            for (number, read) in requests.iter_mut().enumerate().filter(|(number, _)| number % 20 == 7) {
                let post = &bench.servers.seeded.posts[number % bench.servers.seeded.posts.len()];
                let path = match server {
                    Server::Fastify => format!("/posts/{post}"),
                    Server::PocketBase => format!("/api/collections/posts/records/{}", pocketbase::id(post)),
                    _ => format!("/api/posts/{post}"),
                };
                *read = http::send("PATCH", &path, &auth, media_type, &body);
            }
            let mixed = Load::new(process.address, requests, 200, CONNECTIONS);
            mixed.run(Until::Elapsed(Duration::from_secs(5)), &mut 0)?;
            reads.run(Until::Sent(12_000), &mut 0)?;
            Ok(process.resident()? as f64 / 1e6)
        }));
    }
    let mut measured = measured.into_iter();
    let tenon = measured.next().ok_or("no measurement")??;
    bench.report.figure(name, tenon, "MB", Some(AtMost(120.0)));
    for (server, memory) in ["Fastify", "PocketBase"].into_iter().zip(measured) {
        let memory = memory.map_err(|error| error.to_string());
        bench.report.compare_figure(name, tenon, "MB", server, memory, None::<Limit>);
    }
    Ok(())
}
