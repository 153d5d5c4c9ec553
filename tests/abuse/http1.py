"""HTTP/1 clients: slow, idle, flooding and ambiguous ones."""
import time

from wire import CONNECTION_ERRORS, close, count_closed, is_problem, read_each, status


def send_slowly(t, count, start, chunk, seconds, addresses=1, capacity=None):
    """Sends `start`, then a chunk at intervals, on connections from several addresses. All must receive 408 and be
    closed; connections beyond the capacity must receive 503."""
    socks = [t.connect(source=f"127.0.0.{10 + number % addresses}") for number in range(count)]
    for sock in socks:
        sock.sendall(start)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for sock in socks:
            try:
                sock.sendall(chunk)
            except CONNECTION_ERRORS:
                pass
        time.sleep(t.scale / 2)
    responses = read_each(socks, 2)
    statuses = [status(response) for response, closed in responses if closed and is_problem(response)]
    close(socks)
    timed_out, rejected = statuses.count(408), statuses.count(503)
    passed = timed_out == (capacity or count) and timed_out + rejected == count
    return passed, f"{timed_out} of {count} received 408, {rejected} received 503"


def slow_headers(t):
    """Headers that arrive line by line are rejected at the header timeout."""
    return send_slowly(t, 150, b"GET /livez HTTP/1.1\r\nHost: a\r\n", b"X: y\r\n", 14 * t.scale)


def slow_header_bytes(t):
    """A header that arrives byte by byte is rejected at the header timeout."""
    return send_slowly(t, 150, b"GET /livez HTTP/1.1\r\nHost: a\r\nX: ", b"y", 14 * t.scale)


def slow_bodies(t):
    """Slow bodies from many addresses are rejected at the body timeout, and requests without a body succeed."""
    start = t.request("POST", "/api/auth/login", "Content-Type: application/json\r\nContent-Length: 5000\r\n")
    return send_slowly(t, 560, start, b" ", 34 * t.scale, addresses=20, capacity=384)


def slow_chunked_bodies(t):
    """An endless chunked body is rejected at the body timeout."""
    start = t.request("POST", "/api/auth/login", "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n")
    return send_slowly(t, 100, start, b"1\r\n \r\n", 34 * t.scale, capacity=32)


def unread_responses(t):
    """Connections with pipelined requests that never read the large responses are reset."""
    socks = t.connect_many(60, receive=4096)
    for sock in socks:
        sock.sendall(t.request(path=t.path) * 20)
    time.sleep(36 * t.scale)
    still_open = 0
    for sock in socks:
        try:
            for _ in range(3):
                sock.sendall(b"\r\n")
                time.sleep(0.01)
            still_open += 1
        except CONNECTION_ERRORS:
            pass
    close(socks)
    return still_open == 0, f"{len(socks) - still_open} of {len(socks)} reset"


def idle_connections(t):
    """Idle connections are closed at the idle timeout, and not earlier."""
    socks = t.connect_many(200)
    early = count_closed(socks, 60 * t.scale)
    closed = count_closed(socks, 25 * t.scale)
    close(socks)
    return early == 0 and closed == len(socks), f"{early} closed early, {closed} of {len(socks)} in time"


def connections_of_one_address(t):
    """Connections beyond the limit of a client address are closed."""
    socks, rejected = [], 0
    for _ in range(400):
        try:
            socks.append(t.connect(timeout=2))
        except CONNECTION_ERRORS:
            rejected += 1
    time.sleep(0.3)
    for sock in socks:
        sock.settimeout(0.001)
        try:
            rejected += sock.recv(1) == b""
        except (TimeoutError, BlockingIOError):
            pass
        except OSError:
            rejected += 1
    close(socks)
    time.sleep(0.3)
    after = status(t.send(t.request(headers="Connection: close\r\n"))[0])
    return 140 <= rejected <= 150 and after == 200, f"{rejected} of 400 rejected, then {after}"


def half_open(t):
    """A connection that the client shuts down within the headers is closed at once."""
    socks = t.connect_many(200)
    for sock in socks:
        sock.sendall(b"GET /livez HTTP/1.1\r\n")
        sock.shutdown(1)
    closed = count_closed(socks, 5 * t.scale)
    close(socks)
    return closed == len(socks), f"{closed} of {len(socks)} closed"


def request_smuggling(t):
    """Ambiguous message framing is rejected with 400, and the connection is closed (RFC 9112, 6.3)."""
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
    failures = []
    for name, rest in cases.items():
        response, closed = t.send(b"POST /api/posts HTTP/1.1\r\nHost: a\r\n" + rest, 3)
        single = response.count(b"HTTP/1.1 ") == 1
        if not (status(response) == 400 and single and closed and is_problem(response)):
            failures.append(f"{name}: {status(response)}")
    response, closed = t.send(b"GET /livez HTTP/1.1\r\n\r\n", 3)
    if not (status(response) == 400 and closed and is_problem(response)):
        failures.append(f"no Host: {status(response)}")
    return not failures, "; ".join(failures) or f"{len(cases) + 1} requests rejected"


def size_limits(t):
    """Headers, paths and bodies beyond the limits are rejected with a problem."""
    json = "Content-Type: application/json\r\n"
    cases = {
        "many headers": (t.request(headers="X: y\r\n" * 100), 431),
        "long header": (t.request(headers=f"X: {'y' * 9000}\r\n"), 431),
        "large header section": (t.request(headers=f"X: {'y' * 4000}\r\n" * 6), 431),
        "very large header section": (t.request(headers=f"X: {'y' * 8000}\r\n" * 100), 431),
        "long path": (t.request(path="/" + "a" * 9000), 414),
        "endless path": (b"GET /" + b"a" * 200000, 414),
        "large body": (t.request("POST", "/api/auth/login", json + "Content-Length: 9000000\r\n") + b" " * 9000000, 413),
        "large chunks": (t.request("POST", "/api/auth/login", json + "Transfer-Encoding: chunked\r\n")
                         + b"10000\r\n" + b" " * 65536 + b"\r\n", 413),
        "encoded body": (t.request("POST", "/api/auth/login", json + "Content-Encoding: gzip\r\nContent-Length: 2\r\n")
                       + b"{}", 415),
    }
    name, (request, expected) = "large chunks", cases["large chunks"]
    cases[name] = (request + (b"10000\r\n" + b" " * 65536 + b"\r\n") * 150, expected)
    failures = []
    for name, (request, expected) in cases.items():
        response, _ = t.send(request, 2)
        if status(response) != expected or not is_problem(response):
            failures.append(f"{name}: {status(response)}{'' if is_problem(response) else ' without a problem'}")
    return not failures, "; ".join(failures) or f"{len(cases)} requests rejected"
