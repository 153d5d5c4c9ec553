"""Kills the server repeatedly during uploads. Every acknowledged upload is stored once, and every stored file belongs
to an upload or to a recorded orphan."""
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

folder, kills = sys.argv[2], int(sys.argv[5])
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


acknowledged, counter = [], iter(range(1, 10**9))


def uploads(service, token):
    head = b'--line\r\nContent-Disposition: form-data; name="file"; filename="joint.png"\r\n\r\n'
    headers = {"Authorization": f"Bearer {token}", "Content_Type": "multipart/form-data; boundary=line"}
    try:
        while True:
            image = png(next(counter))
            status, response = service.request("POST", "/api/upload", head + image + b"\r\n--line--\r\n", **headers)
            if status != 201:
                sys.exit(f"expected 201 for an upload, got {status}: {response}")
            acknowledged.append(json.loads(response))
    except (OSError, http.client.HTTPException):
        pass


for _ in range(kills):
    with Service() as service:
        token = service.token()
        threads = [threading.Thread(target=uploads, args=(service, token)) for _ in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(random.uniform(0.02, 0.5))
    for thread in threads:
        thread.join()

with Service() as service:
    for image in acknowledged:
        status, body = service.request("GET", image["url"])
        if (status, len(body)) != (200, image["size"]):
            sys.exit(f"an acknowledged upload is lost: {image}")
database = sqlite3.connect(os.path.join(folder, "tenon.db"))
rows = database.execute("SELECT key, sha256 FROM media").fetchall()
orphans = {stem for (stem,) in database.execute("SELECT stem FROM media_orphans")}
if len({digest for _, digest in rows}) != len(rows):
    sys.exit("an upload is stored twice")
uploaded = {key.split(".")[0] for key, _ in rows}
media = os.path.join(folder, "media")
stored = {stem for shard in os.listdir(media) if len(shard) == 2 for stem in os.listdir(os.path.join(media, shard))}
if uploaded - stored:
    sys.exit(f"uploads without a file: {uploaded - stored}")
if stored - uploaded - orphans:
    sys.exit(f"files without an upload or a recorded orphan: {stored - uploaded - orphans}")
temporary = len(os.listdir(os.path.join(media, "incoming")))
print(
    f"{kills} kills, {len(acknowledged)} uploads acknowledged, {len(rows)} stored, "
    f"{len(orphans)} recorded orphans, {temporary} temporary files"
)
