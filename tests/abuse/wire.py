"""Bytes on a socket: HTTP/1 by hand, HTTP/2 frames by hand, and how much memory a process holds."""
import select
import socket
import struct
import time

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# What the service's own PINGs carry, as its HTTP/2 library has it.
KEEP_ALIVE = b"\x3b\x7c\xdb\x7a\x0b\x87\x16\xb4"
GONE = (ConnectionError, BrokenPipeError, socket.timeout, TimeoutError, OSError)


class Target:
    """The service under attack; every connection of an attack comes from one loopback address."""

    def __init__(self, host, port, pid, path, scale):
        self.host, self.port, self.pid, self.path, self.scale = host, port, pid, path, scale

    def connect(self, source="127.0.0.1", receive=None, timeout=5.0):
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        sock.settimeout(timeout)
        sock.bind((source, 0))
        try:
            sock.connect((self.host, self.port))
        except OSError:
            sock.close()
            raise
        return sock

    def flood(self, count, **how):
        return [self.connect(**how) for _ in range(count)]

    def head(self, method="GET", path="/livez", fields=""):
        return f"{method} {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n{fields}\r\n".encode()

    def memory(self):
        """Resident MiB."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024

    def processor(self):
        """Seconds of processor time so far."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def ask(self, request, timeout=5.0):
        """Sends bytes on a connection of their own and reads until the peer closes or falls silent."""
        with self.connect(timeout=timeout) as sock:
            try:
                sock.sendall(request)
            except GONE:
                pass
            return drain(sock, timeout)


def drain(sock, seconds):
    """What comes until the peer closes, and whether it did."""
    answer, end = b"", time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        sock.settimeout(left)
        try:
            piece = sock.recv(65536)
        except (socket.timeout, TimeoutError):
            return answer, False
        except OSError:
            return answer, True
        if not piece:
            return answer, True
        answer += piece
    return answer, False


def closed(sockets, seconds):
    """What each socket gets in that time, and whether the peer closes it."""
    poll, by_number, end = select.poll(), {sock.fileno(): sock for sock in sockets}, time.monotonic() + seconds
    answers = {sock: (b"", False) for sock in sockets}
    for sock in sockets:
        sock.settimeout(0.001)
        poll.register(sock, select.POLLIN)
    while by_number and (left := end - time.monotonic()) > 0:
        for number, _ in poll.poll(left * 1000):
            sock = by_number[number]
            try:
                piece = sock.recv(65536)
            except OSError:
                piece = b""
            answers[sock] = (answers[sock][0] + piece, not piece)
            if not piece:
                poll.unregister(by_number.pop(number))
    return list(answers.values())


def ended_after(sockets, seconds):
    """How many of the sockets the peer has closed by then."""
    return sum(ended for _, ended in closed(sockets, seconds))


def close(sockets):
    for sock in sockets:
        sock.close()


def status(answer):
    first = answer.split(b"\r\n", 1)[0].split()
    return int(first[1]) if len(first) > 1 and first[1].isdigit() else 0


def is_problem(answer):
    return b"content-type: application/problem+json" in answer.lower()


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(**values):
    numbers = {"table": 1, "push": 2, "streams": 3, "window": 4, "frame": 5, "list": 6}
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", numbers[name], v) for name, v in values.items()))


def literal(name, value):
    """A header field without indexing and without Huffman coding (RFC 7541, 6.2.2)."""
    def text(word):
        word = word.encode()
        if len(word) < 127:
            return bytes([len(word)]) + word
        rest, digits = len(word) - 127, b""
        while rest >= 128:
            digits += bytes([rest % 128 + 128])
            rest //= 128
        return bytes([127]) + digits + bytes([rest]) + word
    return b"\x00" + text(name) + text(value)


def block(target, path, method="GET"):
    fields = ((":method", method), (":scheme", "http"), (":path", path), (":authority", target.host))
    return b"".join(literal(name, value) for name, value in fields)


def open_h2(target, receive=None, **values):
    sock = target.connect(receive=receive)
    sock.sendall(PREFACE + settings(**values))
    return sock


class Reader:
    """Reads frames, acknowledges SETTINGS, answers PINGs, and remembers whether the connection was given up."""

    def __init__(self, sock):
        self.sock, self.rest, self.gone = sock, b"", False
        self.count = self.pongs = self.taken = 0
        self.ended = set()

    def poll(self, seconds=0.0):
        """Takes in what is there; true once the peer has sent GOAWAY or closed."""
        end = time.monotonic() + seconds
        while not self.gone:
            self.sock.settimeout(max(0.0001, end - time.monotonic()))
            try:
                piece = self.sock.recv(65536)
            except (socket.timeout, TimeoutError, BlockingIOError):
                break
            except OSError:
                self.gone = True
                break
            self.gone = not piece
            self.rest += piece
            self._frames()
            if time.monotonic() > end:
                break
        return self.gone

    def _frames(self):
        at = 0
        while len(self.rest) >= at + 9:
            size = int.from_bytes(self.rest[at:at + 3], "big")
            if len(self.rest) < at + 9 + size:
                break
            kind, flags = self.rest[at + 3], self.rest[at + 4]
            stream = int.from_bytes(self.rest[at + 5:at + 9], "big")
            self._frame(kind, flags, stream, self.rest[at + 9:at + 9 + size])
            at += 9 + size
        self.rest = self.rest[at:]

    def _frame(self, kind, flags, stream, payload):
        self.count += 1
        self.gone = self.gone or kind == GOAWAY
        self.taken += len(payload) * (kind == DATA)
        if kind in (DATA, HEADERS) and flags & 1 or kind == RST_STREAM:
            self.ended.add(stream)
        if kind in (SETTINGS, PING) and not flags & 1:
            self.pongs += kind == PING
            try:
                self.sock.settimeout(1)
                self.sock.sendall(frame(kind, 1, 0, payload if kind == PING else b""))
            except GONE:
                self.gone = True
