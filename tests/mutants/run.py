#!/usr/bin/env python3
"""Runs the tests on planted defects (mutants).

    run.py all         the files of AREAS
    run.py example     the folder `example`, to test this program

The mutants are those of `cargo mutants --list`. All of them are compiled once, into a copy of the sources, and the
environment variable MUTANT selects one of them when a test runs. A mutant that does not compile is removed. Each test first
runs without a mutant and records the mutants that it reaches. Each mutant then runs with the tests that reach it, until one of
them fails twice or exceeds its time.

    FILES          a pattern of files, instead of the files of AREAS
    SAMPLE         the number of mutants of each file, chosen with a fixed seed; all by default
    SECONDS_EACH   the duration of the API tests of a mutant. A mutant that they do not catch by then is missed
    EARLIER        the results of an earlier run, such as target/mutants/results.json: only its missed mutants run again
    JOBS           the number of tests that run at once; that of the processors by default
    TESTS          a regular expression of names of tests; all by default
"""
import collections
import concurrent.futures
import fnmatch
import hashlib
import json
import os
import pathlib
import queue
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "target" / "mutants"
AREAS = {
    "authentication": [
        "src/http/auth.rs",
        "src/http/session_cookie.rs",
        "src/http/device_cookie.rs",
        "src/server/credential.rs",
        "src/domain/principal.rs",
        "src/domain/scope.rs",
        "src/domain/secret.rs",
        "src/domain/network.rs",
        "src/resources/accounts/active.rs",
        "src/resources/accounts/verified.rs",
        "src/resources/accounts/sessions/*.rs",
        "src/resources/accounts/api_keys/*.rs",
        "src/resources/accounts/users/password*.rs",
    ],
    "rate limits": [
        "src/infra/rate_limiter.rs",
        "src/infra/shared_limits.rs",
        "src/infra/client_permits.rs",
        "src/infra/daily_writes.rs",
        "src/server/rate_limit.rs",
        "src/server/client_limits.rs",
        "src/server/client_address.rs",
        "src/server/forwarded.rs",
        "src/http/rate_limit_headers.rs",
        "src/domain/client_key.rs",
        "src/resources/accounts/attempts.rs",
    ],
    "preconditions": [
        "src/http/etag.rs",
        "src/http/range.rs",
        "src/http/idempotency.rs",
        "src/server/dispatch/in_flight_keys.rs",
        "src/server/dispatch/prefer.rs",
    ],
    "webhooks": ["src/http/signed_request.rs", "src/resources/webhooks/**/*.rs"],
}
EXCLUDED = ["example.rs", "tests.rs", "*_tests.rs"]
MIN_CAUGHT = 0.9
MISSED = ("missed", "unreached")
# The tests, in the order in which a mutant runs with them.
TARGETS = {
    "tenon": ["--lib"],
    "storage": ["--test", "storage"],
    "openapi": ["--test", "openapi"],
    "api": ["--test", "api"],
    "fuzz": ["--test", "fuzz"],
}
# Tests that are run for SECONDS_EACH only. The others are short.
SLOW = ("api", "fuzz")
# The harness of these tests accepts one filter only: tests/api/harness.rs.
NAMES_IN_ENVIRONMENT = {"api": "API_TESTS"}
# The outcomes of the mutants in the folder `example`. All others are caught.
EXAMPLE = {
    "unviable": ["replace opaque -> Opaque with Default::default()"],
    "missed": ["replace > with >= in larger", "replace count_down -> u32 with 0"],
    "unreached": [
        "replace unreached -> bool with true",
        "replace unreached -> bool with false",
        "delete ! in unreached",
        "delete match arm i32::MIN in sign",
        "delete - in sign",
    ],
    "timeout": ["replace -= with += in count_down", "replace -= with /= in count_down"],
}


def key(mutant):
    return mutant["file"], mutant["title"]


def function(mutant):
    return mutant["file"], (mutant["function"] or {}).get("function_name")


def has_opaque_value(mutant):
    """Returns whether a mutant is the value of a function that returns `impl Trait`: it has another type than the value that it
    replaces, so that they cannot be selected at run time."""
    return mutant["genre"] == "FnValue" and "impl " in mutant["function"]["return_type"]


def write(path, content, mode=0o644):
    """Writes a file unless it has this content already, so that an equal file is not compiled again."""
    if not path.exists() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(mode)


def find(root, patterns):
    """Returns the mutants of the files of a package."""
    filters = [argument for pattern in patterns for argument in ("--file", pattern)]
    filters += [argument for pattern in EXCLUDED for argument in ("--exclude", pattern)]
    listed = subprocess.check_output(["cargo", "mutants", "--list", "--json", "--no-config", *filters], cwd=root)
    files = collections.defaultdict(list)
    for mutant in json.loads(listed):
        files[mutant["file"]].append(mutant)
    chosen, names = [], collections.Counter()
    for file, mutants in sorted(files.items()):
        for mutant in sorted(mutants, key=lambda m: (m["span"]["start"]["line"], m["span"]["start"]["column"])):
            mutant["id"] = len(chosen)
            # The name without its position, and with a number for an equal mutation in the same function.
            title = mutant["name"].split(": ", 1)[1]
            names[file, title] += 1
            mutant["title"] = title if names[file, title] == 1 else f"{title} ({names[file, title]})"
            chosen.append(mutant)
    return chosen


def sample(mutants):
    """Returns SAMPLE mutants of each file, in the same order."""
    size = int(os.environ.get("SAMPLE", len(mutants)))
    files = {mutant["file"]: [other for other in mutants if other["file"] == mutant["file"]] for mutant in mutants}
    chosen = {m["id"] for file, own in files.items() for m in random.Random(file).sample(own, min(size, len(own)))}
    return [mutant for mutant in mutants if mutant["id"] in chosen]


def spans(message):
    """Returns the positions of a compiler error, the primary ones first."""
    found = []
    for span in sorted(message["spans"], key=lambda span: not span["is_primary"]):
        while span:
            found.append(span)
            span = span["expansion"] and span["expansion"]["span"]
    return found + [span for child in message["children"] for span in spans(child)]


class Copy:
    """The copy of a package in which the mutants are compiled."""

    def __init__(self, root, work, mutants):
        self.root, self.tree, self.work, self.mutants = root, work / "tree", work, mutants
        # Known from an earlier run with the same file. Each round of the compiler takes minutes.
        self.known = work / "unviable.json"
        known = json.loads(self.known.read_text()) if self.known.exists() else []
        hashes = {m["file"]: hashlib.sha256((root / m["file"]).read_text().split("#[cfg(test)]")[0].encode()).hexdigest() for m in mutants}
        self.identify = lambda mutant: [*key(mutant), hashes[mutant["file"]]]
        self.unviable = {m["id"] for m in mutants if self.identify(m) in known or has_opaque_value(m)}
        names = subprocess.check_output(["git", "ls-files", "-zco", "--exclude-standard"], cwd=root, text=True)
        names = {name for name in names.split("\0") if name and (root / name).is_file()}
        for path in [path for path in self.tree.rglob("*") if path.is_file()]:
            if str(path.relative_to(self.tree)) not in names | {"Cargo.lock", "src/mutants.rs"}:
                path.unlink()
        for name in names - {mutant["file"] for mutant in mutants}:
            content = (root / name).read_bytes() + (b"pub mod mutants;\n" if name == "src/lib.rs" else b"")
            write(self.tree / name, content, (root / name).stat().st_mode)
        write(self.tree / "src/mutants.rs", (ROOT / "tests/mutants/switch.rs").read_bytes())

    def compile(self, targets):
        """Removes the mutants that do not compile. Returns the programs of the tests by target."""
        command = ["test", "--no-run", *(argument for arguments in targets.values() for argument in arguments)]
        while True:
            regions = self.insert()
            messages, succeeded = self.cargo(command)
            if succeeded:
                break
            errors = [m["message"] for m in messages if m["reason"] == "compiler-message"]
            errors = [error for error in errors if error["level"] == "error"]
            removed = {id for error in errors for id in self.blamed(error, regions)} - self.unviable
            if not removed:
                raise SystemExit("the copy does not compile:\n" + "\n".join(e["rendered"] for e in errors))
            self.unviable |= removed
            print(f"{len(removed)} mutants do not compile", flush=True)
            self.remember()
        programs = [m for m in messages if m.get("executable") and m["profile"]["test"]]
        by_name = {m["target"]["name"]: m["executable"] for m in programs}
        return {name: by_name[name] for name in targets if name in by_name}

    def remember(self):
        self.known.write_text(json.dumps([self.identify(m) for m in self.mutants if m["id"] in self.unviable]))

    def insert(self):
        """Writes the files with their mutants. Returns the positions of the mutants in them."""
        viable = [mutant for mutant in self.mutants if mutant["id"] not in self.unviable]
        for name in {mutant["file"] for mutant in self.mutants} - {mutant["file"] for mutant in viable}:
            write(self.tree / name, (self.root / name).read_bytes())
        listed = self.work / "list.json"
        listed.write_text(json.dumps(viable))
        manifest = ROOT / "tests/mutants/Cargo.toml"
        command = ["cargo", "run", "--quiet", "--manifest-path", manifest, "--", self.root, self.tree, listed]
        environment = dict(os.environ, CARGO_TARGET_DIR=str(WORK / "tool"))
        result = json.loads(subprocess.check_output(command, env=environment))
        self.unviable |= set(result["unplaced"])
        return result["regions"]

    def cargo(self, command):
        # Without debug information, which no test needs.
        environment = dict(os.environ, CARGO_TARGET_DIR=str(self.work / "build"), CARGO_PROFILE_DEV_DEBUG="0")
        command = ["cargo", *command, "--message-format=json"]
        run = subprocess.run(
            command, cwd=self.tree, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
        )
        return [json.loads(line) for line in run.stdout.splitlines() if line.startswith(b"{")], run.returncode == 0

    def blamed(self, error, regions):
        """Returns the mutants of the smallest region that contains an error."""
        for span in spans(error):
            inside = [
                (end - start, ids)
                for start, end, ids in regions.get(span["file_name"], [])
                if start <= span["byte_start"] and span["byte_end"] <= end
            ]
            if inside:
                return min(inside)[1]
        return []


class Tests:
    """The programs of the tests. A test is the pair of its target and its name."""

    def __init__(self, programs, folder, work):
        self.programs, self.folder, self.work = programs, folder, work
        self.seconds, self.reached = {}, {}

    def record(self, pattern, jobs):
        """Runs each test in a process of its own. Returns the tests that fail without a mutant: they are not used."""
        tests = []
        for target, program in self.programs.items():
            lines = subprocess.check_output([program, "--list"], cwd=self.folder, text=True).splitlines()
            names = [line.removesuffix(": test") for line in lines if line.endswith(": test")]
            tests += [(target, name) for name in names if re.search(pattern, name)]

        def record(test):
            with tempfile.NamedTemporaryFile("r", dir=self.work) as file:
                begin = time.monotonic()
                _, outcome = self.run(test[0], [test[1]], {"MUTANTS_REACHED": file.name}, 300)
                return test, outcome, time.monotonic() - begin, {int(line) for line in file}

        failed = []
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            for test, outcome, seconds, reached in pool.map(record, tests):
                if outcome:
                    failed.append(test[1])
                elif reached:
                    self.seconds[test], self.reached[test] = seconds, reached
        return failed

    def run(self, target, names, environment, limit):
        """Runs tests until the first failure. Returns the name of the failed test and `caught`, or `timeout` if a test takes
        longer than `limit` seconds; twice `None` if all succeed."""
        memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
        with tempfile.TemporaryDirectory(prefix="mutants-", dir=memory, ignore_cleanup_errors=True) as folder:
            environment = dict(os.environ, TMPDIR=folder, **environment)
            environment.pop("TENON_TEST_DATABASE", None)
            command = [self.programs[target], "--test-threads=1"]
            if target in NAMES_IN_ENVIRONMENT:
                environment[NAMES_IN_ENVIRONMENT[target]] = ",".join(names)
            else:
                command += ["--exact", *names]
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            lines = queue.Queue()

            def read():
                for line in process.stdout:
                    lines.put(line.decode(errors="replace"))
                lines.put(None)

            reader = threading.Thread(target=read)
            reader.start()
            current = None
            try:
                while (line := lines.get(timeout=limit)) is not None:
                    if match := re.match(r"test (\S+)\s+\.\.\.", line):
                        current = match[1]
                        if line.rstrip().endswith("FAILED"):
                            return current, "caught"
                return (None, None) if process.wait(30) == 0 else (current, "caught")
            except (queue.Empty, subprocess.TimeoutExpired):
                return current, "timeout"
            finally:
                try:
                    os.killpg(process.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
                process.wait()
                reader.join()


class Run:
    """Runs the mutants, and counts the mutants of each function and file that a test caught."""

    def __init__(self, tests, mutants, seconds, log):
        self.tests, self.mutants, self.seconds, self.log = tests, mutants, seconds, log
        self.caught, self.weights = collections.Counter(), collections.Counter()
        files = {mutant["id"]: mutant["file"] for mutant in mutants}
        counts = collections.Counter(mutant for reached in tests.reached.values() for mutant in reached)
        # A test is specific to a file if it reaches mutants of the file that few tests reach.
        for test, reached in tests.reached.items():
            for mutant in reached & files.keys():
                self.weights[test, files[mutant]] += 1 / counts[mutant]

    def select(self, mutant):
        """Returns the names of the tests that reach a mutant by target. First those that caught mutants of its function or of
        its file, and then short ones that are specific to its file."""

        def rank(test):
            caught = [-self.caught[test, place] for place in (function(mutant), mutant["file"])]
            return *caught, -self.weights[test, mutant["file"]] / self.tests.seconds[test]

        tests = sorted((test for test, reached in self.tests.reached.items() if mutant["id"] in reached), key=rank)
        chosen = {}
        for target in self.tests.programs:
            seconds = 0
            for test in (test for test in tests if test[0] == target):
                duration = self.tests.seconds[test] if target in SLOW else 0
                if seconds + duration <= self.seconds or target not in chosen:
                    chosen.setdefault(target, []).append(test[1])
                    seconds += duration
        return chosen

    def one(self, mutant):
        """Runs a mutant. Returns its outcome, and the test that caught it."""
        chosen = self.select(mutant)
        environment = {"MUTANT": str(mutant["id"])}
        for target, names in chosen.items():
            limit = 20 + 5 * max(self.tests.seconds[target, name] for name in names)
            while names:
                failed, outcome = self.tests.run(target, names, environment, limit)
                if not outcome:
                    break
                # A test that fails by chance does not fail again.
                if outcome == "caught" and failed in names and not self.tests.run(target, [failed], environment, limit)[1]:
                    names.remove(failed)
                    continue
                self.caught.update([((target, failed), function(mutant)), ((target, failed), mutant["file"])])
                return outcome, failed
        return "missed" if chosen else "unreached", None

    def all(self, jobs):
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool, self.log.open("w") as log:
            for count, (mutant, (outcome, test)) in enumerate(zip(self.mutants, pool.map(self.one, self.mutants)), 1):
                mutant["outcome"], mutant["test"] = outcome, test
                print(outcome, mutant["name"], test or "", sep="\t", file=log, flush=True)
                if outcome in MISSED:
                    print(f"{count}/{len(self.mutants)} {outcome}: {mutant['name']}", flush=True)


def evaluate(root, work, targets, patterns):
    """Returns the mutants of a package with their outcomes."""
    begin = time.monotonic()

    def progress(text):
        print(f"{time.monotonic() - begin:.0f} s: {text}", flush=True)

    jobs = int(os.environ.get("JOBS", os.cpu_count()))
    mutants = find(root, patterns)
    work.mkdir(parents=True, exist_ok=True)
    progress(f"{len(mutants)} mutants")
    copy = Copy(root, work, mutants)
    tests = Tests(copy.compile(targets), copy.tree, work)
    progress(f"compiled, without {len(copy.unviable)} mutants that do not compile")
    failed = tests.record(os.environ.get("TESTS", ""), jobs)
    progress(f"{len(tests.reached)} tests reach mutants; failed without a mutant: {failed}")
    earlier = os.environ.get("EARLIER")
    earlier = {key(m): m["outcome"] for m in json.loads(pathlib.Path(earlier).read_text())} if earlier else {}
    for mutant in mutants:
        mutant["outcome"] = "unviable" if mutant["id"] in copy.unviable else earlier.get(key(mutant), "not run")
    remaining = [m for m in mutants if m["outcome"] in MISSED or not earlier and m["outcome"] == "not run"]
    Run(tests, sample(remaining), float(os.environ.get("SECONDS_EACH", "30")), work / "log.tsv").all(jobs)
    progress("finished")
    (work / "results.json").write_text(json.dumps(mutants, indent=1))
    return mutants


def test_example():
    """Compares the outcomes of the example with the expected ones."""
    for variable in ("SAMPLE", "EARLIER", "TESTS"):
        os.environ.pop(variable, None)
    mutants = evaluate(ROOT / "tests/mutants/example", WORK / "example", {"mutants_example": ["--lib"]}, ["src/lib.rs"])
    expected = {title: outcome for outcome, titles in EXAMPLE.items() for title in titles}
    outcomes = {mutant["title"]: mutant["outcome"] for mutant in mutants}
    wrong = {title: outcome for title, outcome in outcomes.items() if outcome != expected.get(title, "caught")}
    if wrong or not expected.keys() <= outcomes.keys():
        raise SystemExit(f"the example has {wrong}")
    print(f"{len(outcomes)} mutants of the example have the expected outcomes")


def row(mutant):
    """Returns the begin of the row of a mutant in docs/mutants.md."""
    title = mutant["title"].replace("|", "\\|")
    return f"| `{mutant['file']}` | {mutant['span']['start']['line']} | `{title}` |"


def has_reason(mutant):
    """Returns whether docs/mutants.md has a reason for a missed mutant. Its line may have changed."""
    _, file, _, title, _ = re.split(r" ?(?<!\\)\| ?", row(mutant))
    rows = (re.split(r" ?(?<!\\)\| ?", line) for line in (ROOT / "docs/mutants.md").read_text().splitlines())
    return any(len(cells) == 6 and (cells[1], cells[3]) == (file, title) and cells[4].strip() for cells in rows)


def report(mutants):
    """Prints the results of each area. Fails if too few mutants are caught, or if a missed one has no reason."""
    failures = []
    for area, patterns in AREAS.items():
        own = [mutant for mutant in mutants if any(fnmatch.fnmatch(mutant["file"], pattern) for pattern in patterns)]
        counts = collections.Counter(mutant["outcome"] for mutant in own)
        caught, missed = counts["caught"] + counts["timeout"], counts["missed"] + counts["unreached"]
        if caught + missed:
            rate = caught / (caught + missed)
            print(f"{area}: {caught} of {caught + missed} mutants caught ({rate:.1%}), {counts['timeout']} by a time-out;", end=" ")
            print(f"{counts['unreached']} not reached by a test; {counts['unviable']} do not compile")
            if rate < MIN_CAUGHT:
                failures.append(f"{area}: less than {MIN_CAUGHT:.0%} are caught")
    missed = [mutant for mutant in mutants if mutant["outcome"] in MISSED]
    failures += [f"not in docs/mutants.md: {row(mutant)}" for mutant in missed if not has_reason(mutant)]
    if failures:
        raise SystemExit("\n".join(failures))


if __name__ == "__main__":
    if sys.argv[1:] == ["example"]:
        test_example()
    elif sys.argv[1:] == ["all"]:
        files = os.environ.get("FILES")
        report(evaluate(ROOT, WORK, TARGETS, [files] if files else [pattern for area in AREAS.values() for pattern in area]))
    else:
        raise SystemExit("usage: run.py all | example")
