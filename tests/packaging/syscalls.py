"""Compares the system calls of a server, recorded by strace, with the filter of the systemd unit, and finds memory that is
writable and executable. Arguments: TRACE UNIT."""
import re
import subprocess
import sys

trace, unit = sys.argv[1:]


def names(group):
    """Returns the system calls of a group such as @system-service."""
    if not group.startswith("@"):
        return {group}
    output = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager", group], capture_output=True, text=True,
                            check=True).stdout
    members = [line.strip() for line in output.splitlines()[1:]]
    return set().union(*(names(member) for member in members if member and not member.startswith("#")))


allowed = set()
with open(unit, encoding="utf-8") as file:
    filters = re.findall(r"^SystemCallFilter=(~?)(.*)$", file.read(), re.M)
for excludes, groups in filters:
    for group in groups.split():
        allowed = allowed - names(group) if excludes else allowed | names(group)

with open(trace, encoding="utf-8", errors="replace") as file:
    calls = re.findall(r"^(?:\d+ +)?([a-z0-9_]+)\((.*)$", file.read(), re.M)
used = {name for name, _ in calls}
if not {"accept4", "openat"} <= used:
    sys.exit(f"the trace is incomplete: {sorted(used)}")
rejected = used - allowed
# The program that starts the server is traced too, before it executes the server.
if rejected - {"execve"}:
    sys.exit(f"the filter of the unit rejects {sorted(rejected)}")
executable = [
    f"{name}({arguments}" for name, arguments in calls
    if "PROT_EXEC" in arguments and (name in ("mprotect", "pkey_mprotect") or "PROT_WRITE" in arguments)
]
if executable:
    sys.exit(f"MemoryDenyWriteExecute rejects {executable[:3]}")
print(f"{len(used)} system calls, all within the {len(allowed)} of the filter; no memory is writable and executable")
