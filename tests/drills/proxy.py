"""A reverse proxy that sends requests to the instances that are ready. It never repeats a request. Reads the addresses of
all instances, as a JSON list, from each line of standard input. Prints its port, and each instance that becomes ready."""
import asyncio
import json
import os
import sys

POLL_SECONDS = 0.1
instances = {}


class Instance:
    def __init__(self, address):
        self.host, port = address.split(":")
        self.address, self.port, self.ready, self.idle = address, int(port), False, []
        self.polled = b"not polled"

    async def connect(self):
        return self.idle.pop() if self.idle else await asyncio.open_connection(self.host, self.port)

    async def poll(self):
        """Polls the readiness. An instance receives no further request after one response other than 200, or after three
        polls without a response."""
        failures, announced = 0, False
        while True:
            try:
                reader, writer = await asyncio.open_connection(self.host, self.port)
                writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                self.polled = await asyncio.wait_for(reader.read(1 << 16), 1)
                self.ready, failures = b" 200 " in self.polled.split(b"\r\n")[0], 0
                writer.close()
            except (OSError, asyncio.TimeoutError):
                failures += 1
                self.ready = self.ready and failures < 3
            if self.ready and not announced:
                announced = True
                print(self.address, flush=True)
            await asyncio.sleep(POLL_SECONDS)


async def read_message(reader):
    """Returns the bytes of a message with a `Content-Length` or without a body; empty if the connection is closed."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    lines = head.lower().split(b"\r\n")
    length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
    return head + (await reader.readexactly(length) if length else b"")


async def forward(message):
    ready = [instance for instance in instances.values() if instance.ready]
    if not ready:
        reasons = repr([(instance.address, instance.polled[-300:]) for instance in instances.values()]).encode()
        return b"HTTP/1.1 502 no instance is ready\r\nContent-Length: %d\r\n\r\n%s" % (len(reasons), reasons)
    # The newest one first, as after a deployment.
    instance = ready[-1]
    try:
        reader, writer = connection = await instance.connect()
        writer.write(message)
        response = await read_message(reader)
    except (OSError, asyncio.IncompleteReadError):
        response = b""
    if not response:
        return b"HTTP/1.1 502 the connection to the instance failed\r\nContent-Length: 0\r\n\r\n"
    if b"\r\nconnection: close" in response.lower():
        writer.close()
    else:
        instance.idle.append(connection)
    return response


async def serve(reader, writer):
    while message := await read_message(reader):
        writer.write(await forward(message))
        await writer.drain()
    writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    polls = {}
    while line := await lines.readline():
        addresses = json.loads(line)
        for address in set(instances) - set(addresses):
            polls.pop(address).cancel()
            del instances[address]
        for address in addresses:
            if address not in instances:
                instances[address] = Instance(address)
                polls[address] = asyncio.create_task(instances[address].poll())
    # Without the errors of the connections that are open.
    os._exit(0)


asyncio.run(main())
