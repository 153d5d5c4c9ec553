"""Makes backups while posts are created at a fixed rate: each is consistent and contains every post that was acknowledged
before its start. Kills `tenon backup` at random points: the file is the previous backup or a complete new one. Restores the
last backup, and kills `tenon restore --replace` at random points: the database is the previous one, the restored one, or
absent with its files in a folder beside it, and the repeated command succeeds."""
import contextlib
import glob
import hashlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import threading
import time

import service as process
from connection import Connection
from service import Service, folder, tenon

rate, backups, kills = map(int, sys.argv[5:8])
random.seed(7)
WRITERS = 8
file, restored = folder + ".tar", folder + "-restored"
acknowledged, failures, stop = [], [], threading.Event()


def check(condition, message):
    if not condition:
        sys.exit(message)


def write(address, headers, number):
    """Creates posts at a part of the rate. Appends the time of each acknowledgement and the id."""
    connection, sent, start = Connection(address), 0, time.monotonic()
    while not stop.is_set():
        time.sleep(max(0, start + sent * WRITERS / rate - time.monotonic()))
        body = json.dumps({"title": f"Post {number} {sent}", "content": "Cut to fit. " * 20}).encode()
        try:
            status, _, response = connection.request("POST", "/api/posts", headers, body)
        except OSError as error:
            failures.append(f"the connection of a writer failed: {error}")
            return
        if status != 201:
            failures.append(f"expected 201 for a post, got {status}: {response}")
            return
        acknowledged.append((time.monotonic(), json.loads(response)["id"]))
        sent += 1


def start(*arguments):
    return subprocess.Popen([tenon, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def run(*arguments):
    """Runs a command, and returns its duration."""
    begin = time.monotonic()
    command = start(*arguments)
    _, errors = command.communicate()
    check(command.returncode == 0, f"tenon {' '.join(arguments)}: {errors.decode()}")
    return time.monotonic() - begin


def digest(path):
    with open(path, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def posts_in(path):
    """Returns the ids of the posts of a database that is consistent."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?immutable=1" if path.endswith("/database") else path,
                                            uri=True)) as database:
        problems = database.execute("PRAGMA integrity_check").fetchall() + database.execute("PRAGMA foreign_key_check").fetchall()
        check(problems == [("ok",)], f"{path} is damaged: {problems[:3]}")
        return {row[0].hex() for row in database.execute("SELECT id FROM posts")}


def posts_in_backup():
    """Verifies the hashes of the backup, and returns the ids of its posts."""
    target = folder + "-extracted"
    shutil.rmtree(target, ignore_errors=True)
    try:
        with tarfile.open(file) as archive:
            archive.extractall(target, filter="data")
    except tarfile.TarError as error:
        sys.exit(f"the file is not a complete backup: {error}")
    with open(os.path.join(target, "SHA256SUMS"), encoding="utf-8") as sums:
        for line in sums:
            expected, name = line.rstrip("\n").split("  ", 1)
            check(digest(os.path.join(target, name)) == expected, f"the hash of {name} in the backup is wrong")
    return posts_in(os.path.join(target, "database"))


def backup_arguments():
    return "backup", file, "--data-dir", folder


def missing(posts, before):
    return {post for at, post in list(acknowledged) if at < before and post.replace("-", "") not in posts}


with Service() as service:
    headers = f"Authorization: Bearer {service.token()}\r\nContent-Type: application/json\r\n"
    writers = [threading.Thread(target=write, args=(service.address, headers, number), daemon=True)
               for number in range(WRITERS)]
    begin = time.monotonic()
    for writer in writers:
        writer.start()
    time.sleep(2)
    durations = []
    for _ in range(backups):
        before = time.monotonic()
        durations.append(run(*backup_arguments()))
        posts = posts_in_backup()
        check(posts, "the backup contains no posts")
        lost = missing(posts, before)
        check(not lost, f"a backup misses {len(lost)} posts that were acknowledged before its start: {sorted(lost)[:3]}")
    unchanged, replaced = 0, 0
    for kill in range(kills):
        good, before = digest(file), time.monotonic()
        command = start(*backup_arguments())
        time.sleep(random.uniform(0, 1.1 * max(durations)))
        command.kill()
        command.communicate()
        if digest(file) == good:
            unchanged += 1
        else:
            replaced += 1
            lost = missing(posts_in_backup(), before)
            check(not lost, f"kill {kill}: the backup misses {len(lost)} acknowledged posts")
    check(unchanged, "no backup was killed before its end: the test has no effect")
    before = time.monotonic()
    run(*backup_arguments())
    stop.set()
    for writer in writers:
        writer.join()
    reached = len(acknowledged) / (time.monotonic() - begin)
check(not failures, failures and failures[0])
left = glob.glob(os.path.join(os.path.dirname(file), ".tenon-work-*"))
check(not left, f"the last backup has not deleted the folders of the killed ones: {left}")
in_backup = posts_in_backup()
lost = missing(in_backup, before)
check(not lost, f"the last backup misses {len(lost)} acknowledged posts")
print(f"{reached:.0f} writes per second, {len(acknowledged)} acknowledged: {backups + 1} backups of up to {max(durations):.1f} s and "
      f"{os.path.getsize(file) / 2 ** 20:.0f} MiB are consistent and miss none that was acknowledged before their start; "
      f"{kills} kills: {unchanged} left the previous file, {replaced} a complete new one", flush=True)

# The restored database has other posts than the previous one, which was written to after the backup.
os.mkdir(restored, 0o700)
shutil.copy(os.path.join(folder, "secret.key"), restored)
duration = run("restore", file, "--data-dir", restored)
process.folder = restored
with Service() as service:
    status, body = service.request("GET", "/api/posts?limit=1", Authorization=f"Bearer {service.token()}")
    check(status == 200, f"the restored service responds {status}: {body}")
    for _, post in random.sample([entry for entry in acknowledged if entry[0] < before], 50):
        status, body = service.request("GET", f"/api/posts/{post}", Authorization=f"Bearer {service.token()}")
        check(status == 200, f"expected 200 for a restored post, got {status}: {body}")
check(posts_in(os.path.join(restored, "tenon.db")) == in_backup, "the restored posts differ from those in the backup")

database = os.path.join(folder, "tenon.db")
previous, states = posts_in(database), {"previous": 0, "restored": 0, "absent": 0}
check(previous > in_backup, "the previous database has the posts of the backup: the test has no effect")
with contextlib.closing(sqlite3.connect(database)) as connection:
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
original = folder + "-original"
shutil.copytree(folder, original)
for kill in range(kills):
    shutil.rmtree(folder)
    shutil.copytree(original, folder)
    command = start("restore", file, "--replace", "--data-dir", folder)
    time.sleep(random.uniform(0, 1.1 * duration))
    command.kill()
    command.communicate()
    moved = glob.glob(os.path.join(folder, "tenon.db-before-restore-*"))
    if os.path.exists(database):
        posts = posts_in(database)
        check(posts in (previous, in_backup), f"kill {kill}: the database is neither the previous nor the restored one")
        states["previous" if posts == previous else "restored"] += 1
    else:
        check(len(moved) == 1, f"kill {kill}: the database is absent, and not in one folder: {moved}")
        check(posts_in(os.path.join(moved[0], "tenon.db")) == previous, f"kill {kill}: the moved database is not the previous one")
        states["absent"] += 1
    run("restore", file, "--replace", "--data-dir", folder)
    check(posts_in(database) == in_backup, f"kill {kill}: the repeated command has not restored the database")
check(states["previous"], "no restore was killed before its end: the test has no effect")
print(f"{kills} kills of a restore of {duration:.1f} s: {states['previous']} left the previous database, {states['restored']} the "
      f"restored one, {states['absent']} its files in a folder; each repeated restore succeeded")
