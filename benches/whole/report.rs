//! The result tables, as Markdown.
use std::{fs, path::Path, process::Command, time::Duration};

use crate::Failure;

const BEGIN: &str = "<!-- results: begin -->\n";
const END: &str = "<!-- results: end -->";

/// A budget.
#[derive(Clone, Copy)]
pub enum Limit {
    AtLeast(f64),
    AtMost(f64),
}

impl Limit {
    fn is_met(self, value: f64) -> bool {
        match self {
            Limit::AtLeast(limit) => value >= limit,
            Limit::AtMost(limit) => value <= limit,
        }
    }
}

/// A server under load.
#[derive(Clone)]
pub struct Measured {
    /// Responses per second.
    pub rate: f64,
    pub p50: Duration,
    pub p99: Duration,
    /// CPU time of the server per response.
    pub cpu: Duration,
    /// Whether the server, not the load, used its core to the limit.
    pub saturated: bool,
}

/// Ratios of Tenon to a baseline, medians over the rounds. More is better.
pub struct Compared {
    pub baseline: Measured,
    pub rate: f64,
    pub cpu: f64,
    /// Whether the budget applies to the ratio of the CPU times.
    pub by_cpu: bool,
}

#[derive(Default)]
pub struct Report {
    requests: Vec<String>,
    figures: Vec<String>,
    /// Cases that failed and budgets of the gate that were missed.
    pub failures: Vec<String>,
}

const REQUESTS: &str = "\
| case | Tenon/s | p50 ms | p99 ms | CPU µs | compared with | its rate/s | its p99 ms | ratio | CPU ratio | budget | result |
| --- | ---: | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | --- |
";
const FIGURES: &str = "\
| measurement | Tenon | compared with | its value | ratio | budget | result |
| --- | ---: | --- | ---: | ---: | ---: | --- |
";

fn millis(duration: Duration) -> String {
    format!("{:.2}", duration.as_secs_f64() * 1e3)
}

fn rate(measured: &Measured) -> String {
    let mark = if measured.saturated { "" } else { " *" };
    let mut digits = format!("{:.0}", measured.rate);
    for at in (1..digits.len().div_ceil(3)).map(|group| digits.len() - 3 * group).collect::<Vec<_>>() {
        digits.insert(at, ',');
    }
    format!("{digits}{mark}")
}

fn ratio(value: f64) -> String {
    if value >= 10.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// Returns the cells `budget` and `result`.
fn verdict(limit: Option<Limit>, value: f64, unit: &str) -> String {
    let Some(limit) = limit else { return "| |".to_owned() };
    let (sign, bound) = match limit {
        Limit::AtLeast(bound) => ("≥", bound),
        Limit::AtMost(bound) => ("≤", bound),
    };
    format!("{sign} {bound}{unit} | {}", if limit.is_met(value) { "met" } else { "**missed**" })
}

impl Report {
    /// Adds a comparison under load. The reason stands for a baseline that cannot run.
    pub fn compare(
        &mut self,
        case: &str,
        tenon: &Measured,
        name: &str,
        compared: Result<Compared, String>,
        limit: Option<Limit>,
    ) {
        let (p50, p99) = (millis(tenon.p50), millis(tenon.p99));
        let own = format!(
            "| {case} | {} | {p50} | {p99} | {:.1} | {name}",
            rate(tenon),
            tenon.cpu.as_secs_f64() * 1e6
        );
        self.add_request(match compared {
            Err(reason) => format!("{own} | | | | | | not run: {reason} |"),
            Ok(Compared { baseline, rate: rates, cpu, by_cpu }) => format!(
                "{own} | {} | {} | {} | {} | {} |",
                rate(&baseline),
                millis(baseline.p99),
                ratio(rates),
                ratio(cpu),
                verdict(limit, if by_cpu { cpu } else { rates }, if by_cpu { " of CPU" } else { "" })
            ),
        });
    }

    /// Adds a value without a baseline.
    pub fn figure(&mut self, measurement: &str, value: f64, unit: &str, limit: Option<Limit>) {
        let verdict = verdict(limit, value, &format!(" {unit}"));
        self.add_figure(format!("| {measurement} | {value:.1} {unit} | | | | {verdict} |"));
    }

    /// Adds a value with a baseline, and a budget for their ratio.
    pub fn compare_figure(
        &mut self,
        measurement: &str,
        value: f64,
        unit: &str,
        name: &str,
        baseline: Result<f64, String>,
        limit: Option<Limit>,
    ) {
        let own = format!("| {measurement} | {value:.1} {unit} | {name}");
        self.add_figure(match baseline {
            Err(reason) => format!("{own} | | | | not run: {reason} |"),
            Ok(baseline) => {
                let relative = value / baseline;
                format!(
                    "{own} | {baseline:.1} {unit} | {} | {} |",
                    ratio(relative),
                    verdict(limit, relative, "")
                )
            }
        });
    }

    /// Adds a case that cannot run.
    pub fn skip(&mut self, case: &str, reason: &str) {
        self.add_figure(format!("| {case} | | | | | | not run: {reason} |"));
    }

    pub fn fail(&mut self, case: &str, error: &Failure) {
        self.add_figure(format!(
            "| {case} | | | | | | **failed**: {} |",
            error.to_string().replace(['\n', '\r', '|'], " ")
        ));
        self.failures.push(format!("{case}: {error}"));
    }

    fn add_request(&mut self, row: String) {
        self.requests.push(row);
    }

    fn add_figure(&mut self, row: String) {
        self.figures.push(row);
    }

    pub fn markdown(&self, conditions: &str) -> String {
        let mut text = format!("{conditions}\n");
        for (head, rows) in [(REQUESTS, &self.requests), (FIGURES, &self.figures)] {
            if !rows.is_empty() {
                text += &format!("\n{head}{}\n", rows.join("\n"));
            }
        }
        text
    }

    /// Replaces the results in a Markdown file.
    pub fn write(&self, file: &Path, conditions: &str) -> Result<(), Failure> {
        let text = fs::read_to_string(file)?;
        let (before, rest) = text.split_once(BEGIN).ok_or("the file has no begin of results")?;
        let (_, after) = rest.split_once(END).ok_or("the file has no end of results")?;
        Ok(fs::write(file, format!("{before}{BEGIN}\n{}\n{END}{after}", self.markdown(conditions)))?)
    }
}

/// Describes the machine, the commit and the versions, as a Markdown list.
pub fn conditions(seconds: f64, rounds: usize, pocketbase: Option<&Path>) -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map_or("unknown", |(_, value)| value).trim().to_owned()
    };
    let run = |program: &str, arguments: &[&str]| {
        let output =
            Command::new(program).args(arguments).output().ok().filter(|output| output.status.success());
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let cpus = read("/proc/cpuinfo");
    let cores = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let memory = field(&read("/proc/meminfo"), "MemTotal");
    let gigabytes = memory.trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1e6;
    let commit = run("git", &["rev-parse", "--short", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    let changed =
        run("git", &["status", "--porcelain", "--untracked-files=no"]).is_some_and(|text| !text.is_empty());
    let version = |program: &str| run(program, &["--version"]).unwrap_or_else(|| "not installed".to_owned());
    let pocketbase = pocketbase.and_then(Path::to_str).map_or("not installed".to_owned(), version);
    format!(
        "- Machine: {}, {cores} cores, {gigabytes:.0} GB, Linux {}\n\
         - Commit: {commit}{}, {}\n\
         - Load average before the run: {}\n\
         - Node.js {}; PocketBase: {pocketbase}\n\
         - {rounds} rounds of {seconds} s per server and case",
        field(&cpus, "model name"),
        read("/proc/sys/kernel/osrelease").trim(),
        if changed { " with uncommitted changes" } else { "" },
        chrono::Utc::now().format("%Y-%m-%d %H:%M UTC"),
        read("/proc/loadavg").split(' ').next().unwrap_or_default(),
        version("node"),
    )
}
