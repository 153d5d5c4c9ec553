"""Opens event streams of many clients, each ten from an address. One client in ten stops to read, while posts are created.
The memory of the server grows by a limit at most, the stopped clients are disconnected, and the others receive every event
once and in order."""
import contextlib
import json
import os
import re
import resource
import socket
import sqlite3
import sys
import threading
import time

from connection import Connection
from service import Service, folder

count, limit = int(sys.argv[5]), int(sys.argv[6])
STREAMS_OF_AN_ADDRESS, DISCONNECTED_WITHIN = 10, 30
POSTS, WRITERS, PAUSE = 6000, 4, 0.01
# Chunks contain whole events.
EVENT = re.compile(rb"\nid: (\d+)\nevent: ")


class Client:
    def __init__(self, address, number, reads):
        host, port = address.split(":")
        self.reads, self.positions, self.rest, self.is_open = reads, [], b"", True
        self.socket = socket.socket()
        if not reads:
            # The kernel accepts less on behalf of a client that does not read.
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        block = number // STREAMS_OF_AN_ADDRESS
        self.socket.bind((f"127.2.{block // 250}.{block % 250 + 1}", 0))
        self.socket.connect((host, int(port)))
        self.socket.sendall(f"GET /api/events?topics=posts HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.socket.recv(1)
        if b" 200 " not in head.partition(b"\r\n")[0]:
            sys.exit(f"expected 200 for a stream, got {head}")
        self.socket.setblocking(False)

    def receive(self):
        """Reads the events that have arrived."""
        try:
            data = self.socket.recv(1 << 20)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        self.is_open = bool(data)
        data = self.rest + data
        end = data.rfind(b"\n\n") + 1
        self.positions += EVENT.findall(data, 0, end)
        self.rest = data[end:]


def memory_mib(service):
    with open(f"/proc/{service.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


def open_connections(service):
    """Returns the number of unsent bytes of each connection that the server has open, by the address and port of the client. The
    kernel may still have unsent bytes of others, and a client that does not read does not notice the end."""
    port = int(service.address.split(":")[1])
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table][1:]
    return {row[2]: row[4].split(":")[0] for row in rows
            if int(row[1].split(":")[1], 16) == port and row[3] in ("01", "08") and row[9] != "0"}


def write(number):
    connection = Connection(service.address)
    for post in range(POSTS // WRITERS):
        if stop.is_set():
            return
        body = json.dumps({"title": f"Post {number} {post}", "content": "Cut to fit.", "published": True}).encode()
        status, _, response = connection.request("POST", "/api/posts", headers, body)
        if status != 201:
            failures.append(f"expected 201 for a post, got {status}: {response}")
            return
        time.sleep(PAUSE)


def positions_in_database():
    with contextlib.closing(sqlite3.connect(os.path.join(folder, "tenon.db"))) as database:
        return [row[0] for row in database.execute("SELECT position FROM events WHERE topic = 'posts' ORDER BY position")]


resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
stop, failures = threading.Event(), []
with Service() as service:
    headers = f"Authorization: Bearer {service.token()}\r\nContent-Type: application/json\r\n"
    before = memory_mib(service)
    clients = [Client(service.address, number, number % 10 != 0) for number in range(count)]
    readers, stopped = [client for client in clients if client.reads], [client for client in clients if not client.reads]
    # In the notation of the table.
    peers = {f"{int.from_bytes(socket.inet_aton(host), sys.byteorder):08X}:{port:04X}"
             for host, port in (client.socket.getsockname() for client in stopped)}
    connected, peak = memory_mib(service), 0
    if not peers <= set(open_connections(service)):
        sys.exit("the connections of the stopped clients are not open: the test has no effect")
    writers = [threading.Thread(target=write, args=(number,), daemon=True) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    begin, disconnected_after, expected = time.monotonic(), None, None
    # The last bytes that the kernel has accepted for the stopped clients.
    unsent, progress = None, begin
    while True:
        # Each read returns several events.
        time.sleep(0.05)
        for client in readers:
            if client.is_open:
                client.receive()
        peak, took = max(peak, memory_mib(service)), time.monotonic() - begin
        if disconnected_after is None:
            opened = open_connections(service)
            if not peers & set(opened):
                disconnected_after, stalled = took, time.monotonic() - progress
                stop.set()
            elif unsent != (unsent := {peer: opened.get(peer, unsent and unsent[peer]) for peer in peers}):
                progress = time.monotonic()
        if failures:
            sys.exit(failures[0])
        if any(writer.is_alive() for writer in writers):
            continue
        if expected is None:
            # Events are stored before the response.
            expected, deadline = [b"%d" % position for position in positions_in_database()], time.monotonic() + 20
        if all(len(client.positions) >= len(expected) for client in readers) or time.monotonic() > deadline:
            if disconnected_after is not None or time.monotonic() > deadline:
                break
    open_at_end = len(peers & set(open_connections(service)))
    complete = sum(client.positions == expected for client in readers)
growth = peak - before
after = "not" if disconnected_after is None else \
    f"after {disconnected_after:.1f} s, {stalled:.1f} s after the last bytes were accepted for one"
print(f"{count} clients, {len(expected)} events: the memory grew from {before:.0f} to {connected:.0f} MiB with the connections, "
      f"and to at most {peak:.0f} MiB; {len(stopped)} stopped clients are disconnected {after}; {complete} of {len(readers)} "
      f"others received every event in order")
problems = [
    f"the memory grew by {growth:.0f} MiB, not {limit} MiB" if growth > limit else "",
    f"{open_at_end} stopped clients are connected" if open_at_end else "",
    "" if disconnected_after and disconnected_after <= DISCONNECTED_WITHIN else "the stopped clients are disconnected too late",
    "" if complete == len(readers) else f"{len(readers) - complete} clients missed an event",
]
if any(problems):
    sys.exit("; ".join(filter(None, problems)))
