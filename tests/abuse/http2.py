"""HTTP/2 attackers. All of them keep to what costs nothing: they acknowledge SETTINGS and answer PINGs, so
that only what they do not take can give them away."""
import time

from wire import (CONTINUATION, DATA, GONE, HEADERS, KEEP_ALIVE, PING, RST_STREAM, SETTINGS, WINDOW_UPDATE, Reader,
                  block, close, frame, literal, open_h2)

CONNECTIONS, STREAMS = 5, 100
ASKED = {2 * number + 1 for number in range(STREAMS)}


def update(stream, size):
    return frame(WINDOW_UPDATE, 0, stream, size.to_bytes(4, "big"))


def asking(t, **values):
    """Connections with all the streams they may have, each asking for a big answer."""
    socks = [open_h2(t, **values) for _ in range(CONNECTIONS)]
    request = block(t, t.path)
    for sock in socks:
        sock.sendall(b"".join(frame(HEADERS, 5, 2 * number + 1, request) for number in range(STREAMS)))
    return socks


def until_cut(t, readers, asked=ASKED, often=lambda reader: None, pings=1):
    """Answers PINGs until all are cut, for twice the time that a standing answer has. A connection that was
    refused whatever it asked for holds nothing and may stay."""
    end = time.monotonic() + 60 * t.scale
    while time.monotonic() < end and not all(reader.gone or asked <= reader.ended for reader in readers):
        for reader in readers:
            if not reader.poll(0.02):
                often(reader)
    cut = [reader for reader in readers if reader.gone]
    refused = sum(asked <= reader.ended for reader in readers if not reader.gone)
    answered = min((reader.pongs for reader in cut), default=0)
    taken = max(reader.taken for reader in readers) / 1024
    close([reader.sock for reader in readers])
    what = (f"{len(cut)} of {len(readers)} cut and {refused} refused, answered {answered} PINGs or more and took "
            f"{taken:.0f} KiB or less")
    return cut and len(cut) + refused == len(readers) and answered >= pings, what


def stalled_windows(t):
    """Windows that let nothing through."""
    return until_cut(t, [Reader(sock) for sock in asking(t, window=0)])


def hoarded_windows(t):
    """Windows that are used up and never opened again."""
    return until_cut(t, [Reader(sock) for sock in asking(t)])


def trickled_windows(t):
    """Streams that take one byte now and then: progress by the letter is none."""
    def trickle(reader):
        if time.monotonic() < reader.due:
            return
        reader.due = time.monotonic() + t.scale
        try:
            reader.sock.sendall(b"".join(update(2 * number + 1, 1) for number in range(STREAMS)) + update(0, STREAMS))
        except GONE:
            reader.gone = True
    readers = [Reader(sock) for sock in asking(t, window=1)]
    for reader in readers:
        reader.due = 0.0
    return until_cut(t, readers, often=trickle)


def one_stalled_stream(t):
    """One stream that stands still beside another that is always read."""
    socks = [open_h2(t, window=0) for _ in range(CONNECTIONS)]
    request, readers = block(t, t.path), [Reader(sock) for sock in socks]
    for reader in readers:
        reader.sock.sendall(frame(HEADERS, 5, 1, request) + update(0, 2**30))
        reader.stream = 1

    def read_another(reader):
        if reader.stream == 1 or reader.stream in reader.ended:
            reader.stream += 2
            try:
                reader.sock.sendall(frame(HEADERS, 5, reader.stream, request) + update(reader.stream, 2**24))
            except GONE:
                reader.gone = True
    good, what = until_cut(t, readers, {1}, read_another, pings=0)
    lively = min(len(reader.ended) for reader in readers)
    return good and lively > 3, f"{what}, {lively} answers read beside it or more"


def deaf_pongs(t):
    """Windows wide open and PINGs answered unseen, but nothing is read from the socket. What the kernel could
    take of small answers nobody waits for: such a connection is cut at the idle time."""
    socks = [open_h2(t, receive=4096, window=2**31 - 1) for _ in range(CONNECTIONS)]
    request, alive = block(t, t.path), list(socks)
    for sock in socks:
        sock.sendall(update(0, 2**30) + b"".join(frame(HEADERS, 5, 2 * n + 1, request) for n in range(STREAMS)))
    end = time.monotonic() + 80 * t.scale + 4
    while alive and time.monotonic() < end:
        for sock in list(alive):
            try:
                sock.sendall(frame(PING, 1, 0, KEEP_ALIVE))
            except GONE:
                alive.remove(sock)
        time.sleep(t.scale / 2)
    close(socks)
    return not alive, f"{len(socks) - len(alive)} of {len(socks)} cut"


def flood(t, make, most, count, pause=0, **values):
    """Sends what `make(number)` gives until GOAWAY: how many it took. With a pause after so many of them, so that the
    answer is not overtaken by what lies in buffers."""
    sock = open_h2(t, **values)
    reader = Reader(sock)
    sent = 0
    while sent < count and not reader.poll():
        try:
            sock.settimeout(5)
            sock.sendall(make(sent))
        except GONE:
            break
        sent += 1
        if pause and sent % pause == 0:
            reader.poll(0.1)
    gone = reader.poll(2)
    sock.close()
    return gone and sent <= most, f"given up after {sent}" if gone else f"held through {sent}"


def rapid_reset(t):
    """Streams opened and reset at once."""
    request = block(t, t.path)

    def pair(number):
        stream = 2 * number + 1
        return frame(HEADERS, 5, stream, request) + frame(RST_STREAM, 0, stream, (8).to_bytes(4, "big"))
    return flood(t, pair, 1000, 5000, pause=100)


def continuations(t):
    """A header block that never ends."""
    request = block(t, "/livez")
    piece = b"".join(literal("x", "y" * 100) for _ in range(8))

    def piece_of(number):
        return frame(CONTINUATION, 0, 1, piece) if number else frame(HEADERS, 1, 1, request)
    return flood(t, piece_of, 5000, 20000)


def empty_data(t):
    """DATA frames without data on a body that never ends."""
    request = block(t, "/api/auth/login", "POST") + literal("content-type", "application/json")

    def piece(number):
        return frame(DATA, 0, 1) if number else frame(HEADERS, 4, 1, request)
    return flood(t, piece, 5000, 20000)


def settings_and_pings(t):
    """Frames that must be answered, and are cheap."""
    sock = open_h2(t)
    reader, before = Reader(sock), t.processor()
    for _ in range(200):
        try:
            sock.settimeout(5)
            sock.sendall((frame(SETTINGS, 0, 0) + frame(PING, 0, 0, bytes(8))) * 50)
        except GONE:
            break
        if reader.poll():
            break
    reader.poll(0.5)
    spent = t.processor() - before
    sock.close()
    # The honest client beside it costs its share; an unoptimised build is slower by some times.
    good = spent < 0.5 and (reader.gone or reader.count >= 20000)
    return good, f"{reader.count} answered, {spent:.2f} s of processor"
