"""Kills the service in the middle of uploads, again and again: no upload that was answered is lost, none is there twice,
and no bytes lie about of which the service does not know."""
import http.client
import json
import os
import random
import sqlite3
import struct
import sys
import threading
import time
import zlib

from service import Service

folder, times = sys.argv[2], int(sys.argv[5])
random.seed(7)


def png(seed, side=120):
    def chunk(kind, content):
        crc = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc)

    row = lambda y: b"\0" + bytes((x * y + seed * 31 + c * seed) % 256 for x in range(side) for c in range(3))
    rows = b"".join(row(y) for y in range(side)) + b""
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    mark = struct.pack(">I", seed)
    data = bytearray(rows)
    data[1:5] = mark
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(data))) + chunk(b"IEND", b"")
    )


answered, counter = [], iter(range(1, 10**9))


def uploads(service, token):
    head = b'--line\r\nContent-Disposition: form-data; name="file"; filename="joint.png"\r\n\r\n'
    fields = {"Authorization": f"Bearer {token}", "Content_Type": "multipart/form-data; boundary=line"}
    try:
        while True:
            picture = png(next(counter))
            status, answer = service.ask("POST", "/api/upload", head + picture + b"\r\n--line--\r\n", **fields)
            if status != 201:
                sys.exit(f"an upload was answered with {status}: {answer}")
            answered.append(json.loads(answer))
    except (OSError, http.client.HTTPException):
        pass


for _ in range(times):
    with Service() as service:
        token = service.token()
        threads = [threading.Thread(target=uploads, args=(service, token)) for _ in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(random.uniform(0.02, 0.5))
    for thread in threads:
        thread.join()

with Service() as service:
    for picture in answered:
        status, seen = service.ask("GET", picture["url"])
        if (status, len(seen)) != (200, picture["size"]):
            sys.exit(f"an upload that was answered is lost: {picture}")
database = sqlite3.connect(os.path.join(folder, "tenon.db"))
rows = database.execute("SELECT key, sha256 FROM media").fetchall()
noted = {stem for (stem,) in database.execute("SELECT stem FROM media_leftovers")}
if len({digest for _, digest in rows}) != len(rows):
    sys.exit("an upload is there twice")
known = {key.split(".")[0] for key, _ in rows}
media = os.path.join(folder, "media")
there = {stem for shard in os.listdir(media) if len(shard) == 2 for stem in os.listdir(os.path.join(media, shard))}
if known - there:
    sys.exit(f"pictures without bytes: {known - there}")
if there - known - noted:
    sys.exit(f"bytes of which nobody knows: {there - known - noted}")
left = len(os.listdir(os.path.join(media, "incoming")))
print(
    f"{times} kills, {len(answered)} uploads answered, {len(rows)} kept, "
    f"{len(noted)} noted to be taken away, {left} files of broken ones to be swept"
)
