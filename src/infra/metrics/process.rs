//! Metrics of the process, with the names that Prometheus client libraries use. Linux only: they are read from `/proc`.
use std::fs;

use super::Exposition;
use crate::infra::clock::process_start;

/// Clock ticks per second in `/proc`: `USER_HZ`, which is 100 on all architectures with a Rust standard library.
const TICKS_PER_SECOND: f64 = 100.0;

/// The facts about this process.
#[derive(Debug, PartialEq)]
struct ProcessStat {
    cpu_seconds: f64,
    virtual_bytes: u64,
}

impl ProcessStat {
    /// Parses `/proc/self/stat`. The second field is the name of the program, which may contain spaces and parentheses.
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
        // The first of these fields is number 3 of proc_pid_stat(5).
        let ticks = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        Some(ProcessStat {
            cpu_seconds: (ticks(14)? + ticks(15)?) / TICKS_PER_SECOND,
            virtual_bytes: fields.get(20)?.parse().ok()?,
        })
    }
}

/// Returns the value of a line such as `VmRSS:  1024 kB`.
fn line_value(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// Writes CPU time, memory, open files and start time. A value that cannot be read is left out.
pub fn write_process_metrics(out: &mut Exposition) {
    let start = process_start().as_secs_f64();
    out.gauge("process_start_time_seconds", "Start of the process, in Unix time.", start);
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    if let Some(stat) = ProcessStat::parse(&read("/proc/self/stat")) {
        out.counter("process_cpu_seconds_total", "User and system CPU time.", stat.cpu_seconds);
        out.gauge("process_virtual_memory_bytes", "Size of the virtual memory.", stat.virtual_bytes);
    }
    if let Some(kibibytes) = line_value(&read("/proc/self/status"), "VmRSS:") {
        out.gauge("process_resident_memory_bytes", "Size of the resident memory.", kibibytes * 1024);
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        // The folder itself is open while it is read.
        out.gauge("process_open_fds", "Open file descriptors.", files.count().saturating_sub(1));
    }
    if let Some(limit) = line_value(&read("/proc/self/limits"), "Max open files") {
        out.gauge("process_max_fds", "Maximum number of open file descriptors.", limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_the_state_of_a_process_with_any_name() {
        let text = "7 (a) b (c)) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 4 0 12345 67108864 1500 18446744073709551615";
        let expected = ProcessStat { cpu_seconds: 3.0, virtual_bytes: 67_108_864 };
        assert_eq!(ProcessStat::parse(text), Some(expected));
        assert_eq!(ProcessStat::parse("7 (a) S 1"), None);
        assert_eq!(line_value("Name:\ta\nVmRSS:\t   2048 kB\n", "VmRSS:"), Some(2048));
    }
}
