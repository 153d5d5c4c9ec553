"""A persistent HTTP/1.1 connection whose requests and responses are separate calls."""
import socket


class Connection:
    def __init__(self, address, timeout=30, source="127.0.0.1"):
        host, port = address.split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=timeout, source_address=(source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = self.socket.makefile("rb")

    def send(self, method, path, headers="", body=b""):
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}{length}\r\n"
        self.socket.sendall(head.encode() + body)

    def receive(self):
        """Returns the status, the headers with lowercase names, and the body."""
        status = self.reader.readline()
        if not status:
            raise ConnectionError("the connection is closed")
        headers = {}
        while (line := self.reader.readline().strip()) != b"":
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        body = self.reader.read(int(headers.get("content-length", 0)))
        return int(status.split()[1]), headers, body

    def request(self, *arguments):
        self.send(*arguments)
        return self.receive()

    def close(self):
        self.reader.close()
        self.socket.close()
