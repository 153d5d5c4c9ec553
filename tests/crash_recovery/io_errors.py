"""Makes the n-th read, write or sync of the database fail with EIO, for n from 1. Each write is acknowledged and stored
after a restart, or its response is a server error, and the process then exits with code 74."""
import json
import os
import sqlite3
import subprocess
import sys
import time

from service import Service

tenon, folder, library, faults = sys.argv[1], sys.argv[2], sys.argv[5], int(sys.argv[6])
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


def start_fails():
    """Returns whether the server ends with an error before it listens."""
    command = [tenon, "serve", "--listen", "127.0.0.1:0", "--data-dir", folder]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    listens = any(line.startswith("listening") for line in process.stdout)
    process.kill()
    code = process.wait()
    process.stdout.close()
    if not listens and code == 0:
        sys.exit("the server ended at its start without an error")
    return not listens


def check_stored(acknowledged, name):
    with Service() as service:
        for post in acknowledged:
            status, _ = service.request("GET", f"/api/posts/{post}")
            if status != 200:
                sys.exit(f"{name}: the acknowledged post {post} is lost: {status}")
    with sqlite3.connect(os.path.join(folder, "tenon.db")) as database:
        [result] = database.execute("PRAGMA integrity_check").fetchone()
        if result != "ok":
            sys.exit(f"{name}: {result}")


with Service() as service:
    token = service.token()
summary = []
for call in ("read", "write", "sync"):
    failed_starts = exits = stored = 0
    for at in range(1, faults + 1):
        name = f"{call} {at}"
        os.environ.update(LD_PRELOAD=library, FAULT_CALL=call, FAULT_AT=str(at))
        acknowledged, failed = [], False
        if at <= 60 and start_fails():
            failed_starts += 1
        else:
            with Service() as service:
                acknowledged, failed = write_posts(service, token, name)
                if failed:
                    begin = time.monotonic()
                    try:
                        code = service.process.wait(timeout=5)
                    except subprocess.TimeoutExpired:
                        sys.exit(f"{name}: the process does not exit after a failed write")
                    if code != EXIT_STORAGE_FAILURE or time.monotonic() - begin > 2:
                        sys.exit(f"{name}: exit code {code} after {time.monotonic() - begin:.1f} s")
                    exits += 1
        for variable in ("LD_PRELOAD", "FAULT_CALL", "FAULT_AT"):
            del os.environ[variable]
        check_stored(acknowledged, name)
        stored += len(acknowledged)
    if exits == 0:
        sys.exit(f"no {call} failed: the test has no effect")
    summary.append(f"{call}: {faults} faults, {failed_starts} at the start, {exits} exits, {stored} acknowledged posts stored")
print("\n".join(summary))
