"""Sends 16 equal requests with one Idempotency-Key at once. They create one row and have one response. Another body with
the same key is rejected with 422."""
import json
import sys

from connection import Connection
from service import Service

database, races = sys.argv[5], int(sys.argv[6])
REQUESTS = 16


def check(condition, message):
    if not condition:
        sys.exit(f"{database}: {message}")


retried = 0
with Service() as service:
    connections = [Connection(service.address) for _ in range(REQUESTS)]
    for race in range(races):
        # An access token is valid for 15 minutes.
        if race % 200 == 0:
            authorization = f"Authorization: Bearer {service.token()}\r\nContent-Type: application/json\r\n"
        headers = f"{authorization}Idempotency-Key: race-{race}\r\n"
        post = json.dumps({"title": f"Post {race}", "content": "Cut to fit.", "published": True}).encode()
        for connection in connections:
            connection.send("POST", "/api/posts", headers, post)
        created = set()
        for connection in connections:
            status, fields, body = connection.receive()
            # While the first request is in progress, an equal one may be rejected.
            while status == 409 and "retry-after" in fields:
                retried += 1
                status, fields, body = connection.request("POST", "/api/posts", headers, post)
            check(status == 201, f"race {race}: expected 201, got {status}: {body}")
            created.add((json.loads(body)["id"], fields["location"], fields["etag"]))
        check(len(created) == 1, f"race {race}: {len(created)} different responses: {created}")
        status, _, body = connections[0].request("POST", "/api/posts", headers, post.replace(b"fit", b"size"))
        check(status == 422, f"race {race}: expected 422 for another body, got {status}: {body}")
    status, _, body = connections[0].request("GET", "/api/posts?limit=1")
    total = json.loads(body)["pagination"]["total"]
    check(total == races, f"{total} rows after {races} races")
print(
    f"{database}: {races} races of {REQUESTS} equal requests, {total} rows, {retried} rejected with 409 and repeated, "
    f"{races} other bodies rejected with 422"
)
