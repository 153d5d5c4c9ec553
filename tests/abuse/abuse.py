#!/usr/bin/env python3
"""Abusive clients against a running server, one scenario at a time, with a regular client beside each.

    abuse.py HOST:PORT PID LARGE_PATH [--scale 0.1] [--only NAME] [--descriptors] [--p99 MS]

PID is the process id of the server, LARGE_PATH the path of a large response, --scale the server's TENON_TIMEOUT_SCALE.
With --descriptors, the server runs under `ulimit -Sn 256`, and only the scenarios for that limit run.

A scenario passes if the server limits the clients as expected, all requests of the regular client succeed, and the
memory of the server grows by less than 64 MiB. The latency of the regular client is printed, and checked only with
--p99, because it depends on the load of the machine. The number of connections is limited, and only loopback addresses
are accepted.
"""
import argparse
import http.client
import ipaddress
import multiprocessing
import resource
import sys
import time

import descriptors
import http1
import http2
from wire import CONNECTION_ERRORS, Target

MAX_GROWTH_MIB = 64
SCENARIOS = (
    http1.slow_headers, http1.slow_header_bytes, http1.slow_bodies, http1.slow_chunked_bodies, http1.unread_responses,
    http1.idle_connections, http1.connections_of_one_address, http1.half_open, http2.zero_windows,
    http2.windows_without_updates, http2.one_byte_window_updates, http2.one_stalled_stream, http2.pongs_without_reads,
    http2.rapid_reset, http2.endless_continuations, http2.empty_data_frames, http2.settings_and_pings,
    http1.request_smuggling, http1.size_limits)
DESCRIPTOR_SCENARIOS = (descriptors.connection_limit, descriptors.descriptor_limit)


def regular_client(target, sends_requests, running, results):
    """Sends twenty requests per second, alternately on new connections and on a persistent one; samples the memory."""
    latencies, failures, persistent, peak = [], 0, None, 0.0
    while running.is_set() or sends_requests and len(latencies) < 4:
        try:
            peak = max(peak, target.memory_mib())
        except (OSError, StopIteration):
            # The server process has ended.
            failures += 1
            break
        begin = time.monotonic()
        is_new = len(latencies) % 2 == 0
        connection = persistent
        if sends_requests and (is_new or connection is None):
            connection = http.client.HTTPConnection(
                target.host, target.port, timeout=5, source_address=("127.0.0.2", 0))
        if sends_requests:
            try:
                connection.request("GET", "/api/posts?limit=1" if is_new else "/livez")
                response = connection.getresponse()
                response.read()
                failures += response.status != 200
            except (OSError, http.client.HTTPException):
                failures += 1
                connection.close()
                connection = None
            latencies.append((time.monotonic() - begin) * 1000)
            if is_new and connection is not None:
                connection.close()
            elif not is_new:
                persistent = connection
        time.sleep(0.05)
    results.put((latencies, failures, peak))


def run(scenario, target, sends_requests, max_p99):
    """Runs a scenario, prints its result and returns whether it passed."""
    running, results = multiprocessing.Event(), multiprocessing.Queue()
    running.set()
    client = multiprocessing.Process(target=regular_client, args=(target, sends_requests, running, results))
    before = target.memory_mib()
    client.start()
    begin = time.monotonic()
    try:
        passed, summary = scenario(target)
    except CONNECTION_ERRORS as error:
        passed, summary = False, f"the scenario failed: {error!r}"
    took = time.monotonic() - begin
    running.clear()
    latencies, failures, peak = results.get(timeout=20)
    client.join()
    growth = peak - before
    p99 = sorted(latencies)[max(0, int(len(latencies) * 0.99) - 1)] if latencies else 0.0
    passed = bool(passed) and p99 <= max_p99 and growth < MAX_GROWTH_MIB and failures == 0
    print(f"{'ok' if passed else 'FAIL'} {scenario.__name__} {summary}; p99 {p99:.0f} ms, {failures} failed requests "
          f"of the regular client, {growth:+.0f} MiB, {took:.1f} s", flush=True)
    return passed


def warm_up(target):
    """Fills the caches of the server, so that they do not count as growth."""
    for _ in range(4):
        connections = [http.client.HTTPConnection(target.host, target.port, timeout=20) for _ in range(8)]
        for connection in connections:
            connection.request("GET", target.path)
        for connection in connections:
            connection.getresponse().read()
            connection.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address")
    parser.add_argument("pid", type=int)
    parser.add_argument("path")
    parser.add_argument("--scale", type=float, default=0.1)
    parser.add_argument("--only", default="")
    parser.add_argument("--descriptors", action="store_true")
    parser.add_argument("--p99", type=float, default=float("inf"))
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    host, port = arguments.address.rsplit(":", 1)
    if not ipaddress.ip_address(host).is_loopback:
        parser.error(f"the address must be a loopback address, got {host}")
    target = Target(host, int(port), arguments.pid, arguments.path, arguments.scale)
    warm_up(target)
    group = DESCRIPTOR_SCENARIOS if arguments.descriptors else SCENARIOS
    selected = [scenario for scenario in group if arguments.only in scenario.__name__]
    passed = sum([run(scenario, target, not arguments.descriptors, arguments.p99) for scenario in selected])
    print(f"{passed} passed, {len(selected) - passed} failed")
    sys.exit(passed != len(selected) or not selected)


if __name__ == "__main__":
    main()
