"""Makes the n-th read, write or sync of the database fail with EIO, for n from 1. Each write is acknowledged and stored
after a restart, or its response is a server error. After a failed write or sync, the process exits with code 74. SQLite
reports most failed reads as damage of the file, and the process continues."""
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import time

from service import Service

folder, library, faults = sys.argv[2], sys.argv[5], int(sys.argv[6])
EXIT_STORAGE_FAILURE = 74
WRITES = 40


def write_posts(service, token, name):
    """Creates posts until one fails. Returns the ids of the acknowledged ones, and whether one failed."""
    acknowledged = []
    headers = {"Authorization": f"Bearer {token}", "Content_Type": "application/json"}
    for number in range(WRITES):
        post = json.dumps({"title": f"Post {name} {number}", "content": "x" * 3000, "published": True})
        try:
            status, body = service.request("POST", "/api/posts", post, **headers)
        except OSError:
            return acknowledged, True
        if status == 201:
            acknowledged.append(json.loads(body)["id"])
        elif status in (500, 503):
            return acknowledged, True
        else:
            sys.exit(f"{name}: expected 201, 500 or 503, got {status}: {body}")
    return acknowledged, False


def check_stored(acknowledged, name):
    global token
    with Service() as service:
        # An access token is valid for 15 minutes.
        token = service.token()
        for post in acknowledged:
            status, _ = service.request("GET", f"/api/posts/{post}")
            if status != 200:
                sys.exit(f"{name}: the acknowledged post {post} is lost: {status}")
    with contextlib.closing(sqlite3.connect(os.path.join(folder, "tenon.db"))) as database:
        [result] = database.execute("PRAGMA integrity_check").fetchone()
        if result != "ok":
            sys.exit(f"{name}: {result}")


check_stored([], "start")
armed = os.path.join(folder, "armed")
summary = []
for call in ("read", "write", "sync"):
    errors = exits = stored = 0
    for at in range(1, faults + 1):
        name = f"{call} {at}"
        environment = {"LD_PRELOAD": library, "FAULT_CALL": call, "FAULT_AT": str(at), "FAULT_FILE": armed}
        os.environ.update(environment)
        with Service() as service:
            open(armed, "w").close()
            acknowledged, failed = write_posts(service, token, name)
            errors += failed
            if failed and call != "read":
                begin = time.monotonic()
                try:
                    code = service.process.wait(timeout=5)
                except subprocess.TimeoutExpired:
                    sys.exit(f"{name}: the process does not exit after a failed write")
                if code != EXIT_STORAGE_FAILURE or time.monotonic() - begin > 2:
                    sys.exit(f"{name}: exit code {code} after {time.monotonic() - begin:.1f} s")
                exits += 1
        os.remove(armed)
        for variable in environment:
            del os.environ[variable]
        check_stored(acknowledged, name)
        stored += len(acknowledged)
    if errors == 0:
        sys.exit(f"no {call} failed: the test has no effect")
    summary.append(
        f"{call}: {faults} faults, {errors} errors, {exits} exits with code 74, {stored} acknowledged posts stored"
    )
print("\n".join(summary))
