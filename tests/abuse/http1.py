"""HTTP/1 attackers: slow, silent, greedy and ambiguous ones."""
import time

from wire import GONE, close, closed, drain, ended_after, is_problem, status


def dripping(t, count, head, drip, seconds, addresses=1, room=None):
    """Sends a head and then a drip for so long, from some addresses: how many were told 408 and cut. Beyond the
    room for them, all others were told 503 at once."""
    socks = [t.connect(source=f"127.0.0.{10 + number % addresses}") for number in range(count)]
    for sock in socks:
        sock.sendall(head)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for sock in socks:
            try:
                sock.sendall(drip)
            except GONE:
                pass
        time.sleep(t.scale / 2)
    answers = closed(socks, 2)
    told = [status(answer) for answer, ended in answers if ended and is_problem(answer)]
    close(socks)
    slow, full = told.count(408), told.count(503)
    right = slow == (room or count) and slow + full == count
    return right, f"{slow} of {count} told 408 and cut, {full} told 503"


def slow_heads(t):
    """A head that comes field by field is refused at the head time."""
    return dripping(t, 150, b"GET /livez HTTP/1.1\r\nHost: a\r\n", b"X: y\r\n", 14 * t.scale)


def slower_heads(t):
    """So is one that comes letter by letter."""
    return dripping(t, 150, b"GET /livez HTTP/1.1\r\nHost: a\r\nX: ", b"y", 14 * t.scale)


def slow_bodies(t):
    """A body that drips is refused at the body time, where anybody may send one, and keeps nobody out who sends
    none, from however many addresses it drips."""
    head = t.head("POST", "/api/auth/login", "Content-Type: application/json\r\nContent-Length: 5000\r\n")
    return dripping(t, 560, head, b" ", 34 * t.scale, addresses=20, room=384)


def slow_chunks(t):
    """The same with a chunked body that never ends, from one address."""
    head = t.head("POST", "/api/auth/login", "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n")
    return dripping(t, 100, head, b"1\r\n \r\n", 34 * t.scale, room=32)


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
    """Connections that say nothing are closed at the idle time, and not before."""
    socks = t.flood(200)
    early = ended_after(socks, 60 * t.scale)
    cut = ended_after(socks, 25 * t.scale)
    close(socks)
    return early == 0 and cut == len(socks), f"{early} closed early, {cut} of {len(socks)} in time"


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
    return 140 <= refused <= 150 and back == 200, f"{refused} of 400 refused, then {back}"


def half_open(t):
    """Peers that shut their side down after a part of a head let go of it at once."""
    socks = t.flood(200)
    for sock in socks:
        sock.sendall(b"GET /livez HTTP/1.1\r\n")
        sock.shutdown(1)
    cut = ended_after(socks, 5 * t.scale)
    close(socks)
    return cut == len(socks), f"{cut} of {len(socks)} closed"


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
