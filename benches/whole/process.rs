//! Server processes on their own core, with their CPU time and memory.
use std::{
    ffi::OsString,
    fs::{self, File},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use crate::Failure;

/// The core of the servers and the core of the load.
static CORES: OnceLock<[String; 2]> = OnceLock::new();
const START_TIMEOUT: Duration = Duration::from_secs(30);

pub struct Process {
    child: Child,
    pub address: SocketAddr,
}

/// A program with its arguments and environment.
pub struct Program {
    command: Command,
    log: File,
}

impl Program {
    /// The output is appended to the file `log`.
    pub fn new(path: impl Into<OsString>, log: &Path) -> Result<Self, Failure> {
        let log = File::options().create(true).append(true).open(log)?;
        let mut command = Command::new("taskset");
        let [core, _] = CORES.get().ok_or("the cores are not chosen")?;
        command.args(["-c", core]).arg(path.into());
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log.try_clone()?);
        Ok(Program { command, log })
    }

    pub fn args<I: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = I>) -> Self {
        self.command.args(arguments.into_iter().map(Into::into));
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs the program to its end.
    pub fn run(mut self) -> Result<(), Failure> {
        let status = self.command.status()?;
        if status.success() { Ok(()) } else { Err(format!("{:?}: {status}", self.command).into()) }
    }

    /// Runs the program to its end and returns its standard output.
    pub fn output(mut self) -> Result<String, Failure> {
        let output = self.command.stdout(Stdio::piped()).output()?;
        if !output.status.success() {
            return Err(format!("{:?}: {}", self.command, output.status).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Starts a program with piped standard output.
    pub fn spawn_piped(mut self) -> Result<Child, Failure> {
        Ok(self.command.stdout(Stdio::piped()).spawn()?)
    }

    /// Starts a server and waits until it accepts connections at the address.
    pub fn serve(mut self, address: SocketAddr) -> Result<Process, Failure> {
        let mut child = self.command.spawn()?;
        let begin = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = child.try_wait()? {
                return Err(format!("{:?}: {status}; see {:?}", self.command, self.log).into());
            }
            if begin.elapsed() > START_TIMEOUT {
                let _ = child.kill();
                return Err(format!("{:?} does not accept connections", self.command).into());
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        Ok(Process { child, address })
    }
}

/// Chooses the first two cores that this process may use, and moves it to the second.
pub fn choose_cores() -> Result<(), Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let mut cores = Vec::new();
    for range in allowed.ok_or("no list of allowed cores")?.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        cores.extend(first.parse::<usize>()?..=last.parse()?);
    }
    let [server, load, ..] = cores[..] else { return Err("the benchmark needs two cores".into()) };
    let [server, load] = CORES.get_or_init(|| [server.to_string(), load.to_string()]);
    let own = std::process::id().to_string();
    let pinned =
        Command::new("taskset").args(["-a", "-c", "-p", load, &own]).stdout(Stdio::null()).status()?;
    if pinned.success() {
        Ok(())
    } else {
        Err(format!("taskset failed for the cores {server} and {load}").into())
    }
}

/// Returns a free port on the loopback interface.
pub fn free_address() -> Result<SocketAddr, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

impl Process {
    /// Returns the CPU time of all threads.
    pub fn cpu(&self) -> Result<Duration, Failure> {
        let mut nanos = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            // A thread may end meanwhile.
            let Ok(times) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
            nanos += times.split(' ').next().ok_or("schedstat is empty")?.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// Returns the resident memory in bytes.
    pub fn resident(&self) -> Result<u64, Failure> {
        self.memory("VmRSS:")
    }

    /// Returns the peak of the resident memory in bytes since `reset_peak`.
    pub fn peak(&self) -> Result<u64, Failure> {
        self.memory("VmHWM:")
    }

    pub fn reset_peak(&self) -> Result<(), Failure> {
        Ok(fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5")?)
    }

    fn memory(&self, name: &str) -> Result<u64, Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line =
            status.lines().find_map(|line| line.strip_prefix(name)).ok_or("no memory in the status")?;
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kilobytes * 1024)
    }

    /// Ends the process with SIGTERM, so that it closes its database.
    pub fn stop(mut self) -> Result<(), Failure> {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
