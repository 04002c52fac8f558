"""A guard for Python processes: on PYTHONPATH, it notes each attempt to reach another machine.

Python imports this file at its start, so that child processes are watched too. Noted in the file
that ``GUARD_LOG`` names, one line each: connections and messages to another address, look-ups of a
name, and a fork while more than one thread is alive. Nothing is held back.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
import traceback
from pathlib import Path

LOG = os.environ.get("GUARD_LOG")
HERE = {"", "localhost", "0.0.0.0", "::", socket.gethostname()}


def note(what: str) -> None:
    """Append a line: what was done, by which command, from where."""
    stack = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_stack()[:-2]]
    line = f"{what} | {' '.join(sys.orig_argv)[:200]!r} | {' < '.join(reversed(stack[-12:]))}\n"
    file = os.open(LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, line.encode())
    os.close(file)


def elsewhere(host: object) -> bool:
    """Whether a host is another machine."""
    host = host.decode() if isinstance(host, bytes) else host
    if not isinstance(host, str) or host in HERE:
        return False
    try:
        return not ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return True


def threads() -> int:
    """Threads of this process, those without Python too."""
    return len(list(Path("/proc/self/task").iterdir())) if sys.platform == "linux" else 1


def watch(event: str, arguments: tuple) -> None:
    """Python's audit hook."""
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        if isinstance(address, tuple) and elsewhere(address[0]):
            note(f"{event} {address}")
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        if elsewhere(arguments[0]):
            note(f"{event} {arguments[0]!r}")
    elif event in ("os.fork", "os.forkpty") and threads() > 1:
        note(f"{event} with {threads()} threads")


if LOG:
    sys.addaudithook(watch)
