"""Ends the server with SIGKILL while its write-ahead log is large, and measures the time from the start of the next process
to its first 200 of /readyz."""
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import time

from service import Service

folder = sys.argv[2]
kills, database_mib, log_mib, limit = map(int, sys.argv[5:])
MIB = 1 << 20
path = os.path.join(folder, "tenon.db")
# Copies the first post, with 64 KiB of text each.
COPY = """
WITH RECURSIVE numbers(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < ?)
INSERT INTO posts SELECT randomblob(16), 'copy-of-' || number, title, excerpt, cover_image, author_id, published_at,
publish_at, unpublish_at, comments_count, search, source, version, created_at, updated_at, deleted_at,
hex(zeroblob(32768)) FROM (SELECT * FROM posts LIMIT 1), numbers
"""
# Changes posts without a checkpoint, and ends without closing the database, as a killed process does.
WRITE_LOG = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA wal_autocheckpoint = 0")
while not os.path.exists(sys.argv[1] + "-wal") or os.path.getsize(sys.argv[1] + "-wal") < int(sys.argv[2]):
    database.execute("UPDATE posts SET version = version + 1, content = hex(randomblob(32768)) WHERE id IN "
                     "(SELECT id FROM posts ORDER BY random() LIMIT 20)")
os._exit(0)
"""


def start():
    """Starts the server, and returns its process, address and time to the first 200 of /readyz."""
    begin = time.monotonic()
    service = Service().__enter__()
    while service.request("GET", "/readyz")[0] != 200:
        time.sleep(0.005)
    return service, time.monotonic() - begin


with Service() as service:
    headers = {"Authorization": f"Bearer {service.token()}", "Content_Type": "application/json"}
    post = json.dumps({"title": "Post", "content": "Cut to fit.", "published": True})
    service.request("POST", "/api/posts", post, **headers)
with contextlib.closing(sqlite3.connect(path)) as database, database:
    database.execute(COPY, [database_mib * 16])
size = os.path.getsize(path) / MIB
times, logs = [], []
for _ in range(kills):
    subprocess.run([sys.executable, "-c", WRITE_LOG, path, str(log_mib * MIB)], check=True)
    logs.append(os.path.getsize(path + "-wal") / MIB)
    service, took = start()
    times.append(took)
    status, body = service.request("POST", "/api/posts", post, **headers)
    service.__exit__()
    if status != 201:
        sys.exit(f"expected 201 after the start, got {status}: {body}")
times.sort()
p99 = times[min(len(times) - 1, int(len(times) * 0.99))]
print(
    f"{kills} kills with a database of {size:.0f} MiB and a log of at least {min(logs):.0f} MiB: ready after "
    f"{times[len(times) // 2] * 1000:.0f} ms (median), {p99 * 1000:.0f} ms (p99)"
)
if p99 * 1000 > limit:
    sys.exit(f"expected a p99 of at most {limit} ms")
