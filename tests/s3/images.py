"""Uploads images to a server that stores them in an S3 bucket, reads and deletes them."""
import json
import os
import struct
import sys
import urllib.error
import urllib.request
import zlib

mode, url, token, bucket, media = sys.argv[1:]


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


def request(method, path, body=None, **headers):
    message = urllib.request.Request(url + path, body, method=method)
    for name, value in headers.items():
        message.add_header(name.replace("_", "-"), value)
    if path.startswith("/api"):
        message.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(message, timeout=30) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def upload(image):
    head = b'--line\r\nContent-Disposition: form-data; name="file"; filename="joint.png"\r\n\r\n'
    body = head + image + b"\r\n--line--\r\n"
    return request("POST", "/api/upload", body, Content_Type="multipart/form-data; boundary=line")


def files(folder):
    names = [name for _, _, files in os.walk(folder) for name in files]
    return [name for name in names if name.endswith("_object")] if folder == bucket else names


def expect(actual, expected):
    if actual != expected:
        sys.exit(f"expected {expected!r}, got {actual!r}")


if mode == "rejected":
    before = files(bucket)
    status, _, body = upload(png(30, 20, 9))
    expect((status, files(bucket), files(media)), (500, before, []))
    sys.exit()

images = []
for seed in range(5):
    status, _, body = upload(png(300, 200, seed))
    expect(status, 201)
    images.append(json.loads(body))
    status, _, body = upload(png(300, 200, seed))
    expect((status, json.loads(body)["id"]), (200, images[-1]["id"]))
expect((len(files(bucket)), files(media)), (5, []))
for image in images:
    path = image["url"]
    status, headers, whole = request("GET", path)
    expect((status, len(whole), headers["Content-Length"]), (200, image["size"], str(image["size"])))
    status, headers, part = request("GET", path, Range="bytes=10-99")
    expect((status, part, headers["Content-Range"]), (206, whole[10:100], f"bytes 10-99/{len(whole)}"))
    expect(request("GET", path, Range="bytes=999999-")[0], 416)
    expect(request("GET", path, If_None_Match=headers["ETag"])[0], 304)
    status, _, small = request("GET", path + "?w=30")
    expect((status, struct.unpack(">II", small[16:24])), (200, (32, 21)))
    expect(request("GET", path + "?w=32")[2], small)
expect((len(files(bucket)), files(media)), (10, []))
for image in images[:4]:
    expect(request("DELETE", f"/api/media/{image['id']}")[0], 204)
    expect(request("GET", image["url"])[0], 404)
expect(len(files(bucket)), 2)
print(f"{len(images)} images stored in the bucket, 4 of them deleted")
