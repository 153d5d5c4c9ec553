"""Uploads pictures to a service that keeps them in a bucket, looks at them, and takes them away again."""
import json
import os
import struct
import sys
import urllib.error
import urllib.request
import zlib

how, url, token, service, incoming = sys.argv[1:]


def png(width, height, seed):
    def chunk(kind, content):
        crc = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc)

    rows = b"".join(
        b"\0" + b"".join(bytes((x * 255 // width, y * 255 // height, seed)) for x in range(width))
        for y in range(height)
    )
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def ask(method, path, body=None, **fields):
    request = urllib.request.Request(url + path, body, method=method)
    for name, value in fields.items():
        request.add_header(name.replace("_", "-"), value)
    if path.startswith("/api"):
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def upload(picture):
    head = b'--line\r\nContent-Disposition: form-data; name="file"; filename="joint.png"\r\n\r\n'
    body = head + picture + b"\r\n--line--\r\n"
    return ask("POST", "/api/upload", body, Content_Type="multipart/form-data; boundary=line")


def kept(folder):
    found = [name for _, _, names in os.walk(folder) for name in names]
    return [name for name in found if name.endswith("_object")] if folder == service else found


def expect(found, wanted):
    if found != wanted:
        sys.exit(f"{found!r} where {wanted!r} was expected")


if how == "refused":
    before = kept(service)
    status, _, answer = upload(png(30, 20, 9))
    expect((status, kept(service), kept(incoming)), (500, before, []))
    sys.exit()

pictures = []
for seed in range(5):
    status, _, answer = upload(png(300, 200, seed))
    expect(status, 201)
    pictures.append(json.loads(answer))
    status, _, answer = upload(png(300, 200, seed))
    expect((status, json.loads(answer)["id"]), (200, pictures[-1]["id"]))
expect((len(kept(service)), kept(incoming)), (5, []))
for picture in pictures:
    path = picture["url"]
    status, headers, whole = ask("GET", path)
    expect((status, len(whole), headers["Content-Length"]), (200, picture["size"], str(picture["size"])))
    status, headers, part = ask("GET", path, Range="bytes=10-99")
    expect((status, part, headers["Content-Range"]), (206, whole[10:100], f"bytes 10-99/{len(whole)}"))
    expect(ask("GET", path, Range="bytes=999999-")[0], 416)
    expect(ask("GET", path, If_None_Match=headers["ETag"])[0], 304)
    status, _, small = ask("GET", path + "?w=30")
    expect((status, struct.unpack(">II", small[16:24])), (200, (30, 20)))
    expect(ask("GET", path + "?w=30")[2], small)
expect((len(kept(service)), kept(incoming)), (10, []))
for picture in pictures[:4]:
    expect(ask("DELETE", f"/api/media/{picture['id']}")[0], 204)
    expect(ask("GET", picture["url"])[0], 404)
expect(len(kept(service)), 2)
print(f"{len(pictures)} pictures kept in the bucket, and 4 of them taken away")
