"""Sends updates of one post at once, with its entity tag in If-Match. One of them succeeds, the others are rejected with 412,
and the post has the content of the one that succeeded."""
import json
import sys

from connection import Connection
from service import Service

database, rounds = sys.argv[5], int(sys.argv[6])
WRITERS = 8


def check(condition, message):
    if not condition:
        sys.exit(f"{database}: {message}")


winners = [0] * WRITERS
with Service() as service:
    connections = [Connection(service.address) for _ in range(WRITERS)]
    for number in range(rounds):
        # An access token is valid for 15 minutes.
        if number % 200 == 0:
            headers = f"Authorization: Bearer {service.token()}\r\nContent-Type: application/json\r\n"
        if number == 0:
            post = json.dumps({"title": "The oak", "content": "Cut to fit.", "published": True}).encode()
            status, fields, body = connections[0].request("POST", "/api/posts", headers, post)
            check(status == 201, f"expected 201 for a post, got {status}: {body}")
            path, tag = fields["location"], fields["etag"]
        for writer, connection in enumerate(connections):
            change = json.dumps({"title": f"Round {number} of writer {writer}"}).encode()
            kind = headers.replace("application/json", "application/merge-patch+json")
            connection.send("PATCH", path, f"{kind}If-Match: {tag}\r\n", change)
        results = [connection.receive() for connection in connections]
        statuses = [status for status, _, _ in results]
        check(sorted(statuses) == [200] + [412] * (WRITERS - 1), f"round {number}: the statuses are {statuses}")
        winner = statuses.index(200)
        winners[winner] += 1
        status, fields, body = connections[0].request("GET", path, headers)
        check(status == 200, f"round {number}: expected 200, got {status}: {body}")
        title = json.loads(body)["title"]
        check(title == f"Round {number} of writer {winner}", f"round {number}: writer {winner} succeeded, got {title}")
        check(fields["etag"] == results[winner][1]["etag"] != tag, f"round {number}: the entity tag is {fields['etag']}")
        tag = fields["etag"]
check(min(winners) < rounds and sum(won > 0 for won in winners) > 1, "the same writer succeeded in all rounds")
print(f"{database}: {rounds} rounds of {WRITERS} writers with one entity tag, {sum(winners)} succeeded, "
      f"{rounds * (WRITERS - 1)} rejected with 412; successes of each writer: {winners}")
