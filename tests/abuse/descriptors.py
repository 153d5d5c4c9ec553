"""More connections than the connection limit or the file descriptors of the server permit."""
import http.client
import os
import resource
import time

from wire import CONNECTION_ERRORS, close, status


def connect_from_several_addresses(t, count):
    socks = []
    for number in range(count):
        try:
            socks.append(t.connect(source=f"127.0.0.{3 + number % 4}", timeout=1))
        except CONNECTION_ERRORS:
            pass
    return socks


def overload(t, is_full):
    """Opens 400 connections for four seconds; requests on an earlier connection must succeed meanwhile. `is_full`
    returns whether the server is at its limit."""
    connection = http.client.HTTPConnection(t.host, t.port, timeout=5, source_address=("127.0.0.2", 0))
    successes = 0

    def request():
        connection.request("GET", "/livez")
        response = connection.getresponse()
        response.read()
        return response.status == 200
    request()
    first_socket = connection.sock
    socks = connect_from_several_addresses(t, 400)
    time.sleep(0.3)
    before, full, open_descriptors = t.cpu_seconds(), is_full(), len(os.listdir(f"/proc/{t.pid}/fd"))
    for _ in range(8):
        successes += request()
        time.sleep(0.5)
    cpu = t.cpu_seconds() - before
    # A reconnect would hide that the server closed the connection.
    successes *= connection.sock is first_socket
    close(socks)
    connection.close()
    time.sleep(0.5)
    after = sum(status(t.send(t.request(headers="Connection: close\r\n"))[0]) == 200 for _ in range(20))
    summary = (f"{len(socks)} connections, {open_descriptors} open descriptors, {successes} of 8 requests succeeded, "
               f"{cpu:.2f} s of CPU time in 4 s, then {after} of 20 requests succeeded")
    return full and successes == 8 and cpu < 0.2 and after == 20, summary


def connection_limit(t):
    """Connections beyond the limit wait, unless their client has fewer connections than another one with an idle one."""
    soft = resource.prlimit(t.pid, resource.RLIMIT_NOFILE)[0]
    passed, summary = overload(t, lambda: len(os.listdir(f"/proc/{t.pid}/fd")) < soft)
    return passed and soft == 256, summary


def descriptor_limit(t):
    """Without free descriptors the accept loop does not spin, and accepts connections again when some are free."""
    limits = resource.prlimit(t.pid, resource.RLIMIT_NOFILE)
    lower = len(os.listdir(f"/proc/{t.pid}/fd")) + 50
    resource.prlimit(t.pid, resource.RLIMIT_NOFILE, (lower, limits[1]))
    # The limit applies to descriptor numbers, and the server can have open numbers above the new limit.
    passed, summary = overload(t, lambda: len(os.listdir(f"/proc/{t.pid}/fd")) >= lower - 5)
    resource.prlimit(t.pid, resource.RLIMIT_NOFILE, limits)
    return passed, summary
