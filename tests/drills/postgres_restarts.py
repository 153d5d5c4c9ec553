"""Restarts PostgreSQL without a shutdown, and stops its processes for 5 seconds, while clients read and write. Each
response is a success or a 503 with Retry-After, all clients are served within a time limit afterwards, and no
acknowledged write is lost."""
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

from service import Service

restart, pid_file = sys.argv[5], sys.argv[6]
restarts, stops, limit = int(sys.argv[7]), int(sys.argv[8]), float(sys.argv[9])
STOP_SECONDS = 5
log_file = os.path.join(sys.argv[2], "log")
random.seed(7)
acknowledged, unavailable, errors = [], [], []
end = threading.Event()


def logged(request):
    """Returns the lines of the log about a request."""
    with open(log_file) as file:
        return [line for line in file if request in line]


class Client(threading.Thread):
    def __init__(self, address, writes):
        super().__init__(daemon=True)
        self.address, self.writes = address, writes
        self.success, self.last = 0.0, []

    def run(self):
        connection = http.client.HTTPConnection(self.address, timeout=30)
        while not end.is_set():
            try:
                self.request(connection)
            except (OSError, http.client.HTTPException) as error:
                errors.append(f"{type(error).__name__}: {error}")
                connection.close()
            time.sleep(0.005)

    def request(self, connection):
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        if self.writes:
            post = {"title": f"Post {random.random()}", "content": "Cut to fit.", "published": True}
            connection.request("POST", "/api/posts", json.dumps(post), headers)
        else:
            # A page of its own, which is not cached.
            connection.request("GET", f"/api/posts?limit=1&page={random.randint(1, 9000)}", headers=headers)
        begin = time.monotonic()
        response = connection.getresponse()
        body = response.read()
        self.last = [*self.last[-4:], (response.status, round(time.monotonic() - begin, 1), body[-200:])]
        if response.status in (200, 201):
            self.success = time.monotonic()
            if self.writes:
                acknowledged.append(json.loads(body)["id"])
        elif response.status == 503 and response.headers["retry-after"]:
            unavailable.append(response.status)
        else:
            errors.append(f"{response.status} {response.reason}: {logged(response.headers['x-request-id'])}")


def processes():
    """Returns the process ids of PostgreSQL: its main process, and the children of that."""
    with open(pid_file) as file:
        main = int(file.readline())
    children = subprocess.run(["pgrep", "-P", str(main)], capture_output=True, text=True).stdout.split()
    return [main, *map(int, children)]


def stop_for_seconds():
    stopped = processes()
    for process in stopped:
        os.kill(process, signal.SIGSTOP)
    try:
        time.sleep(STOP_SECONDS)
    finally:
        for process in stopped:
            try:
                os.kill(process, signal.SIGCONT)
            except ProcessLookupError:
                pass


def recovery(clients):
    """Returns the time until each client had a success."""
    begin = time.monotonic()
    while any(client.success < begin for client in clients):
        if time.monotonic() - begin > 30:
            sys.exit("no success within 30 s after PostgreSQL was available")
        time.sleep(0.005)
    return max(client.success for client in clients) - begin


with open(log_file, "w") as log, Service(log=log) as service:
    token = service.token()
    clients = [Client(service.address, writes=number % 2 == 0) for number in range(8)]
    for client in clients:
        client.start()
    recovery(clients)
    times = {"restart": [], "stop": []}
    for name, count in (("restart", restarts), ("stop", stops)):
        for number in range(count):
            time.sleep(random.uniform(0.2, 1))
            if name == "restart":
                subprocess.run([restart], check=True, stdout=subprocess.DEVNULL)
            else:
                stop_for_seconds()
            took = recovery(clients)
            times[name].append(took)
            if took > limit:
                slow = max(clients, key=lambda client: client.success)
                sys.exit(f"{name} {number}: no success within {limit} s, but after {took:.1f} s: {slow.last}")
            if errors:
                sys.exit(f"{name} {number}: {len(errors)} responses are neither a success nor a 503: {errors[:3]}")
            token = service.token()
    end.set()
    for client in clients:
        client.join()
    if not unavailable:
        sys.exit("no response was 503: the test has no effect")
    lost = [post for post in acknowledged if service.request("GET", f"/api/posts/{post}")[0] != 200]
    if lost:
        sys.exit(f"{len(lost)} acknowledged posts of {len(acknowledged)} are lost: {lost[:3]}")
served = "; ".join(
    f"all clients served after a {name}: median {sorted(times)[len(times) // 2]:.1f} s, maximum {max(times):.1f} s"
    for name, times in times.items()
    if times
)
print(
    f"{restarts} restarts and {stops} stops of {STOP_SECONDS} s, {len(acknowledged)} acknowledged posts stored, "
    f"{len(unavailable)} responses 503, no other error; {served}"
)
