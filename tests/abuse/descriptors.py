"""More connections than the service has descriptors or places for."""
import http.client
import os
import resource
import time

from wire import GONE, close, status


def crowd(t, count):
    socks = []
    for number in range(count):
        try:
            socks.append(t.connect(source=f"127.0.0.{3 + number % 4}", timeout=1))
        except GONE:
            pass
    return socks


def besieged(t, enough):
    """Four seconds of a crowd, a kept connection asking meanwhile; `enough` says whether it is one."""
    kept = http.client.HTTPConnection(t.host, t.port, timeout=5, source_address=("127.0.0.2", 0))
    answered = 0

    def ask():
        kept.request("GET", "/livez")
        answer = kept.getresponse()
        answer.read()
        return answer.status == 200
    ask()
    link = kept.sock
    socks = crowd(t, 400)
    time.sleep(0.3)
    before, full, held = t.processor(), enough(), len(os.listdir(f"/proc/{t.pid}/fd"))
    for _ in range(8):
        answered += ask()
        time.sleep(0.5)
    spent = t.processor() - before
    answered *= kept.sock is link
    close(socks)
    kept.close()
    time.sleep(0.5)
    back = sum(status(t.ask(t.head(fields="Connection: close\r\n"))[0]) == 200 for _ in range(20))
    what = (f"{len(socks)} came, {held} descriptors open, {answered} of 8 answered meanwhile, {spent:.2f} s of "
            f"processor in 4 s, then {back} of 20 answered")
    return full and answered == 8 and spent < 0.2 and back == 20, what


def full_house(t):
    """More connections than the service has places for wait outside."""
    soft = resource.prlimit(t.pid, resource.RLIMIT_NOFILE)[0]
    good, what = besieged(t, lambda: len(os.listdir(f"/proc/{t.pid}/fd")) < soft)
    return good and soft == 256, what


def descriptors(t):
    """Without a descriptor left nothing spins, and connections are taken again when there are some."""
    limits = resource.prlimit(t.pid, resource.RLIMIT_NOFILE)
    lower = len(os.listdir(f"/proc/{t.pid}/fd")) + 50
    resource.prlimit(t.pid, resource.RLIMIT_NOFILE, (lower, limits[1]))
    # Numbers are what is limited, and the service may hold some above; it is full when no more come in.
    good, what = besieged(t, lambda: len(os.listdir(f"/proc/{t.pid}/fd")) >= lower - 5)
    resource.prlimit(t.pid, resource.RLIMIT_NOFILE, limits)
    return good, what
