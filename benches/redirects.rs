//! Redirects: lookups with and without a match among 100,000 rules, the import of 50,000 rules, and the latency of
//! lookups while the rules are reloaded.
#[path = "service/open.rs"]
mod open;

use std::{
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tenon::resources::redirects::{
    ImportOptions, Pattern, RedirectInput, RedirectRequest, RedirectStatus, Redirects, Rule, RuleContext,
    Snapshot,
    formats::{Entry, ParsedFile, Place, from_csv, to_csv},
};
use uuid::Uuid;

use self::open::{Failure, open};

#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RULES: usize = 100_000;
const IMPORTED: usize = 50_000;
const LOOKUPS: u32 = 20_000;
const ROUNDS: u32 = 50;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    lookups()?;
    let folder = std::env::temp_dir().join(format!("tenon-bench-{}", Uuid::now_v7()));
    let result = database(&folder.display().to_string()).await;
    let _ = std::fs::remove_dir_all(&folder);
    result
}

/// 90 % of the rules are exact paths, 8 % prefixes, 1 % placeholders and 1 % wildcards.
fn source(i: usize) -> String {
    match i % 100 {
        98 => format!("/docs-{i}/:lang/index.html"),
        0..90 => format!("/blog/{}/{}/a-post-that-was-moved-{i}.html", 2000 + i % 25, 1 + i % 12),
        90..99 => format!("/section-{i}/archive/*"),
        _ => format!("/feeds-{i}/*/index.xml"),
    }
}

fn destination(i: usize) -> String {
    match i % 100 {
        0..90 | 98 => format!("/posts/a-post-that-was-moved-{i}"),
        _ => format!("/archive/{i}/*"),
    }
}

fn rules() -> Result<Vec<Rule>, Failure> {
    let rule = |i| {
        let pattern = Pattern::parse(&source(i))?;
        let destination = destination(i);
        Ok(Rule {
            id: Uuid::now_v7(),
            pattern,
            destination,
            status: RedirectStatus::Permanent,
            external: false,
            starts_at: None,
            ends_at: None,
        })
    };
    (0..RULES).map(rule).collect::<Result<_, std::borrow::Cow<'static, str>>>().map_err(|error| error.into())
}

fn lookups() -> Result<(), Failure> {
    let rules = rules()?;
    let start = Instant::now();
    let snapshot = Snapshot::build(&rules, &[], &RuleContext::default(), None);
    println!("{RULES} rules, indexed in {} ms", start.elapsed().as_millis());
    let path = |source: String| source.replace('*', "deep").replace(":lang", "en");
    let matching = |kind: usize| (0..1000).map(move |i| path(source((i * 97) / 100 * 100 + kind)));
    let cases: [(&str, bool, Vec<String>); 8] = [
        ("miss: a short path", false, vec!["/about".into(), "/api/v1/revenues".into()]),
        ("miss: a long path", false, vec!["/notes/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f/comments".into()]),
        ("miss: like a rule", false, (0..1000).map(|i| format!("/blog/2007/3/another-{i}.html")).collect()),
        ("miss: near a prefix", false, (0..1000).map(|i| format!("/section-{i}90/recent/x")).collect()),
        ("hit: exact", true, matching(7).collect()),
        ("hit: prefix", true, matching(95).collect()),
        ("hit: placeholder", true, matching(98).collect()),
        ("hit: wildcard", true, matching(99).collect()),
    ];
    for (name, hits, paths) in cases {
        let nanoseconds = timed(&snapshot, &paths, None, hits)?;
        let with_query =
            if hits { Some(timed(&snapshot, &paths, Some("page=2&utm=x"), hits)?) } else { None };
        let with_query = with_query.map(|n| format!(", with a query {n:.0} ns")).unwrap_or_default();
        println!("{name:<24}{nanoseconds:>8.0} ns{with_query}");
    }
    Ok(())
}

fn timed(snapshot: &Snapshot, paths: &[String], query: Option<&str>, hits: bool) -> Result<f64, Failure> {
    let request =
        |path| RedirectRequest { host: Some("acme.test"), path, query, ..RedirectRequest::default() };
    for path in paths {
        if snapshot.find(&request(path)).redirect.is_some() != hits {
            return Err(format!("{path}: expected a match: {hits}").into());
        }
    }
    // Other programs only slow a round down, so the fastest one counts.
    let round = || {
        let start = Instant::now();
        for path in paths.iter().cycle().take(LOOKUPS as usize) {
            black_box(snapshot.find(&request(black_box(path))));
        }
        start.elapsed().as_nanos() as f64 / f64::from(LOOKUPS)
    };
    Ok((0..ROUNDS).map(|_| round()).fold(f64::INFINITY, f64::min))
}

async fn database(folder: &str) -> Result<(), Failure> {
    let (app, _) = open(folder, String::new()).await?;
    let rule = |i| RedirectInput {
        source: source(i).into(),
        destination: destination(i).into(),
        permanent: true,
        status: None,
        external: false,
        starts_at: None,
        ends_at: None,
    };
    let text = to_csv(&(0..IMPORTED).map(rule).collect::<Vec<_>>())?;
    for name in ["new", "unchanged"] {
        let start = Instant::now();
        app.redirects.run_import(from_csv(&text), ImportOptions::default(), None).await?;
        println!("import of {IMPORTED} rules, {name}: {} ms", start.elapsed().as_millis());
    }
    reload(&app.redirects).await
}

/// Measures lookups in a loop while a rule is added and all rules are reloaded.
async fn reload(redirects: &Redirects) -> Result<(), Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let (reader_redirects, stopped) = (redirects.clone(), stop.clone());
    let reader = std::thread::spawn(move || {
        let mut worst = Duration::ZERO;
        while !stopped.load(Ordering::Relaxed) {
            let start = Instant::now();
            let request = RedirectRequest { path: "/about", ..RedirectRequest::default() };
            black_box(reader_redirects.find(&request));
            worst = worst.max(start.elapsed());
        }
        worst
    });
    let new = RedirectInput {
        source: "/one-more".into(),
        destination: "/here".into(),
        permanent: false,
        status: None,
        external: false,
        starts_at: None,
        ends_at: None,
    };
    let file = ParsedFile { entries: vec![Entry::new(Place::Line(1), new)], ..ParsedFile::default() };
    let start = Instant::now();
    redirects.run_import(file, ImportOptions::default(), None).await?;
    let took = start.elapsed();
    stop.store(true, Ordering::Relaxed);
    let worst = reader.join().map_err(|_| "the lookups panicked")?;
    println!("a new rule is active after {} ms; the slowest lookup took {worst:?}", took.as_millis());
    Ok(())
}
