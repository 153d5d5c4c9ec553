#!/usr/bin/env python3
"""Measures the list of posts of one client, alone and while another client sends expensive queries.

    bounded.py ADDRESS EXPENSIVE_TOKEN LIST_TOKEN [--ratio RATIO]
"""
import argparse
import collections
import http.client
import threading
import time

parser = argparse.ArgumentParser()
parser.add_argument("address")
parser.add_argument("expensive")
parser.add_argument("list")
parser.add_argument("--ratio", type=float, default=3)
parser.add_argument("--requests", type=int, default=400)
arguments = parser.parse_args()

CONNECTIONS = 32
# The clients have addresses of their own.
EXPENSIVE_CLIENT, LIST_CLIENT = "127.0.0.2", "127.0.0.3"
EXPENSIVE = [
    "/api/posts?q=nowhere%20{n}",
    "/api/posts?q=tenon%20nowhere%20{n}&sort=title",
    "/api/posts?sort=title&limit=50&page={page}",
    "/api/posts?sort=-title&limit=50&page={page}&tag=tag-1,tag-2,tag-3",
    "/api/posts?tag=tag-{tag}&tag=tag-0,tag-5&sort=updatedAt&page=200",
]


def connect(source):
    return http.client.HTTPConnection(*arguments.address.split(":"), timeout=60, source_address=(source, 0))


def get(connection, path, token):
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    response = connection.getresponse()
    response.read()
    return response.status


def list_posts():
    """Returns the sorted durations of the lists, in milliseconds."""
    connection = connect(LIST_CLIENT)
    durations = []
    for _ in range(arguments.requests):
        begin = time.perf_counter()
        status = get(connection, "/api/posts?limit=20", arguments.list)
        durations.append((time.perf_counter() - begin) * 1000)
        if status != 200:
            raise SystemExit(f"a list returned {status}")
    return sorted(durations)


def p99(durations):
    return durations[int(len(durations) * 0.99)]


statuses = collections.Counter()
running = True


def send_expensive(number):
    connection = connect(EXPENSIVE_CLIENT)
    while running:
        number += CONNECTIONS
        path = EXPENSIVE[number % len(EXPENSIVE)].format(n=number, page=number % 3000 + 1, tag=number % 20)
        try:
            statuses[get(connection, path, arguments.expensive)] += 1
        except (OSError, http.client.HTTPException):
            connection.close()
            statuses["closed"] += 1


list_posts()
alone = list_posts()
threads = [threading.Thread(target=send_expensive, args=(number,), daemon=True) for number in range(CONNECTIONS)]
begin = time.perf_counter()
for thread in threads:
    thread.start()
# The first expensive queries are in progress before the lists begin.
while sum(statuses.values()) < 8:
    time.sleep(0.1)
beside = list_posts()
seconds = time.perf_counter() - begin
running = False
ratio = p99(beside) / p99(alone)
print(f"expensive: {sum(statuses.values())} responses in {seconds:.0f} s on {CONNECTIONS} connections: {dict(statuses)}")
print(f"list alone: p50 {alone[len(alone) // 2]:.1f} ms, p99 {p99(alone):.1f} ms")
print(f"list beside: p50 {beside[len(beside) // 2]:.1f} ms, p99 {p99(beside):.1f} ms")
print(f"ratio of p99: {ratio:.2f}, at most {arguments.ratio}")
if not statuses.get(200):
    raise SystemExit("no expensive query succeeded")
if ratio > arguments.ratio:
    raise SystemExit("the ratio is too high")
