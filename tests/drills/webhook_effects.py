"""Sends signed Stripe webhooks. First at a fixed rate: acknowledgements are quick, and no acknowledged event is lost by a
SIGKILL. Then each event one to five times in random order, while the server is killed repeatedly: each event is stored
once and has one effect, and invoices end in the newest state. A payment that arrives after its refund changes nothing."""
import contextlib
import hashlib
import hmac
import json
import os
import random
import selectors
import sqlite3
import sys
import threading
import time
import uuid
from collections import Counter

from connection import Connection
from service import Service, folder

rate, seconds, limit, event_count, kills = map(int, sys.argv[5:10])
secret = os.environ["STRIPE_SECRET"].encode()
random.seed(7)
CONNECTIONS, WRITERS = 64, 16


def check(condition, message):
    if not condition:
        sys.exit(message)


def create_invoices(service, count):
    """Returns the numbers of new pending invoices."""
    headers = f"Authorization: Bearer {service.token()}\r\nContent-Type: application/json\r\n"
    connections = [Connection(service.address) for _ in range(16)]
    customer = json.dumps({"name": "Evil Rabbit", "email": f"{uuid.uuid4()}@rabbit.acme.test"}).encode()
    _, _, body = connections[0].request("POST", "/api/v2/customers", headers, customer)
    invoice = json.dumps({"customerId": json.loads(body)["id"], "amount": 15795, "status": "pending"}).encode()
    numbers = []
    while len(numbers) < count:
        for connection in connections:
            connection.send("POST", "/api/v2/invoices/en-us", headers, invoice)
        for connection in connections:
            status, _, body = connection.receive()
            check(status == 201, f"expected 201 for an invoice, got {status}: {body}")
            numbers.append(json.loads(body)["number"])
    for connection in connections:
        connection.close()
    return numbers[:count]


def event(kind, number, name):
    fields = {"refunded": True} if kind == "charge.refunded" else {}
    content = {"id": f"evt_{name}_{kind.replace('.', '_')}_{number}", "object": "event", "type": kind,
               "data": {"object": {"object": "invoice", **fields, "metadata": {"invoice": str(number)}}}}
    return content["id"], json.dumps(content).encode()


def signature(body):
    now = int(time.time())
    digest = hmac.new(secret, b"%d.%s" % (now, body), hashlib.sha256).hexdigest()
    return f"Content-Type: application/json\r\nStripe-Signature: t={now},v1={digest}\r\n"


def send_at_rate(address, bodies):
    """Returns the times from the moment at which each request was due to its acknowledgement, in ascending order."""
    selector, times, sent, busy = selectors.DefaultSelector(), [], 0, 0
    idle = [Connection(address) for _ in range(CONNECTIONS)]
    start = time.monotonic()
    while sent < len(bodies) or busy:
        now = time.monotonic()
        while idle and sent < len(bodies) and start + sent / rate <= now:
            connection = idle.pop()
            connection.due = start + sent / rate
            connection.send("POST", "/api/webhooks/stripe", signature(bodies[sent]), bodies[sent])
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            sent, busy = sent + 1, busy + 1
        wait = start + sent / rate - now if idle and sent < len(bodies) else 1
        for key, _ in selector.select(max(0, wait)):
            selector.unregister(key.fileobj)
            status, _, body = key.data.receive()
            check(status == 200, f"expected 200 for a webhook, got {status}: {body}")
            times.append(time.monotonic() - key.data.due)
            idle.append(key.data)
            busy -= 1
    return sorted(times), time.monotonic() - start


def wait_until_processed(service):
    """Waits until no event is queued, and returns the time."""
    begin = time.monotonic()
    headers = {"Authorization": f"Bearer {service.token()}"}
    while time.monotonic() < begin + 600:
        status, body = service.request("GET", "/api/webhook-events?state=received&limit=1", **headers)
        check(status == 200, f"expected 200 for the events, got {status}: {body}")
        if json.loads(body)["pagination"]["total"] == 0:
            return time.monotonic() - begin
        time.sleep(0.2)
    sys.exit("the events were not processed within 10 minutes")


def query(sql, *values):
    with contextlib.closing(sqlite3.connect(os.path.join(folder, "tenon.db"))) as database:
        return database.execute(sql, values).fetchall()


def check_events(name, expected):
    """Checks the stored events of a part: those that were sent, each once, and each one processed."""
    rows = query("SELECT provider_id, state FROM webhook_events WHERE provider_id LIKE ?", f"evt_{name}_%")
    stored = [row[0] for row in rows]
    check(len(stored) == len(set(stored)), "an event is stored twice")
    missing = set(expected) - set(stored)
    check(not missing, f"{len(missing)} of {len(expected)} acknowledged events are lost: {sorted(missing)[:3]}")
    check(set(stored) == set(expected), "an event was stored that was not sent")
    states = {state for _, state in rows}
    check(states <= {"handled", "unhandled"}, f"events have the states {states}")


def check_effects(status, versions, numbers):
    """Checks the status and the changes of invoices, and returns the number of changes. A new invoice has the version 1. Each
    change increments it and emits an event."""
    invoices = {number: row for number, *row in query("SELECT number, status, version, id FROM invoices")}
    emitted = Counter(subject for (subject,) in query("SELECT subject FROM events WHERE version > 1"))
    for number in numbers:
        found, version, key = invoices[number]
        check(found == status, f"invoice {number}: expected the status {status}, got {found}")
        check(version in versions, f"invoice {number}: expected a version in {versions}, got {version}")
        changes = emitted[str(uuid.UUID(bytes=key))]
        check(changes == version - 1, f"invoice {number}: {version - 1} changes emitted {changes} events")
    return sum(invoices[number][1] - 1 for number in numbers)


with Service() as service:
    count = rate * seconds
    paid = create_invoices(service, count // 2)
    events = [event("invoice.paid", number, "rate") for number in paid]
    events += [event("customer.updated", number, "rate") for number in range(count - len(events))]
    random.shuffle(events)
    times, took = send_at_rate(service.address, [body for _, body in events])
with Service() as service:
    processed = wait_until_processed(service)
check_events("rate", [name for name, _ in events])
effects = check_effects("paid", {2}, paid)
p99, median = times[int(len(times) * 0.99)] * 1000, times[len(times) // 2] * 1000
print(f"{count} events at {count / took:.0f} per second, then SIGKILL: acknowledged after {median:.1f} ms (median) and "
      f"{p99:.1f} ms (p99), all stored, {effects} of {len(paid)} invoices changed once, processed {processed:.1f} s "
      f"after the restart", flush=True)

with Service() as service:
    both = create_invoices(service, event_count // 3)
    only_paid = create_invoices(service, event_count - 2 * len(both))
events = [event("invoice.paid", number, "kill") for number in both + only_paid]
events += [event("charge.refunded", number, "kill") for number in both]
queue = [single for single in events for _ in range(random.randint(1, 5))]
random.shuffle(queue)
total, position, retries, lock = len(queue), 0, 0, threading.Lock()
address, failures = None, []


def send():
    """Sends each request until it is acknowledged, as a provider does."""
    global position, retries
    connection = None
    while True:
        with lock:
            if position == total or failures:
                return
            _, body = queue[position]
            position += 1
        while True:
            try:
                connection = connection or Connection(address, timeout=20)
                status, _, response = connection.request("POST", "/api/webhooks/stripe", signature(body), body)
            except (OSError, IndexError, ValueError):
                # The server was killed.
                connection, status = None, 503
            if status == 200:
                break
            if status != 503:
                failures.append(f"expected 200 or 503 for a webhook, got {status}: {response}")
                return
            retries += 1
            time.sleep(0.02)


with Service() as service:
    address = service.address
writers = [threading.Thread(target=send, daemon=True) for _ in range(WRITERS)]
for writer in writers:
    writer.start()
killed = 0
while killed < kills:
    with Service(address):
        # The kills are spread over the requests. The last of them hit the queue.
        due, end = total * (killed + 1) // kills, time.monotonic() + 60
        while position < due and not failures and time.monotonic() < end:
            time.sleep(0.001)
        time.sleep(random.uniform(0, 0.1))
    killed += 1
    check(not failures, failures and failures[0])
with Service(address) as service:
    for writer in writers:
        writer.join()
    check(not failures, failures and failures[0])
    processed = wait_until_processed(service)
check_events("kill", [name for name, _ in events])
effects = check_effects("void", {2, 3}, both) + check_effects("paid", {2}, only_paid)
check(query("PRAGMA integrity_check") == [("ok",)], "the database is damaged")
print(f"{killed} kills, {len(events)} events sent {total} times and {retries} times again after errors: each stored once, "
      f"{effects} changes of {len(both) + len(only_paid)} invoices, each once, all in the newest state")
check(p99 <= limit, f"99 % of the events are acknowledged within {p99:.1f} ms, not {limit} ms")
check(count / took > 0.98 * rate, f"the rate was {count / took:.0f}, not {rate} per second")
