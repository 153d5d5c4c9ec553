"""Replaces the instance of the server repeatedly while clients send requests through a proxy. The new instance starts
beside the old one, which then receives SIGTERM. No request fails, and each instance exits with code 0 within 30 seconds."""
import asyncio
import json
import os
import signal
import subprocess
import sys
import time

from service import Service

deploys, rate = int(sys.argv[5]), int(sys.argv[6])
MAX_EXIT_SECONDS = 30
CONNECTIONS = 32
services, statuses, failures = [], {}, []


async def client(port, number, headers, stop):
    """Sends its share of the rate over one connection, one write in ten requests."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    interval, count = CONNECTIONS / rate, 0
    due = time.monotonic() + interval * number / CONNECTIONS
    while not stop.is_set():
        await asyncio.sleep(max(0, due - time.monotonic()))
        # A client that is late does not send faster afterwards.
        due, count = max(due + interval, time.monotonic() - 1), count + 1
        if count % 10 == 0:
            body = json.dumps({"title": f"Post {number} {count}", "content": "Cut to fit.", "published": True}).encode()
            head = f"POST /api/posts HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
        else:
            body, head = b"", "GET /api/posts?limit=2 HTTP/1.1\r\nHost: localhost\r\n\r\n"
        writer.write(head.encode() + body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next((int(line[15:]) for line in head.lower().split("\r\n") if line.startswith("content-length:")), 0)
        body = await reader.readexactly(length)
        status = int(head.split()[1])
        statuses[status] = statuses.get(status, 0) + 1
        if status not in (200, 201):
            failures.append(f"{head.splitlines()[0]}: {body[:1500]}")
    writer.close()


def start():
    services.append(Service().__enter__())
    return services[-1]


async def deploy(old, announce, proxy):
    """Starts an instance, ends the old one, and returns the new one with the duration of the end."""
    new = await asyncio.to_thread(start)
    announce([old.address, new.address])
    # The old instance ends after the proxy sends requests to the new one.
    while (await asyncio.to_thread(proxy.stdout.readline)).strip() != new.address:
        if proxy.poll() is not None:
            sys.exit("the proxy has ended")
    begin = time.monotonic()
    old.process.send_signal(signal.SIGTERM)
    try:
        code = await asyncio.to_thread(old.process.wait, MAX_EXIT_SECONDS)
    except subprocess.TimeoutExpired:
        sys.exit(f"an instance does not exit within {MAX_EXIT_SECONDS} s")
    if code != 0:
        sys.exit(f"an instance exited with code {code}")
    announce([new.address])
    return new, time.monotonic() - begin


async def main():
    command = [sys.executable, os.path.join(os.path.dirname(__file__), "proxy.py")]
    proxy = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def announce(addresses):
        proxy.stdin.write(json.dumps(addresses) + "\n")
        proxy.stdin.flush()

    try:
        instance = start()
        headers = f"Authorization: Bearer {instance.token()}\r\nContent-Type: application/json\r\n"
        announce([instance.address])
        port, stop = int(proxy.stdout.readline()), asyncio.Event()
        await asyncio.to_thread(proxy.stdout.readline)
        clients = [asyncio.create_task(client(port, number, headers, stop)) for number in range(CONNECTIONS)]
        begin, slowest = time.monotonic(), 0
        for number in range(deploys):
            instance, took = await deploy(instance, announce, proxy)
            slowest = max(slowest, took)
            if failures:
                sys.exit(f"deployment {number}: {len(failures)} requests failed: {failures[:3]}")
        stop.set()
        await asyncio.gather(*clients)
        duration = time.monotonic() - begin
    finally:
        for service in services:
            service.__exit__()
        proxy.stdin.close()
        proxy.wait()
    if failures:
        sys.exit(f"{len(failures)} requests failed: {failures[:3]}")
    total = sum(statuses.values())
    print(
        f"{deploys} deployments, {total} requests ({total / duration:.0f} per second, {rate} intended), 0 failed, "
        f"exit with code 0 within {slowest:.1f} s"
    )


asyncio.run(main())
