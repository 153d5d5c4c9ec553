"""Loses the machine under writes, and restores the database to a chosen second and to the last second.

Usage: drill.py TENON FOLDER EMAIL PASSWORD LITESTREAM CONFIG
"""
import datetime
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "crash_recovery"))
from service import Service, folder, tenon  # noqa: E402

litestream, config = sys.argv[5:7]
# Seconds of writes before and after the chosen time, and the maximum loss in seconds.
BEFORE, AFTER, LOSS = 6, 4, 1.0

replica = f"{folder}-replica"
environment = os.environ | {"TENON_DATA_DIR": folder, "LITESTREAM_REPLICA": replica}
writes = []  # (name, time of the request, time of the response)


def write(service, token, name):
    begin = time.time()
    headers = {"Content_Type": "application/json", "Authorization": f"Bearer {token}"}
    status, body = service.request("POST", "/api/channels", json.dumps({"name": name, "audience": "public"}), **headers)
    if status != 201:
        sys.exit(f"POST /api/channels: {status} {body}")
    writes.append((name, begin, time.time()))


def restore(target, *options):
    command = [litestream, "restore", "-config", config, "-o", f"{target}/tenon.db", *options, f"{folder}/tenon.db"]
    os.makedirs(target)
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    connection = sqlite3.connect(f"{target}/tenon.db")
    if connection.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
        sys.exit("the integrity check failed")
    names = {name for (name,) in connection.execute("SELECT name FROM channels")}
    connection.close()
    return names


def check(names, at, exact):
    """Writes acknowledged LOSS seconds before the time must exist, and writes requested after it must not."""
    lost = [name for name, _, acknowledged in writes if acknowledged < at - LOSS and name not in names]
    later = [name for name, requested, _ in writes if requested > at + LOSS and name in names]
    if lost or (exact and later):
        sys.exit(f"{len(lost)} lost writes {lost[:3]}, {len(later)} later writes {later[:3]}")
    kept = [acknowledged for name, _, acknowledged in writes if name in names]
    print(f"{len(names)} of {len(writes)} writes; the last one is {at - max(kept):.2f} s before the time")


def run(*arguments):
    done = subprocess.run([tenon, *arguments, "--data-dir", folder], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)
    return done.stdout


with Service() as service:
    replicate = subprocess.Popen([litestream, "replicate", "-config", config], env=environment,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    # The replica has the database before the first write that must not be lost.
    deadline = time.time() + 30
    while not any(pathlib.Path(replica).rglob("*.ltx")):
        if time.time() > deadline or replicate.poll() is not None:
            sys.exit("the replication did not start")
        time.sleep(0.05)
    token = service.token()
    number = 0
    end = time.time() + BEFORE
    while time.time() < end:
        write(service, token, f"channel {number}")
        number += 1
    chosen = time.time()
    end = chosen + AFTER
    while time.time() < end:
        write(service, token, f"channel {number}")
        number += 1
    lost_at = time.time()
    replicate.send_signal(signal.SIGKILL)
    replicate.wait()

time_of = lambda at: datetime.datetime.fromtimestamp(at, datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
# The machine is lost: only the replica and the secret key remain.
key = pathlib.Path(folder, "secret.key").read_bytes()
os.rename(folder, f"{folder}-lost")
check(restore(f"{folder}-chosen", "-timestamp", time_of(chosen)), chosen, True)
check(restore(folder), lost_at, False)
key_file = pathlib.Path(folder, "secret.key")
key_file.write_bytes(key)
key_file.chmod(0o600)
pathlib.Path(folder, "tenon.db").chmod(0o600)
run("doctor")
# The chosen second becomes the database of the service, without its sessions.
run("backup", f"{folder}.tar", "--media", "list", "--database-url", f"sqlite://{folder}-chosen/tenon.db")
report = run("restore", f"{folder}.tar", "--replace")
if "ended 1 session," not in report:
    sys.exit(report)
run("doctor")
with Service() as service:
    status, _ = service.request("GET", "/api/channels?limit=1")
    if status != 200:
        sys.exit(f"GET /api/channels: {status}")
shutil.rmtree(replica)
