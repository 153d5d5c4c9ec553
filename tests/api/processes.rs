//! The process of the server: its limits, its output and its end.
use std::{
    fs::{self, File},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use crate::{commands::Sandbox, support::DEADLINE};

/// A server process in the data folder of a sandbox.
struct Server<'a> {
    sandbox: &'a Sandbox,
    child: Child,
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl<'a> Server<'a> {
    /// Starts a server with a soft limit of 64 open files, and waits until it listens.
    fn start(sandbox: &'a Sandbox) -> Self {
        Server::start_with(sandbox, &[])
    }

    fn start_with(sandbox: &'a Sandbox, arguments: &[&str]) -> Self {
        let file = |name: &str| File::create(sandbox.0.join(name)).expect("a file");
        let child = Command::new("sh")
            .args(["-c", "ulimit -Sn 64; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_tenon"), "serve"])
            .args(["--listen", "127.0.0.1:0", "--data-dir"])
            .arg(sandbox.0.join("data"))
            .args(arguments)
            .env("TENON_TIMEOUT_SCALE", "0.1")
            // A slow machine would log warnings.
            .env("TENON_LOG_SQL", "off")
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .expect("the server starts");
        let server = Server { sandbox, child };
        server.wait_for("listening on http://");
        server
    }

    fn log(&self) -> String {
        fs::read_to_string(self.sandbox.0.join("stderr")).expect("a log")
    }

    /// Waits until the log contains a text, and returns the rest of its line.
    fn wait_for(&self, text: &str) -> String {
        let start = Instant::now();
        loop {
            let log = self.log();
            if let Some((_, rest)) = log.split_once(text)
                && let Some((rest, _)) = rest.split_once('\n')
            {
                return rest.to_owned();
            }
            assert!(start.elapsed() < DEADLINE, "{text}: {log}");
            sleep(Duration::from_millis(10));
        }
    }

    /// Sends SIGTERM, and returns the exit code.
    fn stop(&mut self) -> Option<i32> {
        let killed = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(killed.expect("kill runs").success());
        self.child.wait().expect("the process exits").code()
    }
}

#[api_test]
fn the_server_raises_the_limit_of_open_files() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    assert!(server.log().contains("raised the limit of open files before=64 now="), "{}", server.log());
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.child.id())).expect("the limits");
    let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("a limit");
    let [soft, hard] = [3, 4].map(|column| line.split_whitespace().nth(column));
    assert!(soft == hard && soft != Some("64"), "{line}");
}

#[api_test]
fn health_checks_the_server_of_this_machine() {
    let sandbox = Sandbox::new();
    let mut server = Server::start(&sandbox);
    let address = server.wait_for("listening on http://");
    let variables = [("TENON_LISTEN", address.as_str())];
    for command in [&["health"][..], &["health", "--ready"]] {
        assert_eq!(sandbox.run(&variables, "", command).succeeds().stdout, "ok\n");
    }
    assert_eq!(sandbox.tenon(&["health", "--listen", &address]).succeeds().stdout, "ok\n");
    // As `serve`, from the settings file too.
    let settings = format!("listen = \"{address}\"\n");
    fs::write(sandbox.0.join("data/tenon.toml"), settings).expect("written");
    assert_eq!(sandbox.tenon(&["health"]).succeeds().stdout, "ok\n");
    server.stop();
    sandbox.run(&variables, "", &["health"]).fails(1, "cannot connect to 127.0.0.1");
    sandbox.tenon(&["health", "--listen", "nonsense"]).fails(1, "listen");
}

#[api_test]
fn standard_output_is_empty_and_a_stop_logs_no_warnings() {
    let sandbox = Sandbox::new();
    for (start, has_migrations) in [(1, true), (2, false)] {
        let mut server = Server::start(&sandbox);
        assert_eq!(server.stop(), Some(0));
        assert_eq!(fs::read_to_string(sandbox.0.join("stdout")).expect("a file"), "", "start {start}");
        let log = server.log();
        assert_eq!(log.to_lowercase().contains("migration"), has_migrations, "{log}");
        let warnings = log.lines().filter(|line| line.contains(" WARN ") || line.contains(" ERROR "));
        let unexpected: Vec<_> = warnings.filter(|line| !line.contains("there is no admin yet")).collect();
        assert!(unexpected.is_empty(), "{unexpected:?}");
    }
}

#[api_test]
fn a_start_with_demo_logs_why_no_content_was_added() {
    let sandbox = Sandbox::new();
    for is_empty in [true, false] {
        let mut server = Server::start_with(&sandbox, &["--demo"]);
        let log = server.log();
        let reason =
            "--demo: the database already has, or had, posts or documents, so the demo content was not added";
        assert_eq!(log.contains(reason), !is_empty, "{log}");
        server.stop();
    }
}
