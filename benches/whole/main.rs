//! Benchmark of the whole service: the release binary with seeded data on one core, the load on another, each case in
//! the same run as its baselines. docs/performance.md describes it.
//!
//! `./tests/run bench` installs the baselines and runs all cases. `cargo bench --bench whole -- --only read` runs the
//! cases with `read` in their name.
mod bare;
mod cases;
mod fan_out;
mod http;
mod load;
mod pocketbase;
mod process;
mod report;
mod seed;
mod servers;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    rc::Rc,
    time::Duration,
};

use self::{
    cases::cases,
    load::{Histogram, Load, Until},
    process::Process,
    report::{Compared, Limit, Measured, Report},
    servers::Servers,
};

#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

const WARM_UP: Duration = Duration::from_secs(1);
const USAGE: &str =
    "usage: cargo bench --bench whole -- [--only PATTERN]… [--seconds N] [--rounds N] [--gate]
    [--tenon PROGRAM] [--fastify FOLDER] [--pocketbase PROGRAM] [--postgres URL] [--write FILE]";

pub struct Options {
    /// Runs the cases whose name contains one of these. Empty means all.
    only: Vec<String>,
    seconds: f64,
    rounds: usize,
    /// Runs few cases on little data, and fails if a ratio is below its bound.
    gate: bool,
    tenon: PathBuf,
    /// A folder with `server.mjs` and its installed packages.
    fastify: Option<PathBuf>,
    pocketbase: Option<PathBuf>,
    /// An empty database.
    postgres: Option<String>,
    /// A Markdown file, for the results.
    write: Option<PathBuf>,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut options = Options {
            only: Vec::new(),
            seconds: 2.0,
            rounds: 3,
            gate: false,
            tenon: option_env!("CARGO_BIN_EXE_tenon").unwrap_or_default().into(),
            fastify: None,
            pocketbase: None,
            postgres: None,
            write: None,
        };
        while let Some(name) = arguments.next() {
            if name == "--gate" {
                options.gate = true;
                continue;
            }
            let value = arguments.next().ok_or(USAGE)?;
            match name.as_str() {
                "--only" => options.only.push(value),
                "--seconds" => options.seconds = value.parse()?,
                "--rounds" => options.rounds = value.parse::<usize>()?.max(1),
                "--tenon" => options.tenon = std::path::absolute(value)?,
                "--fastify" => options.fastify = Some(std::path::absolute(value)?),
                "--pocketbase" => options.pocketbase = Some(std::path::absolute(value)?),
                "--postgres" => options.postgres = Some(value),
                "--write" => options.write = Some(value.into()),
                _ => return Err(USAGE.into()),
            }
        }
        Ok(options)
    }

    fn selects(&self, case: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|pattern| case.contains(pattern))
    }
}

pub struct Bench {
    servers: Servers,
    report: Report,
}

/// A server with the load of a case.
pub struct Contender {
    name: &'static str,
    process: Rc<Process>,
    load: Load,
}

/// A baseline, or the reason why it cannot run.
pub type Baseline = (&'static str, Result<Contender, Failure>, Option<Limit>);

/// One server over the rounds.
struct Rounds {
    rates: Vec<f64>,
    cpu: Vec<f64>,
    busy: Vec<f64>,
    latencies: Histogram,
    sequence: u64,
}

impl Rounds {
    fn new() -> Self {
        let (rates, cpu, busy) = (Vec::new(), Vec::new(), Vec::new());
        Rounds { rates, cpu, busy, latencies: Histogram::new(), sequence: 0 }
    }

    fn run(&mut self, contender: &Contender, seconds: f64) -> Result<(), Failure> {
        let before = contender.process.cpu()?;
        let sample =
            contender.load.run(Until::Elapsed(Duration::from_secs_f64(seconds)), &mut self.sequence)?;
        let cpu = (contender.process.cpu()? - before).as_secs_f64();
        let elapsed = sample.elapsed.as_secs_f64();
        self.rates.push(sample.requests as f64 / elapsed);
        self.cpu.push(cpu / sample.requests as f64);
        self.busy.push(cpu / elapsed);
        self.latencies.merge(&sample.latencies);
        Ok(())
    }

    fn measured(&self) -> Measured {
        Measured {
            rate: median(&self.rates),
            p50: self.latencies.quantile(0.5),
            p99: self.latencies.quantile(0.99),
            cpu: Duration::from_secs_f64(median(&self.cpu)),
            saturated: median(&self.busy) > 0.9,
        }
    }
}

pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

impl Bench {
    /// Measures reads, which the CPU limits.
    fn compare(
        &mut self,
        case: &str,
        tenon: Contender,
        baselines: Vec<Baseline>,
    ) -> Result<Measured, Failure> {
        self.measure(case, tenon, baselines, true)
    }

    /// Measures writes, which also wait for the disk.
    fn compare_writes(
        &mut self,
        case: &str,
        tenon: Contender,
        baselines: Vec<Baseline>,
    ) -> Result<Measured, Failure> {
        self.measure(case, tenon, baselines, false)
    }

    /// Measures Tenon and the baselines in interleaved rounds, and adds a row per baseline.
    fn measure(
        &mut self,
        case: &str,
        tenon: Contender,
        baselines: Vec<Baseline>,
        cpu_bound: bool,
    ) -> Result<Measured, Failure> {
        let (seconds, rounds) = (self.servers.options.seconds, self.servers.options.rounds);
        let mut contenders = vec![tenon];
        let mut rows = Vec::new();
        for (name, baseline, limit) in baselines {
            let index = baseline.map(|contender| {
                contenders.push(contender);
                contenders.len() - 1
            });
            rows.push((name, index, limit));
        }
        for contender in &contenders {
            contender
                .load
                .run(Until::Elapsed(WARM_UP), &mut 0)
                .map_err(|error| format!("{}: {error}", contender.name))?;
        }
        let mut measured: Vec<Rounds> = contenders.iter().map(|_| Rounds::new()).collect();
        for _ in 0..rounds {
            for (contender, rounds) in contenders.iter().zip(&mut measured) {
                rounds.run(contender, seconds).map_err(|error| format!("{}: {error}", contender.name))?;
            }
        }
        let own = measured[0].measured();
        for (name, index, limit) in rows {
            let compared = index.map_err(|error| error.to_string()).map(|index| {
                let quotients = |values: fn(&Rounds) -> &Vec<f64>| {
                    let pairs = values(&measured[0]).iter().zip(values(&measured[index]));
                    median(&pairs.map(|(own, other)| own / other).collect::<Vec<_>>())
                };
                let (rate, cpu) = (quotients(|rounds| &rounds.rates), 1.0 / quotients(|rounds| &rounds.cpu));
                let baseline = measured[index].measured();
                // If a server waited for the load or for another process, only the CPU times compare the servers.
                let by_cpu = cpu_bound && !(own.saturated && baseline.saturated);
                Compared { baseline, rate, cpu, by_cpu }
            });
            if let (true, Ok(compared), Some(Limit::AtLeast(limit))) =
                (self.servers.options.gate, &compared, limit)
                && compared.cpu < limit
            {
                let failure = format!("{case}: {:.2} of {name}, at least {limit} is required", compared.cpu);
                self.report.failures.push(failure);
            }
            self.report.compare(case, &own, name, compared, limit);
        }
        Ok(own)
    }
}

fn main() -> ExitCode {
    let arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    match run(&arguments.collect::<Vec<_>>()) {
        Ok(failures) if failures.is_empty() => ExitCode::SUCCESS,
        Ok(failures) => {
            println!("{}", failures.join("\n"));
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<Vec<String>, Failure> {
    match arguments {
        [mode, file, address] if mode == "--serve-constant" => {
            bare::serve_constant(address.parse()?, file).map(|()| Vec::new())
        }
        [mode, url, address] if mode == "--serve-transactions" => {
            bare::serve_transactions(address.parse()?, url).map(|()| Vec::new())
        }
        _ => {
            let options = Options::parse(arguments.iter().cloned())?;
            // Below the target folder, because the temporary folder may be in memory, where syncing costs nothing.
            let target = option_env!("CARGO_TARGET_TMPDIR").map_or_else(std::env::temp_dir, PathBuf::from);
            let folder = target.join(format!("bench-{}", uuid::Uuid::now_v7()));
            std::fs::create_dir_all(&folder)?;
            let failures = measure(options, &folder);
            match &failures {
                Ok(failures) if failures.is_empty() => std::fs::remove_dir_all(&folder)?,
                _ => {
                    remove_data(&folder)?;
                    println!("the logs are in {}", folder.display());
                }
            }
            failures
        }
    }
}

/// Removes everything except the logs.
fn remove_data(folder: &Path) -> Result<(), Failure> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            std::fs::remove_dir_all(path)?;
        } else if path.extension().is_none_or(|extension| extension != "log") {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn measure(options: Options, folder: &Path) -> Result<Vec<String>, Failure> {
    if !options.tenon.is_file() {
        return Err("set --tenon to the release binary".into());
    }
    let conditions = report::conditions(options.seconds, options.rounds, options.pocketbase.as_deref());
    process::choose_cores()?;
    let begin = std::time::Instant::now();
    let sizes = if options.gate { seed::SMALL } else { seed::FULL };
    let seeded = seed::seed(&options.tenon, folder, sizes)?;
    println!("seeded in {:.0} s", begin.elapsed().as_secs_f64());
    let write = options.write.clone();
    let mut bench =
        Bench { servers: Servers::new(options, folder.to_owned(), seeded)?, report: Report::default() };
    for (name, case) in cases(bench.servers.options.gate) {
        if bench.servers.options.selects(name) {
            println!("{name}");
            if let Err(error) = case(&mut bench, name) {
                bench.report.fail(name, &error);
            }
        }
    }
    let conditions = format!("{conditions}\n- Duration: {:.0} s", begin.elapsed().as_secs_f64());
    match write {
        Some(file) => bench.report.write(&file, &conditions)?,
        None => println!("\n{}", bench.report.markdown(&conditions)),
    }
    Ok(bench.report.failures)
}
