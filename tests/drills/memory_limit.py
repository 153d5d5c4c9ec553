"""Opens thousands of connections, uploads large images and requests bursts of exports, while the server runs in a memory
cgroup. No process of the cgroup is killed. The memory is measured before, at its peak, and after the load."""
import contextlib
import json
import os
import random
import resource
import sqlite3
import sys
import threading
import time
import uuid
import zlib

from connection import Connection
from service import Service, folder

cgroup = sys.argv[5]
connection_count, uploads, idle_mib, growth_mib = map(int, sys.argv[6:10])
random.seed(7)
INVOICES, EXPORTS, UPLOADERS = 50_000, 16, 8
# Idle threads of the server end after some seconds, and release their memory then.
SETTLE_SECONDS = (30, 120)
# Width and height of most images, and of one in ten, close to the limit of 40 million pixels.
SIZES = ((4000, 3000), (6400, 6200))


def check(condition, message):
    if not condition:
        sys.exit(message)


def chunk(kind, data):
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)


class Image:
    """PNG images of one size. They differ in the first row, and the other rows are compressed once."""

    def __init__(self, width, height):
        self.width, self.height = width, height
        # Equal rows: the re-encoded file must not exceed 5 MiB either.
        self.rows = (bytes(1) + bytes(value & 255 for value in range(width * 3))) * (height - 1)
        compressor = zlib.compressobj(1, zlib.DEFLATED, -15)
        self.tail = compressor.compress(self.rows) + compressor.flush()

    def file(self):
        first = bytes(1) + random.randbytes(self.width * 3)
        compressor = zlib.compressobj(1, zlib.DEFLATED, -15)
        data = b"\x78\x01" + compressor.compress(first) + compressor.flush(zlib.Z_FULL_FLUSH) + self.tail
        data += zlib.adler32(self.rows, zlib.adler32(first)).to_bytes(4)
        head = self.width.to_bytes(4) + self.height.to_bytes(4) + b"\x08\x02\0\0\0"
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def create_invoices():
    with contextlib.closing(sqlite3.connect(os.path.join(folder, "tenon.db"))) as database, database:
        customer = uuid.uuid4().bytes
        database.execute("INSERT INTO customers (id, name, email, search, version, created_at, updated_at) "
                         "VALUES (?, 'Evil Rabbit', 'evil@rabbit.acme.test', '', 1, 0, 0)", (customer,))
        database.executemany(
            "INSERT INTO invoices (id, number, customer_id, amount, currency, status, date, version, created_at, updated_at) "
            "VALUES (?, ?, ?, 15795, 'USD', 'pending', '2026-11-29', 1, 0, 0)",
            ((uuid.uuid4().bytes, 1_000_000 + number, customer) for number in range(INVOICES)))


def rss_mib(service, field="VmRSS"):
    with open(f"/proc/{service.process.pid}/status", encoding="ascii") as status:
        value = next((int(line.split()[1]) for line in status if line.startswith(field)), None)
    # A process that has ended has no memory.
    check(value is not None, f"the server has ended; the kernel killed {oom_kills()} processes")
    return value / 1024


def cgroup_value(*names):
    """Returns the value of the first of these files that exists, or the field `oom_kill` of it."""
    path = next(path for name in names if os.path.exists(path := os.path.join(cgroup, name)))
    with open(path, encoding="ascii") as file:
        text = file.read()
    return int(text) if text.strip().isdigit() else int(dict(line.split() for line in text.splitlines())["oom_kill"])


def oom_kills():
    return cgroup_value("memory.oom_control", "memory.events")


def upload(images):
    """Uploads images until all are accepted."""
    global remaining
    connection = None
    while True:
        with lock:
            if remaining == 0 or failures:
                return
            remaining -= 1
            file = images[remaining % 10 == 0].file()
        head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
        body = head + file + b"\r\n--b--\r\n"
        while True:
            try:
                connection = connection or Connection(service.address, timeout=120)
                status, fields, response = connection.request(
                    "POST", "/api/upload", authorization() + "Content-Type: multipart/form-data; boundary=b\r\n", body)
            except OSError:
                # A rejected request may end the connection before its body is read.
                status, fields, response = 503, {"connection": "close"}, b""
            if status != 503 or failures:
                break
            results["rejected uploads"] += 1
            if fields.get("connection") == "close":
                connection = None
            time.sleep(random.uniform(0.2, 0.6))
        if status != 201:
            failures.append(f"expected 201 or 503 for an upload, got {status}: {response}")
            return
        results["uploads"] += 1


def export():
    """Requests exports in bursts."""
    while not stop.is_set() and not failures:
        connections = [Connection(service.address, timeout=120) for _ in range(EXPORTS)]
        for number, connection in enumerate(connections):
            kind = "csv" if number % 2 else "ndjson"
            connection.send("GET", f"/api/v2/invoice-exports/en-us/{kind}", authorization() + "Connection: close\r\n")
        for connection in connections:
            try:
                response = b"".join(iter(lambda: connection.reader.read(1 << 16), b""))
            except OSError as error:
                failures.append(f"an export failed: {error}")
                return
            status = response.split(b" ", 2)[1:2]
            results["exports" if status == [b"200"] else "rejected exports"] += 1
            if status not in ([b"200"], [b"503"]):
                failures.append(f"expected 200 or 503 for an export, got {response[:200]}")
            connection.close()
        stop.wait(2)


def authorization():
    # An access token is valid for 15 minutes.
    if time.monotonic() > access["until"]:
        access.update(until=time.monotonic() + 600, token=service.token())
    return f"Authorization: Bearer {access['token']}\r\n"


def connect(address, number):
    # The server accepts 256 connections of one address.
    return Connection(address, source=f"127.3.{number // 200}.1")


resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
images = [Image(*size) for size in SIZES]
file_bytes = [len(image.file()) for image in images]
check(max(file_bytes) < 5 << 20, f"the images are larger than 5 MiB: {file_bytes}")
create_invoices()
lock, stop, failures, remaining = threading.Lock(), threading.Event(), [], uploads
results = dict.fromkeys(("uploads", "rejected uploads", "exports", "rejected exports"), 0)
with Service() as service:
    time.sleep(5)
    idle, idle_file = rss_mib(service), rss_mib(service, "RssFile")
    access = {"until": 0}
    authorization()
    opened = [connect(service.address, number) for number in range(connection_count)]
    threads = [threading.Thread(target=upload, args=(images,), daemon=True) for _ in range(UPLOADERS)]
    exporter = threading.Thread(target=export, daemon=True)
    for thread in [*threads, exporter]:
        thread.start()
    requests, peak, begin = 0, 0, time.monotonic()
    while any(thread.is_alive() for thread in threads) or requests == 0:
        # Each connection sends a request at least every 75 seconds, after which the server would close it.
        round_begin = time.monotonic()
        for group in range(0, connection_count, 100):
            try:
                for connection in opened[group:group + 100]:
                    connection.send("GET", "/api/posts?limit=10")
                responses = [connection.receive() for connection in opened[group:group + 100]]
            except OSError as error:
                rss_mib(service)
                sys.exit(f"a connection failed: {error}")
            for status, _, body in responses:
                check(status in (200, 503), f"expected 200 or 503, got {status}: {body}")
                requests += 1
            peak = max(peak, rss_mib(service))
        while time.monotonic() < round_begin + 20 and any(thread.is_alive() for thread in threads):
            peak = max(peak, rss_mib(service))
            time.sleep(0.1)
    stop.set()
    exporter.join()
    took = time.monotonic() - begin
    check(not failures, failures and failures[0])
    for connection in opened:
        connection.close()
    time.sleep(SETTLE_SECONDS[0])
    early = rss_mib(service)
    time.sleep(SETTLE_SECONDS[1] - SETTLE_SECONDS[0])
    afterwards, high, file = rss_mib(service), rss_mib(service, "VmHWM"), rss_mib(service, "RssFile")
    status, _ = service.request("GET", "/readyz")
    check(status == 200, f"expected 200 afterwards, got {status}")
kills = oom_kills()
used = cgroup_value("memory.max_usage_in_bytes", "memory.peak") / 2 ** 20
print(f"{connection_count} connections with {requests} requests, {results['uploads']} images of up to "
      f"{max(width * height for width, height in SIZES) / 1e6:.0f} million pixels ({results['rejected uploads']} rejected with "
      f"503 and repeated), {results['exports']} exports of {INVOICES} invoices ({results['rejected exports']} rejected) in "
      f"{took:.0f} s: {kills} OOM kills, at most {used:.0f} MiB in the cgroup with the page cache, {high:.0f} MiB resident; "
      f"{idle:.0f} MiB before ({idle_file:.0f} of files), {early:.0f} MiB {SETTLE_SECONDS[0]} s and "
      f"{afterwards:.0f} MiB {SETTLE_SECONDS[1]} s afterwards ({file:.0f} of files)")
problems = [
    f"the kernel killed {kills} processes" if kills else "",
    f"the idle server has {idle:.0f} MiB, not {idle_mib} MiB" if idle > idle_mib else "",
    f"the memory grew by {afterwards - idle:.0f} MiB, not {growth_mib} MiB" if afterwards - idle > growth_mib else "",
]
if any(problems):
    sys.exit("; ".join(filter(None, problems)))
