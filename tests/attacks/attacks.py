#!/usr/bin/env python3
"""Attacks on a running service from outside, with an honest client beside each of them.

    attacks.py HOST:PORT PID BIG_PATH [--scale 0.1] [--only WORD] [--descriptors]

PID is the service's process, BIG_PATH a large answer to GET, --scale the factor on the service's times.
With --descriptors the service was started under `ulimit -Sn 256`, and only the scenario for that runs.
The honest client asks from an address of its own: its p99 stays below 250 ms, and the service grows by
less than 64 MiB. Loopback only; the number of connections is bounded.
"""
import argparse
import http.client
import ipaddress
import multiprocessing
import resource
import sys
import time

from wire import (CONTINUATION, DATA, GONE, HEADERS, PING, RST_STREAM, SETTINGS, Reader, Target, block, close,
                  closed_within, drain, frame, is_problem, literal, open_h2, status)

P99_MS, GROWTH_MIB = 250, 64


def slow_heads(t):
    """One byte of a head every now and then: each is cut at the head time, dripping or not."""
    socks = t.flood(150)
    begin, alive = time.monotonic(), list(socks)
    for sock in socks:
        sock.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n")
    while alive and time.monotonic() < begin + 25 * t.scale:
        for sock in list(alive):
            try:
                sock.sendall(b"X: y\r\n" if time.monotonic() < begin + 5 * t.scale else b"X")
            except GONE:
                alive.remove(sock)
        time.sleep(t.scale / 2)
    cut = closed_within(socks, 0.5)
    close(socks)
    return cut == len(socks), f"{cut} of {len(socks)} cut"


def slow_bodies(t):
    """A body that drips is answered 408 or cut at the body time."""
    socks = t.flood(100)
    for sock in socks:
        sock.sendall(t.head("POST", "/api/posts", "Content-Type: application/json\r\nContent-Length: 5000\r\n"))
    begin = time.monotonic()
    while time.monotonic() < begin + 34 * t.scale:
        for sock in socks:
            try:
                sock.sendall(b" ")
            except GONE:
                pass
        time.sleep(t.scale)
    cut = closed_within(socks, 2)
    close(socks)
    return cut == len(socks), f"{cut} of {len(socks)} cut"


def slow_chunks(t):
    """The same with a chunked body that never ends."""
    socks = t.flood(100)
    for sock in socks:
        sock.sendall(t.head("POST", "/api/posts", "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"))
    begin = time.monotonic()
    while time.monotonic() < begin + 34 * t.scale:
        for sock in socks:
            try:
                sock.sendall(b"1\r\n \r\n")
            except GONE:
                pass
        time.sleep(t.scale)
    cut = closed_within(socks, 2)
    close(socks)
    return cut == len(socks), f"{cut} of {len(socks)} cut"


def non_readers(t):
    """Pipelined requests for a big answer of which nothing is read."""
    socks = t.flood(60, receive=4096)
    for sock in socks:
        sock.sendall(t.head(path=t.path) * 20)
    time.sleep(36 * t.scale)
    held = 0
    for sock in socks:
        try:
            for _ in range(3):
                sock.sendall(b"\r\n")
                time.sleep(0.01)
            held += 1
        except GONE:
            pass
    close(socks)
    return held == 0, f"{len(socks) - held} of {len(socks)} reset"


def idle_flood(t):
    """Connections that say nothing are closed at the idle time."""
    socks = t.flood(200)
    cut = closed_within(socks, 80 * t.scale)
    close(socks)
    return cut == len(socks), f"{cut} of {len(socks)} closed"


def one_address(t):
    """No address holds more than its share."""
    socks, refused = [], 0
    for _ in range(400):
        try:
            socks.append(t.connect(timeout=2))
        except GONE:
            refused += 1
    time.sleep(0.3)
    for sock in socks:
        sock.settimeout(0.001)
        try:
            refused += sock.recv(1) == b""
        except (TimeoutError, BlockingIOError):
            pass
        except OSError:
            refused += 1
    close(socks)
    time.sleep(0.3)
    back = status(t.ask(t.head(fields="Connection: close\r\n"))[0])
    return refused >= 140 and back == 200, f"{refused} of 400 refused, then {back}"


def half_open(t):
    """Peers that shut their side down after a part of a head let go of it at once."""
    socks = t.flood(200)
    for sock in socks:
        sock.sendall(b"GET /livez HTTP/1.1\r\n")
        sock.shutdown(1)
    cut = closed_within(socks, 12 * t.scale)
    close(socks)
    return cut == len(socks), f"{cut} of {len(socks)} closed"


def stalled_windows(t):
    """Five HTTP/2 connections with a hundred streams each that let nothing through."""
    socks = [open_h2(t, window=0) for _ in range(5)]
    request = block(t, t.path)
    for sock in socks:
        sock.sendall(b"".join(frame(HEADERS, 5, 2 * number + 1, request) for number in range(100)))
    time.sleep(4 * t.scale)
    held = t.memory()
    readers = [Reader(sock) for sock in socks]
    end = time.monotonic() + 80 * t.scale
    while time.monotonic() < end and not all([reader.poll(0.1) for reader in readers]):
        pass
    cut = sum(reader.gone for reader in readers)
    close(socks)
    return cut == 5, f"{cut} of 5 cut, {held:.0f} MiB meanwhile"


def trickled_windows(t):
    """Streams that take one byte now and then make progress by the letter: memory stays bounded."""
    socks = [open_h2(t, window=1) for _ in range(5)]
    request = block(t, t.path)
    for sock in socks:
        sock.sendall(b"".join(frame(HEADERS, 5, 2 * number + 1, request) for number in range(100)))
    end = time.monotonic() + 40 * t.scale
    most = 0
    while time.monotonic() < end:
        for sock in socks:
            try:
                sock.sendall(frame(8, 0, 1, (1).to_bytes(4, "big")))
            except GONE:
                pass
        most = max(most, t.memory())
        time.sleep(t.scale)
    close(socks)
    return True, f"{most:.0f} MiB at most"


def flood(t, make, most, count, **values):
    """Sends what `make(number)` gives until GOAWAY: how many it took."""
    sock = open_h2(t, **values)
    reader = Reader(sock)
    sent = 0
    while sent < count and not reader.poll():
        try:
            sock.settimeout(5)
            sock.sendall(make(sent))
        except GONE:
            break
        sent += 1
    gone = reader.poll(2)
    sock.close()
    return gone and sent <= most, f"given up after {sent}" if gone else f"held through {sent}"


def rapid_reset(t):
    """Streams opened and reset at once."""
    request = block(t, t.path)

    def pair(number):
        stream = 2 * number + 1
        return frame(HEADERS, 5, stream, request) + frame(RST_STREAM, 0, stream, (8).to_bytes(4, "big"))
    return flood(t, pair, 1000, 5000)


def continuations(t):
    """A header block that never ends."""
    request = block(t, "/livez")
    piece = b"".join(literal("x", "y" * 100) for _ in range(8))

    def piece_of(number):
        return frame(CONTINUATION, 0, 1, piece) if number else frame(HEADERS, 1, 1, request)
    return flood(t, piece_of, 5000, 20000)


def empty_data(t):
    """DATA frames without data on a body that never ends."""
    request = block(t, "/api/posts", "POST") + literal("content-type", "application/json")

    def piece(number):
        return frame(DATA, 0, 1) if number else frame(HEADERS, 4, 1, request)
    return flood(t, piece, 5000, 20000)


def settings_and_pings(t):
    """Frames that must be answered, and are cheap."""
    sock = open_h2(t)
    reader, before = Reader(sock), t.processor()
    for _ in range(200):
        try:
            sock.settimeout(5)
            sock.sendall((frame(SETTINGS, 0, 0) + frame(PING, 0, 0, bytes(8))) * 50)
        except GONE:
            break
        if reader.poll():
            break
    reader.poll(0.5)
    spent = t.processor() - before
    sock.close()
    # The honest client beside it costs its share; an unoptimised build is slower by some times.
    return spent < 2.0, f"{reader.count} answered, {spent:.2f} s of processor"


def smuggling(t):
    """Two ways to tell where a message ends: 400, and the connection ends there."""
    hidden = b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n"
    cases = {
        "CL+TE": b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
        "TE+CL": b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + hidden,
        "CL twice": b"Content-Length: 0\r\nContent-Length: 5\r\n\r\n" + hidden,
        "CL list": b"Content-Length: 0, 5\r\n\r\n" + hidden,
        "CL sign": b"Content-Length: +5\r\n\r\nabcde",
        "TE other": b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "TE space": b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "TE lone LF": b"X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "folded": b"X: y\r\n Transfer-Encoding: chunked\r\n\r\n",
        "Host twice": b"Host: b\r\n\r\n",
    }
    wrong = []
    for name, rest in cases.items():
        answer, ended = t.ask(b"POST /api/posts HTTP/1.1\r\nHost: a\r\n" + rest, 3)
        single = answer.count(b"HTTP/1.1 ") == 1
        if not (status(answer) == 400 and single and ended and is_problem(answer)):
            wrong.append(f"{name}: {status(answer)}")
    answer, ended = t.ask(b"GET /livez HTTP/1.1\r\n\r\n", 3)
    if not (status(answer) == 400 and ended and is_problem(answer)):
        wrong.append(f"no Host: {status(answer)}")
    return not wrong, "; ".join(wrong) or f"{len(cases) + 1} forms refused"


def sizes(t):
    """Heads beyond the limits get their status and a problem; bodies too."""
    json = "Content-Type: application/json\r\n"
    cases = {
        "many fields": (t.head(fields="X: y\r\n" * 100), 431),
        "long field": (t.head(fields=f"X: {'y' * 9000}\r\n"), 431),
        "large head": (t.head(fields=f"X: {'y' * 4000}\r\n" * 6), 431),
        "huge head": (t.head(fields=f"X: {'y' * 8000}\r\n" * 100), 431),
        "long address": (t.head(path="/" + "a" * 9000), 414),
        "endless address": (b"GET /" + b"a" * 200000, 414),
        "large body": (t.head("POST", "/api/auth/login", json + "Content-Length: 9000000\r\n") + b" " * 9000000, 413),
        "large chunks": (t.head("POST", "/api/auth/login", json + "Transfer-Encoding: chunked\r\n")
                         + b"10000\r\n" + b" " * 65536 + b"\r\n", 413),
        "coded body": (t.head("POST", "/api/auth/login", json + "Content-Encoding: gzip\r\nContent-Length: 2\r\n")
                       + b"{}", 415),
    }
    name, (request, expected) = "large chunks", cases["large chunks"]
    cases[name] = (request + (b"10000\r\n" + b" " * 65536 + b"\r\n") * 150, expected)
    wrong = []
    for name, (request, expected) in cases.items():
        answer, _ = t.ask(request, 2)
        if status(answer) != expected or not is_problem(answer):
            wrong.append(f"{name}: {status(answer)}{'' if is_problem(answer) else ' without a problem'}")
    return not wrong, "; ".join(wrong) or f"{len(cases)} refused"


def descriptors(t):
    """More connections than descriptors: no spin, and a recovery."""
    socks = []
    for number in range(400):
        try:
            socks.append(t.connect(source=f"127.0.0.{3 + number % 4}", timeout=1))
        except GONE:
            pass
    before = t.processor()
    time.sleep(4)
    spent = t.processor() - before
    close(socks)
    time.sleep(0.5)
    back = status(t.ask(t.head(fields="Connection: close\r\n"))[0])
    return spent < 0.2 and back == 200, f"{spent:.2f} s of processor in 4 s, then {back}"


SCENARIOS = (slow_heads, slow_bodies, slow_chunks, non_readers, idle_flood, one_address, half_open,
             stalled_windows, trickled_windows, rapid_reset, continuations, empty_data, settings_and_pings,
             smuggling, sizes)


def honest(host, port, running, results):
    """Asks twenty times a second, on a kept connection and on new ones in turn."""
    times, failed, kept = [], 0, None
    while running.is_set():
        begin = time.monotonic()
        fresh = len(times) % 2 == 0
        link = kept
        if fresh or link is None:
            link = http.client.HTTPConnection(host, port, timeout=5, source_address=("127.0.0.2", 0))
        try:
            link.request("GET", "/livez")
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
    results.put((times, failed))


def run(scenario, target, beside):
    """One scenario: its verdict with what the honest client saw and what it cost the service."""
    running, results = multiprocessing.Event(), multiprocessing.Queue()
    running.set()
    client = multiprocessing.Process(target=honest, args=(target.host, target.port, running, results))
    before = target.memory()
    if beside:
        client.start()
    begin = time.monotonic()
    try:
        good, what = scenario(target)
    except GONE as error:
        good, what = False, f"the attack broke off: {error!r}"
    took = time.monotonic() - begin
    growth = target.memory() - before
    p99, failed = 0.0, 0
    if beside:
        time.sleep(0.3)
        running.clear()
        times, failed = results.get(timeout=20)
        client.join()
        p99 = sorted(times)[max(0, int(len(times) * 0.99) - 1)]
    good = good and p99 <= P99_MS and growth < GROWTH_MIB and failed == 0
    print(f"{'ok' if good else 'FAIL'} {scenario.__name__} {what}; p99 {p99:.0f} ms, {failed} honest failures, "
          f"{growth:+.0f} MiB, {took:.1f} s", flush=True)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address")
    parser.add_argument("pid", type=int)
    parser.add_argument("path")
    parser.add_argument("--scale", type=float, default=0.1)
    parser.add_argument("--only", default="")
    parser.add_argument("--descriptors", action="store_true")
    given = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    host, port = given.address.rsplit(":", 1)
    if not ipaddress.ip_address(host).is_loopback:
        parser.error("only a loopback address may be attacked")
    target = Target(host, int(port), given.pid, given.path, given.scale)
    chosen = (descriptors,) if given.descriptors else [one for one in SCENARIOS if given.only in one.__name__]
    passed = sum([run(one, target, not given.descriptors) for one in chosen])
    print(f"{passed} passed, {len(chosen) - passed} failed")
    sys.exit(passed != len(chosen))


if __name__ == "__main__":
    main()
