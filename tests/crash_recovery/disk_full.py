"""Fills the disk in steps of 4 KiB. Writes are rejected with 507, reads are served, no acknowledged write is lost, and
writes succeed again when there is space, without a restart."""
import errno
import json
import os
import sys
import time

from service import Service

folder, steps = sys.argv[2], int(sys.argv[5])
STEP = 4096
ballast = os.path.join(folder, "ballast")


def fill(free):
    """Leaves this number of free bytes."""
    with open(ballast, "wb") as file:
        while True:
            usage = os.statvfs(folder)
            try:
                return os.posix_fallocate(file.fileno(), 0, max(1, usage.f_bavail * usage.f_frsize - free))
            except OSError as error:
                # The server used some of the space meanwhile.
                if error.errno != errno.ENOSPC:
                    raise
                file.truncate(0)


def check(condition, message):
    if not condition:
        sys.exit(message)


acknowledged, rejected, slowest = [], 0, 0.0
with Service() as service:
    def create(name):
        post = json.dumps({"title": name, "content": "x" * 3000, "published": True})
        status, body = service.request("POST", "/api/posts", post, **headers)
        if status == 201:
            acknowledged.append(json.loads(body)["id"])
        return status, body

    for step in range(steps):
        if step % 50 == 0:
            # An access token is valid for 15 minutes.
            headers = {"Authorization": f"Bearer {service.token()}", "Content_Type": "application/json"}
        fill(step * STEP)
        for number in range(step + 20):
            status, body = create(f"Post {step} {number}")
            check(status in (201, 507), f"step {step}: expected 201 or 507, got {status}: {body}")
            if status == 507:
                break
        # After a checkpoint, the log is written again from its start and needs no space for some time.
        if status == 507:
            check(json.loads(body)["code"] == "insufficient-storage", f"step {step}: {body}")
            rejected += 1
        for path in ("/api/posts", "/api/health", f"/api/posts/{acknowledged[-1]}" if acknowledged else "/livez"):
            status, body = service.request("GET", path)
            check(status == 200, f"step {step}: {path}: expected 200, got {status}: {body}")
        os.remove(ballast)
        begin = time.monotonic()
        status, body = create(f"Post {step} with space")
        slowest = max(slowest, time.monotonic() - begin)
        check(status == 201, f"step {step}: expected 201 when there is space, got {status}: {body}")
        check(service.process.poll() is None, f"step {step}: the process ended")
check(rejected > 0, "the disk was never full: the test has no effect")
with Service() as service:
    for post in acknowledged:
        status, body = service.request("GET", f"/api/posts/{post}")
        check(status == 200, f"the acknowledged post {post} is lost: {status}")
print(
    f"{steps} steps, {rejected} writes rejected with 507, {len(acknowledged)} acknowledged posts stored, "
    f"first write with space after {slowest * 1000:.0f} ms at most"
)
