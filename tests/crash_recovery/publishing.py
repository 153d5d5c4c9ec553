"""Kills the server repeatedly while scheduled posts are due. Every acknowledged post is published once, a subscriber that
reconnects receives every event once and in order, and a webhook endpoint receives every event."""
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

kills = int(sys.argv[5])
random.seed(7)
acknowledged, stop = [], threading.Event()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


address = f"127.0.0.1:{free_port()}"


def schedule(name):
    """Creates posts that are scheduled for a moment later, until `stop` is set."""
    number = 0
    while not stop.is_set():
        number += 1
        due = datetime.now(timezone.utc) + timedelta(seconds=random.uniform(0.3, 1.5))
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        post = {"title": f"Post {name} {number}", "content": "Cut to fit.", "publishAt": due.isoformat()}
        try:
            connection = http.client.HTTPConnection(address, timeout=20)
            connection.request("POST", "/api/posts", json.dumps(post), headers)
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            time.sleep(0.02)
            continue
        finally:
            connection.close()
        # 409 if `publishAt` is in the past, 503 while the server starts or stops.
        if response.status == 201:
            acknowledged.append(json.loads(body)["id"])
        elif response.status not in (409, 503):
            sys.exit(f"expected 201, 409 or 503 for a post, got {response.status}: {body}")
        time.sleep(random.uniform(0, 0.02))


class Subscriber(threading.Thread):
    """Reads the event stream, disconnects at random and resumes with Last-Event-ID."""

    def __init__(self):
        super().__init__(daemon=True)
        self.events, self.last, self.resets, self.connections = [], None, 0, 0

    def run(self):
        while not stop.is_set():
            try:
                self.read()
            except (OSError, ValueError):
                time.sleep(0.02)

    def read(self):
        host, port = address.split(":")
        last = "" if self.last is None else f"Last-Event-ID: {self.last}\r\n"
        with socket.create_connection((host, int(port)), timeout=20) as stream:
            head = f"GET /api/events?topics=posts HTTP/1.0\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n{last}\r\n"
            stream.sendall(head.encode())
            lines = stream.makefile("r", encoding="utf-8", newline="\n")
            if " 200 " not in lines.readline():
                raise ValueError("the response is not 200")
            self.connections += 1
            end = time.monotonic() + random.uniform(0.2, 3)
            event = {}
            for line in lines:
                name, _, value = line.rstrip("\r\n").partition(": ")
                if name:
                    event[name] = value
                    continue
                self.resets += event.get("event") == "reset"
                self.last = int(event.get("id", self.last or 0))
                if "data" in event and event.get("event") != "heartbeat":
                    self.events.append((self.last, json.loads(event["data"])))
                event = {}
                if time.monotonic() > end:
                    return


delivered, rejected, redelivered = {}, set(), 0


class Receiver(http.server.BaseHTTPRequestHandler):
    """A webhook receiver that rejects the first delivery of one event in ten."""

    def do_POST(self):
        global redelivered
        body, event = self.rfile.read(int(self.headers["content-length"])), self.headers["webhook-id"]
        if event not in rejected and random.random() < 0.1:
            rejected.add(event)
            self.send_response(503)
        else:
            redelivered += event in delivered
            delivered[event] = json.loads(body)
            self.send_response(204)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=receiver.serve_forever, daemon=True).start()

with Service(address) as service:
    token = service.token()
    headers = {"Authorization": f"Bearer {token}", "Content_Type": "application/json"}
    endpoint = {"url": f"http://127.0.0.1:{receiver.server_address[1]}/", "events": ["posts"]}
    status, response = service.request("POST", "/api/webhook-endpoints", json.dumps(endpoint), **headers)
    if status != 201:
        sys.exit(f"expected 201 for the webhook endpoint, got {status}: {response}")
    subscriber = Subscriber()
    subscriber.start()
    while subscriber.connections == 0:
        time.sleep(0.01)
writers = [threading.Thread(target=schedule, args=(name,)) for name in "ab"]
for writer in writers:
    writer.start()
for number in range(kills):
    with Service(address) as service:
        if number % 50 == 49:
            # An access token is valid for 15 minutes.
            token = service.token()
        time.sleep(random.uniform(0.1, 0.8))

with Service(address) as service:
    token = service.token()
    stop.set()
    for writer in writers:
        writer.join()
    stop.clear()
    # The last posts are due in a moment, and rejected deliveries are retried after some seconds.
    reader = Subscriber()
    subscriber.join(30)
    reader.events, reader.last = subscriber.events, subscriber.last
    reader.start()
    progress, end = 0, time.monotonic() + 120
    while time.monotonic() < end:
        # After many kills, thousands of deliveries are due. The wait ends when there is no further one.
        if len(delivered) > progress:
            progress, end = len(delivered), time.monotonic() + 120
        events = list(reader.events)
        published = [data["data"]["id"] for _, data in events if data["type"] == "post.published"]
        if set(acknowledged) <= set(published) and {data["id"] for _, data in events} <= set(delivered):
            break
        time.sleep(0.2)
    stop.set()
    positions = [position for position, _ in events]
    created = [data["data"]["id"] for _, data in events if data["type"] == "post.created"]
    lost = set(acknowledged) - set(published)
    if lost:
        sys.exit(f"{len(lost)} posts of {len(acknowledged)} were not published: {sorted(lost)[:3]}")
    if len(set(published)) != len(published) or len(set(created)) != len(created):
        sys.exit("a post was published or created twice")
    if positions != sorted(set(positions)):
        sys.exit("the stream contains a duplicate event or is not in order")
    if subscriber.resets or reader.resets:
        sys.exit("the stream contains a reset")
    missed = {data["id"] for _, data in events} - set(delivered)
    if missed:
        sys.exit(f"{len(missed)} events of {len(events)} were not delivered to the webhook endpoint")
    unknown = set(delivered) - {data["id"] for _, data in events}
    if unknown:
        sys.exit(f"{len(unknown)} deliveries have no event")
    for post in acknowledged[:: max(1, len(acknowledged) // 50)]:
        status, body = service.request("GET", f"/api/posts/{post}")
        if (status, json.loads(body).get("published")) != (200, True):
            sys.exit(f"a post with a post.published event is not published: {post}")
print(
    f"{kills} kills, {len(acknowledged)} posts acknowledged and published once, {len(events)} events in order over "
    f"{subscriber.connections + reader.connections} connections, all delivered to the webhook endpoint, {redelivered} redeliveries"
)
