"""Raw HTTP/1 and HTTP/2 over sockets, and the memory and CPU time of the server."""
import select
import socket
import struct
import time

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# The payload of the keep-alive PINGs of the server's HTTP/2 library.
KEEP_ALIVE = b"\x3b\x7c\xdb\x7a\x0b\x87\x16\xb4"
CONNECTION_ERRORS = (ConnectionError, BrokenPipeError, socket.timeout, TimeoutError, OSError)


class Target:
    """The server under test. Connections have the source address 127.0.0.1 by default."""

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

    def connect_many(self, count, **options):
        return [self.connect(**options) for _ in range(count)]

    def request(self, method="GET", path="/livez", headers=""):
        return f"{method} {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n{headers}\r\n".encode()

    def memory_mib(self):
        """Returns the resident memory in MiB."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024

    def cpu_seconds(self):
        """Returns the CPU time so far."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def send(self, request, timeout=5.0):
        """Sends bytes on a new connection; returns the response and whether the peer closed the connection."""
        with self.connect(timeout=timeout) as sock:
            try:
                sock.sendall(request)
            except CONNECTION_ERRORS:
                pass
            return read_until_close(sock, timeout)


def read_until_close(sock, seconds):
    """Returns the bytes received in that time, and whether the peer closed the connection."""
    response, end = b"", time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        sock.settimeout(left)
        try:
            chunk = sock.recv(65536)
        except (socket.timeout, TimeoutError):
            return response, False
        except OSError:
            return response, True
        if not chunk:
            return response, True
        response += chunk
    return response, False


def read_each(sockets, seconds):
    """Returns for each socket the bytes received in that time, and whether the peer closed it."""
    poll, by_number, end = select.poll(), {sock.fileno(): sock for sock in sockets}, time.monotonic() + seconds
    responses = {sock: (b"", False) for sock in sockets}
    for sock in sockets:
        sock.settimeout(0.001)
        poll.register(sock, select.POLLIN)
    while by_number and (left := end - time.monotonic()) > 0:
        for number, _ in poll.poll(left * 1000):
            sock = by_number[number]
            try:
                chunk = sock.recv(65536)
            except OSError:
                chunk = b""
            responses[sock] = (responses[sock][0] + chunk, not chunk)
            if not chunk:
                poll.unregister(by_number.pop(number))
    return list(responses.values())


def count_closed(sockets, seconds):
    """Returns how many of the sockets the peer closed in that time."""
    return sum(closed for _, closed in read_each(sockets, seconds))


def close(sockets):
    for sock in sockets:
        sock.close()


def status(response):
    first = response.split(b"\r\n", 1)[0].split()
    return int(first[1]) if len(first) > 1 and first[1].isdigit() else 0


def is_problem(response):
    return b"content-type: application/problem+json" in response.lower()


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(**values):
    numbers = {"table": 1, "push": 2, "streams": 3, "window": 4, "frame": 5, "list": 6}
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", numbers[name], v) for name, v in values.items()))


def literal(name, value):
    """Encodes a header without indexing and without Huffman encoding (RFC 7541, 6.2.2)."""
    def string(text):
        text = text.encode()
        if len(text) < 127:
            return bytes([len(text)]) + text
        rest, digits = len(text) - 127, b""
        while rest >= 128:
            digits += bytes([rest % 128 + 128])
            rest //= 128
        return bytes([127]) + digits + bytes([rest]) + text
    return b"\x00" + string(name) + string(value)


def header_block(target, path, method="GET"):
    headers = ((":method", method), (":scheme", "http"), (":path", path), (":authority", target.host))
    return b"".join(literal(name, value) for name, value in headers)


def open_h2(target, receive=None, **values):
    sock = target.connect(receive=receive)
    sock.sendall(PREFACE + settings(**values))
    return sock


class Reader:
    """Reads frames, acknowledges SETTINGS and PINGs, and records GOAWAY and the end of the connection."""

    def __init__(self, sock):
        self.sock, self.buffer, self.closed = sock, b"", False
        self.frames = self.pongs = self.data_bytes = 0
        self.ended_streams = set()

    def poll(self, seconds=0.0):
        """Reads available frames; returns whether the peer sent GOAWAY or closed the connection."""
        end = time.monotonic() + seconds
        while not self.closed:
            self.sock.settimeout(max(0.0001, end - time.monotonic()))
            try:
                chunk = self.sock.recv(65536)
            except (socket.timeout, TimeoutError, BlockingIOError):
                break
            except OSError:
                self.closed = True
                break
            self.closed = not chunk
            self.buffer += chunk
            self._parse_frames()
            if time.monotonic() > end:
                break
        return self.closed

    def _parse_frames(self):
        at = 0
        while len(self.buffer) >= at + 9:
            size = int.from_bytes(self.buffer[at:at + 3], "big")
            if len(self.buffer) < at + 9 + size:
                break
            kind, flags = self.buffer[at + 3], self.buffer[at + 4]
            stream = int.from_bytes(self.buffer[at + 5:at + 9], "big")
            self._handle_frame(kind, flags, stream, self.buffer[at + 9:at + 9 + size])
            at += 9 + size
        self.buffer = self.buffer[at:]

    def _handle_frame(self, kind, flags, stream, payload):
        self.frames += 1
        self.closed = self.closed or kind == GOAWAY
        self.data_bytes += len(payload) * (kind == DATA)
        if kind in (DATA, HEADERS) and flags & 1 or kind == RST_STREAM:
            self.ended_streams.add(stream)
        if kind in (SETTINGS, PING) and not flags & 1:
            self.pongs += kind == PING
            try:
                self.sock.settimeout(1)
                self.sock.sendall(frame(kind, 1, 0, payload if kind == PING else b""))
            except CONNECTION_ERRORS:
                self.closed = True
