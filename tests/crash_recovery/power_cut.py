"""Cuts the power during writes: bytes that were not synced are dropped, or kept in some sectors of 512 bytes. No
acknowledged write is lost. Without syncs of the write-ahead log at commits, as with synchronous=NORMAL, some must be lost,
else the test has no effect."""
import contextlib
import http.client
import json
import os
import random
import shutil
import sqlite3
import sys
import threading
import time

from service import Service

folder, library, cuts = sys.argv[2], sys.argv[5], int(sys.argv[6])
FILES = [os.path.join(folder, name) for name in ("tenon.db", "tenon.db-wal")]
SECTOR = 512
random.seed(7)


def create_posts(address, token, stop, acknowledged):
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection(address, timeout=20)
    while not stop.is_set():
        post = {"title": f"Post {random.random()}", "content": "x" * random.randint(10, 5000), "published": True}
        try:
            connection.request("POST", "/api/posts", json.dumps(post), headers)
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            return
        if response.status == 201:
            acknowledged.append(json.loads(body)["id"])


def read(path):
    if not os.path.exists(path):
        return None
    with open(path, "rb") as file:
        return file.read()


def after_cut(durable, current, mode):
    """Returns the content of a file after a power cut; `None` if it does not exist."""
    if mode == "dropped" or current is None:
        return durable
    durable = durable or b""
    size = random.choice((len(durable), len(current)))
    sectors = []
    for start in range(0, size, SECTOR):
        keeps = start < size // 2 if mode == "half" else random.random() < 0.5
        sector = (current if keeps else durable)[start : start + SECTOR]
        sectors.append(sector.ljust(min(SECTOR, size - start), b"\0"))
    return b"".join(sectors)


def cut(mode):
    """Runs the server, cuts the power, and returns the acknowledged posts."""
    for path in FILES:
        # What is on the disk now is durable.
        if os.path.exists(path):
            shutil.copyfile(path, path + ".durable")
        elif os.path.exists(path + ".durable"):
            os.remove(path + ".durable")
    os.environ["LD_PRELOAD"] = library
    acknowledged, stop = [], threading.Event()
    with Service() as service:
        del os.environ["LD_PRELOAD"]
        arguments = (service.address, token, stop, acknowledged)
        writers = [threading.Thread(target=create_posts, args=arguments) for _ in range(4)]
        for writer in writers:
            writer.start()
        time.sleep(random.uniform(0.05, 0.5))
    stop.set()
    for writer in writers:
        writer.join()
    for path in FILES:
        content = after_cut(read(path + ".durable"), read(path), mode)
        if content is None:
            if os.path.exists(path):
                os.remove(path)
            continue
        with open(path, "wb") as file:
            file.write(content)
    # The index of the log is shared memory.
    if os.path.exists(os.path.join(folder, "tenon.db-shm")):
        os.remove(os.path.join(folder, "tenon.db-shm"))
    return acknowledged


def lost(acknowledged):
    """Returns the number of posts that are lost, and checks the database."""
    global token
    with Service() as service:
        # An access token is valid for 15 minutes.
        token = service.token()
        found = [service.request("GET", f"/api/posts/{post}")[0] == 200 for post in acknowledged]
    with contextlib.closing(sqlite3.connect(FILES[0])) as database:
        [result] = database.execute("PRAGMA integrity_check").fetchone()
        if result != "ok":
            sys.exit(f"integrity_check: {result}")
    return found.count(False)


lost([])
total, everything = 0, []
for number in range(cuts):
    mode = ("dropped", "half", "torn")[number % 3]
    acknowledged = cut(mode)
    if missing := lost(acknowledged):
        sys.exit(f"cut {number}, {mode}: {missing} posts of {len(acknowledged)} are lost")
    total += len(acknowledged)
    everything += acknowledged
if lost(random.sample(everything, min(len(everything), 300))):
    sys.exit("a later cut has lost posts")
os.environ["CUT_IGNORES_LOG_SYNC"] = "1"
acknowledged = cut("dropped")
del os.environ["CUT_IGNORES_LOG_SYNC"]
missing = lost(acknowledged)
if missing == 0:
    sys.exit("nothing is lost without syncs of the log: the test has no effect")
print(
    f"{cuts} power cuts, {total} acknowledged posts stored; without syncs of the log, {missing} of {len(acknowledged)} lost"
)
