"""Compares failed attempts to sign in: a wrong password of a known account, an unknown account, and the correct password of
a disabled account. Status, headers and body are equal, the medians of the times differ by at most 5 %, and the Mann-Whitney
test finds no difference. The rate limits are enabled, so each account has less than five attempts, and each attempt has an
address of its own."""
import contextlib
import json
import math
import os
import random
import socket
import sqlite3
import statistics
import sys
import time

from service import Service, email, folder, password

tries = int(sys.argv[5])
random.seed(7)
KINDS = ("known", "unknown", "disabled")
ATTEMPTS_OF_AN_ACCOUNT = 4
MAX_DIFFERENCE, MIN_P = 0.05, 0.01
# Headers with a value of their own in each response.
VARYING = {"date", "x-request-id"}


def create_accounts(kind, count):
    """Creates accounts with the password of the first account."""
    with contextlib.closing(sqlite3.connect(os.path.join(folder, "tenon.db"))) as database, database:
        (stored,) = database.execute("SELECT password_hash FROM users WHERE email = ?", (email,)).fetchone()
        for number in range(count):
            account = (f"0199a0000000700{KINDS.index(kind)}8000{number:012x}", f"{kind}-{number}@acme.test", stored)
            status = "disabled" if kind == "disabled" else "active"
            database.execute(
                "INSERT INTO users (id, email, name, role, status, password_hash, version, created_at, updated_at) "
                f"VALUES (?, ?, 'Ada', 'author', '{status}', ?, 1, 0, 0)",
                (bytes.fromhex(account[0]), *account[1:]))


def sign_in(address, kind, number):
    """Returns the response without the varying headers, and the time in seconds."""
    host, port = address.split(":")
    account = f"{kind}-{number // ATTEMPTS_OF_AN_ACCOUNT}@acme.test"
    body = json.dumps({"email": account, "password": password if kind == "disabled" else "wrong " + password})
    head = f"POST /api/auth/login HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n" \
           f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    # The limits count by address and by block of 256 addresses.
    source = f"127.{1 + KINDS.index(kind)}.{number % 250}.{number // 250 + 1}"
    with socket.create_connection((host, int(port)), timeout=30, source_address=(source, 0)) as stream:
        begin = time.perf_counter()
        stream.sendall((head + body).encode())
        response = stream.recv(1 << 16)
        took = time.perf_counter() - begin
        while chunk := stream.recv(1 << 16):
            response += chunk
    status, *headers = response.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    fields = sorted(header for header in headers if header.partition(":")[0].lower() not in VARYING)
    # Problems contain the id of the request.
    request = next(header for header in headers if header.lower().startswith("x-request-id:")).partition(": ")[2]
    return (status, tuple(fields), response.partition(b"\r\n\r\n")[2].decode().replace(request, "ID")), took


def mann_whitney(a, b):
    """Returns the two-sided p of the hypothesis that both samples have one distribution, by the normal approximation."""
    values = sorted([(value, 0) for value in a] + [(value, 1) for value in b])
    ranks, ties, begin = 0.0, 0, 0
    while begin < len(values):
        end = begin
        while end < len(values) and values[end][0] == values[begin][0]:
            end += 1
        # Equal values have the mean of their ranks.
        ranks += sum(group == 0 for _, group in values[begin:end]) * (begin + 1 + end) / 2
        ties += (end - begin) ** 3 - (end - begin)
        begin = end
    n, m, total = len(a), len(b), len(values)
    u = ranks - n * (n + 1) / 2
    deviation = math.sqrt(n * m / 12 * (total + 1 - ties / (total * (total - 1))))
    return math.erfc(abs(u - n * m / 2) / deviation / math.sqrt(2))


with Service():
    # Creates the schema and the settings of the audit log.
    pass
for kind in ("known", "disabled"):
    create_accounts(kind, -(-tries // ATTEMPTS_OF_AN_ACCOUNT))
times, responses = {kind: [] for kind in KINDS}, {kind: set() for kind in KINDS}
with Service() as service:
    order = [(kind, number) for number in range(tries) for kind in KINDS]
    # One of each kind in random order, so that other load of the machine has an equal effect on all kinds.
    for begin in range(0, len(order), 3):
        order[begin:begin + 3] = random.sample(order[begin:begin + 3], 3)
    for kind, number in order:
        response, took = sign_in(service.address, kind, number)
        responses[kind].add(response)
        times[kind].append(took)
if any(len(seen) != 1 for seen in responses.values()) or len(set.union(*responses.values())) != 1:
    sys.exit(f"the responses differ, for example: {list(set.union(*responses.values()))[:2]}")
status = next(iter(responses["known"]))[0]
if " 401 " not in status:
    sys.exit(f"expected 401, got {status}")
medians = {kind: statistics.median(times[kind]) * 1000 for kind in KINDS}
problems = []
for kind in KINDS[1:]:
    difference = medians[kind] / medians["known"] - 1
    p = mann_whitney(times["known"], times[kind])
    print(f"known and {kind} account, {tries} attempts each: equal responses, medians {medians['known']:.2f} and "
          f"{medians[kind]:.2f} ms ({difference * 100:+.1f} %), Mann-Whitney p = {p:.3f}")
    if abs(difference) > MAX_DIFFERENCE or p <= MIN_P:
        problems.append(f"the times of a {kind} account differ from those of a known one")
if problems:
    sys.exit("; ".join(problems))
