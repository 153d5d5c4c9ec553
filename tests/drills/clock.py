"""Sets the system clock forward and back while clients read and write: no response is a server error, ids remain in
ascending order, a rate limit is neither lifted nor extended, and a slow request is cut after its time limit."""
import http.client
import json
import os
import random
import sys
import threading
import time

from connection import Connection
from service import Service

folder, library = sys.argv[2], sys.argv[5]
offset_file = os.path.join(folder, "offset")
HOUR, DAY = 3600, 86400
# 2038-01-20, after the last second of a 32-bit time.
BEYOND_2038 = int(2147558400 - time.time())
JUMPS = [HOUR, 0, -HOUR, 0, 400 * DAY, 0, -400 * DAY, 0, BEYOND_2038, 0]
random.seed(7)
end = threading.Event()
statuses, errors, created = {}, [], []


def jump(seconds):
    temporary = offset_file + ".new"
    with open(temporary, "w") as file:
        file.write(f"{seconds:+d}\n")
    os.replace(temporary, offset_file)


class Client(threading.Thread):
    """Reads or writes. Signs in again after a 401: a jump forward expires tokens, and a jump back makes them invalid."""

    def __init__(self, service, writes):
        super().__init__(daemon=True)
        self.service, self.writes = service, writes

    def run(self):
        connection = http.client.HTTPConnection(self.service.address, timeout=30)
        headers = {"Content-Type": "application/json"}
        while not end.is_set():
            if self.writes:
                post = {"title": f"Post {random.random()}", "content": "Cut to fit.", "published": True}
                connection.request("POST", "/api/posts", json.dumps(post), headers)
            else:
                connection.request("GET", f"/api/posts?limit=2&page={random.randint(1, 50)}")
            response = connection.getresponse()
            status, body = response.status, response.read()
            statuses[status] = statuses.get(status, 0) + 1
            if status == 401:
                headers["Authorization"] = f"Bearer {self.service.token()}"
            elif status == 201:
                created.append(json.loads(body)["id"])
            elif status != 200:
                errors.append(f"{status}: {body[:300]}")
            time.sleep(0.005)


def check_requests():
    with Service() as service:
        clients = [Client(service, writes) for writes in (True, False, False)]
        for client in clients:
            client.start()
        for seconds in JUMPS:
            before = len(created)
            jump(seconds)
            deadline = time.monotonic() + 20
            time.sleep(1)
            while len(created) < before + 10:
                if time.monotonic() > deadline:
                    sys.exit(f"{seconds:+d} s: no writes for 20 s: {statuses}, {errors[:3]}")
                time.sleep(0.01)
            status, body = service.request("GET", "/readyz")
            if status != 200:
                sys.exit(f"{seconds:+d} s: /readyz: {status} {body}")
            if errors:
                sys.exit(f"{seconds:+d} s: {len(errors)} errors: {errors[:3]}")
        end.set()
        for client in clients:
            client.join()
    if created != sorted(created):
        sys.exit("the ids of posts are not in ascending order")


def check_rate_limit():
    """Exhausts the rate limit of anonymous clients, 5 requests a second. It must admit as many after each jump."""
    os.environ["TENON_RATE_LIMITS"] = "on"
    with Service() as service:
        connection = Connection(service.address)
        admitted = lambda: connection.request("GET", "/api/posts?limit=1")[0] == 200
        while admitted():
            pass
        begin, count = time.monotonic(), 0
        for seconds in JUMPS:
            jump(seconds)
            until = time.monotonic() + 1
            while time.monotonic() < until:
                count += admitted()
                time.sleep(0.02)
        expected = 5 * (time.monotonic() - begin)
        if abs(count - expected) > 3:
            sys.exit(f"{count} requests were admitted during jumps instead of {expected:.0f}")
        return count, expected


def check_timeout():
    """Sends the start of a request. The connection is closed after the time limit of the head, 1 second."""
    os.environ["TENON_TIMEOUT_SCALE"] = "0.1"
    times = []
    with Service() as service:
        for seconds in JUMPS:
            connection = Connection(service.address)
            connection.socket.sendall(b"GET / HTTP/1.1\r\n")
            begin = time.monotonic()
            time.sleep(0.2)
            jump(seconds)
            while connection.reader.read(1):
                pass
            times.append(time.monotonic() - begin)
            if not 0.8 < times[-1] < 3:
                sys.exit(f"{seconds:+d} s: a slow request was cut after {times[-1]:.1f} s instead of 1 s")
    return min(times), max(times)


jump(0)
os.environ.update(
    LD_PRELOAD=library, FAKETIME_TIMESTAMP_FILE=offset_file, FAKETIME_NO_CACHE="1", FAKETIME_DONT_FAKE_MONOTONIC="1"
)
os.environ["TENON_RATE_LIMITS"] = "off"
check_requests()
count, expected = check_rate_limit()
shortest, longest = check_timeout()
print(
    f"{len(JUMPS)} jumps, {sum(statuses.values())} responses without a server error, {len(created)} ids in ascending order, "
    f"{count} requests admitted by a rate limit of {expected:.0f}, slow requests cut after {shortest:.1f} to {longest:.1f} s"
)
