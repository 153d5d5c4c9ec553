"""Measures the throughput with the connections of the capacity, and with 10 times as many. With more requests than the
server accepts, it rejects the others with 503, and serves the accepted ones without a longer queue than a second."""
import json
import selectors
import socket
import sys
import time

from service import Service

seconds = int(sys.argv[5])
CAPACITY, FACTOR = 64, 10
RETRY_SECONDS = 1
POSTS = 4000
# A search without a result reads all posts: it costs the server much more than this program.
REQUEST = b"GET /api/posts?q=mortise&limit=1 HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Client:
    """A connection that sends a request after each response, or a second after a 503."""

    def __init__(self, address, number):
        self.address, self.number = address, number
        self.due, self.begin, self.data = time.monotonic() + number % 100 / 100, 0.0, b""
        self.socket = None

    def connect(self):
        host, port = self.address.split(":")
        self.socket = socket.socket()
        # An address of its own, as for clients in a network: limits per address have no effect.
        self.socket.bind((f"127.1.{self.number // 250}.{self.number % 250 + 1}", 0))
        self.socket.connect((host, int(port)))
        self.socket.setblocking(False)

    def send(self):
        self.begin = time.monotonic()
        self.socket.send(REQUEST)

    def receive(self):
        """Returns the status if the response is complete, and 0 if the connection is closed."""
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionError:
            data = b""
        if not data:
            return 0
        self.data += data
        head, separator, body = self.data.partition(b"\r\n\r\n")
        if not separator:
            return None
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        if len(body) < length:
            return None
        self.data = b""
        return int(head.split(b" ", 2)[1])


def load(address, connections, seconds):
    """Returns the times of the successes and of the rejections, and the number of other results."""
    selector, clients = selectors.DefaultSelector(), [Client(address, number) for number in range(connections)]
    waiting, times, rejected, failed = list(clients), [], [], 0
    # The first second is not measured.
    start = time.monotonic() + 1
    while (now := time.monotonic()) < start + seconds:
        for client in [client for client in waiting if client.due <= now]:
            waiting.remove(client)
            if client.socket is None:
                client.connect()
                selector.register(client.socket, selectors.EVENT_READ, client)
            client.send()
        for key, _ in selector.select(0.01):
            client = key.data
            status = client.receive()
            if status is None:
                continue
            took, measured = time.monotonic() - client.begin, client.begin >= start
            if status == 200:
                if measured:
                    times.append(took)
                client.send()
                continue
            if measured:
                if status in (429, 503):
                    rejected.append(took)
                else:
                    failed += 1
            if status == 0 or status in (429, 503):
                selector.unregister(client.socket)
                client.socket.close()
                client.socket, client.data = None, b""
            client.due = time.monotonic() + RETRY_SECONDS
            waiting.append(client)
    for client in clients:
        if client.socket:
            client.socket.close()
    return sorted(times), sorted(rejected), failed


def percentile(times, part):
    return times[min(len(times) - 1, int(len(times) * part))] * 1000 if times else 0.0


with Service() as service:
    headers = {"Authorization": f"Bearer {service.token()}", "Content_Type": "application/json"}
    for number in range(POSTS):
        post = json.dumps({"title": f"Post {number}", "content": "Cut to fit. ", "published": True})
        service.request("POST", "/api/posts", post, **headers)
    normal, _, failed = load(service.address, CAPACITY, seconds)
    overload, rejected, failed_in_overload = load(service.address, CAPACITY * FACTOR, seconds)
    status, _ = service.request("GET", "/api/posts")
ratio = len(overload) / len(normal)
print(
    f"{CAPACITY} connections: {len(normal) / seconds:.0f} responses per second, p99 {percentile(normal, 0.99):.0f} ms; "
    f"{CAPACITY * FACTOR} connections: {len(overload) / seconds:.0f} per second ({ratio * 100:.0f} %), p99 "
    f"{percentile(overload, 0.99):.0f} ms, {len(rejected)} rejected, median {percentile(rejected, 0.5):.0f} ms, p99 "
    f"{percentile(rejected, 0.99):.0f} ms"
)
problems = [
    f"{failed + failed_in_overload} responses are neither a success nor a 503" if failed + failed_in_overload else "",
    "" if rejected else "no request was rejected: the test has no effect",
    f"the throughput is {ratio * 100:.0f} % of the normal one, not 90 %" if ratio < 0.9 else "",
    "accepted requests take more than a second" if percentile(overload, 0.99) > 1000 else "",
    "rejections take as long as responses" if percentile(rejected, 0.5) > percentile(overload, 0.5) else "",
    "" if status == 200 else f"expected 200 afterwards, got {status}",
]
if any(problems):
    sys.exit("; ".join(filter(None, problems)))
