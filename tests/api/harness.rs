//! Runs the API tests, and then checks that they produced every declared response.
//!
//! libtest has no hook after the last test. This harness accepts the arguments of libtest, and runs the tests of
//! `API_TESTS`, names separated by commas, in this order.
use std::{env, io, panic, pin::Pin, process::ExitCode, thread};

use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Builder;

use crate::contract_check;

/// Bytes of the stack of a test. A test polls the service on its own thread, and a debug build stores every temporary value
/// of its futures on the stack.
const STACK: usize = 8 << 20;

/// A test, registered by `#[api_test]`.
pub struct ApiTest {
    /// The path of the function, with the name of the crate.
    pub path: &'static str,
    pub run: fn(),
}

inventory::collect!(ApiTest);

/// Runs the tests that the arguments select. The coverage is checked if all of them were selected and passed.
pub fn run() -> ExitCode {
    // Without a global subscriber, `tracing` may disable an event that another test is about to capture.
    let log = tracing_subscriber::fmt().with_writer(io::sink).finish();
    tracing::subscriber::set_global_default(log).expect("no subscriber is set");
    let mut arguments = Arguments::from_args();
    if arguments.test_threads.is_none() {
        arguments.test_threads = env::var("RUST_TEST_THREADS").ok().and_then(|threads| threads.parse().ok());
    }
    let mut tests: Vec<Trial> = inventory::iter::<ApiTest>().map(trial).collect();
    tests.sort_by(|a, b| a.name().cmp(b.name()));
    // Arguments select the tests of one filter only.
    let names = env::var("API_TESTS").ok();
    if let Some(names) = &names {
        let position = |test: &Trial| names.split(',').position(|name| name == test.name());
        tests.retain(|test| position(test).is_some());
        tests.sort_by_key(position);
    }
    let selects_all = names.is_none()
        && !arguments.list
        && !arguments.ignored
        && !arguments.bench
        && arguments.filter.is_none()
        && arguments.skip.is_empty();
    let conclusion = libtest_mimic::run(&arguments, tests);
    if !selects_all || conclusion.has_failed() {
        return conclusion.exit_code();
    }
    let coverage = Trial::test("contract_check::every_declared_response_was_produced", || {
        contract_check::check_coverage().map_err(Failed::from)
    });
    libtest_mimic::run(&arguments, vec![coverage]).exit_code()
}

/// Runs a test on a thread with the name of the test, because panic messages begin with the name of the thread.
fn trial(test: &ApiTest) -> Trial {
    let name = test.path.split_once("::").map_or(test.path, |(_, name)| name);
    let run = test.run;
    Trial::test(name, move || {
        let thread = thread::Builder::new().name(name.to_owned()).stack_size(STACK).spawn(run)?;
        thread.join().map_err(|payload| panic::resume_unwind(payload))
    })
}

/// Runs an async test on a runtime with one thread.
pub fn block_on(test: impl Future<Output = ()> + 'static) {
    // The future is large, so it is stored on the heap. Type erasure avoids a copy of `block_on` for each test.
    let test: Pin<Box<dyn Future<Output = ()>>> = Box::pin(test);
    Builder::new_current_thread().enable_all().build().expect("the runtime starts").block_on(test);
}

/// Runs an async test on a runtime with several threads.
pub fn block_on_workers(threads: usize, test: impl Future<Output = ()> + 'static) {
    let test: Pin<Box<dyn Future<Output = ()>>> = Box::pin(test);
    let runtime = Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    runtime.expect("the runtime starts").block_on(test);
}
