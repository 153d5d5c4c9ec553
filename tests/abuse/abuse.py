#!/usr/bin/env python3
"""Attacks on a running service from outside, with an honest client beside each of them.

    attacks.py HOST:PORT PID BIG_PATH [--scale 0.1] [--only WORD] [--descriptors] [--p99 MS]

PID is the service's process, BIG_PATH a large answer to GET, --scale the factor on the service's times.
With --descriptors the service was started under `ulimit -Sn 256`, and only the scenarios for that run.
The honest client asks from an address of its own: all of its requests are answered, and the service never
holds 64 MiB more than before, once it has answered a few times. How fast they are answered is printed, and
judged only with --p99: a machine that does other work says nothing about that. Loopback only; the number of
connections is bounded.
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
from wire import GONE, Target

GROWTH_MIB = 64
SCENARIOS = (
    http1.slow_heads, http1.slower_heads, http1.slow_bodies, http1.slow_chunks, http1.non_readers, http1.idle_flood,
    http1.one_address, http1.half_open, http2.stalled_windows, http2.hoarded_windows, http2.trickled_windows,
    http2.one_stalled_stream, http2.deaf_pongs, http2.rapid_reset, http2.continuations, http2.empty_data,
    http2.settings_and_pings, http1.smuggling, http1.sizes)
SCARCE = (descriptors.full_house, descriptors.descriptors)


def honest(target, asks, running, results):
    """Asks twenty times a second, on a kept connection and on new ones in turn; watches the memory."""
    times, failed, kept, most = [], 0, None, 0.0
    while running.is_set() or asks and len(times) < 4:
        try:
            most = max(most, target.memory())
        except (OSError, StopIteration):
            # The service is no more.
            failed += 1
            break
        begin = time.monotonic()
        fresh = len(times) % 2 == 0
        link = kept
        if asks and (fresh or link is None):
            link = http.client.HTTPConnection(target.host, target.port, timeout=5, source_address=("127.0.0.2", 0))
        if asks:
            try:
                link.request("GET", "/api/posts?limit=1" if fresh else "/livez")
                answer = link.getresponse()
                answer.read()
                failed += answer.status != 200
            except (OSError, http.client.HTTPException):
                failed += 1
                link.close()
                link = None
            times.append((time.monotonic() - begin) * 1000)
            if fresh and link is not None:
                link.close()
            elif not fresh:
                kept = link
        time.sleep(0.05)
    results.put((times, failed, most))


def run(scenario, target, asks, slowest):
    """One scenario: its verdict with what the honest client saw and what it cost the service."""
    running, results = multiprocessing.Event(), multiprocessing.Queue()
    running.set()
    client = multiprocessing.Process(target=honest, args=(target, asks, running, results))
    before = target.memory()
    client.start()
    begin = time.monotonic()
    try:
        good, what = scenario(target)
    except GONE as error:
        good, what = False, f"the attack broke off: {error!r}"
    took = time.monotonic() - begin
    running.clear()
    times, failed, most = results.get(timeout=20)
    client.join()
    growth = most - before
    p99 = sorted(times)[max(0, int(len(times) * 0.99) - 1)] if times else 0.0
    good = bool(good) and p99 <= slowest and growth < GROWTH_MIB and failed == 0
    print(f"{'ok' if good else 'FAIL'} {scenario.__name__} {what}; p99 {p99:.0f} ms, {failed} honest failures, "
          f"{growth:+.0f} MiB, {took:.1f} s", flush=True)
    return good


def warm(target):
    """The caches that a service fills once are no growth."""
    for _ in range(4):
        links = [http.client.HTTPConnection(target.host, target.port, timeout=20) for _ in range(8)]
        for link in links:
            link.request("GET", target.path)
        for link in links:
            link.getresponse().read()
            link.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address")
    parser.add_argument("pid", type=int)
    parser.add_argument("path")
    parser.add_argument("--scale", type=float, default=0.1)
    parser.add_argument("--only", default="")
    parser.add_argument("--descriptors", action="store_true")
    parser.add_argument("--p99", type=float, default=float("inf"))
    given = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    host, port = given.address.rsplit(":", 1)
    if not ipaddress.ip_address(host).is_loopback:
        parser.error("only a loopback address may be attacked")
    target = Target(host, int(port), given.pid, given.path, given.scale)
    warm(target)
    group = SCARCE if given.descriptors else SCENARIOS
    chosen = [one for one in group if given.only in one.__name__]
    passed = sum([run(one, target, not given.descriptors, given.p99) for one in chosen])
    print(f"{passed} passed, {len(chosen) - passed} failed")
    sys.exit(passed != len(chosen) or not chosen)


if __name__ == "__main__":
    main()
