"""HTTP/2 clients that exhaust resources. They acknowledge SETTINGS and PINGs, so that only the data that they do not
read distinguishes them from regular clients."""
import time

from wire import (CONNECTION_ERRORS, CONTINUATION, DATA, HEADERS, KEEP_ALIVE, PING, RST_STREAM, SETTINGS,
                  WINDOW_UPDATE, Reader, close, frame, header_block, literal, open_h2)

CONNECTIONS, STREAMS = 5, 100
STREAM_IDS = {2 * number + 1 for number in range(STREAMS)}


def update(stream, size):
    return frame(WINDOW_UPDATE, 0, stream, size.to_bytes(4, "big"))


def open_streams(t, **settings):
    """Opens connections with the maximum number of streams; each stream requests a large response."""
    socks = [open_h2(t, **settings) for _ in range(CONNECTIONS)]
    request = header_block(t, t.path)
    for sock in socks:
        sock.sendall(b"".join(frame(HEADERS, 5, 2 * number + 1, request) for number in range(STREAMS)))
    return socks


def wait_until_closed(t, readers, requested=STREAM_IDS, on_idle=lambda reader: None, min_pongs=1):
    """Acknowledges PINGs until all connections are closed, for twice the write timeout and the time of the requests. A
    connection whose streams were all reset holds no response and can stay open."""
    end = time.monotonic() + 60 * t.scale + 1
    while time.monotonic() < end and not all(reader.closed or requested <= reader.ended_streams for reader in readers):
        for reader in readers:
            if not reader.poll(0.02):
                on_idle(reader)
    closed = [reader for reader in readers if reader.closed]
    reset = sum(requested <= reader.ended_streams for reader in readers if not reader.closed)
    pongs = min((reader.pongs for reader in closed), default=0)
    received = max(reader.data_bytes for reader in readers) / 1024
    close([reader.sock for reader in readers])
    summary = (f"{len(closed)} of {len(readers)} connections closed, all streams of {reset} reset, at least {pongs} "
               f"PINGs acknowledged, at most {received:.0f} KiB received")
    return closed and len(closed) + reset == len(readers) and pongs >= min_pongs, summary


def zero_windows(t):
    """Streams with a flow-control window of zero."""
    return wait_until_closed(t, [Reader(sock) for sock in open_streams(t, window=0)])


def windows_without_updates(t):
    """Flow-control windows that are used up and never updated."""
    return wait_until_closed(t, [Reader(sock) for sock in open_streams(t)])


def one_byte_window_updates(t):
    """Window updates of one byte do not reset the write timeout."""
    def update_windows(reader):
        if time.monotonic() < reader.due:
            return
        reader.due = time.monotonic() + t.scale
        try:
            reader.sock.sendall(b"".join(update(2 * number + 1, 1) for number in range(STREAMS)) + update(0, STREAMS))
        except CONNECTION_ERRORS:
            reader.closed = True
    readers = [Reader(sock) for sock in open_streams(t, window=1)]
    for reader in readers:
        reader.due = 0.0
    return wait_until_closed(t, readers, on_idle=update_windows)


def one_stalled_stream(t):
    """One stalled stream on a connection whose other streams are read."""
    socks = [open_h2(t, window=0) for _ in range(CONNECTIONS)]
    request, readers = header_block(t, t.path), [Reader(sock) for sock in socks]
    for reader in readers:
        reader.sock.sendall(frame(HEADERS, 5, 1, request) + update(0, 2**30))
        reader.stream = 1

    def read_next_stream(reader):
        if reader.stream == 1 or reader.stream in reader.ended_streams:
            reader.stream += 2
            try:
                reader.sock.sendall(frame(HEADERS, 5, reader.stream, request) + update(reader.stream, 2**24))
            except CONNECTION_ERRORS:
                reader.closed = True
    passed, summary = wait_until_closed(t, readers, {1}, read_next_stream, min_pongs=0)
    responses = min(len(reader.ended_streams) for reader in readers)
    return passed and responses > 3, f"{summary}, at least {responses} other responses read"


def pongs_without_reads(t):
    """Large windows and PING acknowledgements, but no reads from the socket. Small responses fit into the buffers of
    the kernel: such a connection is closed at the idle timeout."""
    socks = [open_h2(t, receive=4096, window=2**31 - 1) for _ in range(CONNECTIONS)]
    request, still_open = header_block(t, t.path), list(socks)
    for sock in socks:
        sock.sendall(update(0, 2**30) + b"".join(frame(HEADERS, 5, 2 * n + 1, request) for n in range(STREAMS)))
    end = time.monotonic() + 80 * t.scale + 4
    while still_open and time.monotonic() < end:
        for sock in list(still_open):
            try:
                sock.sendall(frame(PING, 1, 0, KEEP_ALIVE))
            except CONNECTION_ERRORS:
                still_open.remove(sock)
        time.sleep(t.scale / 2)
    close(socks)
    return not still_open, f"{len(socks) - len(still_open)} of {len(socks)} closed"


def send_until_goaway(t, make_frames, max_accepted, count, pause=0, **settings):
    """Sends `make_frames(number)` until GOAWAY, which must arrive after at most `max_accepted`. With `pause`, waits
    after that many for the GOAWAY, because more frames fit into the buffers meanwhile."""
    sock = open_h2(t, **settings)
    reader = Reader(sock)
    sent = 0
    while sent < count and not reader.poll():
        try:
            sock.settimeout(5)
            sock.sendall(make_frames(sent))
        except CONNECTION_ERRORS:
            break
        sent += 1
        if pause and sent % pause == 0:
            reader.poll(0.1)
    closed = reader.poll(2)
    sock.close()
    return closed and sent <= max_accepted, f"closed after {sent}" if closed else f"still open after {sent}"


def rapid_reset(t):
    """Streams that are opened and reset at once."""
    request = header_block(t, t.path)

    def open_and_reset(number):
        stream = 2 * number + 1
        return frame(HEADERS, 5, stream, request) + frame(RST_STREAM, 0, stream, (8).to_bytes(4, "big"))
    return send_until_goaway(t, open_and_reset, 1000, 5000, pause=100)


def endless_continuations(t):
    """A header block that never ends."""
    request = header_block(t, "/livez")
    fragment = b"".join(literal("x", "y" * 100) for _ in range(8))

    def next_fragment(number):
        return frame(CONTINUATION, 0, 1, fragment) if number else frame(HEADERS, 1, 1, request)
    return send_until_goaway(t, next_fragment, 5000, 20000)


def empty_data_frames(t):
    """A request body of empty DATA frames that never ends."""
    request = header_block(t, "/api/auth/login", "POST") + literal("content-type", "application/json")

    def next_frame(number):
        return frame(DATA, 0, 1) if number else frame(HEADERS, 4, 1, request)
    return send_until_goaway(t, next_frame, 5000, 20000)


def settings_and_pings(t):
    """SETTINGS and PING frames, which the server must acknowledge."""
    sock = open_h2(t)
    reader, before = Reader(sock), t.cpu_seconds()
    for _ in range(200):
        try:
            sock.settimeout(5)
            sock.sendall((frame(SETTINGS, 0, 0) + frame(PING, 0, 0, bytes(8))) * 50)
        except CONNECTION_ERRORS:
            break
        if reader.poll():
            break
    reader.poll(0.5)
    cpu = t.cpu_seconds() - before
    sock.close()
    # Includes the CPU time for the regular client, in an unoptimized build.
    passed = cpu < 0.5 and (reader.closed or reader.frames >= 20000)
    return passed, f"{reader.frames} frames received, {cpu:.2f} s of CPU time"
