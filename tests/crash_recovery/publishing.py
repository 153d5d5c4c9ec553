"""Kills the service again and again while posts wait for their time: each that was acknowledged is published, once; a
subscriber who is cut off and comes back has each event once and in order; and a program outside is told of each."""
import http.client
import http.server
import json
import random
import socket
import sys
import threading
import time
from datetime import datetime, timedelta, timezone

from service import Service

times = int(sys.argv[5])
random.seed(7)
acknowledged, over = [], threading.Event()


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


address = f"127.0.0.1:{free_port()}"


def schedule(token, name):
    """Writes drafts that are published a moment later, as long as somebody answers."""
    fields = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    number = 0
    while not over.is_set():
        number += 1
        due = datetime.now(timezone.utc) + timedelta(seconds=random.uniform(0.3, 1.5))
        post = {"title": f"Post {name} {number}", "content": "Cut to fit.", "publishAt": due.isoformat()}
        try:
            connection = http.client.HTTPConnection(address, timeout=20)
            connection.request("POST", "/api/posts", json.dumps(post), fields)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            time.sleep(0.02)
            continue
        finally:
            connection.close()
        # Whose time has passed on the way is refused, and while the service stops nothing is taken.
        if answer.status == 201:
            acknowledged.append(json.loads(body)["id"])
        elif answer.status not in (409, 503):
            sys.exit(f"a post was answered with {answer.status}: {body}")
        time.sleep(random.uniform(0, 0.02))


class Subscriber(threading.Thread):
    """Reads the stream, is cut off now and then, and goes on where it was."""

    def __init__(self, token):
        super().__init__(daemon=True)
        self.token, self.events, self.last, self.resets, self.begun = token, [], None, 0, 0

    def run(self):
        while not over.is_set():
            try:
                self.read()
            except (OSError, ValueError):
                time.sleep(0.02)

    def read(self):
        host, port = address.split(":")
        last = "" if self.last is None else f"Last-Event-ID: {self.last}\r\n"
        with socket.create_connection((host, int(port)), timeout=20) as stream:
            head = f"GET /api/events?topics=posts HTTP/1.0\r\nHost: {address}\r\nAuthorization: Bearer {self.token}\r\n{last}\r\n"
            stream.sendall(head.encode())
            lines = stream.makefile("r", encoding="utf-8", newline="\n")
            if " 200 " not in lines.readline():
                raise ValueError("not now")
            self.begun += 1
            end = time.monotonic() + random.uniform(0.2, 3)
            event = {}
            for line in lines:
                name, _, value = line.rstrip("\r\n").partition(": ")
                if name:
                    event[name] = value
                    continue
                self.resets += event.get("event") == "reset"
                self.last = int(event.get("id", self.last or 0))
                if "data" in event:
                    self.events.append((self.last, json.loads(event["data"])))
                event = {}
                if time.monotonic() > end:
                    return


told, refused, told_twice = {}, set(), 0


class Outside(http.server.BaseHTTPRequestHandler):
    """A program outside that is called, and does not always take it the first time."""

    def do_POST(self):
        global told_twice
        body, event = self.rfile.read(int(self.headers["content-length"])), self.headers["webhook-id"]
        if event not in refused and random.random() < 0.1:
            refused.add(event)
            self.send_response(503)
        else:
            told_twice += event in told
            told[event] = json.loads(body)
            self.send_response(204)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


outside = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Outside)
threading.Thread(target=outside.serve_forever, daemon=True).start()

with Service(address) as service:
    token = service.token()
    fields = {"Authorization": f"Bearer {token}", "Content_Type": "application/json"}
    endpoint = {"url": f"http://127.0.0.1:{outside.server_address[1]}/", "events": ["posts"]}
    status, answer = service.ask("POST", "/api/webhook-endpoints", json.dumps(endpoint), **fields)
    if status != 201:
        sys.exit(f"an endpoint was answered with {status}: {answer}")
    subscriber = Subscriber(token)
    subscriber.start()
    while subscriber.begun == 0:
        time.sleep(0.01)
writers = [threading.Thread(target=schedule, args=(token, name)) for name in "ab"]
for writer in writers:
    writer.start()
for _ in range(times):
    with Service(address):
        time.sleep(random.uniform(0.1, 0.8))

with Service(address) as service:
    over.set()
    for writer in writers:
        writer.join()
    over.clear()
    # The last are due in a moment, and what failed outside is sent again after some seconds.
    reader = Subscriber(token)
    subscriber.join(30)
    reader.events, reader.last = subscriber.events, subscriber.last
    reader.start()
    end = time.monotonic() + 120
    while time.monotonic() < end:
        events = list(reader.events)
        published = [data["data"]["id"] for _, data in events if data["type"] == "post.published"]
        if set(acknowledged) <= set(published) and {data["id"] for _, data in events} <= set(told):
            break
        time.sleep(0.2)
    over.set()
    positions = [position for position, _ in events]
    created = [data["data"]["id"] for _, data in events if data["type"] == "post.created"]
    lost = set(acknowledged) - set(published)
    if lost:
        sys.exit(f"{len(lost)} posts of {len(acknowledged)} were not published: {sorted(lost)[:3]}")
    if len(set(published)) != len(published) or len(set(created)) != len(created):
        sys.exit("a post was published or made twice")
    if positions != sorted(set(positions)):
        sys.exit("an event came twice, or out of order")
    if subscriber.resets or reader.resets:
        sys.exit("the log had forgotten something")
    missed = {data["id"] for _, data in events} - set(told)
    if missed:
        sys.exit(f"the program outside was not told of {len(missed)} events of {len(events)}")
    strange = set(told) - {data["id"] for _, data in events}
    if strange:
        sys.exit(f"the program outside was told of {len(strange)} events that never happened")
    for post in acknowledged[:: max(1, len(acknowledged) // 50)]:
        status, seen = service.ask("GET", f"/api/posts/{post}")
        if (status, json.loads(seen).get("published")) != (200, True):
            sys.exit(f"a post that is told as published is not: {post}")
print(
    f"{times} kills, {len(acknowledged)} posts acknowledged and published once, {len(events)} events in order over "
    f"{subscriber.begun + reader.begun} connections, all told outside, {told_twice} of them once more"
)
